"""What `make load`, `unload`, `status` and `watch` do on this machine: module/tools."""

import contextlib
import errno
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from pytests.lib import memcg, memevents, scale, tracing
from pytests.lib.memevents import LOCAL_SHOW, SHOW


def script(command):
    """Return how make runs a tool."""
    return ["sh", os.path.join("module", "tools", command + ".sh")]


#: What a terminal is told: another screen and no cursor, and at the end the other way round.
ENTER, LEAVE = b"\x1b[?1049h\x1b[?25l", b"\x1b[?25h\x1b[?1049l"
#: The top left corner: a frame begins.
HOME = b"\x1b[H"


def local(command, *words, **options):
    """Run a tool as make does; return the finished process, both streams in its stdout."""
    return subprocess.run(script(command) + list(words), cwd=memevents.TOP, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8", check=False, **options)


@pytest.fixture(autouse=True)
def the_usual_module():
    """The tools know module/memevents_hook.ko and no other."""
    usual = os.path.join(memevents.TOP, "module", memevents.MODULE + ".ko")
    if not os.path.samefile(memevents.KO, usual):
        pytest.skip("MEMEVENTS_KO names another module than make load takes")


def test_load_status_unload(hook):
    """Each does its job, says so in a line, and exits with 0."""
    done = local("load", f"redirect={LOCAL_SHOW}", f"observe={SHOW}")
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stdout
    assert memevents.ROOT in done.stdout
    assert hook.stats()[LOCAL_SHOW].redirect
    done = local("status")
    assert (done.returncode, done.stdout) == (0, hook.read("stats"))
    done = local("unload")
    assert (done.returncode, done.stdout) == (0, "memevents_hook: unloaded\n")
    assert not hook.loaded


def test_only(hook, cgroup):
    """ONLY is the parameter only=, and the scope is shown."""
    path = cgroup.folder[len(memcg.mount_point()):]
    done = local("load", env={**os.environ, "ONLY": path})
    assert done.returncode == 0, done.stdout
    assert hook.read("only") == path + "\n"
    assert f"# only={path}\n" in local("status").stdout


@pytest.mark.parametrize("command", ["status", "watch", "unload"])
def test_not_loaded(hook, command):
    """Said, and an error; for what needs it loaded with what to do."""
    done = local(command)
    assert done.returncode and "not loaded" in done.stdout, done.stdout
    assert ("make load" in done.stdout) == (command != "unload")


def test_loaded_already(loaded):
    """A second load is refused and changes nothing."""
    before = loaded.state()
    done = local("load")
    assert done.returncode and "loaded already: make unload" in done.stdout, done.stdout
    assert loaded.state() == before


def test_a_refused_load(hook):
    """The kernel's own line tells why."""
    done = local("load", "redirect=an_earlier_one")
    assert done.returncode and "an_earlier_one: no such symbol" in done.stdout, done.stdout
    done = local("load", "redirect=no_such_symbol")
    assert done.returncode and "no_such_symbol: no such symbol" in done.stdout, done.stdout
    assert "an_earlier_one" not in done.stdout, done.stdout
    assert not memevents.leftovers()


def test_no_capability(hook):
    """In a container root may not load modules: it is told so."""
    done = subprocess.run(["setpriv", "--bounding-set", "-sys_module", *script("load")],
                          cwd=memevents.TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          encoding="utf-8", check=False)
    assert done.returncode and "no CAP_SYS_MODULE" in done.stdout, done.stdout
    assert not hook.loaded


def test_unload_with_a_file_open(loaded):
    """Refused, with the folder where the file must be."""
    with loaded.writer("enabled"):
        done = local("unload")
    assert done.returncode and f"a file in {memevents.ROOT} is open" in done.stdout, done.stdout
    assert loaded.loaded


def test_unload_with_a_trigger(loaded):
    """Refused, with the file that names it: the kernel would warn."""
    with tracing.instance() as trace:
        trace.write("trigger", "traceoff")
        try:
            done = local("unload")
        finally:
            trace.write("trigger", "!traceoff")
    assert done.returncode and trace.path("trigger") in done.stdout, done.stdout
    assert loaded.loaded


def test_not_root(loaded):
    """An ordinary user is told to become root."""
    done = local("status", preexec_fn=lambda: os.setuid(65534))
    assert done.returncode and "not root" in done.stdout, done.stdout


class Watching:
    """`make watch` on a terminal of its own, as a person sees it.

    lines, columns: the size of the terminal.
    """

    def __init__(self, lines=24, columns=100):
        self._master, slave = pty.openpty()
        subprocess.run(["stty", "rows", str(lines), "cols", str(columns)], stdin=slave, check=True)
        self._child = subprocess.Popen(
            ["setsid", "--ctty", "--wait"] + script("watch"), cwd=memevents.TOP, stdin=slave,
            stdout=slave, stderr=slave, close_fds=True)
        os.close(slave)
        self.seen = b""

    def _read(self):
        """Take what the terminal was sent, waiting a little; False at its end."""
        if select.select([self._master], [], [], 0.1)[0]:
            try:
                piece = os.read(self._master, 1 << 16)
            except OSError as error:
                assert error.errno == errno.EIO, error
                return False
            self.seen += piece
        return True

    def frames(self):
        """Return the frames drawn whole so far, each as its lines without escape sequences."""
        whole = self.seen.split(HOME)[1:-1]
        return [re.sub(rb"\x1b\[[0-9?]*[A-Za-z]", b"", frame).decode().split("\r\n")
                for frame in whole]

    def wait(self, condition, what):
        """Read until condition(last whole frame) is true; return that frame."""
        deadline = time.monotonic() + scale.DEADLINE
        while True:
            frames = self.frames()
            if frames and condition(frames[-1]):
                return frames[-1]
            assert time.monotonic() < deadline, f"no frame with {what}: {self.seen[-2000:]!r}"
            assert self._read(), f"it ended: {self.seen[-2000:]!r}"

    def press_ctrl_c(self):
        """Press it; return the exit code and all that was sent from then on."""
        mark = len(self.seen)
        deadline = time.monotonic() + scale.DEADLINE
        os.write(self._master, b"\x03")
        while self._read():
            assert time.monotonic() < deadline, f"it goes on: {self.seen[-2000:]!r}"
        return self._child.wait(scale.DEADLINE), self.seen[mark:]

    def close(self):
        """End it, if it is still there."""
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
            self._child.wait(scale.DEADLINE)
        os.close(self._master)


@pytest.fixture
def watching():
    """`make watch` on terminals; all of them are closed after the test."""
    with contextlib.ExitStack() as stack:
        def start(**size):
            watch = Watching(**size)
            stack.callback(watch.close)
            return watch
        yield start


def columns_of(frame, parent):
    """Return the columns of a parent's line in a frame, None where it is not there."""
    for line in frame:
        if line.split(" ")[0] == parent:
            return line.split()
    return None


def test_watch(loaded, cgroup, watching):
    """Live: rates while reads go on, lines aligned, and Ctrl-C leaves the terminal as it was."""
    watch = watching()

    def running(frame):
        for _ in range(20):
            cgroup.read_events()
        columns = columns_of(frame, SHOW)
        return columns and columns[3] not in ("-", "0")
    frame = watch.wait(running, "a rate")
    parent, redirect, hits, rate, redirected, redirected_rate = columns_of(frame, SHOW)
    assert (parent, redirect) == (SHOW, "Y")
    assert int(hits) == int(redirected) > 0 and int(rate) == int(redirected_rate) > 0
    assert columns_of(frame, LOCAL_SHOW)[1:3] == ["N", "0"]
    assert columns_of(frame, "[other]")[1] == "-"
    table = [line for line in frame if line.startswith(("parent ", SHOW, LOCAL_SHOW, "[other]"))]
    assert len(table) == 4 and len({len(line) for line in table}) == 1, table
    frame = watch.wait(lambda frame: columns_of(frame, SHOW)[3] == "0", "no rate any more")
    parent, redirect, hits, rate, redirected, redirected_rate = columns_of(frame, SHOW)
    assert int(hits) == int(redirected) == loaded.hits()[0] and redirected_rate == "0"
    # Nothing is wiped before it is drawn anew.
    assert watch.seen.startswith(ENTER) and watch.seen.count(ENTER) == 1
    assert b"\x1b[2J" not in watch.seen and b"\x1b[H\x1b[J" not in watch.seen
    code, rest = watch.press_ctrl_c()
    assert code == 0
    assert rest.endswith(LEAVE) and rest.count(LEAVE) == 1, rest
    assert loaded.loaded
    loaded.unload()     # no file of the module's is left open


def test_watch_in_a_small_window(loaded, watching):
    """It never draws more lines, or longer ones, than there is room for."""
    watch = watching(lines=6, columns=40)
    frame = watch.wait(lambda frame: len(frame) > 3, "some lines")
    assert len(frame) <= 6
    assert max(len(line) for line in frame) <= 40


def test_watch_over_a_reload(loaded, watching):
    """The module goes and comes back under it."""
    watch = watching()
    watch.wait(lambda frame: columns_of(frame, SHOW), "the parent")
    loaded.unload()
    watch.wait(lambda frame: "not loaded" in frame[0], "the word that it is not loaded")
    loaded.load(redirect="", observe="")
    frame = watch.wait(lambda frame: columns_of(frame, "[other]"), "the table")
    assert not columns_of(frame, SHOW)


def test_watch_into_a_pipe(loaded):
    """No escape sequences: plain frames, one after the other; SIGTERM ends it."""
    watch = subprocess.Popen(script("watch"), cwd=memevents.TOP, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
    seen = b""
    while seen.count(b"[other]") < 2:
        assert select.select([watch.stdout], [], [], scale.DEADLINE)[0], seen
        piece = os.read(watch.stdout.fileno(), 4096)
        assert piece, seen
        seen += piece
    watch.terminate()
    seen += watch.stdout.read()
    assert watch.wait(scale.DEADLINE) == 0
    assert b"\x1b" not in seen and b"Terminated" not in seen, seen
    watch.stdout.close()
