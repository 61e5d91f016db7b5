"""A reader that is blocked in the middle of a read(): nobody fills the page that it reads into."""

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import platform
import select
import signal
import struct
import threading

from pytests.lib import memevents
from pytests.lib.unsupported import Unsupported

_USERFAULTFD = {"x86_64": 323, "aarch64": 282}
_UFFDIO_API, _UFFDIO_REGISTER = 0xc018aa3f, 0xc020aa00
_API, _MISSING = 0xaa, 1

_libc = ctypes.CDLL(None, use_errno=True)


def _missing_page():
    """Map a page that is not there; return (its userfaultfd, it).

    Raises Unsupported where the kernel has no userfaultfd.
    """
    # poll() waits for such only as do not block.
    fd = _libc.syscall(_USERFAULTFD[platform.machine()], os.O_CLOEXEC | os.O_NONBLOCK)
    if fd < 0:
        number = ctypes.get_errno()
        if number != errno.ENOSYS:
            raise OSError(number, f"userfaultfd: {os.strerror(number)}")
        raise Unsupported("this kernel has no userfaultfd (CONFIG_USERFAULTFD)")
    fcntl.ioctl(fd, _UFFDIO_API, struct.pack("=QQQ", _API, 0, 0))
    page = mmap.mmap(-1, mmap.PAGESIZE)
    buffer = (ctypes.c_char * mmap.PAGESIZE).from_buffer(page)
    fcntl.ioctl(fd, _UFFDIO_REGISTER,
                struct.pack("=QQQQ", ctypes.addressof(buffer), mmap.PAGESIZE, _MISSING, 0))
    return fd, buffer


def _read_for_ever(path, ours):
    fault, page = _missing_page()
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def tell():
        # The kernel tells of the page that is missing when somebody waits for it.
        poll = select.poll()
        poll.register(fault, select.POLLIN)
        if poll.poll() == [(fault, select.POLLIN)]:
            os.write(ours, b"blocked")
    threading.Thread(target=tell, daemon=True).start()
    _libc.read(file, page, mmap.PAGESIZE)


@contextlib.contextmanager
def blocked_reader(path):
    """A process that has a file open and is blocked in reading it, until it is killed at the end.

    Raises Unsupported where the kernel has no userfaultfd.
    """
    os.close(_missing_page()[0])
    theirs, ours = os.pipe()
    child = os.fork()
    if not child:
        try:
            _read_for_ever(path, ours)
        finally:
            os._exit(1)
    os.close(ours)
    try:
        with os.fdopen(theirs, "rb") as pipe:
            assert pipe.read(7) == b"blocked", "the reader was not blocked"
            assert os.waitpid(child, os.WNOHANG)[0] == 0
            yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


class Call:
    """A call made by a process of its own, so that one that does not come back does no harm."""

    def __init__(self, what, call):
        self.what = what
        self._child = os.fork()
        if not self._child:
            code = 1
            try:
                call()
                code = 0
            except OSError as error:
                code = 2 + error.errno
            finally:
                os._exit(code)
        self._code = None

    def ended(self):
        """Whether it has come back."""
        if self._code is None:
            child, status = os.waitpid(self._child, os.WNOHANG)
            if child:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code is not None

    def kill(self):
        """End the process, as soon as the kernel lets it go."""
        if not self.ended():
            os.kill(self._child, signal.SIGKILL)

    def wait(self, seconds):
        """Wait for it to come back; AssertionError where it does not, or has failed."""
        memevents.wait_for(self.ended, self.what, seconds)
        assert self._code == 0, f"{self.what}: " + (
            f"errno {errno.errorcode[self._code - 2]}" if self._code > 2 else f"code {self._code}")
