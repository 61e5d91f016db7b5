"""The main job: memory.events shows the replacement, memory.events.local the original."""

import os

import pytest

import memcg
import memevents
import scale
from memevents import BANNER, LOCAL_SHOW, SHOW

LINE = BANNER.encode() + b"\n"


def test_figures_are_not_all_zero(cgroup, parent_cgroup):
    """The rest of this file would prove little on a cgroup without a past."""
    events = memcg.parse(cgroup.read_events().decode())
    assert events["oom_kill"] >= memcg.KILLS
    assert len({value for value in events.values() if value}) > 1, events
    assert set(memcg.parse(parent_cgroup.read_local().decode()).values()) == {0}


def test_banner_then_the_kernels_own_lines(loaded, cgroup, originals):
    """The replacement is the banner line, then what the kernel's own function prints."""
    events, local = originals
    assert cgroup.read_events() == LINE + events
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
            if text.startswith(LINE):
                banners[index] += 1
                text = text[len(LINE):]
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
    assert cgroup.read_events() == LINE + originals[0]
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
        assert cgroup.read_events() == LINE * events + originals[0]
        assert cgroup.read_local() == LINE * local + originals[1]
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
    """Reads on every CPU in turn are all in the sum."""
    cpus = sorted(os.sched_getaffinity(0))
    try:
        for cpu in cpus:
            os.sched_setaffinity(0, {cpu})
            for _ in range(10):
                cgroup.read_events()
    finally:
        os.sched_setaffinity(0, cpus)
    assert loaded.hits(SHOW) == (10 * len(cpus), 10 * len(cpus))
