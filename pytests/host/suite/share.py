"""A share of the suite's tests on one kernel, in as many guests as it takes."""

import json
import os
import shlex

from pytests.host.vm import progress
from pytests.host.vm.guest import WALL_LIMIT
from pytests.host.vm.image import Content
from pytests.host.vm.in_guest import run_in_guest
from pytests.host.vm.progress import say
from pytests.lib import kernel_log

from . import coverage
from .report import Result

# Guests that are lost before the tests begin are started again so often.
RETRIES = 2

# Guests that a share may take once its tests have begun: each one after the first follows a splat
# or a lost one. Then the rest is given up.
MAX_GUESTS = 6

# A debug kernel's guest takes the CPUs as long as four others do: they stand back for it so far
# that one CPU is its own, or all would be waiting for it at the end. On one CPU it leaves them half
# of that: far from what they would take for a lockup (TCG_LINE of vm/guest.py).
NICE = 5

COMMAND = """\
export MEMEVENTS_EVENTS=/dev/memevents_events MEMEVENTS_SHARE=/memevents/share.json
export PYTHONUNBUFFERED=1 MEMEVENTS_SCALE={scale}
exec python3 -m pytest -p pytests.host.suite.guest_plugin -v --color=no pytests {options}
"""


class Share:
    """Every so-many-th test of the suite on one kernel.

    The tests of a share run one after the other; the shares of a kernel run at the same time.
    """

    def __init__(self, run, number, count):
        """Make one of several shares.

        Args:
            run: the KernelRun, which takes the results.
            number: of this share, from 0.
            count: how many shares there are.
        """
        self._run = run
        self._kernel = run.report.kernel
        self._which = (number, count)
        self._name = self._kernel.name if count == 1 else f"{self._kernel.name}/{number + 1}"
        self._guests = 0
        self._guest = None
        self._collected = False
        self._current = None
        # Seconds of the host's CPUs that the guest had taken: at its last event, at a test's start.
        self._cpu = self._cpu_before = 0.0
        #: The tests that have no result yet; None until the first guest has collected them.
        self.remaining = None
        #: How many tests all shares have, as the last guest collected them.
        self.total = 0

    def run(self):
        """Boot and test, until each test of the share has a result.

        Raises:
            HarnessError, OSError: a guest could not be made or started.
        """
        try:
            while self._one_guest():
                pass
        finally:
            progress.doing(self._name, None)

    def _one_guest(self):
        """Run what is left of the tests in a fresh guest.

        Returns:
            Whether another guest is needed.
        """
        for attempt in range(1 + RETRIES):
            ended = self._boot()
            if not ended.lost:
                break
            if self._collected:
                return self._lost(ended)
            say(self._kernel.name,
                f"guest lost before the tests began ({ended.lost}); its log: {ended.console}")
            self._run.report.lost.append(ended.lost)
        else:
            self._run.fail("guest",
                           f"lost {1 + RETRIES} times before the tests began: {ended.lost}")
            return False
        self._guests += 1
        self._scan_end(ended.console)
        if ended.code == kernel_log.EXIT_SPLAT:
            return self._more("a splat")
        if ended.code not in (0, 1) or not self._collected:
            self._run.fail("pytest", f"pytest's exit code was {ended.code}", ended.output)
        for test in self.remaining or ():
            self._run.fail(test, "it was not run")
        return False

    def _lost(self, ended):
        """The guest was lost in the tests: blame the one that ran."""
        self._guests += 1
        tail = ended.console.read_text(errors="replace").splitlines()[-60:]
        if self._current in self.remaining:
            self.remaining.remove(self._current)
        self._run.fail(self._current or "guest after the tests", ended.wrong,
                       "\n".join([*tail, ended.wrong]))
        return self._more("a lost guest")

    def _more(self, why):
        """Whether to go on in another guest after one was thrown away."""
        if not self.remaining:
            return False
        if self._guests >= MAX_GUESTS:
            for test in self.remaining:
                self._run.fail(test, f"not run: {self._guests} guests were thrown away")
            return False
        say(self._kernel.name, f"after {why}: {len(self.remaining)} tests go on in a fresh guest")
        return True

    def _boot(self):
        self._guest = self._run.next_guest()
        self._collected = False
        self._cpu = 0.0
        say(self._kernel.name,
            f"booting {self._run.report.release} ({self._run.acceleration.name})")
        progress.doing(self._name, "booting")
        scale = os.environ.get("MEMEVENTS_SCALE") or self._kernel.scale
        command = COMMAND.format(options=self._run.options, scale=shlex.quote(scale))
        share = {"share": self._which, "done": self._run.done()}
        return run_in_guest(
            self._kernel, self._run.folder, command, self._run.acceleration,
            Content(self._run.built, {"share.json": json.dumps(share)}),
            suffix="" if self._guest == 1 else f"-{self._guest}",
            nice=0 if self._kernel.checked else NICE,
            on_event=self._on_event, limit=WALL_LIMIT * self._kernel.patience)

    def _on_event(self, event):
        self._run.add_cpu(event["cpu"] - self._cpu)
        self._cpu = event["cpu"]
        if event["event"] == "collected":
            self._collected = True
            self.remaining = event["tests"]
            self.total = event["total"]
            self._current = None
        elif event["event"] == "start":
            self._current = event["test"]
            self._cpu_before = event["cpu"]
            progress.doing(self._name, f"{self._run.so_far()} {self._current}")
        elif event["event"] == "result":
            self._current = None
            self.remaining.remove(event["test"])
            self._run.take(Result(event["test"], event["outcome"], event["seconds"], event["why"],
                                  event["text"], event["counted"], event["cpu"] - self._cpu_before))
        elif event["event"] == "gcov":
            coverage.keep(self._run.folder, self._guest, event)

    def _scan_end(self, console):
        """Look for splats that came after the last test's own look at the log."""
        text = console.read_text(errors="replace")
        last = text.rpartition("memevents_harness: end of the tests")[2]
        splats = kernel_log.find_splats(last.splitlines())
        if splats:
            self._run.fail(f"log after the tests ({console.name})", splats[0], "\n".join(splats))
