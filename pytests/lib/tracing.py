"""The module's event in tracefs, in a ring buffer of the test's own."""

import contextlib
import ctypes
import fcntl
import os
import platform
import re
import struct

from pytests.lib import memevents

SYSTEM, EVENT = "memevents_hook", "memevents_route"
FOLDER = os.path.join("events", SYSTEM, EVENT)
#: perf's system call number
PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}
#: event type and ioctl of perf
_PERF_TYPE_TRACEPOINT = 2
_PERF_EVENT_IOC_SET_FILTER = 0x40082406

INSTANCE = os.path.join(memevents.TRACEFS, "instances", "memevents-test")


class Trace:
    """An instance of tracefs."""

    def __init__(self, folder):
        self.folder = folder

    def path(self, *names):
        """Return the path of a file of the event."""
        return os.path.join(self.folder, FOLDER, *names)

    def read(self, name):
        """Return the content of one of the event's files."""
        return memevents.read_file(self.path(name)).decode()

    def write(self, name, text):
        """Write to one of the event's files; raises OSError."""
        memevents.write_file(self.path(name), text)

    def lines(self):
        """Return the lines of the event recorded so far."""
        text = memevents.read_file(os.path.join(self.folder, "trace")).decode()
        return [line for line in text.splitlines() if f" {EVENT}: " in line]

    def clear(self):
        """Forget what was recorded."""
        os.close(os.open(os.path.join(self.folder, "trace"), os.O_WRONLY | os.O_TRUNC))


@contextlib.contextmanager
def instance():
    """Yield a Trace of its own, empty; at the end the event is off in it, and has no filter.

    The instance stays for the next one who asks, until remove_instance(): it has every event of the
    kernel, and a debug kernel takes ten seconds and more to make one, and to remove it.
    """
    if not os.path.isdir(INSTANCE):
        os.mkdir(INSTANCE)
    trace = Trace(INSTANCE)
    trace.clear()
    try:
        yield trace
    finally:
        if os.path.exists(trace.path("enable")):
            trace.write("enable", "0")
            trace.write("filter", "0")


def remove_instance():
    """Remove what instance() has left, if it has."""
    if os.path.isdir(INSTANCE):
        os.rmdir(INSTANCE)


@contextlib.contextmanager
def bypassing_the_cache():
    """Have the module look at every call closely, as it does while its event is enabled.

    It asks what it knows of all call sites, and searches for those that it does not know. The
    filter matches nothing, so that nothing is recorded.
    """
    with instance() as trace:
        trace.write("filter", "parent_ip==0")
        trace.write("enable", "1")
        yield
        assert trace.lines() == []


def fields(format_text):
    """Return {name: declaration} of an event's own fields, from its `format` file."""
    found = {}
    for declaration in re.findall(r"^\tfield:([^;]+);", format_text, re.MULTILINE):
        name = re.sub(r"\[.*\]$", "", declaration).split()[-1].lstrip("*")
        if not name.startswith("common_"):
            found[name] = declaration
    return found


@contextlib.contextmanager
def perf_counter(condition=None):
    """Count this process's events as perf does; yield a function that returns the count so far.

    condition: a filter. Raises OSError where the kernel has no perf events.
    """
    number = memevents.read_file(os.path.join(memevents.TRACEFS, FOLDER, "id"))
    # struct perf_event_attr in its first version: type, size, config; the rest is zero.
    attributes = struct.pack("<IIQ48x", _PERF_TYPE_TRACEPOINT, 64, int(number))
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(PERF_EVENT_OPEN[platform.machine()], attributes, 0, -1, -1, 0)
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    try:
        if condition:
            fcntl.ioctl(fd, _PERF_EVENT_IOC_SET_FILTER, condition.encode() + b"\0")
        yield lambda: struct.unpack("<Q", os.read(fd, 8))[0]
    finally:
        os.close(fd)
