"""`make test`: the pytest suite in guests, over the kernels picked."""

import json
import os
import shlex
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

from pytests.host.vm import accel, cache, image, machine, modules, progress, release, results
from pytests.host.vm.cache import TOP
from pytests.host.vm.errors import HarnessError
from pytests.host.vm.guest import WALL_LIMIT
from pytests.host.vm.image import Content
from pytests.host.vm.in_guest import run_in_guest
from pytests.host.vm.progress import say
from pytests.lib import kernel_log

from . import coverage
from .report import KernelReport, Result, print_summary, refuse_skips

RESULTS = TOP / "build" / "test"

# Guests that are lost before the tests begin are started again so often.
RETRIES = 2

# Guests thrown away after the tests began (a splat, or lost) before the rest is given up.
MAX_GUESTS = 6

# The last lines of a failure that are shown at once.
LINES_SHOWN = 60

# A debug kernel's guest takes the CPUs as long as four others do: they stand back for it so far, or
# all would be waiting for it at the end. Much further, and what they do would look like a lockup.
NICE = 2

COMMAND = """\
export MEMEVENTS_EVENTS=/dev/memevents_events MEMEVENTS_DONE=/memevents/done.json
export PYTHONUNBUFFERED=1 MEMEVENTS_SCALE={scale}
exec python3 -m pytest -p pytests.host.suite.guest_plugin -v --color=no pytests {options}
"""


class KernelRun:
    """The suite on one kernel, in as many guests as it takes."""

    def __init__(self, kernel, options):
        self._kernel = kernel
        self._options = options
        self._folder = RESULTS / kernel.name
        self._remaining = None
        self._current = None
        # Seconds of the host's CPUs that the guest had taken: at its last event, at a test's start.
        self._cpu = self._cpu_before = 0.0
        self.report = KernelReport(kernel)

    def run(self):
        """Fetch, build, boot, test. Every failure ends up in the report."""
        start = time.monotonic()
        cache.remove(self._folder)
        self._folder.mkdir(parents=True)
        try:
            self._prepare()
            while self._one_guest():
                pass
        except (HarnessError, OSError) as error:
            self._fail("set-up", str(error).partition("\n")[0], str(error))
        except Exception as error:
            # The harness's own fault: the other kernels go on, and this one has failed.
            self._fail("set-up", f"{type(error).__name__}: {error}", traceback.format_exc())
        progress.doing(self._kernel.name, None)
        self.report.seconds = time.monotonic() - start
        say(self._kernel.name, self.report.figure())
        self.report.write_junit(self._folder / "junit.xml")
        return self.report

    def _fail(self, test, why, text=""):
        self._take(Result(test, "failed", 0.0, why, text or why))

    def _take(self, result):
        self.report.add(result)
        line = f"{self._so_far()} {result.outcome:<7} {result.test}  {result.seconds:.1f} s"
        if result.cpu:
            line += f" ({result.cpu:.1f} s of CPU)"
        if result.outcome == "failed" or not progress.in_place():
            say(self._kernel.name, line)
        if result.outcome == "failed":
            lines = result.text.splitlines()
            if len(lines) > LINES_SHOWN:
                lines = [f"({len(lines) - LINES_SHOWN} lines more in {self._folder})",
                         *lines[-LINES_SHOWN:]]
            say(self._kernel.name, "\n".join("| " + line for line in lines))

    def _so_far(self):
        """How many tests are done, of how many."""
        done = len(self.report.results)
        return f"{done:>3}/{done + len(self._remaining or ())}"

    def _prepare(self):
        self.report.release = release.fetch(self._kernel).release
        self._built = modules.build(self._kernel)
        image.guest_root(self._kernel.base_suite, self._kernel.arch)
        self._acceleration = accel.choose(self._kernel)

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
            self.report.lost.append(ended.lost)
        else:
            self._fail("guest", f"lost {1 + RETRIES} times before the tests began: {ended.lost}")
            return False
        self._scan_end(ended.console)
        if ended.code == kernel_log.EXIT_SPLAT:
            return self._more("a splat")
        if ended.code not in (0, 1) or not self._collected:
            self._fail("pytest", f"pytest's exit code was {ended.code}", ended.output)
        for test in self._remaining or ():
            self._fail(test, "it was not run")
        return False

    def _lost(self, ended):
        """The guest was lost in the tests: blame the one that ran."""
        tail = ended.console.read_text(errors="replace").splitlines()[-60:]
        if self._current in self._remaining:
            self._remaining.remove(self._current)
        self._fail(self._current or "guest after the tests", ended.wrong,
                   "\n".join([*tail, ended.wrong]))
        return self._more("a lost guest")

    def _more(self, why):
        """Whether to go on in another guest after one was thrown away."""
        if not self._remaining:
            return False
        if self.report.guests >= MAX_GUESTS:
            for test in self._remaining:
                self._fail(test, f"not run: {self.report.guests} guests were thrown away")
            return False
        say(self._kernel.name, f"after {why}: {len(self._remaining)} tests go on in a fresh guest")
        return True

    def _boot(self):
        self.report.guests += 1
        self._collected = False
        self._cpu = 0.0
        say(self._kernel.name, f"booting {self.report.release} ({self._acceleration.name})")
        progress.doing(self._kernel.name, "booting")
        command = COMMAND.format(options=self._options,
                                 scale=shlex.quote(os.environ.get("MEMEVENTS_SCALE")
                                                   or self._kernel.scale))
        return run_in_guest(
            self._kernel, self._folder, command, self._acceleration,
            Content(self._built, {"done.json": json.dumps(list(self.report.results))}),
            suffix="" if self.report.guests == 1 else f"-{self.report.guests}",
            nice=0 if self._kernel.checked else NICE,
            on_event=self._on_event, limit=WALL_LIMIT * self._kernel.patience)

    def _on_event(self, event):
        self.report.cpu += event["cpu"] - self._cpu
        self._cpu = event["cpu"]
        if event["event"] == "collected":
            self._collected = True
            self._remaining = event["tests"]
            self._current = None
        elif event["event"] == "start":
            self._current = event["test"]
            self._cpu_before = event["cpu"]
            progress.doing(self._kernel.name, f"{self._so_far()} {self._current}")
        elif event["event"] == "result":
            self._current = None
            self._remaining.remove(event["test"])
            self._take(Result(event["test"], event["outcome"], event["seconds"], event["why"],
                              event["text"], event["counted"], event["cpu"] - self._cpu_before))
        elif event["event"] == "gcov":
            coverage.keep(self._folder, self.report.guests, event)

    def _scan_end(self, console):
        """Look for splats that came after the last test's own look at the log."""
        text = console.read_text(errors="replace")
        last = text.rpartition("memevents_harness: end of the tests")[2]
        splats = kernel_log.find_splats(last.splitlines())
        if splats:
            self._fail(f"log after the tests ({console.name})", splats[0], "\n".join(splats))


def workers(kernels):
    """How many guests may run at once: two a core, as far as memory (and its limits) go.

    A guest is idle more than half of its time: each switch of the hook waits for grace periods.
    """
    largest = max(kernel.memory for kernel in kernels)
    return max(1, min(2 * len(os.sched_getaffinity(0)),
                      machine.available_memory() // (largest * 3 // 2)))


def run(kernels, options, strict):
    """Run the suite on the kernels and print what came out.

    Args:
        options: more options of pytest's, as one string.
        strict: fail on a skip that skips.txt does not list.

    Returns:
        The exit code: 0 if tests were run and none failed.
    """
    runs = [KernelRun(kernel, options) for kernel in kernels]
    # The slowest first: those that have to be built, then all that are not plain.
    order = sorted(runs, key=lambda r: (not r.report.kernel.config, r.report.kernel.plain))
    with ThreadPoolExecutor(workers(kernels)) as pool:
        try:
            for future in [pool.submit(run.run) for run in order]:
                future.result()
        except KeyboardInterrupt:
            # Not to wait for the threads: QEMU dies with us.
            print("\ninterrupted", flush=True)
            os._exit(130)
    reports = [run.report for run in runs]
    whole = not options and not os.environ.get("MEMEVENTS_SCALE")
    if strict:
        for report in reports:
            refuse_skips(report, whole)
            report.write_junit(RESULTS / report.kernel.name / "junit.xml")
    for report in reports:
        if not report.count("passed") and not report.count("failed"):
            report.add(Result("tests", "failed", why="not one test was run"))
    print_summary(reports)
    if whole:
        for report in reports:
            results.record("suite", report.kernel.name, report.figure(),
                           f"make test KERNELS={report.kernel.name}")
    return 1 if any(report.count("failed") for report in reports) else 0
