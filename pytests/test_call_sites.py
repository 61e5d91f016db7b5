"""`call_sites`: what is decoded of a parent's body."""

import platform
import struct

import pytest

import memevents
import peer as peers
from call_sites import sites
from kernel_text import kernel_bytes
from memevents import LOCAL_SHOW, SHOW


def direct_calls(start, end, target):
    """Return the addresses in [start, end) where bytes stand that call the target.

    On x86_64 that may be the middle of an instruction, but hardly with just
    this distance in it.
    """
    text = kernel_bytes(start, end - start)
    found = []
    if platform.machine() == "x86_64":
        for offset in range(len(text) - 4):
            if text[offset] == 0xe8:
                distance, = struct.unpack_from("<i", text, offset + 1)
                if start + offset + 5 + distance == target:
                    found.append(start + offset)
    else:
        for offset in range(0, len(text), 4):
            word, = struct.unpack_from("<I", text, offset)
            distance = (word & 0x3ffffff) << 2
            if distance & 1 << 27:
                distance -= 1 << 28
            if word >> 26 == 0b100101 and start + offset + distance == target:
                found.append(start + offset)
    return found


@pytest.mark.parametrize("parent", [SHOW, LOCAL_SHOW])
def test_exactly_one_call(loaded, parent):
    """On the stock kernels: one `call`, within the range, at the offset it says."""
    (address, offset, kind), = sites(loaded, parent)
    row = loaded.stats()[parent]
    assert kind == "call"
    assert address == row.start + offset
    assert row.start <= address < row.end


@pytest.mark.parametrize("parent", [SHOW, LOCAL_SHOW])
def test_as_the_kernels_text_has_it(loaded, parent):
    """What stands there in /proc/kcore is a call of the target, and there is no other."""
    row = loaded.stats()[parent]
    target = memevents.parse_address(loaded.read("target").split()[1])
    assert [address for address, _, _ in sites(loaded, parent)] == \
        direct_calls(row.start, row.end, target)


def test_whether_hooked_or_not(hook):
    """The ftrace call at the entries does not confuse it: the same on and off."""
    hook.load(enabled=False)
    off = [hook.read("parents", parent, "call_sites") for parent in (SHOW, LOCAL_SHOW)]
    hook.write("enabled", "1")
    assert [hook.read("parents", parent, "call_sites") for parent in (SHOW, LOCAL_SHOW)] == off
    hook.unload()
    hook.load()
    assert [hook.read("parents", parent, "call_sites") for parent in (SHOW, LOCAL_SHOW)] == off


def test_of_a_traced_parent(hook, peer):
    """A parent that is itself traced has a call to a trampoline at its entry; that is not it."""
    peer(peers.IPMODIFY, symbol=SHOW)
    hook.load()
    assert [kind for _, _, kind in sites(hook, SHOW)] == ["call"]


def test_a_caller_of_other_functions(loaded, symbols):
    """None of many functions that never call the target has a site."""
    for name, _ in zip(symbols.listable(), range(50)):
        loaded.write("add_parent", name)
        assert loaded.read("parents", name, "call_sites") == "", name


def test_the_target_as_a_parent(loaded, symbols):
    """The target itself can be listed; it does not call itself."""
    loaded.write("add_parent", memevents.TARGET)
    assert loaded.read("parents", memevents.TARGET, "call_sites") == ""
