"""`hold`: when the last holder is gone, the hook is switched off."""

import contextlib
import errno
import os
import signal
import time

import pytest

from pytests.lib import memevents
from pytests.lib.memevents import SHOW


@pytest.fixture
def opened(loaded):
    """A function that opens `hold`; what it opened is closed after the test."""
    fds = []

    def open_hold():
        fds.append(os.open(loaded.path("hold"), os.O_RDWR | os.O_CLOEXEC))
        return fds[-1]
    yield open_hold
    for fd in fds:
        try:
            os.close(fd)
        except OSError:
            pass    # the test has


@contextlib.contextmanager
def holding(hook):
    """A process that holds, as its PID; it ends at the end, if not before."""
    ready, says_ready = os.pipe()
    goes_on, go_on = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(go_on)
            fd = os.open(hook.path("hold"), os.O_WRONLY)
            os.write(fd, b"1")
            os.write(says_ready, b"x")
            os.read(goes_on, 1)
        finally:
            os._exit(0)
    os.close(says_ready)
    os.close(goes_on)
    try:
        assert os.read(ready, 1) == b"x"
        yield child
    finally:
        os.close(ready)
        os.close(go_on)
        try:
            os.waitpid(child, 0)
        except ChildProcessError:
            pass    # the test has


def check(hook, holders, enabled):
    """Assert how many holders there are, and whether the hook is on."""
    assert hook.read("hold") == f"{holders}\n"
    assert hook.boolean("enabled") == enabled
    assert bool(memevents.traced()) == enabled


def test_one_holder(loaded, opened, cgroup, originals):
    """The last close switches off as `echo 0 > enabled` does, and no more."""
    banner = loaded.read("banner").encode()
    fd = opened()
    os.write(fd, b"1")
    check(loaded, 1, True)
    assert cgroup.read_events() == banner + originals[0]
    os.close(fd)
    check(loaded, 0, False)
    assert cgroup.read_events() == originals[0]
    assert loaded.hits() == (1, 1)
    assert loaded.boolean("parents", SHOW, "redirect")
    loaded.write("enabled", "1")
    assert cgroup.read_events() == banner + originals[0]


def test_opening_and_reading_change_nothing(loaded, opened):
    """Nor does closing what does not hold, or a false boolean written there."""
    before = loaded.state()
    fd = opened()
    assert os.read(fd, 10) == b"0\n"
    os.close(fd)
    assert loaded.state() == before
    loaded.write("hold", "0")
    assert loaded.state() == before
    with loaded.refuses(errno.EINVAL), loaded.writer("hold") as write:
        write(b"2")
    check(loaded, 0, True)


def test_two_holders(loaded, opened):
    """Only the last one's end switches off, whichever it is and however it ends."""
    for first_ends_by, last_ends_by in (
            (os.close, os.close), (os.close, lambda fd: os.write(fd, b"0")),
            (lambda fd: os.write(fd, b"off"), os.close)):
        loaded.write("enabled", "1")
        first, last = opened(), opened()
        for count, fd in enumerate((first, last), 1):
            os.write(fd, b"1")
            check(loaded, count, True)
        first_ends_by(first)
        check(loaded, 1, True)
        last_ends_by(last)
        check(loaded, 0, False)


def test_a_second_true_counts_once(loaded, opened):
    """And a second false one nothing."""
    first, other = opened(), opened()
    os.write(other, b"1")
    for word in (b"1", b"on", b"Y\n"):
        os.write(first, word)
        check(loaded, 2, True)
    for word in (b"0", b"n"):
        os.write(first, word)
        check(loaded, 1, True)
    os.write(first, b"1")
    check(loaded, 2, True)


def test_a_refused_write_keeps_holding(loaded, opened):
    """What is no boolean changes nothing."""
    fd = opened()
    os.write(fd, b"1")
    for data in (b"", b"2", b"1 0", b"1\0"):
        with loaded.refuses(errno.EINVAL, repr(data)):
            os.write(fd, data)
    check(loaded, 1, True)


def test_while_the_hook_is_off(loaded, opened):
    """A hold switches nothing on, and its end does no harm; off meanwhile, it goes on to hold."""
    loaded.write("enabled", "0")
    fd = opened()
    os.write(fd, b"1")
    check(loaded, 1, False)
    os.close(fd)
    check(loaded, 0, False)
    fd = opened()
    os.write(fd, b"1")
    loaded.write("enabled", "1")
    check(loaded, 1, True)
    loaded.write("enabled", "0")
    loaded.write("enabled", "1")
    check(loaded, 1, True)
    os.close(fd)
    check(loaded, 0, False)


def test_read_by_its_holder(loaded):
    """In a shell: `exec 4<>hold; echo 1 >&4; cat <&4`."""
    assert os.system(f"exec 4<>{loaded.path('hold')}; echo 1 >&4; [ $(cat <&4) = 1 ]") == 0
    check(loaded, 0, False)


@pytest.mark.parametrize("mode", ["a", "a+"])
def test_opened_to_append(loaded, mode):
    """As many a library does: it seeks to the end first."""
    with open(loaded.path("hold"), mode, encoding="ascii", buffering=1) as file:
        file.write("1\n")
        check(loaded, 1, True)
    check(loaded, 0, False)


def test_by_echo(loaded):
    """The file is closed behind the word: the hold is over at once."""
    loaded.write("hold", "1\n")
    check(loaded, 0, False)


def test_killed(loaded, record_property):
    """SIGKILL in the middle: the hook is off within a second, and what switching off takes."""
    def over():
        start = time.monotonic()
        loaded.write("enabled", "0")
        takes = time.monotonic() - start
        loaded.write("enabled", "1")
        with holding(loaded) as pid:
            check(loaded, 1, True)
            start = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            memevents.wait_for(lambda: not loaded.boolean("enabled"), "off")
            seconds = time.monotonic() - start
            os.waitpid(pid, 0)
            check(loaded, 0, False)
        loaded.write("enabled", "1")
        return seconds - takes
    record_property("seconds", round(memevents.soonest(1, over), 3))


def test_inherited(loaded, opened):
    """A child that has the open file keeps holding until it has closed it, too."""
    fd = opened()
    os.write(fd, b"1")
    goes_on, go_on = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(go_on)
            os.read(goes_on, 1)
        finally:
            os._exit(0)
    os.close(goes_on)
    os.close(os.dup(fd))
    check(loaded, 1, True)
    os.close(fd)
    check(loaded, 1, True)
    os.close(go_on)
    os.waitpid(child, 0)
    memevents.wait_for(lambda: not loaded.boolean("enabled"), "off")
    check(loaded, 0, False)


def test_rmmod_is_refused(loaded, opened):
    """It is refused while a holder has the file open, and has switched nothing then."""
    fd = opened()
    os.write(fd, b"1")
    with memevents.expect_errno(errno.EAGAIN):
        loaded.unload()
    check(loaded, 1, True)
    os.write(fd, b"0")
    with memevents.expect_errno(errno.EAGAIN):
        loaded.unload()
    os.close(fd)
    loaded.unload()
    loaded.load()
    check(loaded, 0, True)
