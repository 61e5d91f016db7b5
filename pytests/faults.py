"""Faults made to order: the kernel's nth allocation or user copy on behalf of this task fails.

Needs a kernel with CONFIG_FAULT_INJECTION, which none of Debian's is: see
Documentation/fault-injection in the kernel.
"""

import contextlib
import errno
import gc
import os

import pytest

import memevents

NTH = "/proc/thread-self/fail-nth"

#: What is made to fail, and how: slab and page allocations of every kind, quietly.
_SETTINGS = {
    "failslab": {"ignore-gfp-wait": "N", "verbose": "0"},
    "fail_page_alloc": {"ignore-gfp-wait": "N", "ignore-gfp-highmem": "N", "min-order": "0",
                        "verbose": "0"},
    "fail_usercopy": {"verbose": "0"},
}

#: What a call may say when memory or a user copy failed it.
ERRNOS = (errno.ENOMEM, errno.EFAULT)

#: More faults than this in one call and something goes round in circles.
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
    """Skip where the kernel cannot inject faults."""
    if not os.path.exists(NTH):
        pytest.skip(f"no {NTH}: this kernel cannot inject faults (CONFIG_FAULT_INJECTION)")


def _folder(name):
    return os.path.join(memevents.DEBUGFS, name)


@contextlib.contextmanager
def injector():
    """Yield an Nth with every kind of fault armed."""
    before = []
    for name, settings in _SETTINGS.items():
        for setting, value in settings.items():
            path = os.path.join(_folder(name), setting)
            if os.path.exists(path):
                before.append((path, memevents.read_file(path).strip()))
                memevents.write_file(path, value)
    fd = os.open(NTH, os.O_RDWR | os.O_CLOEXEC)
    try:
        yield Nth(fd)
    finally:
        os.close(fd)
        for path, value in before:
            memevents.write_file(path, value)
