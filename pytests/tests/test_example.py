"""The worked example of module/README.md: the same engine on another function."""

import contextlib
import ctypes
import errno
import os

import pytest

from pytests.lib import memevents
from pytests.lib.call_sites import sites
from pytests.lib.memevents import expect_errno

KO = os.path.join(memevents.TOP, "module", "example", memevents.EXAMPLE + ".ko")

TARGET = "get_avenrun"
PROC = "loadavg_proc_show"

#: What the example's replacement tells.
LOAD = 42

_libc = ctypes.CDLL(None, use_errno=True)


class SysInfo(ctypes.Structure):
    """The head of struct sysinfo (linux/sysinfo.h), and room for its rest."""

    _fields_ = [("uptime", ctypes.c_long), ("loads", ctypes.c_ulong * 3),
                ("rest", ctypes.c_char * 256)]


def proc_loads():
    """Return the load averages of /proc/loadavg as floats."""
    return [float(word) for word in memevents.read_file("/proc/loadavg").split()[:3]]


def sysinfo_loads():
    """Return the load averages of sysinfo(2) as floats."""
    info = SysInfo()
    assert _libc.sysinfo(ctypes.byref(info)) == 0, os.strerror(ctypes.get_errno())
    return [load / 65536 for load in info.loads]


@contextlib.contextmanager
def example():
    """The example's module, loaded."""
    with memevents.Hook(KO, memevents.EXAMPLE).session() as hook:
        yield hook
    assert memevents.traced(TARGET) is None


@pytest.fixture(autouse=True)
def idle():
    """The true load must not be what the replacement tells."""
    assert max(proc_loads() + sysinfo_loads()) < LOAD - 1


def other_caller(hook):
    """Return the symbol behind sysinfo(2): the compiler may have inlined or renamed it."""
    sysinfo_loads()
    return hook.read("other_last").split("+")[0]


def test_one_caller_is_redirected_and_the_other_not():
    """/proc/loadavg says 42, sysinfo(2) the truth, at the same time; exactly counted."""
    with example() as hook:
        hook.write("reset", "1")
        for _ in range(100):
            assert proc_loads() == [LOAD] * 3
            assert max(sysinfo_loads()) < LOAD - 1
        assert hook.hits(PROC) == (100, 100)
        assert hook.number("other_hits") == 100
        assert "sysinfo" in hook.read("other_last")
    assert max(proc_loads()) < LOAD - 1


def test_each_caller_makes_one_direct_call():
    """What makes the two of them fit to be told apart."""
    with example() as hook:
        sysinfo = other_caller(hook)
        hook.write("add_parent", sysinfo)
        assert hook.read("target").split()[0] == TARGET
        for parent in (PROC, sysinfo):
            assert [kind for _, _, kind in sites(hook, parent)] == ["call"]
        assert hook.why() == {TARGET: "ok", PROC: "ok", sysinfo: "redirect off"}


def test_the_other_way_round():
    """The roles are swapped at run time, and the hook is taken out."""
    with example() as hook:
        sysinfo = other_caller(hook)
        hook.write("add_parent", sysinfo)
        hook.write(f"parents/{sysinfo}/redirect", "1")
        hook.write(f"parents/{PROC}/redirect", "0")
        assert sysinfo_loads() == [LOAD] * 3
        assert max(proc_loads()) < LOAD - 1
        assert hook.hits(sysinfo) == (1, 1)
        hook.write("enabled", "0")
        assert max(proc_loads() + sysinfo_loads()) < LOAD - 1


def test_its_errors_are_its_own():
    """A load that fails leaves nothing behind under this name either."""
    hook = memevents.Hook(KO, memevents.EXAMPLE)
    with expect_errno(errno.ENOENT):
        hook.load(redirect="no_such_function")
    assert not hook.loaded
    assert not os.path.exists(hook.root)
