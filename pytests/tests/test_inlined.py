"""A target that the compiler inlined into its callers: they are hooked in its place.

Here on every kernel, by a target that no kernel has. Where the compiler did inline the module's own
(6.12-clang), all the tests are about that.
"""

import errno
import re

import pytest

from pytests.lib import memevents, peer as peers, slow, tracing
from pytests.lib.memevents import LOCAL_SHOW, SHOW
from pytests.lib.stats import check_format

NO_FUNCTION = "no_such_function"


@pytest.fixture
def load(slow_target):
    """A function that loads the engine on a target that is not there, its replacement quick."""
    def load(**parameters):
        slow_target.load(target=NO_FUNCTION, spin_ms="0", **parameters)
        return slow_target
    return load


def hooked():
    """Return which of the two functions ftrace has a user of."""
    return {symbol for symbol in (SHOW, LOCAL_SHOW) if memevents.traced(symbol)}


def states(hook):
    """Return {symbol: state} of `callers`."""
    return {line.split()[1].partition("+")[0]: line.split()[3]
            for line in hook.read("callers").splitlines()}


def test_what_the_files_say(load, symbols, kernel_log):
    """No range, no call: entries, where the kernel's symbol table has them."""
    mark = kernel_log.mark()
    hook = load()
    assert any(NO_FUNCTION in line and "inlined" in line for line in kernel_log.module_lines(
        mark, hook.name + ": "))
    assert hook.read("target") == f"{NO_FUNCTION} inlined\n"
    stats = hook.read("stats")
    assert stats.startswith(f"# enabled=Y target={NO_FUNCTION} range=inlined\n")
    check_format(stats, NO_FUNCTION)
    entries = {symbol: f"0x{symbols.address[symbol]:x} {symbol}+0x0 entry"
               for symbol in (SHOW, LOCAL_SHOW)}
    for symbol, line in entries.items():
        assert hook.read("parents", symbol, "call_sites") == line + "\n"
    lines = hook.read("callers").splitlines()
    assert sorted(lines, key=lambda line: int(line.split()[0], 16)) == lines
    assert set(lines) == {entries[SHOW] + " redirected", entries[LOCAL_SHOW] + " observed"}
    assert hook.why() == {NO_FUNCTION: "ok", SHOW: "ok", LOCAL_SHOW: "redirect off"}


def test_each_is_routed_by_its_own_switch(load, cgroup, originals):
    """Every combination of the two; each call is in its row, and none is another's."""
    hook = load()
    for events, local in ((0, 0), (0, 1), (1, 0), (1, 1)):
        hook.write("reset", "1")
        hook.write(f"parents/{SHOW}/redirect", str(events))
        hook.write(f"parents/{LOCAL_SHOW}/redirect", str(local))
        assert cgroup.read_events() == (slow.SLOW if events else originals[0])
        assert cgroup.read_local() == (slow.SLOW if local else originals[1])
        assert hook.hits(SHOW) == (1, events)
        assert hook.hits(LOCAL_SHOW) == (1, local)
    assert hook.number("other_hits") == 0
    assert hook.read("other_last") == ""


def test_banner(load, cgroup):
    """Each has a replacement that prints it, and one that does not ask."""
    hook = load(redirect=[SHOW, LOCAL_SHOW])
    for banner in (b"", b"a banner\n", b""):
        hook.write("banner", banner)
        assert (cgroup.read_events(), cgroup.read_local()) == (banner + slow.SLOW,) * 2


def test_off_and_on(load, cgroup, originals):
    """Off, neither is hooked, and the counters stand still."""
    hook = load()
    assert hooked() == {SHOW, LOCAL_SHOW}
    hook.write("enabled", "0")
    assert hooked() == set()
    assert (cgroup.read_events(), cgroup.read_local()) == originals
    assert hook.hits() == (0, 0)
    hook.write("enabled", "1")
    assert (cgroup.read_events(), cgroup.read_local()) == (slow.SLOW, originals[1])
    assert hook.hits() == (1, 1) and hook.hits(LOCAL_SHOW) == (1, 0)


def test_an_unlisted_parent_is_not_hooked(load, cgroup, originals):
    """Nor counted, until it is listed again."""
    hook = load()
    hook.write("remove_parent", SHOW)
    assert hooked() == {LOCAL_SHOW}
    assert states(hook) == {SHOW: "-", LOCAL_SHOW: "observed"}
    assert (cgroup.read_events(), cgroup.read_local()) == originals
    hook.write("remove_parent", LOCAL_SHOW)
    assert hooked() == set() and hook.boolean("enabled")
    assert (cgroup.read_events(), cgroup.read_local()) == originals
    assert hook.number("other_hits") == 0 and hook.read("other_last") == ""

    hook.write("add_parent", SHOW)
    assert hooked() == {SHOW}
    assert states(hook) == {SHOW: "observed", LOCAL_SHOW: "-"}
    hook.write(f"parents/{SHOW}/redirect", "1")
    assert (cgroup.read_events(), cgroup.read_local()) == (slow.SLOW, originals[1])
    assert hook.hits() == (1, 1)


def test_listed_while_off(load, cgroup, originals):
    """It is hooked when the hook is switched on, and one that was unlisted is not."""
    hook = load(enabled=False)
    hook.write("remove_parent", LOCAL_SHOW)
    hook.write("remove_parent", SHOW)
    hook.write("add_parent", SHOW)
    assert hooked() == set()
    hook.write("enabled", "1")
    assert hooked() == {SHOW}
    assert (cgroup.read_events(), cgroup.read_local()) == originals
    assert hook.hits() == (1, 0)


def test_nothing_else_can_be_listed(load, kernel_log):
    """EOPNOTSUPP, with a line that says why, at load too; who has no such function hears that."""
    mark = kernel_log.mark()
    with memevents.expect_errno(errno.EOPNOTSUPP):
        load(observe="vfs_read")
    line, = kernel_log.module_lines(mark, "slow_target_hook: ")
    assert "vfs_read" in line and "inlined" in line
    hook = load()
    for number, name in ((errno.EOPNOTSUPP, "vfs_read"), (errno.ENOENT, "no_such_symbol"),
                         (errno.EEXIST, SHOW)):
        with hook.refuses(number, name):
            hook.write("add_parent", name)


@pytest.mark.parametrize("held", [SHOW, LOCAL_SHOW])
def test_another_has_one_of_them(load, peer, cgroup, originals, kernel_log, held):
    """Then neither is hooked; a line names that one; the other can be had alone."""
    peer(peers.IPMODIFY, symbol=held)
    mark = kernel_log.mark()
    with memevents.expect_errno(errno.EBUSY):
        load()
    line, = kernel_log.module_lines(mark, "slow_target_hook: ")
    assert re.search(rf"\b{held}: refused: another IPMODIFY user", line), line
    assert hooked() == {held}

    hook = load(enabled=False)
    with hook.refuses(errno.EBUSY):
        hook.write("enabled", "1")
    assert hooked() == {held}
    assert (cgroup.read_events(), cgroup.read_local()) == originals
    assert hook.why()[NO_FUNCTION].startswith("refused: another IPMODIFY user")

    hook.write("remove_parent", held)
    hook.write("enabled", "1")
    with hook.refuses(errno.EBUSY):
        hook.write("add_parent", held)
    assert held not in hook.parents() and hook.boolean("enabled")
    peers.unload(peers.IPMODIFY)
    hook.write("add_parent", held)
    assert hooked() == {SHOW, LOCAL_SHOW}


def test_scope_and_times(load, cgroup, originals):
    """`readers` and `times` limit what is redirected; calls out of scope are counted."""
    hook = load()
    hook.write("readers", cgroup.path)
    assert cgroup.read_events() == originals[0]
    hook.write("readers", "/")
    hook.write(f"parents/{SHOW}/times", "1")
    assert [cgroup.read_events() for _ in range(2)] == [slow.SLOW, originals[0]]
    assert hook.hits() == (3, 1)
    assert hook.why()[SHOW] == "times used up"


def test_the_tracepoint(load, cgroup):
    """An event a call, with the parent's name; none of one that is not listed."""
    hook = load()
    with tracing.instance() as trace:
        trace.write("enable", "1")
        cgroup.read_events()
        cgroup.read_local()
        hook.write("remove_parent", SHOW)
        cgroup.read_events()
        lines = trace.lines()
    assert [re.search(r"parent=(\S*) .*redirected=(\d)", line).groups() for line in lines] == [
        (SHOW, "1"), (LOCAL_SHOW, "0")]


def test_unloaded_with_readers_in_the_replacement(slow_target, cgroup, originals):
    """They go on in the kernel's own, as where the target is called."""
    real_load = slow_target.load
    slow_target.load = lambda: real_load(target=NO_FUNCTION)
    slow.unload(slow_target, cgroup, originals)
