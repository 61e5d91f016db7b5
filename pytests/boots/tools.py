"""The tools that people trace with, beside the hook: bpftrace and perf, as Debian ships them."""

import contextlib
import errno
import re
import signal
import subprocess
import tempfile

import company
import memevents
from boots import common
from memevents import BANNER, LOCAL_SHOW, SHOW, TARGET

READS = 50
#: Seconds: LLVM takes its time where each instruction is emulated.
PATIENCE = 300

PROBES = ("kprobe", "kretprobe")
#: What BPF trampolines make, by the names that every bpftrace knows for them.
TRAMPOLINES = ("kfunc", "kretfunc")


class Reads:
    """Reads both files, and knows what the hook has to show for it."""

    def __init__(self, hook, cgroup, originals):
        self._hook = hook
        self._cgroup = cgroup
        self._originals = originals

    def one(self, hooked):
        """One read of each file."""
        line = BANNER.encode() + b"\n" if hooked else b""
        assert self._cgroup.read_events() == line + self._originals[0]
        assert self._cgroup.read_local() == self._originals[1]

    def many(self):
        """READS of each, hooked; the counters show just these."""
        self._hook.write("reset", "1")
        for _ in range(READS):
            self.one(True)
        assert self._hook.hits(SHOW) == (READS, READS)
        assert self._hook.hits(LOCAL_SHOW) == (READS, 0)
        assert self._hook.number("other_hits") == 0


class Bpftrace:
    """A running bpftrace with a probe of each kind on the target; prints a line for each call."""

    def __init__(self, kinds, process, output):
        self._kinds = kinds
        self._process = process
        self._output = output

    def seen(self):
        """Return {kind: calls seen so far}."""
        lines = memevents.read_file(self._output.name).decode().splitlines()
        assert self._process.poll() is None, "\n".join(lines)
        return {kind: lines.count(kind) for kind in self._kinds}

    def wait_attached(self, read):
        """Wait until a read is seen by every probe."""
        def attached():
            read()
            return all(self.seen().values())
        memevents.wait_for(attached, "bpftrace's probes", PATIENCE)


@contextlib.contextmanager
def bpftrace(kinds):
    """Yield a Bpftrace; it has ended well at the end."""
    program = "".join(f'{kind}:{TARGET} {{ printf("{kind}\\n"); }}\n' for kind in kinds)
    with tempfile.NamedTemporaryFile() as output, \
            subprocess.Popen(["bpftrace", "-B", "line", "-e", program], stdout=output,
                             stderr=subprocess.STDOUT) as process:
        try:
            yield Bpftrace(kinds, process, output)
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(PATIENCE)
        common.expect("bpftrace ends", code, 0)


def kinds_beside(hook):
    """Return the kinds of probes that this kernel lets share the target with the hook."""
    with hook.session():
        try:
            with company.fentry():
                return PROBES + TRAMPOLINES
        except OSError as error:
            assert error.errno == errno.EBUSY, error
            print(f"left out {' '.join(TRAMPOLINES)}: {error}", flush=True)
            return PROBES


def check_bpftrace(hook, reads):
    """It comes while we are there, and goes; we come while it is there, and go."""
    kinds = kinds_beside(hook)
    with hook.session():
        with bpftrace(kinds) as tracer:
            tracer.wait_attached(lambda: reads.one(True))
            before = tracer.seen()
            reads.many()
            after = tracer.seen()
            for kind in kinds:
                # A probe sees what gets to it: an entry twice a round, or just what went on.
                common.expect(f"{kind} beside the hook sees, of {2 * READS} calls",
                              after[kind] - before[kind], (READS, 2 * READS))
            hook.write("enabled", "0")
            reads.one(False)
            hook.write("enabled", "1")
            reads.many()
        reads.many()
    with bpftrace(kinds) as tracer:
        tracer.wait_attached(lambda: reads.one(False))
        with hook.session():
            reads.many()
        before = tracer.seen()
        reads.one(False)
        memevents.wait_for(
            lambda: all(count == before[kind] + 2 for kind, count in tracer.seen().items()),
            "every probe to see both calls once we are gone", PATIENCE)
    print("bpftrace came and went, in either order", flush=True)


def perf(*words):
    """Run perf; return what it printed."""
    return subprocess.run(["perf", *words], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT).stdout.decode(errors="replace")


def check_perf(hook, reads, cgroup):
    """It samples call chains through the hook, and records and counts our event."""
    cat = ["sh", "-c", f"for n in $(seq {READS}); do cat {cgroup.events} {cgroup.local}; done"]
    with hook.session(), tempfile.TemporaryDirectory() as folder:
        data = folder + "/perf.data"
        perf("record", "-q", "-g", "-e", "cpu-clock", "-c", "100000", "-o", data, *cat)
        chains = perf("script", "-i", data)
        assert re.search(r"\bseq_read", chains), chains[-2000:]
        common.expect("hits while perf record -g samples", hook.hits(SHOW), (((READS, READS)),))
        hook.write("reset", "1")
        perf("record", "-q", "-e", "memevents_hook:memevents_route", "-o", data, *cat)
        events = perf("script", "-i", data)
        common.expect("events that perf recorded", events.count("memevents_route:"), 2 * READS)
        common.expect("of them redirected", events.count("redirected=1"), READS)
        counted = perf("stat", "-x,", "-e", "memevents_hook:memevents_route", *cat)
        assert f"\n{2 * READS}," in "\n" + counted, counted
        reads.many()
    print("perf sampled, recorded and counted", flush=True)


def check():
    """Neither tool disturbs the hook, nor it them."""
    with common.watched() as (log, cgroup, originals):
        hook = memevents.Hook()
        reads = Reads(hook, cgroup, originals)
        check_bpftrace(hook, reads)
        check_perf(hook, reads, cgroup)
        common.nothing_left()
        assert not log.splats(), log.splats()


if __name__ == "__main__":
    check()
