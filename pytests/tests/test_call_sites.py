"""`call_sites`: what is decoded of a parent's body."""

import platform

import pytest

from pytests.lib import memevents, peer as peers, visitors
from pytests.lib.call_sites import sites
from pytests.lib.kernel_text import direct_calls
from pytests.lib.memevents import LOCAL_SHOW, SHOW

#: A function that is called where something went wrong, which the compiler moves out of the way.
OFTEN_IN_COLD_PARTS = "_dev_err"


@pytest.mark.parametrize("parent", [SHOW, LOCAL_SHOW])
@pytest.mark.usefixtures("calls")
def test_exactly_one_call(loaded, parent):
    """On the stock kernels: one `call`, within the range, at the offset it says."""
    (address, offset, kind), = sites(loaded, parent)
    row = loaded.stats()[parent]
    assert kind == "call"
    assert address == row.start + offset
    assert row.start <= address < row.end


@pytest.mark.parametrize("parent", [SHOW, LOCAL_SHOW])
@pytest.mark.usefixtures("calls")
def test_as_the_kernels_text_has_it(loaded, parent):
    """What stands there in /proc/kcore is a call of the target, and there is no other."""
    row = loaded.stats()[parent]
    target = memevents.parse_address(loaded.read("target").split()[1])
    assert [address for address, _, _ in sites(loaded, parent)] == \
        direct_calls(row.start, row.end, target)


def test_whether_hooked_or_not(hook):
    """A parent that is listed while the hook is on is decoded as one that is listed before."""
    parents = (SHOW, LOCAL_SHOW)
    hook.load(enabled=False)
    off = [hook.read("parents", parent, "call_sites") for parent in parents]
    assert all(off)
    hook.write("enabled", "1")
    for parent in parents:
        hook.write("remove_parent", parent)
        hook.write("add_parent", parent)
    assert [hook.read("parents", parent, "call_sites") for parent in parents] == off


@pytest.mark.usefixtures("calls")
def test_of_a_traced_parent(hook, peer):
    """A parent that is itself traced has a call to a trampoline at its entry; that is not it."""
    peer(peers.IPMODIFY, symbol=SHOW)
    hook.load()
    assert [kind for _, _, kind in sites(hook, SHOW)] == ["call"]


@pytest.mark.usefixtures("calls")
def test_listed_while_a_kprobe_stands_on_the_call(loaded, cgroup):
    """On x86_64 kprobes knows the opcode under its breakpoint; elsewhere the instruction is hidden.

    Found or not, the calls are counted.
    """
    before = sites(loaded, SHOW)
    (address, offset, _), = before
    with visitors.probe_call_sites(loaded) as look:
        loaded.write("remove_parent", SHOW)
        loaded.write("add_parent", SHOW)
        if platform.machine() == "x86_64":
            assert sites(loaded, SHOW) == before
            assert loaded.why()[SHOW] == "redirect off"
        else:
            assert sites(loaded, SHOW) == []
            assert "no direct call" in loaded.why()[SHOW]
        assert look(cgroup.read_events) == [1, 0]
    assert loaded.hits() == (1, 0)
    loaded.write("remove_parent", SHOW)
    loaded.write("add_parent", SHOW)
    assert sites(loaded, SHOW) == before


def test_a_caller_of_other_functions(loaded, symbols):
    """None of many functions that never call the target has a site."""
    for name in symbols.some(50):
        loaded.write("add_parent", name)
        assert loaded.read("parents", name, "call_sites") == "", name


def test_a_function_in_two_parts(any_target, symbols):
    """What the compiler moved to NAME.cold is another symbol: its calls are not NAME's."""
    target, _ = symbols.range_of(OFTEN_IN_COLD_PARTS)
    for part in sorted(name for name in symbols.names if name.endswith(".cold")):
        name = part.rpartition(".")[0]
        if symbols.count[part] != 1 or symbols.count[name] != 1:
            continue
        calls = direct_calls(*symbols.range_of(part), target)
        if calls and not direct_calls(*symbols.range_of(name), target):
            break
    else:
        pytest.skip(f"no function of this kernel calls {OFTEN_IN_COLD_PARTS}() in a cold part only")
    with any_target.session(target=OFTEN_IN_COLD_PARTS, observe=name) as hook:
        assert sites(hook, name) == []
        assert "no direct call" in hook.why()[name] and ".cold" in hook.why()[name]
        hook.write("add_parent", part)
        start, _ = symbols.range_of(part)
        assert sites(hook, part) == [(call, call - start, "call") for call in calls]
        assert "no direct call" not in hook.why()[part]


@pytest.mark.usefixtures("calls")
def test_the_target_as_a_parent(loaded):
    """The target itself can be listed; it does not call itself."""
    loaded.write("add_parent", memevents.TARGET)
    assert loaded.read("parents", memevents.TARGET, "call_sites") == ""
