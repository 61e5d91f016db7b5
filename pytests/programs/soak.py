"""python3 -m pytests.programs.soak [--cycles N] [PHASE ...]: as root.

N is the one knob: that many cycles of load, flip and unload, as many flips of `enabled`, a hundred
times as many of a parent's `redirect`, all under readers of both files and beside a process that
makes and removes cgroups with OOM kills in them. The whole thing: 1000.
"""

import argparse
import os
import sys
import time

from pytests.lib import kernel_log, memcg, memevents
from pytests.lib.memevents import BANNER_LINE, LOCAL_SHOW, SHOW
from pytests.lib.readers import Readers, every_cpu
from pytests.programs.churn import Churn

READERS = 2 * len(every_cpu())
# They run all the time, so that a switch would mostly wait for them to let it run.
NICE = 10
SAY_AFTER = 60.0    # seconds


class Soak:
    """One run on one kernel."""

    def __init__(self, cycles, parent, cgroup, log):
        self._cycles = cycles
        self._log = log
        self._parent = parent
        self.hook = memevents.Hook()
        self._events, self._local = cgroup.read_events(), cgroup.read_local()
        self._files = [(cgroup.events, {0: self._events, 1: BANNER_LINE + self._events}),
                       (cgroup.local, {0: self._local, 1: self._local})]

    def _steps(self, count):
        """Count so far, reading the kernel's log before it goes round: each OOM kill is a page.

        Says now and then how far it has come: who is silent for long is taken for dead.
        """
        said = time.monotonic()
        for step in range(count):
            if step % 20 == 0:
                self._log.records()
            if time.monotonic() - said > SAY_AFTER:
                said = time.monotonic()
                print(f"    {step} of {count}", flush=True)
            yield step

    def _exact(self, readers, churn, redirected=None):
        """The sums are what readers and the churn have read, to the last one."""
        churned = churn.reads
        wanted = readers.ended(0) + churned[0], readers.ended(1) + churned[1]
        got = self.hook.hits(SHOW)[0], self.hook.hits(LOCAL_SHOW)[0]
        assert got == wanted, f"hits {got}, but {wanted} reads"
        assert self.hook.number("other_hits") == 0
        assert self.hook.hits(LOCAL_SHOW)[1] == 0
        if redirected is not None:
            assert self.hook.hits(SHOW)[1] == redirected(wanted[0]), self.hook.hits(SHOW)
        return sum(wanted)

    def cycles(self):
        """Load, flip, unload, under readers."""
        with Churn(self._parent) as churn, \
                Readers(self._files, value=0, count=READERS, nice=NICE) as readers:
            for cycle in self._steps(self._cycles):
                readers.switch.flip(1, self.hook.load)
                readers.switch.flip(0, lambda: self.hook.write("enabled", "0"))
                readers.switch.flip(1, lambda: self.hook.write("enabled", "1"))
                if cycle % 2:
                    readers.switch.flip(0, lambda: self.hook.write(f"parents/{SHOW}/redirect", "0"))
                readers.switch.flip(0, self.hook.unload)
            readers.stop()
            churn.stop()
            return f"{self._cycles} load/flip/unload cycles", readers, churn

    def enabled(self):
        """Flips of `enabled` under readers."""
        self.hook.load()
        with Churn(self._parent) as churn, \
                Readers(self._files, count=READERS, nice=NICE) as readers, \
                self.hook.writer("enabled") as write:
            for flip in self._steps(self._cycles):
                value = flip & 1
                readers.switch.flip(value, lambda: write(b"1" if value else b"0"))
            readers.stop()
            churn.stop()
            hits, redirected = self.hook.hits(SHOW)
            assert 0 < hits == redirected <= readers.ended(0) + churn.reads[0]
            assert self.hook.hits(LOCAL_SHOW)[0] <= readers.ended(1) + churn.reads[1]
            assert self.hook.number("other_hits") == 0
        self.hook.unload()
        return f"{self._cycles} flips of enabled", readers, churn

    def redirect(self):
        """Flips of a parent's redirect under readers: no call goes uncounted."""
        flips = 100 * self._cycles
        self.hook.load()
        with Churn(self._parent) as churn, Readers(self._files, count=READERS) as readers, \
                self.hook.writer(f"parents/{SHOW}/redirect") as write:
            for flip in self._steps(flips):
                value = flip & 1
                readers.switch.flip(value, lambda: write(b"1" if value else b"0"))
                if flip < 2:    # some calls of either kind there are
                    readers.wait_reads(2)
            readers.stop()
            churn.stop()
            self._exact(readers, churn)
            hits, redirected = self.hook.hits(SHOW)
            assert 0 < redirected < hits, (redirected, hits)
        self.hook.unload()
        return f"{flips} flips of redirect", readers, churn

    def count(self):
        """Nothing is switched: hits and redirections are the reads, one for one."""
        self.hook.load()
        with Churn(self._parent) as churn, Readers(self._files, count=READERS) as readers:
            for _ in self._steps(self._cycles):
                readers.wait_reads(50)
            churn.wait_cgroups(1)
            readers.stop()
            churn.stop()
            self._exact(readers, churn, redirected=lambda reads: reads)
        self.hook.unload()
        return "nothing switched", readers, churn


PHASES = ("cycles", "enabled", "redirect", "count")


def _check(log, taint):
    splats = log.splats()
    assert not splats, "the kernel log has a splat:\n" + "\n".join(splats)
    now = kernel_log.taint() & ~kernel_log.TAINT_MODULE
    assert now == taint, f"taint was {taint:#x}, is {now:#x}"
    left = memevents.leftovers()
    assert not left, "after unloading: " + "; ".join(left)


def main():
    """Run the phases and print the figures."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("phases", nargs="*", metavar="PHASE",
                        help=f"of {', '.join(PHASES)}; all of them if none is named")
    options = parser.parse_args()

    log = kernel_log.KernelLog()
    taint = kernel_log.taint() & ~kernel_log.TAINT_MODULE
    print(f"{os.uname().release}, {os.cpu_count()} CPUs, {READERS} readers", flush=True)
    with memcg.pressed() as (parent, cgroup):
        soak = Soak(options.cycles, parent, cgroup, log)
        try:
            for phase in options.phases or PHASES:
                start = time.monotonic()
                what, readers, churn = getattr(soak, phase)()
                _check(log, taint)
                print(f"figure: {what}: {time.monotonic() - start:.0f} s, {readers.ended()} reads"
                      f" by the readers, {sum(churn.reads)} more, {churn.cgroups} cgroups made,"
                      " OOM-killed in and removed", flush=True)
        finally:
            if soak.hook.loaded:
                soak.hook.unload()
    return 0


if __name__ == "__main__":
    sys.exit(main())
