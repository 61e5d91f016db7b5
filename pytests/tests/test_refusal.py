"""A refusal is a refusal: what is refused has redirected nothing and counted nothing.

ftrace puts a hook on its list before it finds out that another user holds the function. Where
somebody traces the function besides, calls go by that list: they reach the handler meanwhile.
"""

import contextlib
import errno

import pytest

from pytests.lib import faults, memevents, scale, tracing, visitors
from pytests.lib import peer as peers
from pytests.lib.memevents import LOCAL_SHOW
from pytests.lib.readers import Readers, every_cpu

#: Who owns the target.
IPMODIFY_OWNERS = [
    pytest.param(peers.KPROBE, id="kprobe"),
    pytest.param(peers.IPMODIFY, id="ftrace"),
    pytest.param(peers.LIVEPATCH, id="livepatch", marks=pytest.mark.livepatch),
]


@contextlib.contextmanager
def owned(owner, cgroup, originals):
    """The target owned by a peer, and traced besides. Yields the files for Readers.

    Skips where that peer needs no IPMODIFY.
    """
    with visitors.tracer("function", only=memevents.hooked()[0]):
        peers.load(owner)
        try:
            peers.need_ipmodify(owner)
            texts = peers.texts(owner, originals)
            yield [(path, {0: wanted, 1: wanted})
                   for path, wanted in zip((cgroup.events, cgroup.local), texts)]
        finally:
            peers.unload(owner)


def counters(hook):
    """Return every counter there is."""
    return [(row.parent, row.hits, row.redirected) for row in hook.stats().values()]


@pytest.mark.parametrize("owner", IPMODIFY_OWNERS)
@pytest.mark.parametrize("observed", [False, True])
def test_switching_on(hook, cgroup, originals, record_property, owner, observed):
    """Refused many times under readers on every CPU: no banner is read, no counter moves.

    observed: is one parent only counted? Else none is listed, and all calls are others'.
    """
    lists = {} if observed else {"redirect": "", "observe": ""}
    if not observed:
        memevents.need_calls()
    hook.load(enabled=False, **lists)
    before = counters(hook)
    with owned(owner, cgroup, originals) as files, \
            Readers(files, cpus=every_cpu()) as readers, hook.writer("enabled") as write:
        for _ in range(scale.REFUSALS):
            with memevents.expect_errno(errno.EBUSY):
                write(b"1")
        readers.wait_reads(2)
        # All that went wrong is told at once.
        assert counters(hook) == before, f"of {readers.ended()} reads, {scale.REFUSALS} refusals"
    record_property("reads", readers.ended())
    assert counters(hook) == before
    assert hook.read("other_last") == ""
    hook.write("enabled", "1")
    assert cgroup.read_local() == originals[1]
    assert sum(hits for _, hits, _ in counters(hook)) == 1


def test_nothing_is_traced(hook, cgroup, originals):
    """Calls that reach the handler of a hook that is refused are no events."""
    hook.load(enabled=False)
    with tracing.instance() as trace, owned(peers.IPMODIFY, cgroup, originals) as files, \
            Readers(files, cpus=every_cpu()) as readers, hook.writer("enabled") as write:
        trace.write("enable", "1")
        for _ in range(scale.REFUSALS // 3 + 1):
            with memevents.expect_errno(errno.EBUSY):
                write(b"1")
        readers.wait_reads(2)
        assert trace.lines() == []


@pytest.mark.parametrize("owner", IPMODIFY_OWNERS)
def test_loading(hook, cgroup, originals, record_property, owner):
    """The same at load."""
    with owned(owner, cgroup, originals) as files, \
            Readers(files, cpus=every_cpu()) as readers:
        for _ in range(scale.REFUSED_LOADS):
            with memevents.expect_errno(errno.EBUSY):
                hook.load()
        readers.wait_reads(2)
    record_property("reads", readers.ended())


def test_the_directory_is_taken(hook, peer, cgroup, originals, kernel_log):
    """Somebody else has the module's directory: the load fails, and has redirected nothing."""
    peer(peers.DIRECTORY)
    files = [(cgroup.events, dict.fromkeys((0, 1), originals[0])),
             (cgroup.local, dict.fromkeys((0, 1), originals[1]))]
    with Readers(files, cpus=every_cpu()) as readers:
        for _ in range(scale.REFUSED_LOADS):
            mark = kernel_log.mark()
            # At load EEXIST is for a module that is there already.
            with memevents.expect_errno(errno.EINVAL):
                hook.load()
            line, = kernel_log.module_lines(mark)
            assert "debugfs" in line
            assert memevents.traced() is None
        readers.wait_reads(2)
    peers.unload(peers.DIRECTORY)
    hook.load()


#: How many faults of a load, and of a write to add_parent, are injected under readers: the last.
FAULTS_AT_LOAD, FAULTS_OF_ADDING = 40, 30


def how_many(nth, call, undo):
    """Return how many faults call() can have; undo() follows one that raises nothing."""
    def injected(number):
        was_injected, error = nth.run(number, call)
        if error is None:
            undo()
        return was_injected
    most = 1
    while injected(most):
        most *= 2
        assert most < faults.MOST
    least = most // 2
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if injected(middle) else (least, middle)
    return least


def failed_loads(hook, nth, files, numbers):
    """Load with each of these faults under readers; returns how many failed before one did not."""
    with contextlib.ExitStack() as stack:
        readers = stack.enter_context(Readers(files, cpus=every_cpu()))
        for failed, number in enumerate(numbers):
            _, error = nth.run(number, hook.load)
            if error is None:
                # The kernel could do without: then the banner is to be read.
                hook.unload()
                with contextlib.suppress(AssertionError):
                    readers.stop()
                return failed
            readers.wait_reads(2)
    return len(numbers)


def test_a_load_without_memory(hook, cgroup, originals):
    """Whatever fails, late too: until it does nothing has been redirected."""
    faults.needed()
    files = [(cgroup.events, dict.fromkeys((0, 1), originals[0])),
             (cgroup.local, dict.fromkeys((0, 1), originals[1]))]
    done = 0
    with faults.injector([faults.SLAB]) as nth:
        hook.load()
        hook.unload()
        total = how_many(nth, hook.load, hook.unload)
        assert total > FAULTS_AT_LOAD
        numbers = range(total - FAULTS_AT_LOAD, total + 1)
        while numbers:
            failed = failed_loads(hook, nth, files, numbers)
            done += failed
            numbers = numbers[failed + 1:]
    assert done, "no fault made it fail"


def test_a_parent_without_a_directory(hook, cgroup, originals):
    """A parent that could not be listed has taken no call from the others."""
    faults.needed()
    files = [(cgroup.local, dict.fromkeys((0, 1), originals[1]))]
    hook.load(observe="")
    done = 0
    with faults.injector() as nth, hook.writer("add_parent") as add, \
            hook.writer("remove_parent") as remove:
        def add_it():
            add(LOCAL_SHOW.encode())
        add_it()
        remove(LOCAL_SHOW.encode())
        total = how_many(nth, add_it, lambda: remove(LOCAL_SHOW.encode()))
        assert total > FAULTS_OF_ADDING
        for number in range(total - FAULTS_OF_ADDING, total + 1):
            hook.write("reset", "1")
            with Readers(files, cpus=every_cpu()) as readers:
                _, error = nth.run(number, add_it)
                readers.wait_reads(2)
            if error is None:
                remove(LOCAL_SHOW.encode())
                continue
            assert hook.number("other_hits") == readers.ended(), f"fault {number}"
            done += 1
    assert done, "no fault made it fail"
