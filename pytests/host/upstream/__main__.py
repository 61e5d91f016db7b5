"""Upstream's selftests with the module and without it.

`python3 -m pytests.host.upstream [SUITE...]`

Each suite runs in three fresh guests: without the module, with it and an empty banner, with it as
it comes. The verdicts on every single test have to be the same, but for what differences.txt
explains. KERNELS picks the kernels, TESTS (shell patterns) the files of tests.
"""

import os
import sys
import time

from pytests.host.vm import progress, results
from pytests.host.vm.cache import TOP
from pytests.host.vm.errors import HarnessError
from pytests.host.vm.kernels import pick

from . import differences, selftests, suites, verdicts
from .session import DEFAULT, EMPTY, MODES, WITHOUT, run

RESULTS = TOP / "build" / "upstream"

#: How often the file of a test that came out otherwise is run again, in each of the two modes.
RERUNS = 2

GOOD = ("ok", "PASS")
BAD = ("not ok", "FAIL", verdicts.NONE)


def _columns(rows):
    """Lines of a table, out of rows of cells."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
            for row in rows]


class Comparison:
    """One suite on one kernel: its three runs, and what is to be said about them."""

    def __init__(self, kernel, suite, patterns):
        self._kernel = kernel
        self._suite = suite
        self._folder = RESULTS / kernel.name / suite.name
        self._tests = suite.tests(selftests.folder_of(kernel) / "layer" / "selftests", patterns)
        self.whole = not patterns
        self._runs = {}
        self._splats = set()
        self.explained = 0
        self.flaky = 0
        self.faults = 0

    def _say(self, text):
        progress.say(self._kernel.name, f"{self._suite.name}: {text}")

    def _fault(self, text):
        self.faults += 1
        self._say("FAILED: " + text)

    def any(self):
        """Whether there is a test to run."""
        return bool(self._tests)

    def run(self):
        """Run the suite in every mode, and compare."""
        for mode in MODES:
            began = time.monotonic()
            done = self._runs[mode] = self._one(mode, self._tests, mode)
            self._say(f"{mode}: {len(done.verdicts)} verdicts, {done.redirected} calls redirected,"
                      f" {time.monotonic() - began:.0f} s")
            reading = self.whole and self._suite.name == "cgroup" and mode != WITHOUT
            if reading and not done.redirected:
                self._fault(f"{mode}: the tests had no call redirected")
        self._write_table()
        self._run_again({mode: self._compare(mode) for mode in (EMPTY, DEFAULT)})

    def _one(self, mode, tests, name):
        with progress.step(self._kernel.name, f"{self._suite.name}, {name}: {len(tests)} files",
                           end=False):
            done = run(self._kernel, self._suite, mode, tests, self._folder / name)
        for fault in done.wrong:
            self._fault(f"{name}: {fault}")
        if mode == WITHOUT:
            self._splats.update(done.splats)
        for splat in done.splats:
            if splat in self._splats:
                self._say(f"{name}: upstream's own splat: {splat}")
            else:
                self._fault(f"{name}: a splat that is not there without the module: {splat}")
        return done

    def _write_table(self):
        """Leave all verdicts in verdicts.txt."""
        names = dict.fromkeys(name for done in self._runs.values() for name in done.verdicts)
        rows = [("test", *MODES)] + [
            (name, *(self._verdict(mode, name) for mode in MODES)) for name in names]
        (self._folder / "verdicts.txt").write_text(
            "".join(line + "\n" for line in _columns(rows)), encoding="utf-8")

    def _verdict(self, mode, name):
        return self._runs[mode].verdicts.get(name, verdicts.NONE)

    def _compare(self, mode):
        """Say what differs as listed; returns the names of the tests that differ otherwise."""
        rows = [row for row in differences.known()
                if row.is_about(self._kernel.name, self._suite.name, mode)
                and verdicts.file_of(row.test) in self._tests]
        explained, new, gone = differences.sort_out(
            rows, self._runs[WITHOUT].verdicts, self._runs[mode].verdicts)
        self.explained += len(explained)
        for row in explained:
            self._say(f"{mode}: {row.test}: {row.without} without the module, {row.hooked} with"
                      f" it, as listed: {row.reason}")
        for row in gone:
            self._fault(f"{mode}: {row.test}: listed as different, but it is not:"
                        f" {self._verdict(mode, row.test)}")
        return new

    def _run_again(self, new):
        """Run again what came out otherwise, to tell a flaky test from an effect of the module.

        Args:
            new: by mode, the names of the tests.
        """
        every = [name for names in new.values() for name in names]
        again = {mode: self._again(mode, names)
                 for mode, names in ((WITHOUT, every), *new.items())}
        for mode, names in new.items():
            for name in names:
                got = {which: [self._verdict(which, name),
                               *(found.get(name, verdicts.NONE) for found in again[which])]
                       for which in (WITHOUT, mode)}
                text = f"{mode}: {name}: " + "; ".join(
                    f"{which}: {', '.join(each)}" for which, each in got.items())
                if differences.is_flaky(got[WITHOUT], got[mode]):
                    self.flaky += 1
                    self._say(f"FLAKY: {text}")
                else:
                    self._fault(text)

    def _again(self, mode, names):
        """Run the files of these tests again; returns the verdicts of each time."""
        files = {verdicts.file_of(name) for name in names}
        tests = [test for test in self._tests if test in files]
        return [self._one(mode, tests, f"{mode}-again-{count}").verdicts
                for count in range(1, RERUNS + 1) if tests]

    def summary(self):
        """A row of the closing table."""
        cells = []
        for mode in MODES:
            each = [verdict for verdict in self._runs[mode].verdicts.values()
                    if not verdict.startswith("exit ")]
            good, bad = (sum(verdict in kind for verdict in each) for kind in (GOOD, BAD))
            cells.append((len(each), f"{good}/{bad}/{len(each) - good - bad}"))
        return (self._kernel.name, self._suite.name, str(cells[0][0]),
                *(cell for _, cell in cells),
                *map(str, (self.explained, self.flaky, self.faults)))


def main(names):
    """Run the suites of these names, all if there are none, and return the exit code."""
    began = time.monotonic()
    wanted = suites.pick(names)
    rows = [("kernel", "suite", "tests", "without", "empty banner", "default banner",
             "explained", "flaky", "faults")]
    faults = 0
    for kernel in pick(os.environ.get("KERNELS") or "6.12"):
        for suite in wanted:
            comparison = Comparison(kernel, suite, os.environ.get("TESTS", "").split())
            if not comparison.any():
                continue
            comparison.run()
            faults += comparison.faults
            rows.append(comparison.summary())
            if comparison.whole:
                figures = zip(rows[0], rows[-1])
                results.record(
                    f"upstream's {suite.name}", kernel.name,
                    ", ".join(f"{name} {cell}" for name, cell in list(figures)[2:]),
                    f"make test-upstream KERNELS={kernel.name}")
    if len(rows) == 1:
        raise HarnessError(f"TESTS='{os.environ.get('TESTS', '')}': no test is called so")
    print("\nverdicts: passed/failed/other (skipped, unsupported, unresolved)")
    print("\n".join(_columns(rows)))
    print(f"upstream: {'all is well' if not faults else f'{faults} faults'},"
          f" in {time.monotonic() - began:.0f} s; logs and verdicts.txt: {RESULTS}")
    return 1 if faults else 0


if __name__ == "__main__":
    os.chdir(TOP)
    try:
        sys.exit(main(sys.argv[1:]))
    except HarnessError as error:
        sys.exit(f"upstream: {error}")
