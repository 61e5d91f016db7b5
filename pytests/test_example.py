"""The worked example of README: the same engine on another function."""

import contextlib
import ctypes
import errno
import os

import pytest

import memevents
from memevents import expect_errno

MODULE = "loadavg_hook"
KO = os.path.join(memevents.HERE, "example", MODULE + ".ko")
ROOT = os.path.join(memevents.DEBUGFS, MODULE)

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


def read(name):
    """Return a file of the example's debugfs tree as text."""
    return memevents.read_file(os.path.join(ROOT, name)).decode()


def write(name, text):
    """Write to a file of the example's debugfs tree."""
    memevents.write_file(os.path.join(ROOT, name), text)


def counters(parent):
    """Return (hits, redirected) of a parent."""
    return tuple(int(read(f"parents/{parent}/{name}")) for name in ("hits", "redirected"))


@contextlib.contextmanager
def example(parameters=""):
    """The example's module, loaded."""
    memevents.insmod(KO, parameters)
    try:
        yield
    finally:
        memevents.rmmod(MODULE)
        assert not os.path.exists(ROOT)
        assert memevents.traced(TARGET) is None


@pytest.fixture(autouse=True)
def idle():
    """The true load must not be what the replacement tells."""
    assert max(proc_loads() + sysinfo_loads()) < LOAD - 1


def other_caller():
    """Return the symbol behind sysinfo(2): the compiler may have inlined or renamed it."""
    sysinfo_loads()
    return read("other_last").split("+")[0]


def test_one_caller_is_redirected_and_the_other_not():
    """/proc/loadavg says 42, sysinfo(2) the truth, at the same time; exactly counted."""
    with example():
        write("reset", "1")
        for _ in range(100):
            assert proc_loads() == [LOAD] * 3
            assert max(sysinfo_loads()) < LOAD - 1
        assert counters(PROC) == (100, 100)
        assert read("other_hits") == "100\n"
        assert "sysinfo" in read("other_last")
    assert max(proc_loads()) < LOAD - 1


def test_each_caller_makes_one_direct_call():
    """What makes the two of them fit to be told apart."""
    with example():
        sysinfo = other_caller()
        write("add_parent", sysinfo)
        assert read("target").split()[0] == TARGET
        for parent in (PROC, sysinfo):
            lines = read(f"parents/{parent}/call_sites").splitlines()
            assert [line.split()[2] for line in lines] == ["call"], lines
        assert sorted(read("why").splitlines()) == sorted(
            [f"{TARGET}: ok", f"{PROC}: ok", f"{sysinfo}: redirect off"])


def test_the_other_way_round():
    """The roles are swapped at run time, and the hook is taken out."""
    with example():
        sysinfo = other_caller()
        write("add_parent", sysinfo)
        write(f"parents/{sysinfo}/redirect", "1")
        write(f"parents/{PROC}/redirect", "0")
        assert sysinfo_loads() == [LOAD] * 3
        assert max(proc_loads()) < LOAD - 1
        assert counters(sysinfo) == (1, 1)
        write("enabled", "0")
        assert max(proc_loads() + sysinfo_loads()) < LOAD - 1


def test_its_errors_are_its_own():
    """A load that fails leaves nothing behind under this name either."""
    with expect_errno(errno.ENOENT):
        memevents.insmod(KO, "redirect=no_such_function")
    assert not memevents.module_loaded(MODULE)
    assert not os.path.exists(ROOT)
