"""Calls from outside the list: other_hits and other_last."""

import re

import pytest

from pytests.lib import memevents, peer as peers
from pytests.lib.call_sites import sites
from pytests.lib.memevents import LOCAL_SHOW, SHOW

PLACE = re.compile(r"(\S+)\+0x([0-9a-f]+)/0x([0-9a-f]+)(?: \[(\S+)\])?\n")


def test_none_yet(loaded, cgroup):
    """Empty and zero while only listed parents call."""
    cgroup.read_events()
    cgroup.read_local()
    assert loaded.read("other_last") == ""
    assert loaded.number("other_hits") == 0


@pytest.mark.usefixtures("calls")
def test_a_core_kernel_caller(loaded, cgroup, symbols):
    """symbol+0xoff/0xsize of the call itself, not of where it returns to."""
    (_, offset, _), = sites(loaded, LOCAL_SHOW)
    loaded.write("remove_parent", LOCAL_SHOW)
    for count in range(1, 4):
        cgroup.read_local()
        assert loaded.number("other_hits") == count
    start, end = symbols.range_of(LOCAL_SHOW)
    assert loaded.read("other_last") == f"{LOCAL_SHOW}+0x{offset:x}/0x{end - start:x}\n"


def test_a_modules_caller(loaded, peer, cgroup):
    """With the module's name in brackets; the call runs the original."""
    peer(peers.CALLER)
    text = memevents.read_file(peers.CALLED)
    assert text.startswith(b"low 1000\n"), text
    assert loaded.number("other_hits") == 1
    match = PLACE.fullmatch(loaded.read("other_last"))
    assert match and match.group(1, 4) == ("peer_call", peers.CALLER)
    assert 0 < int(match.group(2), 16) < int(match.group(3), 16)
    cgroup.read_events()
    assert loaded.hits(SHOW) == (1, 1)
    assert loaded.number("other_hits") == 1


def test_the_last_of_several(loaded, peer, cgroup):
    """It follows the calls."""
    peer(peers.CALLER)
    loaded.write("remove_parent", LOCAL_SHOW)
    for _ in range(2):
        cgroup.read_local()
        assert loaded.read("other_last").startswith(LOCAL_SHOW + "+")
        memevents.read_file(peers.CALLED)
        assert loaded.read("other_last").startswith("peer_call+")
    assert loaded.number("other_hits") == 4


def test_a_caller_that_has_gone(loaded, peer):
    """Its module unloaded, the file still reads: it names no stale symbol and does no harm."""
    peer(peers.CALLER)
    memevents.read_file(peers.CALLED)
    peers.unload(peers.CALLER)
    assert "peer_call" not in loaded.read("other_last")
    assert loaded.number("other_hits") == 1


def test_it_outlives_changes_of_the_list(loaded, cgroup, symbols):
    """Others that come and go leave it; `reset` alone empties it, for good."""
    name = next(symbols.listable())
    loaded.write("remove_parent", LOCAL_SHOW)
    cgroup.read_local()
    last = loaded.read("other_last")
    assert last.startswith(LOCAL_SHOW + "+")
    for file in ("add_parent", "remove_parent"):
        loaded.write(file, name)
        assert loaded.read("other_last") == last, file
    loaded.write("reset", "1")
    assert loaded.read("other_last") == ""
    for file in ("add_parent", "remove_parent"):
        loaded.write(file, name)
        assert loaded.read("other_last") == "", file
    cgroup.read_local()
    assert loaded.read("other_last") == last
    loaded.write("reset", "1")
    assert loaded.read("other_last") == "", "known since the last change of the list"


def test_never_redirected(hook, peer, cgroup):
    """With every listed parent redirected, others still run the kernel's own."""
    peer(peers.CALLER)
    hook.load(redirect=[SHOW, LOCAL_SHOW])
    before = memevents.read_file(peers.CALLED)
    assert before.startswith(b"low 1000\n")
    assert cgroup.read_local().startswith(memevents.BANNER.encode())
    assert hook.number("other_hits") == 1
