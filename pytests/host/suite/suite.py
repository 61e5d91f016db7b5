"""`make test`: the pytest suite in guests, over the kernels picked."""

import os
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

from pytests.host.vm import accel, cache, image, machine, modules, progress, release, results
from pytests.host.vm.cache import TOP
from pytests.host.vm.errors import HarnessError
from pytests.host.vm.progress import say

from .report import KernelReport, Result, print_summary, refuse_skips
from .share import Share

RESULTS = TOP / "build" / "test"

# The last lines of a failure that are shown at once.
LINES_SHOWN = 60


class KernelRun:
    """The suite on one kernel.

    report: what came out.
    folder: where the guests' logs are left.
    options: more options of pytest's, as one string.
    built, acceleration: what the guests get, once run() has made it.
    """

    def __init__(self, kernel, options, shares=1):
        """Get ready for a run.

        Args:
            shares: how many guests the tests are shared by, at the same time.
        """
        self.report = KernelReport(kernel)
        self.folder = RESULTS / kernel.name
        self.options = options
        self.built = self.acceleration = None
        self._shares = [Share(self, number, shares) for number in range(shares)]
        # Of the report, which the shares' threads write to.
        self._lock = threading.RLock()

    def run(self):
        """Fetch, build, boot, test. Every failure ends up in the report."""
        start = time.monotonic()
        if self._guarded(self._make_folder) and self._guarded(self._prepare):
            with ThreadPoolExecutor(len(self._shares)) as pool:
                list(pool.map(lambda share: self._guarded(share.run), self._shares))
            missing = max(share.total for share in self._shares) - len(self.report.results)
            if missing > 0:
                self.fail("tests", f"{missing} have no result")
        progress.doing(self.report.kernel.name, None)
        self.report.seconds = time.monotonic() - start
        say(self.report.kernel.name, self.report.figure())
        self.write_junit()
        return self.report

    def write_junit(self):
        """Write what came out to the run's folder, in JUnit's format."""
        self._guarded(lambda: self.report.write_junit(self.folder / "junit.xml"))

    def _guarded(self, step):
        """Take a step; returns whether it went well. A failure ends up in the report."""
        try:
            step()
            return True
        except (HarnessError, OSError) as error:
            self.fail("set-up", str(error).partition("\n")[0], str(error))
        except Exception as error:
            # The harness's own fault: the other kernels go on, and this one has failed.
            self.fail("set-up", f"{type(error).__name__}: {error}", traceback.format_exc())
        return False

    def _make_folder(self):
        cache.remove(self.folder)
        self.folder.mkdir(parents=True)

    def _prepare(self):
        kernel = self.report.kernel
        self.report.release = release.fetch(kernel).release
        self.built = modules.build(kernel)
        image.guest_root(kernel.base_suite, kernel.arch)
        self.acceleration = accel.choose(kernel)

    def next_guest(self):
        """Return the number of a guest that is about to be booted, from 1."""
        with self._lock:
            self.report.guests += 1
            return self.report.guests

    def done(self):
        """Return the names of the tests that have a result."""
        with self._lock:
            return list(self.report.results)

    def add_cpu(self, seconds):
        """Take note that a guest took the host's CPUs so many seconds more."""
        with self._lock:
            self.report.cpu += seconds

    def so_far(self):
        """Return how many tests are done, of how many, as text."""
        done = len(self.report.results)
        return f"{done:>3}/{done + sum(len(share.remaining or ()) for share in self._shares)}"

    def fail(self, test, why, text=""):
        """Take a failure that no test reported.

        Args:
            why: the reason, in a line.
            text: the same at length.
        """
        self.take(Result(test, "failed", 0.0, why, text or why))

    def take(self, result):
        """Take a test's result, and print it."""
        name = self.report.kernel.name
        with self._lock:
            self.report.add(result)
            line = f"{self.so_far()} {result.outcome:<7} {result.test}  {result.seconds:.1f} s"
        if result.cpu:
            line += f" ({result.cpu:.1f} s of CPU)"
        if result.outcome == "failed" or not progress.in_place():
            say(name, line)
        if result.outcome == "failed":
            lines = result.text.splitlines()
            if len(lines) > LINES_SHOWN:
                lines = [f"({len(lines) - LINES_SHOWN} lines more in {self.folder})",
                         *lines[-LINES_SHOWN:]]
            say(name, "\n".join("| " + line for line in lines))


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
    # Some tests, picked by options, are done before more guests were up.
    shares = 1 if options else max(1, workers(kernels) // len(kernels))
    runs = [KernelRun(kernel, options, shares) for kernel in kernels]
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
        for one in runs:
            refuse_skips(one.report, whole)
            one.write_junit()
    for report in reports:
        if not report.count("passed") and not report.count("failed"):
            report.add(Result("tests", "failed", why="not one test was run"))
    print_summary(reports)
    if whole:
        for report in reports:
            results.record("suite", report.kernel.name, report.figure(),
                           f"make test KERNELS={report.kernel.name}")
    return 1 if any(report.count("failed") for report in reports) else 0
