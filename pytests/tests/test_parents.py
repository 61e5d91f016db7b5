"""The list at run time: adding, removing, resetting, and every refusal with its aftermath."""

import contextlib
import errno
import os
import platform

import pytest

from pytests.lib import kmemleak, memcg, memevents, peer as peers, scale, tracing
from pytests.lib.kernel_text import kernel_bytes
from pytests.lib.memevents import BANNER_LINE, LOCAL_SHOW, SHOW, TARGET
from pytests.lib.readers import Readers
from pytests.lib.stats import check_format
from pytests.lib.symbols import blacklist, made_at_run_time, module_functions


def test_added_as_observed(loaded, symbols):
    """A new parent is there at once: directory, row, range, zeros, redirect N."""
    name, = symbols.some(1)
    loaded.write("add_parent", name + "\n")
    assert loaded.parents() == {SHOW, LOCAL_SHOW, name}
    assert not loaded.boolean("parents", name, "redirect")
    assert loaded.hits(name) == (0, 0)
    row = loaded.stats()[name]
    assert (row.start, row.end) == symbols.range_of(name)
    assert (row.redirect, row.hits, row.redirected) == (False, 0, 0)


def test_blanks_around_a_symbol(loaded):
    """They are trimmed, for adding and for removing."""
    for text in ("{}", "{}\n", " {}", "{} \n", "\t{}"):
        loaded.write("remove_parent", text.format(LOCAL_SHOW))
        assert loaded.parents() == {SHOW}
        loaded.write("add_parent", text.format(LOCAL_SHOW))
        assert loaded.parents() == {SHOW, LOCAL_SHOW}


def test_routing_follows_the_list(hook, cgroup, originals):
    """Unlisted: [other], original. Listed: observed. Switched: redirected. Unlisted again."""
    hook.load(redirect="", observe="")
    cgroup.read_events()
    assert hook.number("other_hits") == memevents.others(1)
    hook.write("add_parent", SHOW)
    assert cgroup.read_events() == originals[0]
    assert hook.hits() == (1, 0)
    hook.write(f"parents/{SHOW}/redirect", "1")
    assert cgroup.read_events() == BANNER_LINE + originals[0]
    assert hook.hits() == (2, 1)
    hook.write("remove_parent", SHOW)
    assert not os.path.exists(hook.path("parents", SHOW))
    assert cgroup.read_events() == originals[0]
    assert hook.number("other_hits") == memevents.others(2)
    hook.write("add_parent", SHOW)
    assert hook.hits() == (0, 0), "the counters went with the parent"
    assert not hook.boolean("parents", SHOW, "redirect")


def test_add_while_off(hook, cgroup, originals):
    """The list can be changed while nothing is hooked, and holds afterwards."""
    hook.load(enabled=False, redirect="", observe="")
    hook.write("add_parent", SHOW)
    hook.write(f"parents/{SHOW}/redirect", "1")
    hook.write("enabled", "1")
    assert cgroup.read_events() == BANNER_LINE + originals[0]
    assert cgroup.read_local() == originals[1]
    assert hook.number("other_hits") == memevents.others(1)


def test_reset(loaded, cgroup):
    """Every counter is zero afterwards; the switches and the list stay."""
    loaded.write("remove_parent", LOCAL_SHOW)
    for _ in range(3):
        cgroup.read_events()
        cgroup.read_local()
    assert loaded.hits() == (3, 3) and loaded.number("other_hits") == memevents.others(3)
    tree = loaded.tree()
    loaded.write("reset", "1")
    assert loaded.hits() == (0, 0) and loaded.number("other_hits") == 0
    assert loaded.stats()[SHOW].redirect and loaded.boolean("enabled")
    assert loaded.tree() == tree
    cgroup.read_events()
    cgroup.read_local()
    assert loaded.hits() == (1, 1) and loaded.number("other_hits") == memevents.others(1)


# Refusals

BAD_SYMBOLS = [
    (errno.EINVAL, b""), (errno.EINVAL, b" "), (errno.EINVAL, b"\n"), (errno.EINVAL, b"\t\n"),
    (errno.EINVAL, b"memory_events show"), (errno.EINVAL, b"memory_events\tshow"),
    (errno.EINVAL, b"vfs_read vfs_write"), (errno.EINVAL, b"vfs_read\nvfs_write"),
    (errno.EINVAL, b"vfs_read\nvfs_write\n"), (errno.EINVAL, b"vfs\x01read"),
    (errno.EINVAL, b"vfs_read\x1b"), (errno.EINVAL, b"\x7fvfs_read"), (errno.EINVAL, b"\0"),
    (errno.EINVAL, b"vfs_read\0"), (errno.EINVAL, b"vfs_read\0\n"), (errno.EINVAL, b"\0vfs_read"),
    (errno.EINVAL, b"vfs\0_read"), (errno.EINVAL, b"\xa0vfs_read"), (errno.EINVAL, b"vfs_read\xa0"),
    (errno.ENAMETOOLONG, b"x" * 256), (errno.ENAMETOOLONG, b"x" * 511),
    (errno.ENAMETOOLONG, b"x" * 600), (errno.ENAMETOOLONG, b"x" * 600 + b"\n"),
    (errno.ENAMETOOLONG, b"x" * 4095), (errno.ENAMETOOLONG, b"x" * 4096),
    (errno.ENAMETOOLONG, b"x" * 4097), (errno.ENAMETOOLONG, b"x" * 65536),
    (errno.ENOENT, b"no_such_symbol"), (errno.ENOENT, b"no_such_symbol\n"),
    (errno.ENOENT, b"memory_events_sho"), (errno.ENOENT, b"memory_events_show_"),
    (errno.ENOENT, b"Memory_events_show"), (errno.ENOENT, b"memory_events_show,vfs_read"),
]


@pytest.mark.parametrize("name", ["add_parent", "remove_parent"])
def test_refused_symbols(loaded, cgroup, name):
    """The same grammar for both: empty, blanks, control characters, NULs, too long, unknown."""
    cgroup.read_events()
    before = loaded.state()
    fd = os.open(loaded.path(name), os.O_WRONLY)
    for number, data in BAD_SYMBOLS:
        for offset in (0, 4096):
            with memevents.expect_errno(number, repr(data[:20])):
                os.pwrite(fd, data, offset)
    os.close(fd)
    assert loaded.state() == before


@pytest.mark.usefixtures("calls")
def test_labels_behind_code(loaded, symbols):
    """Padding does not decode; code that happens to be there does. Refused, or listed whole."""
    labels = symbols.names & {"__sched_text_end", "__softirqentry_text_end", "__irqentry_text_end",
                              "__kprobes_text_end"}
    assert labels
    listed = {SHOW, LOCAL_SHOW}
    for label in labels:
        try:
            loaded.write("add_parent", label)
        except OSError as error:
            assert error.errno == errno.EINVAL, label
        else:
            listed.add(label)
            row = loaded.stats()[label]
            assert (row.start, row.end) == symbols.range_of(label)
            assert (row.redirect, row.hits, row.redirected) == (False, 0, 0)
            assert set(os.listdir(loaded.path("parents", label))) == set(memevents.PARENT_FILES)
        assert loaded.parents() == listed


def test_not_listed(loaded, symbols):
    """Removing what is in the kernel, but not in the list."""
    for name in [TARGET] + symbols.some(1):
        with loaded.refuses(errno.ENOENT):
            loaded.write("remove_parent", name)


def test_listed_already(loaded):
    """By name."""
    for name in (SHOW, LOCAL_SHOW):
        with loaded.refuses(errno.EEXIST):
            loaded.write("add_parent", name)


@pytest.mark.usefixtures("calls")
def test_the_same_code_under_another_name(loaded, symbols):
    """By range: a second name for what is listed."""
    for first, second in symbols.aliases():
        try:
            loaded.write("add_parent", first)
        except OSError as error:
            assert error.errno in (errno.EINVAL, errno.ENOTUNIQ), (first, error)
            continue
        with loaded.refuses(errno.EEXIST):
            loaded.write("add_parent", second)
        loaded.write("remove_parent", first)
        loaded.write("add_parent", second)
        return
    pytest.skip("this kernel has no two names for one function that ftrace knows")


def test_data(loaded, symbols):
    """A variable is no function."""
    names = [name for name in ("jiffies", "init_task", "init_mm", "vm_node_stat")
             if name in symbols.names]
    if not names:
        pytest.skip("this kernel's kallsyms has no data (CONFIG_KALLSYMS_ALL)")
    for name in names:
        with loaded.refuses(errno.EINVAL):
            loaded.write("add_parent", name)


def test_entry_code(loaded, symbols):
    """Assembly that interrupts and system calls enter by is no function."""
    names = symbols.entry_code()
    assert names
    for name in names[:3]:
        with loaded.refuses(errno.EINVAL):
            loaded.write("add_parent", name)


def test_data_of_each_cpu(loaded, symbols):
    """A variable's offset in each CPU's own data is no address: to newer kernels, nothing."""
    names = symbols.names & {"runqueues", "this_cpu_off", "cpu_number", "__preempt_count",
                             "irq_stat"}
    if not names:
        pytest.skip("this kernel's kallsyms has no data (CONFIG_KALLSYMS_ALL)")
    before = loaded.state()
    for name in names:
        with pytest.raises(OSError) as refused:
            loaded.write("add_parent", name)
        assert refused.value.errno in (errno.EINVAL, errno.ENOENT), name
    assert loaded.state() == before


def test_code_that_the_kernel_makes_as_it_runs(loaded):
    """It has a name in kallsyms, as the trampoline to the hook has, but no export tells of it."""
    names = made_at_run_time()
    if not names:
        pytest.skip("this kernel names no code that it makes as it runs")
    for name in names[:3]:
        with loaded.refuses(errno.ENOENT, name):
            loaded.write("add_parent", name)


def test_code_that_is_gone(loaded, symbols):
    """What ran once, at the kernel's start, has a name but no place any more."""
    names = [name for name in symbols.init_code()
             if symbols.count[name] == 1 and not name.startswith("__pfx_")]
    assert len(names) > 100
    for name in names[:2] + names[len(names) // 2:][:2] + names[-2:]:
        with loaded.refuses(errno.EINVAL, name):
            loaded.write("add_parent", name)


def test_code_that_may_not_be_probed(loaded, symbols):
    """What kprobes itself needs."""
    names = sorted(name for name in blacklist() if symbols.count[name] == 1)
    assert names
    for name in names[::1 + len(names) // 10]:
        with loaded.refuses(errno.EINVAL, name):
            loaded.write("add_parent", name)


def test_a_modules_function(loaded, peer):
    """A module's function could go away with its module: neither another's nor our own."""
    peer(peers.CALLER)
    names = module_functions(peers.CALLER)
    assert "peer_call" in names
    own = [name for name in module_functions(memevents.MODULE) if "memory_events" in name]
    assert own
    for name in ["peer_call"] + own[:1]:
        with loaded.refuses(errno.EINVAL):
            loaded.write("add_parent", name)


def test_a_name_of_several_functions(loaded, symbols):
    """ENOTUNIQ: which of them was meant? Two are enough."""
    names = sorted(symbols.duplicates(), key=lambda name: symbols.count[name])
    assert symbols.count[names[0]] == 2
    for name in names[:5]:
        with loaded.refuses(errno.ENOTUNIQ, name):
            loaded.write("add_parent", name)


# A full list

@pytest.fixture
def full(loaded, symbols):
    """The module with as many parents listed as there may be."""
    for name in symbols.some(memevents.PARENTS_MAX - 2):
        loaded.write("add_parent", name)
    assert len(loaded.parents()) == memevents.PARENTS_MAX
    return loaded


def test_full(full, symbols):
    """One more is ENOSPC; with one less there is room again."""
    names = symbols.some(memevents.PARENTS_MAX + 1)
    stats = full.stats()
    assert len(stats) == memevents.PARENTS_MAX + 1
    starts = [row.start for row in stats.values() if row.start is not None]
    assert starts == sorted(starts)
    for name, row in stats.items():
        if name != "[other]":
            assert (row.start, row.end) == symbols.range_of(name)
    with full.refuses(errno.ENOSPC):
        full.write("add_parent", names[-1])
    with full.refuses(errno.EEXIST):
        full.write("add_parent", names[0])
    full.write("remove_parent", names[0])
    full.write("add_parent", names[-1])
    assert len(full.parents()) == memevents.PARENTS_MAX


def test_exact_with_a_full_list(full, cgroup, originals, files):
    """Each of many reads of both files is in exactly one row; then rmmod under readers.

    Most are of call sites that the module has cached, some of sites that it knows besides.
    """
    fds = [os.open(path, os.O_RDONLY) for path in (cgroup.events, cgroup.local)]
    wanted = [BANNER_LINE + originals[0], originals[1]]
    count = 0
    for cache, reads in ((contextlib.nullcontext(), scale.READS_256_PARENTS),
                         (tracing.bypassing_the_cache(), scale.READS_BYPASSED)):
        with cache:
            for number in range(reads):
                for fd, text in zip(fds, wanted):
                    assert os.pread(fd, memcg.PAGE, 0) == text, number
        count += reads
        assert {row.hits for row in full.stats().values()} == {0, count}
    for fd in fds:
        os.close(fd)
    got = {name: row[3:] for name, row in full.stats().items() if row.hits}
    assert got == {SHOW: (True, count, count), LOCAL_SHOW: (False, count, 0)}
    check_format(full.read("stats"))
    with Readers(files) as readers:
        readers.switch.flip(0, full.unload)
        readers.wait_reads(2)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="elsewhere it would return to itself")
def test_each_row_is_found(full, peer):
    """A call of no site that is known is searched for, among as many rows as there may be.

    It returns to a byte of the parent that is a `ret` to whoever jumps there.
    """
    peer(peers.CALLER)
    rows = [row for row in full.stats().values() if row.start is not None]
    found = 0
    for row in rows:
        at = kernel_bytes(row.start, row.end - row.start).find(b"\xc3", 1)
        if at > 0:
            peers.set_parameter(peers.CALLER, "return_to", row.start + at)
            memevents.read_file(peers.CALLED)
            assert full.hits(row.parent)[0] == 1, row
            found += 1
    assert found > len(rows) // 2
    assert full.number("other_hits") == 0


# Changing the list under readers

@pytest.fixture(params=[False, True], ids=["cached", "bypassed"])
def bypassed(request, loaded):
    """Whether every call is looked at closely, or only those of no call site in the cache."""
    with tracing.bypassing_the_cache() if request.param else contextlib.nullcontext():
        yield request.param


def churn(add, remove, names, each=lambda number: None):
    """Add and remove the names, a few of them listed at a time."""
    window = 8
    for number in range(len(names) + window):
        if number < len(names):
            add(names[number])
        if number >= window:
            remove(names[number - window])
        each(number)


def churned(symbols):
    """Return CHURNED_PARENTS names as bytes."""
    return [name.encode() for name in symbols.some(scale.CHURNED_PARENTS)]


@pytest.fixture(scope="module")
def nothing_lost():
    """The tests have lost no memory, where the kernel can tell: looked at behind the last of them.

    A look takes a minute and a half under emulation.
    """
    with kmemleak.nothing_lost():
        yield


def test_change_under_readers(nothing_lost, loaded, bypassed, symbols, files):
    """Some of them with the hook on all the time: not one hit of the others is lost."""
    names = churned(symbols)[::4]
    if bypassed:
        names = names[:scale.CHURNED_BYPASSED]
    with Readers(files) as readers, loaded.writer("add_parent") as add, \
            loaded.writer("remove_parent") as remove:
        churn(add, remove, names)
        readers.wait_reads(2)
    assert loaded.hits(SHOW) == (readers.ended(0), readers.ended(0))
    assert loaded.hits(LOCAL_SHOW) == (readers.ended(1), 0)
    assert loaded.number("other_hits") == 0
    assert loaded.parents() == {SHOW, LOCAL_SHOW}


def test_change_and_flip_under_readers(nothing_lost, loaded, symbols, files):
    """All of them while `enabled` flips: never a wrong text, never a call too many."""
    names = churned(symbols)
    every = max(1, len(names) // 20)
    least = [0, 0]
    begun = [0, 0]

    with Readers(files) as readers, loaded.writer("add_parent") as add, \
            loaded.writer("remove_parent") as remove, loaded.writer("enabled") as enable:
        def flip(number):
            if number % every == 0:
                switch(number // every & 1)

        def switch(value):
            if value == 0:
                # Those that began and ended while it was on have surely been counted.
                least[:] = [count + max(0, readers.ended(file) - begun[file])
                            for file, count in enumerate(least)]
            readers.switch.flip(value, lambda: enable(b"01"[value:value + 1]))
            if value == 1:
                begun[:] = [readers.begun(file) for file in (0, 1)]
        churn(add, remove, names, flip)
        switch(1)
        readers.wait_reads(2)
        switch(0)
    for file, parent in enumerate((SHOW, LOCAL_SHOW)):
        hits, redirected = loaded.hits(parent)
        assert 0 < least[file] <= hits <= readers.ended(file)
        assert redirected == (hits if parent == SHOW else 0)
    assert loaded.number("other_hits") == 0
    assert loaded.parents() == {SHOW, LOCAL_SHOW}


@pytest.mark.usefixtures("calls")
def test_remove_and_add_the_callers_themselves(loaded, files):
    """The parent whose calls are running goes and comes: each of its calls is somewhere."""
    count = 50
    least = 0
    with Readers(files[1:]) as readers:
        for _ in range(count):
            loaded.write("remove_parent", LOCAL_SHOW)
            begun = readers.begun(0)
            readers.wait_reads(2)
            # Those that began and ended meanwhile were nobody's.
            least += readers.ended(0) - begun
            loaded.write("add_parent", LOCAL_SHOW)
        begun = readers.begun(0)
        readers.wait_reads(10)
    hits, others = loaded.hits(LOCAL_SHOW)[0], loaded.number("other_hits")
    assert 0 < least <= others
    assert 0 < readers.ended(0) - begun <= hits
    assert hits + others <= readers.ended(0)
    assert loaded.hits(SHOW) == (0, 0)
