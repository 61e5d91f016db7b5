"""The others who read: systemd, and a reader that takes nothing but `KEY NUMBER` lines.

systemd runs as the first process of a PID namespace and has the root of the cgroups. It starts
units that the kernel kills because memory is short, which it learns from their memory.events. The
module is loaded with its banner, first within `only`, then for every cgroup.
"""

import contextlib
import os
import re
import signal
import subprocess

from pytests.lib import kernel_log, memcg, memevents
from pytests.lib.memevents import BANNER, SHOW
from pytests.programs.boots import common

UNITS = "/run/systemd/system"
PRIVATE = "/run/systemd/private"

#: One unit that takes memory until it is killed; one that stays, so that there are cgroups to read.
HOG, IDLE = "hog@{}.service", "idle.service"
_UNIT = "[Unit]\nDefaultDependencies=no\n"
FILES = {
    "check.target": f"{_UNIT}Wants={IDLE}\n",
    HOG.format(""): f"{_UNIT}[Service]\nExecStart=/usr/bin/tail /dev/zero\n"
                    "MemoryMax=16M\nMemorySwapMax=0\n",
    IDLE: f"{_UNIT}[Service]\nExecStart=/usr/bin/sleep infinity\nMemoryAccounting=yes\n",
}

#: As a program takes a line that has to be a key and a number.
STRICT = re.compile(rb"[a-z_]+ [0-9]+")
FLIPS = 100
KILLED = 3


class Systemd:
    """systemd, running.

    pid: of its process, outside of its namespace. It talks to nobody who has no PID within.
    """

    def __init__(self, pid):
        self._enter = ["nsenter", f"--target={pid}", "--pid", "--mount"]

    def systemctl(self, *words):
        """Run systemctl; return what it printed."""
        return subprocess.run([*self._enter, "systemctl", "--no-pager", *words], check=True,
                              stdout=subprocess.PIPE).stdout.decode().strip()

    def state(self, unit):
        """Return {property: value} of a unit."""
        lines = self.systemctl("show", "-p", "ActiveState,Result", unit).splitlines()
        return dict(line.split("=", 1) for line in lines)

    def kill_units(self, first):
        """Start units that get killed because memory is short; return their results."""
        results = []
        for number in range(first, first + KILLED):
            unit = HOG.format(number)
            self.systemctl("start", "--no-block", unit)
            memevents.wait_for(lambda: self.state(unit)["ActiveState"] == "failed",
                               f"{unit} has failed")
            results.append(self.state(unit)["Result"])
        return results


@contextlib.contextmanager
def systemd():
    """Yield a Systemd with the units in FILES; killed at the end, and all that it has started."""
    os.makedirs(UNITS, exist_ok=True)
    for name, text in FILES.items():
        with open(os.path.join(UNITS, name), "w", encoding="ascii") as file:
            file.write(text)
    with subprocess.Popen(
            ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child",
             "/usr/lib/systemd/systemd", "--unit=check.target", "--log-target=console",
             "--show-status=no"],
            env={**os.environ, "container": "memevents"}) as process:
        try:
            memevents.wait_for(lambda: os.path.exists(PRIVATE), "systemd's socket")
            with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
                pid, = file.read().split()
            running = Systemd(pid)
            memevents.wait_for(lambda: running.state(IDLE)["ActiveState"] == "active",
                               f"{IDLE} is active")
            yield running
        finally:
            process.send_signal(signal.SIGKILL)


def files(but):
    """Return the paths of memory.events of every cgroup there is, but for one cgroup."""
    return sorted(os.path.join(folder, "memory.events")
                  for folder, _, names in os.walk(memcg.mount_point())
                  if "memory.events" in names and folder != but.folder)


@contextlib.contextmanager
def strict_reader(but):
    """A process that reads all those files in turn; yield a function that ends it.

    It returns how many reads there were, and the first line that was no `KEY NUMBER`, or nothing.
    """
    ready, says = os.pipe()
    stopped, stop = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.set_blocking(stopped, False)
            reads, wrong = 0, b""
            while not wrong:
                for path in files(but):
                    try:
                        text = memcg.read_once(path)
                    except OSError:
                        continue    # the unit has ended meanwhile
                    reads += 1
                    wrong = wrong or next((line for line in text.splitlines()
                                           if not STRICT.fullmatch(line)), b"")
                try:
                    if os.read(stopped, 1):
                        break
                except BlockingIOError:
                    pass
            os.write(says, b"%d %s" % (reads, wrong))
            status = 0
        finally:
            os._exit(status)
    os.close(says)

    def end():
        os.write(stop, b"x")
        with os.fdopen(ready, "rb") as file:
            reads, _, wrong = file.read().partition(b" ")
        assert os.waitpid(child, 0)[1] == 0
        return int(reads), wrong.decode()
    yield end


def flip(hook):
    """Switch the redirection to and fro, and now and then the hook as a whole."""
    for number in range(FLIPS):
        hook.write(f"parents/{SHOW}/redirect", str(number & 1))
        if number % 10 == 9:
            hook.write("enabled", "0")
            hook.write("enabled", "1")


def check_scope(running, task):
    """With `only` nobody but the readers of one cgroup notices."""
    hook = memevents.Hook()
    with hook.session(only=task.path):
        common.expect("results of units killed, within only", running.kill_units(0),
                      ["oom-kill"] * KILLED)
        assert task.read_events().startswith(BANNER.encode())
        before = hook.hits()
        paths = files(task)
        here = {path: memcg.read_once(path) for path in paths}
        common.expect("reads of other cgroups that were redirected",
                      hook.hits()[1] - before[1], 0)
        assert hook.hits()[0] >= before[0] + len(paths)
        hook.write(f"parents/{SHOW}/redirect", "0")
        kernels = {path: memcg.read_once(path) for path in paths}
        hook.write(f"parents/{SHOW}/redirect", "1")
        assert here == kernels, (here, kernels)
        print(f"byte for byte the kernel's: memory.events of {len(paths)} cgroups", flush=True)
        assert any("/system.slice/" in path for path in paths), paths
        with strict_reader(task) as end:
            flip(hook)
            common.expect("results of units killed meanwhile", running.kill_units(KILLED),
                          ["oom-kill"] * KILLED)
            reads, wrong = end()
        common.expect(f"wrong in {reads} strict reads through {FLIPS} flips", wrong, "")
        assert reads > len(paths)


def check_without(running, task):
    """Without it a strict reader fails: what the check above asks for can be missed."""
    with memevents.Hook().session() as hook, strict_reader(task) as end:
        flip(hook)
        memevents.wait_for(lambda: hook.hits()[1] > 0, "a redirected read")
        reads, wrong = end()
        common.expect(f"wrong in {reads} strict reads without only", wrong, BANNER)
        results = running.kill_units(2 * KILLED)
        print(f"results of units killed, without only: {results}", flush=True)


def check():
    """A cgroup of our own beside systemd's."""
    log = kernel_log.KernelLog()
    task = memcg.Cgroup(os.path.join(memcg.mount_point(), "task"))
    memcg.make(task)
    with systemd() as running:
        print(running.systemctl("--version").splitlines()[0], flush=True)
        check_scope(running, task)
        check_without(running, task)
    common.nothing_left()
    assert not log.splats(), log.splats()


if __name__ == "__main__":
    check()
