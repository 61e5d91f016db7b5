"""Processes with less than root's rights, to open the module's files from."""

import ctypes
import os
import signal
import traceback

CAP_SYSLOG = 34
_VERSION_3 = 0x20080522
_PR_CAPBSET_DROP = 24
_CLONE_NEWUSER = 0x10000000
_PIDFD_GETFD = 438    # the system call's number, on every architecture

_libc = ctypes.CDLL(None, use_errno=True)


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Sets(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32),
                ("inheritable", ctypes.c_uint32)]


def _check(result):
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def drop(capability):
    """Give a capability of this process's up, for good; raises OSError."""
    header = _Header(_VERSION_3, 0)
    sets = (_Sets * 2)()
    _check(_libc.capget(ctypes.byref(header), sets))
    _check(_libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0))
    half = sets[capability // 32]
    for name, _ in _Sets._fields_:
        setattr(half, name, getattr(half, name) & ~(1 << capability % 32))
    _check(_libc.capset(ctypes.byref(header), sets))


def become_root_of_a_namespace():
    """Enter a user namespace of this process's own, as its root; raises OSError.

    It has every capability there, and none outside.
    """
    _check(_libc.unshare(_CLONE_NEWUSER))
    for name, text in (("setgroups", "deny"), ("uid_map", "0 0 1"), ("gid_map", "0 0 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def become_nobody():
    """Become an ordinary user without any group or capability."""
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)


def in_child(lessen, function):
    """Run function() in a child after lessen(); return what it returned, as text.

    AssertionError with the child's traceback where it raised.
    """
    theirs, ours = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            lessen()
            os.write(ours, str(function()).encode())
            status = 0
        except BaseException:
            os.write(ours, traceback.format_exc().encode())
        finally:
            os._exit(status)
    os.close(ours)
    with os.fdopen(theirs, "rb") as file:
        text = file.read().decode()
    assert os.waitpid(child, 0)[1] == 0, text
    return text


def opened_by(lessen, path):
    """Return a file descriptor of path, opened for reading by a child after lessen().

    pidfd_getfd() takes it from the child: a kernel without sockets cannot pass it on.
    AssertionError with the child's traceback where it raised.
    """
    theirs, ours = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            lessen()
            os.write(ours, str(os.open(path, os.O_RDONLY)).encode())
        except BaseException:
            os.write(ours, traceback.format_exc().encode())
        signal.pause()
    os.close(ours)
    text = os.read(theirs, 1 << 16).decode()
    os.close(theirs)
    try:
        assert text.isdecimal(), text
        pidfd = os.pidfd_open(child)
        fd = _libc.syscall(_PIDFD_GETFD, pidfd, int(text), 0)
        _check(fd < 0)
        os.close(pidfd)
        return fd
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
