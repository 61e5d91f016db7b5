"""The main job: memory.events shows the replacement, memory.events.local the original."""

import bisect
import os
import platform

import pytest

from pytests.lib import memcg, memevents, peer as peers, scale
from pytests.lib.kernel_text import does_nothing, kernel_bytes
from pytests.lib.memevents import BANNER_LINE, LOCAL_SHOW, SHOW
from pytests.lib.readers import every_cpu


def test_figures_are_not_all_zero(cgroup, parent_cgroup):
    """The rest of this file would prove little on a cgroup without a past."""
    events = memcg.parse(cgroup.read_events().decode())
    assert events["oom_kill"] >= memcg.KILLS
    assert len({value for value in events.values() if value}) > 1, events
    assert set(memcg.parse(parent_cgroup.read_local().decode()).values()) == {0}


def test_banner_then_the_kernels_own_lines(loaded, cgroup, originals):
    """The replacement is the banner line, then what the kernel's own function prints."""
    events, local = originals
    assert cgroup.read_events() == BANNER_LINE + events
    assert cgroup.read_local() == local
    assert events == local


def test_each_of_a_thousand_reads(loaded, cgroup, originals):
    """Both files in turn: the banner in each of the one, in none of the other; exact counts."""
    events, local = originals
    banners = [0, 0]
    fds = [os.open(path, os.O_RDONLY) for path in (cgroup.events, cgroup.local)]
    for _ in range(scale.READS):
        for index, fd in enumerate(fds):
            text = os.pread(fd, memcg.PAGE, 0)
            if text.startswith(BANNER_LINE):
                banners[index] += 1
                text = text[len(BANNER_LINE):]
            assert text == events
    for fd in fds:
        os.close(fd)
    assert banners == [scale.READS, 0]
    assert loaded.hits(SHOW) == (scale.READS, scale.READS)
    assert loaded.hits(LOCAL_SHOW) == (scale.READS, 0)
    assert loaded.number("other_hits") == 0
    stats = loaded.stats()
    assert stats[SHOW][3:] == (True, scale.READS, scale.READS)
    assert stats[LOCAL_SHOW][3:] == (False, scale.READS, 0)
    assert stats["[other]"].hits == 0


def test_empty_banner_is_the_original_byte_for_byte(loaded, cgroup, parent_cgroup, originals):
    """With no banner nobody can tell, in either file, from whichever array they come."""
    loaded.write("banner", "")
    assert (cgroup.read_events(), cgroup.read_local()) == originals
    redirected = parent_cgroup.read_events(), parent_cgroup.read_local()
    assert loaded.hits(SHOW) == (2, 2)
    assert loaded.hits(LOCAL_SHOW) == (2, 0)
    loaded.write("enabled", "0")
    assert (parent_cgroup.read_events(), parent_cgroup.read_local()) == redirected
    assert redirected[0] != redirected[1]


def test_off_takes_the_hook_out_and_on_puts_it_back(loaded, cgroup, originals):
    """Off: no redirection, no entry in enabled_functions, counters stand still."""
    assert memevents.traced()
    cgroup.read_events()
    loaded.write("enabled", "0")
    assert not loaded.boolean("enabled")
    assert memevents.traced() is None
    assert (cgroup.read_events(), cgroup.read_local()) == originals
    assert loaded.hits(SHOW) == (1, 1)
    assert loaded.hits(LOCAL_SHOW) == (0, 0)

    loaded.write("enabled", "1")
    assert loaded.boolean("enabled")
    assert memevents.traced()
    assert cgroup.read_events() == BANNER_LINE + originals[0]
    assert cgroup.read_local() == originals[1]
    assert loaded.hits(SHOW) == (2, 2)
    assert loaded.hits(LOCAL_SHOW) == (1, 0)


@pytest.mark.parametrize("enabled", [True, False])
def test_writing_the_present_state_is_no_error(hook, cgroup, enabled):
    """And changes nothing."""
    hook.load(enabled=enabled)
    cgroup.read_events()
    before = hook.state()
    hook.write("enabled", "1" if enabled else "0")
    assert hook.state() == before


def test_each_parent_has_a_switch_of_its_own(loaded, cgroup, originals):
    """Every combination of the two parents' switches routes as it says."""
    for events, local in ((0, 0), (0, 1), (1, 0), (1, 1)):
        loaded.write("reset", "1")
        loaded.write(f"parents/{SHOW}/redirect", str(events))
        loaded.write(f"parents/{LOCAL_SHOW}/redirect", str(local))
        assert cgroup.read_events() == BANNER_LINE * events + originals[0]
        assert cgroup.read_local() == BANNER_LINE * local + originals[1]
        assert loaded.hits(SHOW) == (1, events)
        assert loaded.hits(LOCAL_SHOW) == (1, local)
        stats = loaded.stats()
        assert (stats[SHOW].redirect, stats[LOCAL_SHOW].redirect) == (bool(events), bool(local))


def test_a_switch_set_while_off_holds_once_on(hook, cgroup, originals):
    """The switches are state of their own: the hook being off does not stop them."""
    hook.load(enabled=False)
    hook.write(f"parents/{SHOW}/redirect", "0")
    hook.write(f"parents/{LOCAL_SHOW}/redirect", "1")
    hook.write("banner", "while off")
    assert (cgroup.read_events(), cgroup.read_local()) == originals
    hook.write("enabled", "1")
    assert cgroup.read_events() == originals[0]
    assert cgroup.read_local() == b"while off\n" + originals[1]


def test_live_counters_not_a_copy(loaded, parent_cgroup):
    """The replacement prints the figures of the moment."""
    loaded.write("banner", "")
    with memcg.child(parent_cgroup) as child:
        for kills in range(3):
            events = memcg.parse(child.read_events().decode())
            assert events["oom_kill"] == kills
            assert events == memcg.parse(child.read_local().decode())
            memcg.push_over_max(child.folder)


def test_each_cpu_counts_and_none_is_lost(loaded, cgroup):
    """Reads on every CPU in turn, on no two as many, are all in the sum."""
    cpus = every_cpu()
    reads = {cpu: 10 * number for number, cpu in enumerate(cpus, 1)}
    try:
        for cpu, count in reads.items():
            os.sched_setaffinity(0, {cpu})
            for _ in range(count):
                cgroup.read_events()
    finally:
        os.sched_setaffinity(0, cpus)
    assert loaded.hits(SHOW) == (sum(reads.values()), sum(reads.values()))


def neighbours(hook, symbols):
    """List, and return, a function and the one behind it, which does nothing but return.

    Newer kernels have padding between them that has a name of its own, and runs into the second.
    """
    start, end = symbols.address["_stext"], symbols.address["_etext"]
    text = kernel_bytes(start, end - start)
    thunks = {address for name, address in symbols.address.items() if "return_thunk" in name}
    at = {address: name for address, name in symbols.text if symbols.count[name] == 1}
    known = set(symbols.listable())
    for behind in symbols.listable():
        edge = symbols.address.get("__pfx_" + behind, symbols.address[behind])
        before = at.get(symbols.addresses[bisect.bisect_left(symbols.addresses, edge) - 1])
        if start < edge < end and before in known and \
                does_nothing(edge, text[edge - start:edge - start + 64], thunks):
            hook.write("add_parent", before)
            hook.write("add_parent", behind)
            return before, behind, edge
    pytest.skip("no function of this kernel that does nothing stands behind one to list")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="elsewhere it would return to itself")
def test_a_call_that_ends_its_function(loaded, peer, symbols):
    """It returns to the first byte behind, and is its function's for all that.

    In no list, it is told by that byte, as a trampoline of a tracer is: no call stands before it.
    """
    before, behind, edge = neighbours(loaded, symbols)
    stats = loaded.stats()
    assert stats[before].end == edge <= stats[behind].start
    peer(peers.CALLER, return_to=hex(edge))
    for count in range(1, 4):
        text = memevents.read_file(peers.CALLED)
        assert text.startswith(b"low 1000\n"), text
        assert loaded.hits(before) == (count, 0)
        assert loaded.hits(behind) == (0, 0)
    assert loaded.number("other_hits") == 0
    for name in (before, behind):
        loaded.write("remove_parent", name)
    memevents.read_file(peers.CALLED)
    name, _, place = loaded.read("other_last").partition("+")
    assert symbols.address[name] == edge and place.startswith("0x0/"), (name, place)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="elsewhere it would return to itself")
def test_a_call_just_behind_a_function(loaded, peer, symbols):
    """One whose last byte is the first behind the function is not the function's."""
    before, behind, edge = neighbours(loaded, symbols)
    if kernel_bytes(edge, 2) != b"\x90\x90":
        pytest.skip("no padding between the two that could be run through")
    loaded.write("remove_parent", behind)
    peer(peers.CALLER, return_to=hex(edge + 1))
    memevents.read_file(peers.CALLED)
    assert loaded.hits(before) == (0, 0)
    assert loaded.number("other_hits") == 1
