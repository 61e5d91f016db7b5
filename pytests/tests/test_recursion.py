"""Calls of the target by those who look on: from a probe of the module's event, from a tracer."""

import platform

import pytest

from pytests.lib import scale
from pytests.lib import peer as peers
from pytests.lib.memevents import LOCAL_SHOW, SHOW, TARGET


def test_a_probe_of_the_event_that_calls_the_target(loaded, peer, cgroup, originals):
    """Each call is counted, but not each is an event: or the probe would call again, for ever.

    The kernel's guard lets one call through: it could be an interrupt's.
    """
    if platform.release().startswith("5.10."):
        pytest.skip("before 5.11 no header tells a module how to guard against recursion")
    peer(peers.EVENT, call="Y")
    for _ in range(scale.READS_NESTED):
        cgroup.read_events()
        assert cgroup.read_local() == originals[1]
    assert peers.number(peers.EVENT, "deepest") in (1, 2)
    events = peers.number(peers.EVENT, "events")
    assert 2 * scale.READS_NESTED <= events <= 4 * scale.READS_NESTED
    assert loaded.hits(SHOW) == (scale.READS_NESTED, scale.READS_NESTED)
    assert loaded.hits(LOCAL_SHOW) == (scale.READS_NESTED, 0)
    # Each run of the probe makes one call.
    assert loaded.number("other_hits") == events
    assert loaded.read("other_last").startswith("peer_call+")


@pytest.mark.parametrize("symbol, depth, counted", [
    # The hook is the target's only tracer: its entry leads to the hook, whoever calls.
    pytest.param(LOCAL_SHOW, 1, 1, id="alone"),
    # Calls of the target go by ftrace's list of tracers, which enters itself once.
    pytest.param(TARGET, 1, 1, id="once"),
    pytest.param(TARGET, 2, 1, id="twice"),
])
def test_a_tracer_that_calls_the_target(loaded, peer, cgroup, originals, symbol, depth, counted):
    """A limit: of calls that tracers make within each other, ftrace shows the inner to nobody."""
    peer(peers.NESTED, symbol=symbol, depth=depth)
    for _ in range(scale.READS_NESTED):
        assert cgroup.read_local() == originals[1]
    assert peers.number(peers.NESTED, "calls") == scale.READS_NESTED * depth
    assert loaded.hits(LOCAL_SHOW) == (scale.READS_NESTED, 0)
    assert loaded.number("other_hits") == scale.READS_NESTED * counted
