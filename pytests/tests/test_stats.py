"""`stats`: its lines, its columns, and that they align."""

from pytests.lib import memevents
from pytests.lib.memevents import LOCAL_SHOW, SHOW
from pytests.lib.stats import check_format


def test_fresh(loaded):
    """As loaded: both parents, zeros."""
    stats = check_format(loaded.read("stats"))
    assert list(stats)[-1] == "[other]"
    assert set(stats) == {SHOW, LOCAL_SHOW, "[other]"}
    assert stats[SHOW][3:] == (True, 0, 0)
    assert stats[LOCAL_SHOW][3:] == (False, 0, 0)
    assert stats["[other]"].hits == 0


def test_first_line(loaded):
    """It says what `enabled` and `target` say."""
    for word in ("0", "1"):
        loaded.write("enabled", word)
        symbol, *place = loaded.read("target").split()
        enabled = loaded.read("enabled").strip()
        assert loaded.read("stats").split("\n")[0] == \
            f"# enabled={enabled} target={symbol} range={'-'.join(place)}"


def test_agrees_with_the_files(loaded, cgroup):
    """Each row says what the files of its parent say."""
    loaded.write("remove_parent", LOCAL_SHOW)
    for _ in range(12):
        cgroup.read_events()
        cgroup.read_local()
    loaded.write(f"parents/{SHOW}/redirect", "0")
    cgroup.read_events()
    stats = check_format(loaded.read("stats"))
    row = stats[SHOW]
    assert loaded.read("parents", SHOW, "range") == f"0x{row.start:x} 0x{row.end:x}\n"
    assert row.redirect == loaded.boolean("parents", SHOW, "redirect") is False
    assert row[4:] == loaded.hits() == (13, 12)
    assert stats["[other]"].hits == loaded.number("other_hits") == memevents.others(12)


def test_aligned_with_few_and_many(hook, symbols):
    """No parent; some with the longest and the shortest names there are."""
    hook.load(redirect="", observe="")
    assert set(check_format(hook.read("stats"))) == {"[other]"}
    names = sorted(symbols.some(2000), key=len)
    for name in names[:8] + names[-8:]:
        hook.write("add_parent", name)
        check_format(hook.read("stats"))
    assert len(hook.stats()) == 17
