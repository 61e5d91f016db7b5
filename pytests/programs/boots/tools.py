"""The tools that people trace with, beside the hook: bpftrace and perf, as Debian ships them."""

import contextlib
import errno
import glob
import platform
import re
import signal
import subprocess
import tempfile

from pytests.lib import memevents, visitors
from pytests.lib.memevents import BANNER_LINE, LOCAL_SHOW, SHOW, TARGET
from pytests.programs.boots import common

READS = 50
#: Seconds: LLVM takes its time where each instruction is emulated.
PATIENCE = 300

#: On arm64 a kretprobe on the target hides from ftrace who called it.
PROBES = ("kprobe",) if platform.machine() == "aarch64" else ("kprobe", "kretprobe")
#: What BPF trampolines make, by the names that every bpftrace knows for them. The one at the exit
#: is attached by itself: while it is, beside another tracer, the kernel lets calls past every
#: IPMODIFY user (see the README's limits).
ENTRY, EXIT = ("kfunc",), ("kretfunc",)


class Reads:
    """Reads both files, and knows what the hook has to show for it."""

    def __init__(self, hook, cgroup, originals):
        self._hook = hook
        self._cgroup = cgroup
        self._originals = originals

    def one(self, hooked):
        """One read of each file."""
        line = BANNER_LINE if hooked else b""
        for read, wanted in ((self._cgroup.read_events, line + self._originals[0]),
                             (self._cgroup.read_local, self._originals[1])):
            got = read()
            assert got == wanted, f"{got}, not {wanted}"

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

    def _lines(self):
        lines = memevents.read_file(self._output.name).decode().splitlines()
        assert self._process.poll() is None, "\n".join(lines)
        return lines

    def seen(self):
        """Return {kind: calls seen so far}: all that came before the last tick but one are told."""
        ticks = self._lines().count("tick")
        memevents.wait_for(lambda: self._lines().count("tick") >= ticks + 2,
                           "two ticks of bpftrace's", PATIENCE)
        lines = self._lines()
        return {kind: lines.count(kind) for kind in self._kinds}

    def wait_attached(self, read):
        """Wait until a read is seen by every probe."""
        def attached():
            read()
            lines = self._lines()
            return all(kind in lines for kind in self._kinds)
        memevents.wait_for(attached, "bpftrace's probes", PATIENCE)


@contextlib.contextmanager
def bpftrace(kinds):
    """Yield a Bpftrace; it has ended well at the end."""
    program = "".join(f'{kind}:{TARGET} {{ printf("{kind}\\n"); }}\n' for kind in kinds)
    program += 'interval:ms:200 { printf("tick\\n"); }\n'
    with tempfile.NamedTemporaryFile() as output, \
            subprocess.Popen(["bpftrace", "-B", "line", "-e", program], stdout=output,
                             stderr=subprocess.STDOUT) as process:
        try:
            yield Bpftrace(kinds, process, output)
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(PATIENCE)
        common.expect("bpftrace ends", code, 0)


def programs_beside(hook):
    """Return what this kernel lets share the target with the hook: the probes of each program."""
    with hook.session():
        try:
            with visitors.fentry():
                return PROBES + ENTRY, EXIT
        except OSError as error:
            assert error.errno == errno.EBUSY, error
            print(f"left out {' '.join(ENTRY + EXIT)}: {error}", flush=True)
            return PROBES,


def check_bpftrace(hook, reads, kinds):
    """It comes while we are there, and goes; we come while it is there, and go."""
    with hook.session():
        with bpftrace(kinds) as tracer:
            tracer.wait_attached(lambda: reads.one(True))
            before = tracer.seen()
            reads.many()
            after = tracer.seen()
            for kind in kinds:
                common.expect(f"{kind} beside the hook sees, of {2 * READS} calls",
                              after[kind] - before[kind], 2 * READS)
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
        for kind, count in tracer.seen().items():
            common.expect(f"{kind} sees, of 2 calls once we are gone", count - before[kind], 2)


def perf(*words):
    """Run perf, whose name had a version in it once; return what it printed."""
    program, *_ = glob.glob("/usr/bin/perf") + glob.glob("/usr/bin/perf_*")
    return subprocess.run([program, *words], check=True, stdout=subprocess.PIPE,
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
        for kinds in programs_beside(hook):
            check_bpftrace(hook, reads, kinds)
            print("bpftrace came and went, in either order", flush=True)
        check_perf(hook, reads, cgroup)
        common.nothing_left()
        assert not log.splats(), log.splats()


if __name__ == "__main__":
    check()
