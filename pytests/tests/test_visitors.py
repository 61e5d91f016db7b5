"""The hook among other users of the same functions, coming and going in every order.

The counters stay exact and the routing true, whoever else looks on.
"""

import contextlib
import errno
import platform
import random

import pytest

from pytests.lib import btf, memevents, peer, scale, visitors
from pytests.lib.memevents import BANNER_LINE, LOCAL_SHOW, SHOW, TARGET
from pytests.lib.readers import Readers
from pytests.lib.symbols import module_function

#: The one that prints the banner goes on in the other.
REPLACEMENTS = ("memory_events_with_banner", "memory_events_replacement")

#: Of each file, in each check.
CHECKED_READS = 20

#: On arm64 a probe at a function's start comes before ftrace's call there. A kretprobe has then put
#: its trampoline in the return address's place, and nobody can tell any more who called.
HIDES_CALLER = platform.machine() == "aarch64"
hides_caller = pytest.mark.skipif(
    HIDES_CALLER, reason="on this machine a kretprobe on the target hides the caller from ftrace")


class Watch:
    """Reads both files and knows what must come of it."""

    def __init__(self, hook, cgroup, originals):
        self._hook = hook
        self._cgroup = cgroup
        self._events, self._local = originals
        self._hits = 0

    def reset(self):
        """The module has been loaded anew."""
        self._hits = 0

    def _read(self, enabled):
        assert self._cgroup.read_events() == BANNER_LINE * enabled + self._events
        assert self._cgroup.read_local() == self._local
        self._hits += enabled

    def check_seen(self, enabled, look):
        """As check(), and whoever looks on sees a read of each file more."""
        self.check(enabled)
        seen = look(lambda: self._read(enabled))
        assert seen and all(seen), f"the other was not there: {seen}"

    def check(self, enabled):
        """CHECKED_READS reads of each file are printed, routed and counted as `enabled` says."""
        for _ in range(CHECKED_READS):
            self._read(enabled)
        if self._hook.loaded:
            assert self._hook.boolean("enabled") == enabled
            assert self._hook.hits(SHOW) == (self._hits, self._hits)
            assert self._hook.hits(LOCAL_SHOW) == (self._hits, 0)
            assert self._hook.number("other_hits") == 0
            assert self._hook.read("other_last") == ""


@pytest.fixture
def watch(hook, cgroup, originals):
    """Reads both files and checks what comes of it."""
    return Watch(hook, cgroup, originals)


#: Over every function of the kernel: each change takes seconds, and so does all else meanwhile.
TRACERS = [
    pytest.param(lambda hook: visitors.tracer("function"), id="function"),
    pytest.param(lambda hook: visitors.tracer("function_graph"), id="function_graph"),
]
#: Over those that reading the files runs through.
SMALL_TRACERS = [
    pytest.param(lambda hook: visitors.tracer("function", only=visitors.READING), id="function"),
    pytest.param(lambda hook: visitors.tracer("function_graph", only=visitors.READING),
                 id="function_graph"),
]
VISITORS = [
    pytest.param(lambda hook: visitors.probe(("p", TARGET)), id="kprobe-target"),
    pytest.param(lambda hook: visitors.probe(("r", TARGET)), id="kretprobe-target",
                 marks=hides_caller),
    pytest.param(lambda hook: visitors.probe(("p", SHOW), ("p", LOCAL_SHOW)), id="kprobe-parents"),
    pytest.param(lambda hook: visitors.probe(("r", SHOW), ("r", LOCAL_SHOW)),
                 id="kretprobe-parents"),
    pytest.param(lambda hook: visitors.probe(("p", TARGET), ("r", TARGET),
                                             ("p", SHOW), ("r", SHOW)),
                 id="all-probes", marks=hides_caller),
    pytest.param(lambda hook: visitors.plain_kprobe(SHOW, True), id="kprobe-post-parent"),
    pytest.param(lambda hook: visitors.fentry(), id="fentry"),
    pytest.param(lambda hook: visitors.fentry(at_exit=True), id="fexit"),
    pytest.param(lambda hook: visitors.fentry(SHOW), id="fentry-parent"),
    pytest.param(lambda hook: visitors.sampler(), id="perf"),
]


def refused_to_share(error):
    """Whether BPF trampolines and IPMODIFY users shut each other out, as they did before 6.1."""
    return error.errno == errno.EBUSY


def bpf_shares(hook):
    """Whether this kernel has BPF trampolines, and lets them share the target with the hook."""
    if btf.function(TARGET) is None:
        return False
    with hook.session():
        try:
            with visitors.fentry():
                return True
        except OSError as error:
            if not refused_to_share(error):
                raise
            return False


@pytest.mark.parametrize("visitor", TRACERS + VISITORS)
def test_it_comes_while_we_are_there(hook, watch, visitor):
    """Hook on; it comes; hook off and on; it goes; hook off."""
    hook.load()
    watch.check(True)
    with contextlib.ExitStack() as stack:
        try:
            look = stack.enter_context(visitor(hook))
        except OSError as error:
            if not refused_to_share(error):
                raise
            watch.check(True)
            pytest.skip(f"this kernel lets it not share the target with us: {error}")
        watch.check_seen(True, look)
        hook.write("enabled", "0")
        watch.check_seen(False, look)
        hook.write("enabled", "1")
        watch.check_seen(True, look)
    watch.check(True)
    hook.write("enabled", "0")
    watch.check(False)


def load_beside_it(hook):
    """Load the module, or skip where the kernel does not let it share the target."""
    try:
        hook.load()
    except OSError as error:
        if not refused_to_share(error):
            raise
        pytest.skip(f"this kernel lets us not share the target with it: {error}")


@pytest.mark.parametrize("visitor", SMALL_TRACERS + VISITORS)
def test_we_come_while_it_is_there(hook, watch, visitor):
    """It is there; we load, go off and on and leave; it goes."""
    watch.check(False)
    with visitor(hook) as look:
        watch.check_seen(False, look)
        load_beside_it(hook)
        watch.reset()
        watch.check_seen(True, look)
        hook.write("enabled", "0")
        watch.check_seen(False, look)
        hook.write("enabled", "1")
        watch.check_seen(True, look)
        hook.unload()
        watch.reset()
        watch.check_seen(False, look)
    watch.check(False)


@pytest.mark.parametrize("visitor", SMALL_TRACERS + VISITORS)
def test_it_goes_while_we_stay(hook, watch, visitor):
    """It is there; we load; it goes; we go on."""
    with visitor(hook) as look:
        load_beside_it(hook)
        watch.check_seen(True, look)
    watch.check(True)
    hook.write("enabled", "0")
    watch.check(False)
    with visitor(hook) as look:
        hook.write("enabled", "1")
        watch.check_seen(True, look)


def test_probes_on_the_call_instruction(hook, watch):
    """A breakpoint on the very call, or a jump in its place, leaves the return address true."""
    hook.load()
    with visitors.probe_call_sites(hook) as look:
        for enabled in (True, False, True):
            hook.write("enabled", "1" if enabled else "0")
            assert look(lambda: watch.check(enabled)) == [CHECKED_READS, CHECKED_READS]
    watch.check(True)


def test_a_kprobe_and_we_both_count(hook, watch):
    """A kprobe on the target sees each call, also the redirected."""
    hook.load()
    with visitors.probe(("p", TARGET)) as look:
        assert look(lambda: watch.check(True)) == [2 * CHECKED_READS]
        hook.write("enabled", "0")
        assert look(lambda: watch.check(False)) == [2 * CHECKED_READS]


def test_a_kretprobe_and_we_both_count(hook, watch, cgroup, originals):
    """It sees each return. Where it hides the caller, calls are the kernel's own, and [other]."""
    def hidden():
        for _ in range(CHECKED_READS):
            assert (cgroup.read_events(), cgroup.read_local()) == originals
        assert hook.number("other_hits") == 2 * CHECKED_READS
        assert hook.hits(SHOW) == hook.hits(LOCAL_SHOW) == (0, 0)
        assert "trampoline" in hook.read("other_last")
        assert "tracer of returns" in hook.why()[SHOW]
        hook.write("reset", "1")

    hook.load()
    with visitors.probe(("r", TARGET)) as look:
        assert look(hidden if HIDES_CALLER else lambda: watch.check(True)) == [2 * CHECKED_READS]
    watch.check(True)


def test_visitors_come_and_go_under_readers(hook, cgroup, originals):
    """One more, one less, in random order: on the way too each call is counted, and goes its way.

    None at the target's exit by BPF: while it is attached beside another tracer, the kernel lets
    calls past every IPMODIFY user (see the README's limits).
    """
    chance = random.Random(1)
    makers = {"kprobe": lambda: visitors.probe(("p", TARGET))}
    if not HIDES_CALLER:
        makers["kretprobe"] = lambda: visitors.probe(("r", TARGET))
    if bpf_shares(hook):
        makers["fentry"] = visitors.fentry
    hook.load()
    files = [(cgroup.events, dict.fromkeys((0, 1), BANNER_LINE + originals[0])),
             (cgroup.local, dict.fromkeys((0, 1), originals[1]))]
    there = {}
    with Readers(files) as readers, contextlib.ExitStack() as all_of_them:
        for _ in range(scale.VISITORS):
            kind = chance.choice(sorted(makers))
            if kind in there:
                there.pop(kind).close()
            else:
                there[kind] = all_of_them.enter_context(contextlib.ExitStack())
                there[kind].enter_context(makers[kind]())
        readers.wait_reads(2)
    assert hook.hits(SHOW) == (readers.ended(0), readers.ended(0))
    assert hook.hits(LOCAL_SHOW) == (readers.ended(1), 0)
    assert hook.number("other_hits") == 0


def test_every_visitor_at_once(hook, watch):
    """function_graph, and probes on target and parents.

    No sampling: on 6.12 the kernel's unwinder then warns of a "stack going in the wrong direction"
    at function_graph's own return_to_handler, now and then, without us too.
    """
    with visitors.tracer("function_graph", only=visitors.READING) as graph, \
            visitors.probe(("p", TARGET), ("p", SHOW), ("r", LOCAL_SHOW)) as probes:
        hook.load()
        for enabled in (True, False, True):
            hook.write("enabled", "1" if enabled else "0")
            watch.check_seen(enabled, graph)
            watch.check_seen(enabled, probes)
    watch.check(True)


@pytest.mark.usefixtures("calls")
def test_call_chains_lead_through_us(hook, cgroup, symbols):
    """A sample taken in the replacement has the redirected parent in its call chain."""
    hook.load()
    low, high = symbols.range_of(SHOW)
    ours = [module_function(memevents.MODULE, name) for name in REPLACEMENTS]
    with visitors.sampler() as look:
        def seen():
            chains = look(lambda: [cgroup.read_events() for _ in range(200)])
            return any(any(low < address <= high for address in chain) and
                       any(start <= address < end for start, end in ours for address in chain)
                       for chain in chains)
        memevents.wait_for(seen, f"a call chain through the replacement and {SHOW}")


@pytest.mark.livepatch
@pytest.mark.parametrize("patched, other", [(SHOW, LOCAL_SHOW), (LOCAL_SHOW, SHOW)])
@pytest.mark.parametrize("we_come_first", [True, False])
@pytest.mark.usefixtures("calls")
def test_a_livepatched_parent(hook, cgroup, originals, patched, other, we_come_first):
    """It calls the target no more: its counters stand still, and the other parent's stay exact."""
    def read(name):
        return cgroup.read_events() if name == SHOW else cgroup.read_local()

    wanted = {SHOW: BANNER_LINE + originals[0], LOCAL_SHOW: originals[1]}
    if we_come_first:
        hook.load()
        peer.load(peer.LIVEPATCH, symbol=patched, parent="Y")
    else:
        peer.load(peer.LIVEPATCH, symbol=patched, parent="Y")
        hook.load()
    for enabled in (True, False, True):
        hook.write("enabled", "1" if enabled else "0")
        before = hook.hits(patched), hook.hits(other)[0]
        for _ in range(CHECKED_READS):
            assert read(patched) == b"livepatched 2\n"
            assert read(other) == (wanted[other] if enabled else originals[0])
        assert hook.hits(patched) == before[0] == (0, 0)
        assert hook.hits(other)[0] == before[1] + CHECKED_READS * enabled
    peer.unload(peer.LIVEPATCH)
    assert (cgroup.read_events(), cgroup.read_local()) == (wanted[SHOW], wanted[LOCAL_SHOW])
    assert hook.hits(patched)[0] == 1
    assert hook.number("other_hits") == 0


@pytest.mark.livepatch
@pytest.mark.usefixtures("calls")
def test_unloading_while_a_parent_is_livepatched(hook, cgroup, originals):
    """The patch stays, the hook goes, and nothing of the one hangs on the other."""
    hook.load()
    peer.load(peer.LIVEPATCH, symbol=SHOW, parent="Y")
    hook.unload()
    assert cgroup.read_events() == b"livepatched 2\n"
    assert cgroup.read_local() == originals[1]
    peer.unload(peer.LIVEPATCH)
    assert (cgroup.read_events(), cgroup.read_local()) == originals


@pytest.mark.livepatch
@pytest.mark.parametrize("turned_round", [False, True])
@pytest.mark.parametrize("patched, other", [(SHOW, LOCAL_SHOW), (LOCAL_SHOW, SHOW)])
@pytest.mark.usefixtures("calls")
def test_a_parents_livepatch_in_transition(hook, cgroup, originals, patched, other, turned_round):
    """The patch is in, but a task still goes the old way: we come, switch, count, and go.

    In the end the task is released and the transition ends; or it is turned round before.
    """
    read = {SHOW: cgroup.read_events, LOCAL_SHOW: cgroup.read_local}
    plain = dict(zip((SHOW, LOCAL_SHOW), originals))

    def check(enabled, redirect, in_transition=True, livepatched=True):
        before = hook.hits(patched), hook.hits(other)
        for _ in range(CHECKED_READS):
            # The banner goes where the redirect goes.
            sent = {name: (BANNER_LINE if enabled and redirect == name else b"") + plain[name]
                    for name in plain}
            assert read[patched]() == (b"livepatched 2\n" if livepatched else sent[patched])
            assert read[other]() == sent[other]
        seen = CHECKED_READS * enabled
        for name, (hits, redirected) in ((patched, before[0]), (other, before[1])):
            mine = 0 if livepatched and name == patched else seen
            assert hook.hits(name) == (hits + mine, redirected + mine * (redirect == name))
        assert hook.boolean("enabled") == enabled
        assert hook.number("other_hits") == 0
        assert peer.in_transition() == in_transition

    with visitors.parked() as process:
        hook.load()
        peer.load(peer.LIVEPATCH, settle=False, symbol=patched, parent="Y")
        memevents.wait_for(lambda: visitors.patch_state("self") == 1, "we go the new way")
        assert visitors.patch_state(process.pid) == 0
        check(True, SHOW)
        for _ in range(2):
            for enabled in (False, True):
                hook.write("enabled", "1" if enabled else "0")
                check(enabled, SHOW)
            hook.write(f"parents/{SHOW}/redirect", "0")
            check(True, None)
            hook.write(f"parents/{LOCAL_SHOW}/redirect", "1")
            check(True, LOCAL_SHOW)
            hook.write("reset", "1")
            assert hook.hits(SHOW) == hook.hits(LOCAL_SHOW) == (0, 0)
            check(True, LOCAL_SHOW)
            hook.unload()
            assert read[patched]() == b"livepatched 2\n"
            assert read[other]() == plain[other]
            assert peer.in_transition()
            hook.load()
            check(True, SHOW)
        assert process.poll() is None and visitors.patch_state(process.pid) == 0
        if turned_round:
            peer.unload(peer.LIVEPATCH, settle=False)
            assert process.poll() is None
        else:
            process.kill()
            process.wait()
            peer.wait_settled()
            check(True, SHOW, in_transition=False)
            peer.unload(peer.LIVEPATCH)
        check(True, SHOW, in_transition=False, livepatched=False)
