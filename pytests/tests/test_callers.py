"""`callers`: every direct call and jump to the target, as they stand in the kernel's text."""

import os
import platform
import re
import time

import pytest

from pytests.lib import capabilities, faults, memevents, visitors
from pytests.lib.call_sites import sites
from pytests.lib.kernel_text import leading_to
from pytests.lib.memevents import LOCAL_SHOW, SHOW

LINE = re.compile(
    r"(0x[0-9a-f]+) (\S+)\+0x([0-9a-f]+) (call|tail|probed|entry) (redirected|observed|-)")

#: Functions of the core kernel that many call. (Thousands take minutes: each is asked about.)
WITH_MANY_CALLERS = ("_dev_err", "dput")

#: Seconds that reading the target's callers may take; a kernel with checkers is slower.
SECONDS = 10 if os.path.exists(faults.NTH) or os.path.exists(memevents.KCSAN) else 1


def callers(hook):
    """Return [(address, symbol, offset, kind, state)] of the file's lines."""
    found = []
    for line in hook.read("callers").splitlines():
        match = LINE.fullmatch(line)
        assert match, line
        address, symbol, offset, kind, state = match.groups()
        found.append((memevents.parse_address(address), symbol, int(offset, 16), kind, state))
    return found


def check(hook, symbols):
    """Assert that the file has what the kernel's text has, in its order; return its lines."""
    target = memevents.parse_address(hook.read("target").split()[1])
    lines = callers(hook)
    assert [(address, kind) for address, _, _, kind, _ in lines] == \
        leading_to(*symbols.bounds, target)
    starts = set(symbols.text)
    assert all((address - offset, symbol) in starts for address, symbol, offset, _, _ in lines)
    return lines


@pytest.mark.usefixtures("calls")
def test_of_the_target(loaded, symbols):
    """The two parents' calls, and none else, with their states and the parents' call_sites."""
    lines = check(loaded, symbols)
    assert {(symbol, kind, state) for _, symbol, _, kind, state in lines} == {
        (SHOW, "call", "redirected"), (LOCAL_SHOW, "call", "observed")}
    for parent in (SHOW, LOCAL_SHOW):
        assert [(address, offset, kind) for address, symbol, offset, kind, _ in lines
                if symbol == parent] == sites(loaded, parent)


def states(hook):
    """Return {symbol: state}."""
    return {symbol: state for _, symbol, _, _, state in callers(hook)}


def test_states(loaded):
    """As the parents' switches are at the read, the hook on or off."""
    loaded.write(f"parents/{LOCAL_SHOW}/redirect", "1")
    loaded.write(f"parents/{SHOW}/redirect", "0")
    assert states(loaded) == {SHOW: "observed", LOCAL_SHOW: "redirected"}
    loaded.write("remove_parent", LOCAL_SHOW)
    loaded.write("enabled", "0")
    assert states(loaded) == {SHOW: "observed", LOCAL_SHOW: "-"}
    loaded.write("add_parent", LOCAL_SHOW)
    assert states(loaded) == {SHOW: "observed", LOCAL_SHOW: "observed"}


def test_opened_before(loaded):
    """The states are those of the read, not of the opening."""
    fd = os.open(loaded.path("callers"), os.O_RDONLY)
    loaded.write(f"parents/{SHOW}/redirect", "0")
    loaded.write("remove_parent", LOCAL_SHOW)
    text = os.read(fd, 65536).decode()
    os.close(fd)
    assert text == loaded.read("callers")
    assert states(loaded) == {SHOW: "observed", LOCAL_SHOW: "-"}


def test_without_addresses(loaded):
    """Who may not see addresses sees where the calls are all the same."""
    lines = capabilities.in_child(lambda: capabilities.drop(capabilities.CAP_SYSLOG),
                                  lambda: loaded.read("callers")).splitlines()
    assert lines == [re.sub(r"^0x[0-9a-f]+", "0x0", line)
                     for line in loaded.read("callers").splitlines()]


@pytest.mark.usefixtures("calls")
def test_a_kprobe_on_a_call(loaded):
    """On x86_64 its breakpoint hides the opcode; elsewhere the instruction, which is not found."""
    before = callers(loaded)
    assert [kind for *_, kind, _ in before] == ["call"] * len(before) and len(before) >= 2
    with visitors.probe_call_sites(loaded):
        during = callers(loaded)
    if platform.machine() == "x86_64":
        assert during == [(*place, "probed", state) for *place, _, state in before]
    else:
        assert during == []
    assert callers(loaded) == before


def test_it_does_not_take_long(loaded, record_property):
    """To search all of the kernel's text for the calls of the target."""
    def takes():
        start = time.monotonic()
        loaded.read("callers")
        return time.monotonic() - start
    record_property("seconds", round(memevents.soonest(SECONDS, takes), 3))


@pytest.mark.parametrize("target", WITH_MANY_CALLERS)
def test_of_many_callers(any_target, symbols, record_property, target):
    """Hundreds, in all the kernel's text."""
    with any_target.session(target=target, enabled=False) as hook:
        lines = check(hook, symbols)
    assert len(lines) > 100
    assert all(state == "-" for *_, state in lines)
    record_property(target, len(lines))
