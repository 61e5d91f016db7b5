"""Faults made to order: the kernel's nth allocation or user copy on behalf of this task fails.

Needs a kernel with CONFIG_FAULT_INJECTION, which none of Debian's is: see
Documentation/fault-injection in the kernel.
"""

import contextlib
import errno
import gc
import os

from pytests.lib import memevents
from pytests.lib.unsupported import Unsupported

NTH = "/proc/thread-self/fail-nth"

#: Whether this task is one of those that fail where "task-filter" is Y.
_TASK = "/proc/thread-self/make-it-fail"

#: What is made to fail, and how: slab and page allocations of every kind, quietly.
_SETTINGS = {
    "failslab": {"ignore-gfp-wait": "N", "cache-filter": "N", "verbose": "0"},
    "fail_page_alloc": {"ignore-gfp-wait": "N", "ignore-gfp-highmem": "N", "min-order": "0",
                        "verbose": "0"},
    "fail_usercopy": {"verbose": "0"},
}

#: The kinds of faults, for injector(), and what leaves the others out: (setting, value). No cache
#: passes the filter, and no page allocation has that order. A user copy can fail with each.
SLAB, PAGES = "failslab", "fail_page_alloc"
_WITHOUT = {SLAB: ("cache-filter", "Y"), PAGES: ("min-order", "64")}

#: What a call may say when memory or a user copy failed it.
ERRNOS = (errno.ENOMEM, errno.EFAULT)

#: How many times no_pages() has an allocation fail.
_NO_PAGES = 100

#: More faults than this in one call: something repeats without progress.
MOST = 5000


class Nth:
    """Runs calls with their nth fault injected."""

    def __init__(self, fd):
        self._fd = fd

    def run(self, nth, call):
        """Run call() with the nth thing that can fail in it failing.

        Returns:
            (injected, error): whether the call had that many, and the OSError it raised, if any.
        """
        error = None
        number = b"%d" % nth
        gc.disable()
        try:
            os.pwrite(self._fd, number, 0)
            try:
                call()
            except OSError as raised:
                error = raised
            try:
                left = os.pread(self._fd, 16, 0)
            except OSError:
                left = b"1"     # it hit the read itself
            self._disarm()
        finally:
            gc.enable()
        return int(left) == 0, error

    def _disarm(self):
        """Take back a fault that was not used up: it may be in the way of just that, but once."""
        try:
            os.pwrite(self._fd, b"0", 0)
        except OSError:
            os.pwrite(self._fd, b"0", 0)


def needed():
    """Raise Unsupported where the kernel cannot inject faults."""
    if not os.path.exists(NTH):
        raise Unsupported(f"no {NTH}: this kernel cannot inject faults (CONFIG_FAULT_INJECTION)")


def _folder(name):
    return os.path.join(memevents.DEBUGFS, name)


@contextlib.contextmanager
def injector(kinds=(SLAB, PAGES)):
    """Yield an Nth with faults of these kinds armed.

    A call makes about the same slab allocations each time. How many pages the
    slabs need for them is not the same at all: with both, which fault is the nth
    varies, and going through them leaves some out.
    """
    wanted = [(os.path.join(_folder(name), setting), value)
              for name, settings in _SETTINGS.items() for setting, value in settings.items()]
    for kind, (setting, value) in _WITHOUT.items():
        if kind not in kinds:
            wanted.append((os.path.join(_folder(kind), setting), value))
    with _set(wanted):
        fd = os.open(NTH, os.O_RDWR | os.O_CLOEXEC)
        try:
            yield Nth(fd)
        finally:
            os.close(fd)


@contextlib.contextmanager
def no_pages():
    """While the body runs this task gets no pages, _NO_PAGES times.

    Not for what goes on trying until it has memory.
    """
    settings = {**_SETTINGS[PAGES], "task-filter": "Y", "interval": "1",
                "times": str(_NO_PAGES), "probability": "100"}
    folder = _folder(PAGES)
    with _set([(os.path.join(folder, name), value) for name, value in settings.items()]):
        fd = os.open(_TASK, os.O_WRONLY | os.O_CLOEXEC)
        gc.disable()
        try:
            os.pwrite(fd, b"1", 0)
            yield
        finally:
            os.pwrite(fd, b"0", 0)
            gc.enable()
            os.close(fd)


@contextlib.contextmanager
def _set(wanted):
    """Have files say what is wanted, as (path, text); at the end they say again what they did."""
    before = []
    try:
        for path, text in wanted:
            before.append((path, memevents.read_file(path).strip()))
            memevents.write_file(path, text)
        yield
    finally:
        for path, text in reversed(before):
            memevents.write_file(path, text)
