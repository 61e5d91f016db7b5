"""Switching under readers: no torn output, no read that contradicts a write that had returned."""

import pytest

from pytests.lib import memcg, scale, tracing
from pytests.lib.memevents import LOCAL_SHOW, SHOW
from pytests.lib.readers import Readers, every_cpu


def test_redirect(loaded, files):
    """A parent's switch, to and fro; every call is counted, on every CPU."""
    with Readers(files) as readers, loaded.writer(f"parents/{SHOW}/redirect") as write:
        for flip in range(scale.FLIPS_REDIRECT):
            value = flip & 1
            readers.switch.flip(value, lambda: write(b"01"[value:value + 1]))
            if flip < 2:    # some calls of either kind there are
                readers.wait_reads(2)
        readers.wait_reads(2)
    hits, redirected = loaded.hits(SHOW)
    assert hits == readers.ended(0)
    assert 0 < redirected < hits
    assert loaded.hits(LOCAL_SHOW) == (readers.ended(1), 0)
    assert loaded.number("other_hits") == 0


@pytest.fixture
def in_scope(cgroup):
    """What `only` and `readers` can name so that every call of the readers is in scope."""
    return {"only": cgroup.path, "readers": memcg.own_path()}


def flip_scope(hook, files, name, paths):
    """Under readers, write paths[0] and paths[1] to a file of the scope in turn; return them."""
    with Readers(files) as readers, hook.writer(name) as write:
        for flip in range(scale.FLIPS_REDIRECT):
            value = flip & 1
            readers.switch.flip(value, lambda: write(paths[value].encode()))
            if flip < 2:
                readers.wait_reads(2)
        readers.wait_reads(2)
    hits, redirected = hook.hits(SHOW)
    assert hits == readers.ended(0)
    assert hook.hits(LOCAL_SHOW) == (readers.ended(1), 0)
    assert hook.number("other_hits") == 0
    return hits, redirected


def test_only(loaded, files, in_scope, sibling):
    """A scope that has the cgroup and one that has not: no answer of the old one once it is set."""
    hits, redirected = flip_scope(loaded, files, "only", (sibling.path, in_scope["only"]))
    assert 0 < redirected < hits


def test_readers(loaded, files, in_scope, sibling):
    """The same of who reads."""
    hits, redirected = flip_scope(loaded, files, "readers", (sibling.path, in_scope["readers"]))
    assert 0 < redirected < hits


@pytest.mark.parametrize("name", ["only", "readers"])
def test_always_in_scope(loaded, files, in_scope, name):
    """The scope comes and goes, and has the call all the time: it is redirected all the time."""
    files = [(path, {0: texts[1], 1: texts[1]}) for path, texts in files]
    hits, redirected = flip_scope(loaded, files, name, ("", in_scope[name]))
    assert redirected == hits


@pytest.mark.parametrize("name", ["only", "readers"])
def test_never_in_scope(loaded, files, sibling, name):
    """Redirection comes and goes within a scope that has not the call: nobody sees the banner."""
    loaded.write(name, sibling.path)
    files = [(path, {0: texts[0], 1: texts[0]}) for path, texts in files]
    with Readers(files) as readers, loaded.writer(f"parents/{SHOW}/redirect") as write:
        for flip in range(scale.FLIPS_REDIRECT):
            write(b"01"[flip & 1:][:1])
        readers.wait_reads(2)
    assert loaded.hits(SHOW) == (readers.ended(0), 0)


def test_enabled(loaded, files):
    """The hook's own switch, to and fro; a call is counted while it is on, and then once."""
    least = [0, 0]
    begun = [0, 0]
    with Readers(files) as readers, loaded.writer("enabled") as write:
        for flip in range(scale.FLIPS_ENABLED):
            value = flip & 1
            if value == 0:
                # Those that began and ended while it was on have surely been counted.
                least = [count + max(0, readers.ended(file) - begun[file])
                         for file, count in enumerate(least)]
            readers.switch.flip(value, lambda: write(b"01"[value:value + 1]))
            if value == 1:
                begun = [readers.begun(file) for file in (0, 1)]
            readers.wait_reads(1)
    for file, parent in enumerate((SHOW, LOCAL_SHOW)):
        hits, redirected = loaded.hits(parent)
        assert least[file] <= hits <= readers.ended(file)
        assert redirected == (hits if parent == SHOW else 0)
    assert loaded.number("other_hits") == 0


def test_tracepoint(loaded, files):
    """The event, on and off: listed calls change between the two ways, and none is lost."""
    with tracing.instance() as trace, Readers(files) as readers:
        for flip in range(scale.FLIPS_TRACEPOINT):
            trace.write("enable", str(flip & 1))
        readers.wait_reads(2)
    assert loaded.hits(SHOW) == (readers.ended(0), readers.ended(0))
    assert loaded.hits(LOCAL_SHOW) == (readers.ended(1), 0)
    assert loaded.number("other_hits") == 0


def test_counters_stand_still_while_off(loaded, files):
    """Readers run on, and nothing is counted once the write has returned."""
    with Readers(files) as readers:
        readers.switch.flip(0, lambda: loaded.write("enabled", "0"))
        before = loaded.stats()
        readers.wait_reads(10)
        assert loaded.stats() == before
        readers.switch.flip(1, lambda: loaded.write("enabled", "1"))
        readers.wait_reads(10)
        assert loaded.hits(SHOW)[0] >= before[SHOW].hits + 10
    assert loaded.hits(SHOW)[0] <= readers.ended(0)


@pytest.mark.parametrize("first", [
    pytest.param(b"a" * 100 + b"\n", id="text"),
    pytest.param(b"", id="none"),
])
def test_banner(loaded, cgroup, originals, first):
    """Two banners in turn, or one and none: every read shows the one or the other, whole."""
    events, local = originals
    banners = [first, b"the other banner\n"]
    loaded.write("banner", banners[1])
    files = [(cgroup.events, {value: banner + events for value, banner in enumerate(banners)}),
             (cgroup.local, {0: local, 1: local})]
    with Readers(files) as readers, loaded.writer("banner") as write:
        for flip in range(scale.FLIPS_BANNER):
            value = flip & 1
            readers.switch.flip(value, lambda: write(banners[value] or b"\n"))
        readers.wait_reads(2)
    assert loaded.hits(SHOW) == (readers.ended(0), readers.ended(0))


def test_reset(loaded, files):
    """Counters go to zero under readers, and no call that comes meanwhile is lost."""
    with Readers(files) as readers, loaded.writer("reset") as write:
        for _ in range(scale.RESETS):
            before = [readers.ended(file) for file in (0, 1)]
            write(b"1")
            after = [readers.begun(file) for file in (0, 1)]
            # Calls that ended before the write are forgotten, those that began after it are not.
            ended = [readers.ended(file) for file in (0, 1)]
            hits = [loaded.hits(parent)[0] for parent in (SHOW, LOCAL_SHOW)]
            for file in (0, 1):
                assert ended[file] - after[file] <= hits[file]
                assert hits[file] <= readers.begun(file) - before[file]
        readers.wait_reads(10)
    for file, parent in enumerate((SHOW, LOCAL_SHOW)):
        hits, redirected = loaded.hits(parent)
        total = readers.ended(file)
        assert 0 < total - after[file] <= hits <= total - before[file]
        assert redirected == (hits if parent == SHOW else 0)


def test_counters_while_they_run(loaded, files):
    """They only grow, and there are never more redirected calls than calls."""
    with Readers(files) as readers, loaded.writer(f"parents/{SHOW}/redirect") as write:
        last = loaded.stats()
        for flip in range(scale.RESETS):
            value = flip & 1
            readers.switch.flip(value, lambda: write(b"01"[value:value + 1]))
            stats = loaded.stats()
            for parent in (SHOW, LOCAL_SHOW):
                assert last[parent].hits <= stats[parent].hits
                assert last[parent].redirected <= stats[parent].redirected
                assert stats[parent].redirected <= stats[parent].hits
            last = stats


def test_readers_on_every_cpu_at_once(loaded, files):
    """Nothing is switched; the sums are exact."""
    with Readers(files, count=2 * len(every_cpu()), cpus=every_cpu()) as readers:
        readers.wait_reads(scale.READS // 10)
    assert loaded.hits(SHOW) == (readers.ended(0), readers.ended(0))
    assert loaded.hits(LOCAL_SHOW) == (readers.ended(1), 0)
    assert loaded.number("other_hits") == 0


@pytest.mark.parametrize("flips", [0, 1, 2])
def test_rmmod_under_readers(hook, files, flips):
    """rmmod with readers inside the replacement, just behind no, one or two flips of `enabled`."""
    for _ in range(3):
        hook.load()
        with Readers(files) as readers:
            for flip in range(flips):
                value = flip & 1
                readers.switch.flip(value, lambda: hook.write("enabled", str(value)))
            readers.switch.flip(0, hook.unload)
            readers.wait_reads(2)
            assert not hook.loaded


def test_load_under_readers(hook, files):
    """The hook comes while they read: from the moment insmod returns, reads are routed."""
    with Readers(files, value=0) as readers:
        readers.switch.flip(1, hook.load)
        readers.wait_reads(10)
    assert 10 <= hook.hits(SHOW)[0] <= readers.ended(0)
