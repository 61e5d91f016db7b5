"""Waiting alone: a reader that does not come back holds up nothing but the removal of its file."""

import contextlib
import errno
import os

import pytest

from pytests.lib import memevents, scale
from pytests.lib.memevents import LOCAL_SHOW, SHOW, TARGET
from pytests.lib.userfault import Call, blocked_reader

#: Seconds that a call has, which takes none where nothing is in its way.
PATIENCE = scale.DEADLINE / 4


@contextlib.contextmanager
def waiting_removal(hook, name="hits"):
    """A removal of SHOW that waits for a blocked reader of one of its files. SHOW is off the list.

    Yields the Call that removes it, and a list of Calls, for others: they are killed at the end,
    before the reader is.
    """
    with blocked_reader(hook.path("parents", SHOW, name)):
        remove = Call("remove_parent", lambda: hook.write("remove_parent", SHOW))
        calls = [Call("wait until it is off the list", lambda: memevents.wait_for(
            lambda: SHOW not in hook.stats(), "off the list"))]
        try:
            calls[0].wait(PATIENCE)
            yield remove, calls
            assert not remove.ended(), "remove_parent has not waited for the reader"
        finally:
            for call in calls:
                call.kill()


@pytest.mark.parametrize("name", ["hits", "redirect", "call_sites"])
def test_a_blocked_reader_of_a_parents_file(loaded, cgroup, symbols, name):
    """Its parent is removed: that waits for the reader, and all else goes on meanwhile."""
    listed, other = symbols.some(2)
    loaded.write("add_parent", listed)

    def add_and_remove():
        loaded.write("add_parent", other)
        loaded.write(f"parents/{other}/redirect", "1")
        loaded.write("remove_parent", other)

    def read(file):
        return lambda: loaded.read(file)
    # Off the list at once: its calls are others'.
    with waiting_removal(loaded, name) as (remove, calls):
        calls += [Call(f"cat {file}", read(file))
                  for file in ("stats", "why", "target", "other_last", "other_hits", "enabled")]
        calls += [Call("add_parent, remove_parent", add_and_remove),
                  Call("remove_parent of another", lambda: loaded.write("remove_parent", listed)),
                  Call("reset", lambda: loaded.write("reset", "1")),
                  Call("off and on", lambda: [loaded.write("enabled", word) for word in "01"])]
        for call in calls[1:]:
            call.wait(PATIENCE)
    remove.wait(PATIENCE)
    memevents.wait_for(lambda: all(call.ended() for call in calls), "all have come back")
    assert not os.path.exists(loaded.path("parents", SHOW))
    assert loaded.parents() == {LOCAL_SHOW}
    assert list(loaded.why()) == [TARGET, LOCAL_SHOW]
    cgroup.read_events()
    assert loaded.number("other_hits") == memevents.others(1)


def test_a_removal_killed_while_it_waits(loaded):
    """A remover that is killed while it waits leaves the list as if it had come back."""
    with waiting_removal(loaded) as (remove, calls):
        # That takes longer than a removal that waits for nobody.
        calls.append(Call("off and on", lambda: [loaded.write("enabled", word) for word in "01"]))
        calls[-1].wait(PATIENCE)
        calls.append(remove)
    memevents.wait_for(lambda: all(call.ended() for call in calls), "all have come back")
    assert not os.path.exists(loaded.path("parents", SHOW))
    loaded.write("add_parent", SHOW)
    assert loaded.hits() == (0, 0)


def test_listed_again_while_its_removal_waits(loaded, kernel_log):
    """Its directory is still there: EEXIST, and nothing changes. Then there is room for it."""
    def again():
        with memevents.expect_errno(errno.EEXIST):
            loaded.write("add_parent", SHOW)
    with waiting_removal(loaded) as (remove, calls):
        mark = kernel_log.mark()
        before = loaded.stats()
        calls.append(Call("add_parent of the same", again))
        calls[-1].wait(PATIENCE)
        assert kernel_log.module_lines(mark) == [
            f"{SHOW}: is still being removed: a file of it may be in use"]
        assert loaded.stats() == before
    remove.wait(PATIENCE)
    loaded.write("add_parent", SHOW)
    assert loaded.hits() == (0, 0)


def test_a_blocked_reader_of_stats(loaded, symbols):
    """It holds up nobody: what it prints has been printed, under a lock that is free again."""
    name = next(symbols.listable())
    with blocked_reader(loaded.path("stats")):
        calls = [Call("cat stats", lambda: loaded.read("stats")),
                 Call("cat why", lambda: loaded.read("why")),
                 Call("add_parent", lambda: loaded.write("add_parent", name))]
        try:
            for call in calls:
                call.wait(PATIENCE)
        finally:
            for call in calls:
                call.kill()
        with memevents.expect_errno(errno.EAGAIN):
            loaded.unload()
    loaded.write("remove_parent", name)
