"""Every allocation and user copy failed, one by one: an error comes back, and nothing has changed.

For loading and for each write, the first thing in it that can fail is made to
fail, then the second, until there is no further one. Each time either the
error comes back and all is as it was, and the next try without fault
succeeds; or the kernel could do without, and the call has done all its work.
"""

import errno
import os
import re

import pytest

from pytests.lib import faults, kmemleak, memevents
from pytests.lib.memevents import BANNER, BANNER_LINE, LOCAL_SHOW, SHOW


@pytest.fixture(scope="module", autouse=True)
def nothing_lost():
    """The way back from every fault loses no memory: looked at once, behind all the tests."""
    faults.needed()
    with kmemleak.nothing_lost():
        yield


@pytest.fixture
def nth():
    """Runs calls with their nth fault injected."""
    with faults.injector() as injector:
        yield injector


def snapshot(hook):
    """Return all that a failed write must leave as it is."""
    return {**hook.state(memevents.traced), "refcount": hook.refcount(), "why": hook.read("why")}


def switches(state):
    """Return what of a snapshot stays while calls are counted."""
    rows = memevents.parse_stats(state["stats"]).values()
    return {**{what: state[what] for what in ("enabled", "banner", "only", "readers", "hold",
                                              "tree", "refcount")},
            "traced": bool(state["traced"]),
            "times": re.findall("^# times .*", state["stats"], re.MULTILINE),
            "redirects": {row.parent: row.redirect for row in rows}}


def whole(write, data):
    """Have a `write` of Hook.writer() write data, all of it; raises OSError."""
    written = write(data)
    assert written == len(data), f"write() took {written} of {len(data)} bytes"


def each_fault(nth, call, failed, done, numbers=range(1, faults.MOST)):
    """Run call() with its first fault, its second, ... until it has no further one.

    failed(error) is run after each call that raised one of faults.ERRNOS,
    done() after each that did not. Returns how many faults were injected, and
    how many of them gave an error.

    numbers: which of the faults, where not all of them.
    """
    errors = 0
    for number in numbers:
        injected, error = nth.run(number, call)
        if error is not None:
            assert injected, f"no fault injected, yet {error!r}"
            assert error.errno in faults.ERRNOS, f"fault {number}: {error!r}"
            errors += 1
            failed(error)
        else:
            done()
        if not injected:
            return number - numbers[0], errors
    assert numbers[-1] < faults.MOST - 1, f"after {faults.MOST} faults there are more"
    return len(numbers), errors


WRITES = [
    # file, what is written, and what puts things back
    pytest.param("enabled", b"0", b"1", id="off"),
    pytest.param("enabled", b"1", b"0", id="on"),
    pytest.param("banner", b"another banner", BANNER.encode(), id="banner"),
    pytest.param("banner", b"", BANNER.encode(), id="no-banner"),
    pytest.param(f"parents/{SHOW}/redirect", b"0", b"1", id="redirect-off"),
    pytest.param(f"parents/{LOCAL_SHOW}/redirect", b"1", b"0", id="redirect-on"),
    pytest.param("only", b"/", b"", id="only"),
    pytest.param("only", b"", b"/", id="no-only"),
    pytest.param("readers", b"/", b"", id="readers"),
    pytest.param("readers", b"", b"/", id="no-readers"),
    pytest.param(f"parents/{SHOW}/times", b"1000000", b"-1", id="times"),
    pytest.param("reset", b"1", None, id="reset"),
]


@pytest.mark.parametrize("name, data, back", WRITES)
def test_write(loaded, nth, cgroup, record_property, name, data, back):
    """Each write to each switch, with every fault it can have."""
    if data == b"1" and name == "enabled":
        loaded.write("enabled", "0")
    with loaded.writer(name) as write:
        whole(write, data)      # once without, so that what follows is warm
        after = snapshot(loaded)
        if back is not None:
            whole(write, back)
            assert switches(snapshot(loaded)) != switches(after)

        def prepare():
            """Have something to lose, and remember it."""
            cgroup.read_events()
            cgroup.read_local()
            return snapshot(loaded)
        before = prepare()

        def failed(error):
            assert snapshot(loaded) == before, f"changed by a write that failed: {error!r}"
            whole(write, data)
            done()

        def done():
            nonlocal before
            now = snapshot(loaded)
            for what, value in switches(after).items():
                assert switches(now)[what] == value, what
            if name == "reset":
                assert loaded.hits() == (0, 0)
            if back is not None:
                whole(write, back)
            before = prepare()
        injected, errors = each_fault(nth, lambda: whole(write, data), failed, done)
    record_property("faults", injected)
    record_property("errors", errors)
    assert errors, "no fault gave an error: were any injected?"
    print(f"{name}: {injected} faults injected, {errors} gave an error")


def test_hold(loaded, nth, record_property):
    """Who could not open, or could not write, holds nothing and switches nothing off."""
    path = loaded.path("hold")
    before = snapshot(loaded)

    def unchanged(_=None):
        assert snapshot(loaded) == before
    injected, errors = each_fault(nth, lambda: os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC)),
                                  unchanged, unchanged)
    assert errors
    with loaded.writer("hold") as keep, loaded.writer("hold") as write:
        whole(keep, b"1")
        for data, back, holders in ((b"1", b"0", 1), (b"0", b"1", 2)):
            whole(write, back)

            def failed(_):
                assert loaded.read("hold") == f"{holders}\n"
                whole(write, data)
                done()

            def done():
                assert loaded.read("hold") == f"{3 - holders}\n"
                whole(write, back)
            faults_here, errors_here = each_fault(nth, lambda: whole(write, data), failed, done)
            assert errors_here and loaded.boolean("enabled")
            injected += faults_here
            errors += errors_here
        whole(write, b"0")
    record_property("faults", injected)
    record_property("errors", errors)
    assert not loaded.boolean("enabled")


def each_fault_of(write, undo, loaded, nth, record_property):
    """Have a write fail by each fault: it changes nothing, and the next one does all.

    write, undo: without arguments; each is whole, and undoes the other.
    Returns how many faults gave an error.
    """
    before = snapshot(loaded)
    write()
    after = snapshot(loaded)
    undo()

    def failed(error):
        assert snapshot(loaded) == before, f"changed by a write that failed: {error!r}"
        write()
        done()

    def done():
        assert snapshot(loaded) == after
        undo()
    injected, errors = each_fault(nth, write, failed, done)
    assert snapshot(loaded) == before
    record_property("faults", injected)
    record_property("errors", errors)
    return errors


@pytest.mark.parametrize("is_caller", [False, True])
def test_add_parent(loaded, nth, symbols, record_property, is_caller):
    """A parent that could not be listed has no row, no directory and no memory.

    is_caller: does it call the target?
    """
    data = (LOCAL_SHOW if is_caller else next(symbols.listable())).encode()
    with loaded.writer("add_parent") as add, loaded.writer("remove_parent") as remove:
        if is_caller:
            whole(remove, data)
        assert each_fault_of(lambda: whole(add, data), lambda: whole(remove, data),
                             loaded, nth, record_property) > 10


#: How many things can fail before a name is found to be one function's, at most.
TO_TELL_NAMES_APART = 12


def test_add_the_first_parent(hook, nth, symbols, record_property):
    """What the first write finds out about all names, the next does where the first failed."""
    data = next(symbols.listable()).encode()
    errors = 0
    for number in range(1, TO_TELL_NAMES_APART + 1):
        hook.load()
        with hook.writer("add_parent") as add:
            before = snapshot(hook)
            injected, error = nth.run(number, lambda: whole(add, data))
            assert injected
            if error is not None:
                assert error.errno in faults.ERRNOS
                errors += 1
                assert snapshot(hook) == before, f"changed by a write that failed: {error!r}"
                whole(add, data)
            assert data.decode() in hook.stats()
        hook.unload()
    record_property("faults", TO_TELL_NAMES_APART)
    record_property("errors", errors)
    assert errors


def test_no_memory_for_all_names(hook, symbols, kernel_log):
    """Their list falls back to other memory where one allocation fails: here all do."""
    name = next(symbols.listable())
    hook.load()
    with hook.writer("add_parent") as add:
        before = snapshot(hook)
        mark = kernel_log.mark()
        with memevents.expect_errno(errno.ENOMEM), faults.no_pages():
            add(name.encode())
        assert f"{name}: out of memory" in kernel_log.module_lines(mark)
        assert snapshot(hook) == before
        whole(add, name.encode())
    assert name in hook.stats()


def test_remove_parent(loaded, nth, symbols, record_property):
    """A removal is whole or not at all."""
    data = next(symbols.listable()).encode()
    with loaded.writer("add_parent") as add, loaded.writer("remove_parent") as remove:
        without = snapshot(loaded)
        whole(add, data)
        assert each_fault_of(lambda: whole(remove, data), lambda: whole(add, data),
                             loaded, nth, record_property)
        whole(remove, data)
        assert snapshot(loaded) == without


@pytest.mark.parametrize("name", ["stats", "why", "target", "enabled", "banner", "other_hits",
                                  "only", "readers", "hold", "callers",
                                  f"parents/{SHOW}/call_sites", f"parents/{SHOW}/hits",
                                  f"parents/{SHOW}/times"])
def test_read(loaded, nth, name):
    """Opening and reading fails whole, or gives the whole text."""
    path = loaded.path(name)
    wanted = memevents.read_file(path)
    before = snapshot(loaded)
    got = []

    def read():
        got.clear()
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            got.append(os.read(fd, 65536))
        finally:
            os.close(fd)

    def failed(error):
        assert snapshot(loaded) == before, f"changed by a read that failed: {error!r}"

    def done():
        assert got == [wanted]
    _, errors = each_fault(nth, read, failed, done)
    assert errors


def test_the_hooked_files_under_faults(loaded, nth, cgroup, originals):
    """A read of memory.events that fails is counted at most once; one that succeeds is whole."""
    wanted = BANNER_LINE + originals[0]
    got = []
    counted = 0

    def read():
        got.clear()
        fd = os.open(cgroup.events, os.O_RDONLY | os.O_CLOEXEC)
        try:
            got.append(os.read(fd, 65536))
        finally:
            os.close(fd)

    def check(*calls):
        nonlocal counted
        hits, redirected = loaded.hits()
        assert hits - counted in calls
        assert redirected == hits
        counted = hits

    def failed(_):
        check(0, 1)

    def done():
        assert got == [wanted]
        check(1)
    _, errors = each_fault(nth, read, failed, done)
    assert errors
    assert loaded.number("other_hits") == 0


#: How many faults of a load one test injects.
CHUNK = 60

#: A load without a fault follows so many that failed: of those each goes further than the last did.
FAILED_LOADS = 10

#: How many tests the faults of each kind take: the last has some to spare.
CHUNKS = {faults.SLAB: 14, faults.PAGES: 3}


# Without memory for an event's fields the kernel warns, once. With eventfs (seen on 6.12) it then
# drops a reference that it has not taken, and warns of that where the module goes.
@pytest.mark.kernel_warns("event_define_fields", "event_file_put")
@pytest.mark.parametrize("kind, first", [(kind, 1 + CHUNK * chunk) for kind in CHUNKS
                                         for chunk in range(CHUNKS[kind])])
def test_load(hook, cgroup, originals, record_property, kind, first):
    """A load that fails leaves nothing, and one without fault succeeds after it.

    Slab allocations and pages each for themselves: how many pages the slabs need
    varies, and which fault is the nth would with it.
    """
    events, local = originals
    line = BANNER_LINE
    since = 0

    def load():
        memevents.insmod(hook.ko, f"redirect={LOCAL_SHOW} only=/ readers=/")

    def failed(error):
        nonlocal since
        left = memevents.leftovers()
        assert not left, f"after {error!r}: " + "; ".join(left)
        since += 1
        if since % FAILED_LOADS == 0:
            load()
            done()

    def done():
        assert hook.boolean("enabled")
        assert hook.refcount() == 0
        assert cgroup.read_events() == events
        assert cgroup.read_local() == line + local
        hook.unload()
        left = memevents.leftovers()
        assert not left, "after unloading: " + "; ".join(left)
    with faults.injector([kind]) as nth:
        load()
        done()
        injected, errors = each_fault(nth, load, failed, done, range(first, first + CHUNK))
        load()
        done()
    record_property("faults", injected)
    record_property("errors", errors)
    if first == 1:
        assert errors
    if first + CHUNK > CHUNKS[kind] * CHUNK:
        assert injected < CHUNK, "there are more: count them in"


def test_unload(hook, nth, record_property):
    """rmmod has nothing that can fail half-way: it goes, or it never began."""
    def failed(_):
        assert hook.boolean("enabled")
        assert memevents.traced()
        hook.unload()
        done()

    def done():
        left = memevents.leftovers()
        assert not left, "after unloading: " + "; ".join(left)
        hook.load()
    hook.load()
    injected, errors = each_fault(nth, hook.unload, failed, done)
    record_property("faults", injected)
    record_property("errors", errors)
    print(f"rmmod: {injected} faults injected, {errors} gave an error")
    assert errors, "no fault gave an error: were any injected?"


def test_no_fault_is_left_armed(nth):
    """What the tests before stood on: a fault that was not used up goes away."""
    injected, error = nth.run(1000, lambda: None)
    assert not injected and error is None
    assert memevents.read_file(faults.NTH).strip() == b"0"
    injected, error = nth.run(1, lambda: os.open("/proc/self/status", os.O_RDONLY))
    assert injected and error.errno == errno.ENOMEM
