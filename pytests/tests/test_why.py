"""`why`: a line that names the true reason, for the hook and for each parent."""

import errno

import pytest

from pytests.lib import kernel_log, memevents, peer as peers
from pytests.lib.memevents import LOCAL_SHOW, SHOW, TARGET


def test_a_line_each_in_order(loaded, symbols):
    """The hook's first, then the parents by ascending start; nothing else."""
    name = next(symbols.listable())
    loaded.write("add_parent", name)
    text = loaded.read("why")
    assert text.endswith("\n")
    assert all(": " in line for line in text.splitlines())
    starts = {row.parent: row.start for row in loaded.stats().values() if row.start}
    assert list(loaded.why()) == [TARGET] + sorted(starts, key=starts.get)


def test_all_is_well(loaded):
    """`ok` for what routes; an observed parent is kept from it by its own switch."""
    assert loaded.why()[TARGET] == "ok"
    assert loaded.why()[SHOW] == "ok"
    assert "redirect off" in loaded.why()[LOCAL_SHOW]


def test_hook_off(loaded):
    """Said of the hook and of every parent."""
    loaded.write("enabled", "0")
    assert all("hook off" in reason for reason in loaded.why().values())
    loaded.write("enabled", "1")
    assert loaded.why()[TARGET] == loaded.why()[SHOW] == "ok"


def test_refused(hook, peer):
    """Said until `enabled` is written again; the parents are as with any hook that is off."""
    hook.load(enabled=False)
    peer(peers.IPMODIFY)
    with hook.refuses(errno.EBUSY):
        hook.write("enabled", "1")
    why = hook.why()
    assert why.pop(TARGET).startswith("refused: another IPMODIFY user")
    assert len(why) == 2 and all("hook off" in reason for reason in why.values())
    hook.write("enabled", "0")
    assert hook.why()[TARGET] == "hook off"


def test_redirect_off(loaded):
    """Said of the parent whose switch it is, and of no other."""
    loaded.write(f"parents/{SHOW}/redirect", "0")
    loaded.write(f"parents/{LOCAL_SHOW}/redirect", "1")
    why = loaded.why()
    assert "redirect off" in why[SHOW]
    assert why[LOCAL_SHOW] == why[TARGET] == "ok"


def test_no_direct_call(loaded, symbols):
    """Said of a parent that does not call the target, whatever its switch."""
    name = next(symbols.listable())
    loaded.write("add_parent", name)
    assert "no direct call" in loaded.why()[name]
    loaded.write(f"parents/{name}/redirect", "1")
    assert "no direct call" in loaded.why()[name]
    assert "redirect off" not in loaded.why()[name]


def test_nothing_listed(hook):
    """Then there is the hook's line alone."""
    hook.load(redirect="", observe="")
    assert hook.why() == {memevents.TARGET: "ok"}


@pytest.mark.livepatch
def test_a_livepatched_parent_that_calls_the_target(loaded, cgroup):
    """The call stands in the patch's own text: it is others', which `why` says once one came."""
    peers.load(peers.LIVEPATCH, symbol=SHOW, parent="Y", calls="Y")
    assert cgroup.read_events().startswith(b"low 0\n")
    assert loaded.hits() == (0, 0)
    assert loaded.number("other_hits") == 1
    assert "livepatch" in loaded.why()[SHOW]
    peers.unload(peers.LIVEPATCH)
    loaded.write("reset", "1")
    assert loaded.why()[SHOW] == "ok"
    assert cgroup.read_events().startswith(memevents.BANNER.encode())


def test_another_module_that_calls_the_target(loaded, peer):
    """It calls the target and redirects nothing: `why` says `ok` of target and parents."""
    peer(peers.CALLER)
    memevents.read_file(peers.CALLED)
    assert loaded.number("other_hits") == 1
    assert loaded.why()[TARGET] == "ok"
    if not kernel_log.taint() & kernel_log.TAINT_LIVEPATCH:
        assert loaded.why()[SHOW] == "ok"
