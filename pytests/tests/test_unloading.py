"""Unloading: no text is freed while a task is in it, however long that takes."""

import contextlib
import errno

import pytest

from pytests.lib import memevents, scale, slow, tracing, visitors
from pytests.lib import peer as peers
from pytests.lib.memevents import LOCAL_SHOW
from pytests.lib.readers import Readers, every_cpu


@pytest.mark.parametrize("preempted", [False, True])
def test_in_a_slow_replacement(slow_target, cgroup, originals, preempted):
    """One that spins for 20 ms, called by readers on every CPU, and preempted where it can be."""
    for _ in range(scale.SLOW_UNLOADS):
        slow.unload(slow_target, cgroup, originals, preempted)


def test_switched_off_before(slow_target, cgroup, originals):
    """The hook is off by then, but tasks that came when it was on are still in there."""
    for _ in range(scale.SLOW_UNLOADS):
        with Readers(slow.files(cgroup, originals), value=0, cpus=every_cpu()) as readers:
            readers.switch.flip(1, slow_target.load)
            readers.wait_reads(1)
            readers.switch.flip(0, lambda: slow_target.write("enabled", "0"))
            slow_target.unload()
            readers.wait_reads(1)


@pytest.fixture
def busy(peer):
    """The target has another IPMODIFY user, and is traced: calls go by ftrace's list."""
    with visitors.tracer("function", only=memevents.hooked()[0]):
        peer(peers.KPROBE)
        peers.need_ipmodify(peers.KPROBE)
        yield
        peers.unload(peers.KPROBE)


@pytest.mark.parametrize("at_load", [False, True])
@pytest.mark.usefixtures("busy")
def test_behind_a_refusal(slow_target, cgroup, originals, at_load):
    """ftrace refuses without the grace periods of its way out; the module goes at once."""
    files = [(cgroup.events, dict.fromkeys((0, 1), originals[0]))]
    with Readers(files, cpus=every_cpu(), nice=slow.NICE) as readers:
        for _ in range(scale.SLOW_UNLOADS):
            if at_load:
                with memevents.expect_errno(errno.EBUSY):
                    slow_target.load()
                continue
            slow_target.load(enabled=False)
            for _ in range(10):
                with memevents.expect_errno(errno.EBUSY):
                    slow_target.write("enabled", "1")
            slow_target.unload()
        readers.wait_reads(2)


def test_with_parents_just_removed(hook, any_target, symbols):
    """What frees a parent later is the module's code: unloading waits for that too."""
    target, *names = symbols.some(6)
    for _ in range(2):
        # It is there before: its memory is not where the module's was.
        with any_target.session(target=target, redirect="", observe=""):
            # Never switched on: then nothing else in unloading has a reason to wait.
            hook.load(enabled=False)
            for name in names:
                hook.write("add_parent", name)
            for name in names:
                hook.write("remove_parent", name)
            hook.unload()
            # A grace period or two, in which all that is still to be freed is freed.
            for word in "010":
                any_target.write("enabled", word)


SEARCH = "lookup_search"

#: In how many places of it a call is held up.
PLACES = 12


@contextlib.contextmanager
def held_up(symbol, offset, spin_ms):
    """Calls that come to an instruction of the module's take their time there.

    Raises OSError where no instruction begins at the offset.
    """
    peers.load(peers.KPROBE, symbol=f"{memevents.MODULE}:{symbol}", offset=offset, post="N",
               spin_ms=spin_ms)
    try:
        yield
    finally:
        peers.unload(peers.KPROBE)


def test_a_table_in_use(hook, cgroup, originals, symbols):
    """A table is freed only when no call can have it in hand: calls are held up in the search."""
    name = next(symbols.listable())
    files = [(cgroup.events, dict.fromkeys((0, 1), originals[0]))]
    hook.load(redirect="", observe="")
    hits = 0
    with tracing.bypassing_the_cache(), Readers(files, cpus=[0]) as readers:
        for offset in range(300):
            with contextlib.ExitStack() as stack:
                try:
                    stack.enter_context(held_up(SEARCH, offset, 5))
                except OSError as error:
                    # No instruction begins there, or none that takes a probe.
                    assert error.errno in (errno.EILSEQ, errno.EINVAL), error
                    continue
                before = peers.number(peers.KPROBE, "hits")
                for _ in range(3):
                    hook.write("add_parent", name)
                    hook.write("remove_parent", name)
                    readers.wait_reads(1)
                hits += peers.number(peers.KPROBE, "hits") > before
            if hits == PLACES:
                break
    assert hits == PLACES
    assert hook.number("other_hits") == readers.ended()


def test_a_parent_in_use(hook, cgroup, originals):
    """A parent is freed only when no call can have it in hand: calls are held up behind it."""
    files = [(cgroup.local, dict.fromkeys((0, 1), originals[1]))]
    hook.load()
    peers.load(peers.EVENT, spin_ms=5)
    with Readers(files, cpus=[0]) as readers:
        for _ in range(scale.SLOW_UNLOADS):
            hook.write("remove_parent", LOCAL_SHOW)
            readers.wait_reads(1)
            hook.write("add_parent", LOCAL_SHOW)
            readers.wait_reads(1)
    assert peers.number(peers.EVENT, "named") >= scale.SLOW_UNLOADS
    peers.unload(peers.EVENT)
