"""What the checks share: words for what they see, and the module's lines in the kernel's log."""

import contextlib
import errno
import os
import subprocess

from pytests.lib import kernel_log, memcg, memevents


def errno_of(call):
    """Return the name of the errno that call() fails with, `none` where it does not."""
    try:
        call()
    except OSError as error:
        # Of the two names that Linux has for it Python may know the other.
        if error.errno == errno.EOPNOTSUPP:
            return "EOPNOTSUPP"
        return errno.errorcode[error.errno]
    return "none"


def expect(what, got, wanted):
    """Print a line about something seen; AssertionError where it is not one of those wanted."""
    if not isinstance(wanted, tuple):
        wanted = (wanted,)
    print(f"{what}: {got}", flush=True)
    assert got in wanted, f"{what}: {got!r}, not {' or '.join(map(repr, wanted))}"


@contextlib.contextmanager
def watched():
    """Yield (log, cgroup, originals)."""
    log = kernel_log.KernelLog()
    with memcg.pressed() as (_, cgroup):
        yield log, cgroup, (cgroup.read_events(), cgroup.read_local())


def said(log, mark, word):
    """Print the module's line with that word since the mark; AssertionError where there is none."""
    lines = [line for line in log.module_lines(mark) if word in line]
    assert lines, f"no line with {word!r} in {log.module_lines(mark)}"
    print(f"the kernel log says: {lines[0]}", flush=True)


def make_load_refused(words):
    """`make load` is refused, and says one of the words."""
    done = subprocess.run(["sh", "module/tools/load.sh"], cwd=memevents.TOP,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = done.stdout.decode()
    print(f"make load: {text}", end="", flush=True)
    assert done.returncode and any(word in text for word in words), text


def nothing_left():
    """AssertionError where something of the module is left in the kernel."""
    assert not memevents.module_loaded(memevents.MODULE)
    assert not os.path.exists(memevents.ROOT)
    try:
        assert memevents.traced() is None
    except PermissionError:
        print("tracefs is shut: nothing there can be looked at", flush=True)
