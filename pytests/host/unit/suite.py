"""How a kernel's run copes with its guests, which are played, and what is reported."""

import io
import itertools
import json
import os
import re
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

from pytests.host.suite import coverage, report, share, suite
from pytests.host.suite.report import KernelReport, Result
from pytests.host.vm import kernels, results
from pytests.host.vm.guest import Acceleration
from pytests.host.vm.in_guest import Ended
from pytests.lib import kernel_log

KERNEL = kernels.KERNELS[0]


class SuiteTest(unittest.TestCase):
    """How a kernel's run copes with its guests."""

    TESTS = ["t.py::one", "t.py::two", "t.py::three"]

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def play(self, *scripts, shares=1):
        """Run the suite with guests that follow the scripts, one each; returns the report.

        With several shares, there is a list of scripts for each. A script is a list of steps: an
        outcome for the next test, "start" for a test that does not end, "lost", or the exit code.
        Without "collected" the tests do not begin.
        """
        outer = self
        scripts = [list(each) for each in (scripts if shares > 1 else [scripts])]

        def played(kernel, folder, command, acceleration, content, suffix, nice, on_event,
                   limit):
            """In the place of run_in_guest(): follows the next script."""
            cpu = itertools.count(1.0, 0.5)

            def tell(event):
                on_event({**event, "cpu": next(cpu)})

            given = json.loads(content.files["share.json"])
            number, count = given["share"]
            steps = list(scripts[number].pop(0))
            console = folder / f"console{suffix}.log"
            console.write_text("memevents_harness: end of the tests\n" + "".join(
                step + "\n" for step in steps if " " in str(step)), encoding="ascii")
            left = [t for t in outer.TESTS[number::count] if t not in given["done"]]
            for step in steps:
                if step == "collected":
                    tell({"event": "collected", "tests": list(left),
                          "total": len(outer.TESTS)})
                elif step == "start":
                    tell({"event": "start", "test": left[0]})
                elif step == "gcov":
                    tell({"event": "gcov", "data": "aGl0cw==",
                          "path": "/sys/kernel/debug/gcov/mnt/module/hook.gcda"})
                elif step == "lost":
                    return Ended(None, "gone", "", console)
                elif isinstance(step, int):
                    return Ended(step, "", "", console)
                elif " " not in step:
                    tell({"event": "start", "test": left[0]})
                    tell({"event": "result", "test": left.pop(0), "outcome": step,
                          "seconds": 1.0, "why": "why", "text": "text",
                          "counted": {"things": 2}})
            raise AssertionError("a script without an end")

        with mock.patch.object(suite, "RESULTS", self.folder), \
                mock.patch.object(share, "run_in_guest", played), \
                mock.patch.object(suite.release, "fetch", lambda kernel: mock.Mock(release="r")), \
                mock.patch.object(suite.modules, "build", mock.Mock()), \
                mock.patch.object(suite.image, "guest_root", mock.Mock()), \
                mock.patch.object(suite.accel, "choose", lambda kernel: Acceleration("tcg")), \
                redirect_stdout(io.StringIO()):
            done = suite.KernelRun(KERNEL, "", shares).run()
        self.assertFalse(any(scripts), "guests that were not booted")
        ElementTree.parse(self.folder / KERNEL.name / "junit.xml")
        return done

    def outcomes(self, done):
        return {name: result.outcome for name, result in done.results.items()}

    def test_the_harness_itself_is_at_fault(self):
        with mock.patch.object(suite.KernelRun, "_prepare", lambda run: None + 1):
            report = self.play()
        failed, = report.results.values()
        self.assertEqual((failed.test, failed.outcome), ("set-up", "failed"))
        self.assertIn("TypeError", failed.why)
        self.assertIn("Traceback", failed.text)

    def test_a_folder_that_cannot_be_made(self):
        (self.folder / "file").touch()
        with mock.patch.object(suite, "RESULTS", self.folder / "file"), \
                redirect_stdout(io.StringIO()):
            report = suite.KernelRun(KERNEL, "").run()
        self.assertEqual(self.outcomes(report), {"set-up": "failed"})

    def test_all_is_well(self):
        done = self.play(["collected", "passed", "skipped", "passed", 0])
        self.assertEqual(list(self.outcomes(done).values()), ["passed", "skipped", "passed"])
        # each event tells half a second more, and the first one 1 s
        self.assertEqual([result.cpu for result in done.results.values()], [0.5] * 3)
        self.assertEqual(done.cpu, 4.0)

    def test_what_gcov_counted_is_kept(self):
        self.play(["collected", "passed", "failed", "gcov", kernel_log.EXIT_SPLAT],
                  ["collected", "passed", "gcov", 0])
        for guest_number in (1, 2):
            kept = self.folder / KERNEL.name / "gcov" / f"guest-{guest_number}" / "module"
            self.assertEqual((kept / "hook.gcda").read_bytes(), b"hits")

    def test_shared_by_two_guests(self):
        done = self.play([["collected", "start", "lost"], ["collected", "passed", 0]],
                         [["collected", "gcov", "skipped", 0]], shares=2)
        self.assertEqual(self.outcomes(done),
                         dict(zip(self.TESTS, ["failed", "skipped", "passed"])))
        self.assertEqual(done.guests, 3)
        kept, = (self.folder / KERNEL.name / "gcov").iterdir()
        self.assertRegex(kept.name, "^guest-[123]$")

    def test_a_test_that_is_in_no_share(self):
        with mock.patch.object(suite, "Share", lambda run, *_: share.Share(run, 0, 2)):
            done = self.play(["collected", "passed", "passed", 0])
        self.assertEqual((done.count("passed"), done.results["tests"].why),
                         (2, "1 have no result"))

    def test_lost_before_the_tests(self):
        done = self.play(["lost"], ["lost"], ["collected", "passed", "passed", "passed", 0])
        self.assertEqual(done.count("passed"), 3)
        self.assertEqual(done.lost, ["gone", "gone"])

    def test_lost_three_times_before_the_tests(self):
        done = self.play(["lost"], ["lost"], ["lost"])
        self.assertEqual(self.outcomes(done), {"guest": "failed"})

    def test_lost_in_a_test(self):
        done = self.play(["collected", "passed", "start", "lost"], ["collected", "passed", 0])
        self.assertEqual(self.outcomes(done), dict(zip(self.TESTS, ["passed", "failed", "passed"])))
        self.assertIn("guest lost", done.results[self.TESTS[1]].why)

    def test_thrown_away_after_a_splat(self):
        done = self.play(["collected", "failed", kernel_log.EXIT_SPLAT],
                         ["collected", "passed", "passed", 0])
        self.assertEqual(self.outcomes(done), dict(zip(self.TESTS, ["failed", "passed", "passed"])))

    def test_too_many_thrown_away(self):
        with mock.patch.object(share, "MAX_GUESTS", 2):
            done = self.play(["collected", "failed", kernel_log.EXIT_SPLAT],
                             ["collected", "failed", kernel_log.EXIT_SPLAT])
        self.assertEqual(done.count("failed"), 3)

    def test_splat_after_the_tests(self):
        done = self.play(["collected", "passed", "passed", "passed", "[1.0] BUG: at rmmod", 0])
        self.assertEqual((done.count("passed"), done.count("failed")), (3, 1))

    def test_not_all_were_run(self):
        done = self.play(["collected", "passed", 0])
        self.assertEqual((done.count("passed"), done.count("failed")), (1, 2))

    def test_pytest_itself_failed(self):
        done = self.play([4])
        self.assertEqual(self.outcomes(done), {"pytest": "failed"})


class ReportTest(unittest.TestCase):
    """Counts, the last line, and --strict."""

    def report(self, *outcomes):
        done = KernelReport(KERNEL)
        for number, outcome in enumerate(outcomes):
            done.add(Result(f"test_x.py::{number}", outcome, 1.0, "why \x1b", "text"))
        return done

    def test_last_line(self):
        with redirect_stdout(io.StringIO()) as printed:
            report.print_summary([self.report("passed", "failed"), self.report("skipped")])
        self.assertEqual(printed.getvalue().splitlines()[-1], "1 passed, 1 failed, 1 skipped")

    def test_what_was_counted(self):
        done = KernelReport(KERNEL)
        for number in (1, 2):
            done.add(Result(f"test_x.py::{number}", "passed", counted={"faults": number}))
        done.add(Result("test_x.py::3", "passed", counted={"seconds": 0.5}))
        self.assertEqual(done.counted(), {"test_x.py: faults": 3})
        done.add(Result("test_x.py::4", "passed", counted={"errors": 1}))
        self.assertEqual(list(done.counted()), ["test_x.py: errors", "test_x.py: faults"])
        with tempfile.TemporaryDirectory() as folder:
            done.write_junit(Path(folder) / "junit.xml")
            root = ElementTree.parse(Path(folder) / "junit.xml")
        self.assertEqual([entry.get("value") for entry in root.iter("property")],
                         ["1", "2", "0.5", "1"])

    def test_the_worse_counts(self):
        done = self.report("failed")
        done.add(Result("test_x.py::0", "passed"))
        self.assertEqual(done.count("failed"), 1)

    def test_strict(self):
        rows = "# a comment\n\n9.9,5.*  test_x.py::0  a reason\n"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "skips.txt"
            path.write_text(rows, encoding="ascii")
            with mock.patch.object(report, "SKIPS", path):
                done = self.report("skipped", "skipped", "passed")
                report.refuse_skips(done)
                self.assertEqual((done.count("skipped"), done.count("failed")), (1, 1))
                done = self.report("passed", "passed")
                report.refuse_skips(done)
                self.assertEqual(done.count("failed"), 0)
                report.refuse_skips(done, whole=True)
                self.assertIn("no test is", done.results["test_x.py::0"].why)
                self.assertEqual(done.count("failed"), 1)

    def test_every_row_of_the_list_is_whole(self):
        names = [kernel.name for kernel in kernels.KERNELS]
        for patterns, _test in report.allowed_skips():
            for pattern in patterns:
                self.assertTrue(any(re.fullmatch(pattern.replace("*", ".*"), n) for n in names))


class CoverageTest(unittest.TestCase):
    """A reason is given for a line of one function."""

    LINES = """int first;
static int one(int a,
	       int b)
{
	return a;
}

long
two(void)
{
	call(a);
	return a;
}
""".splitlines()

    def test_each_line_is_its_functions(self):
        for number, wanted in ((1, "int first;"), (3, "one(): int b)"), (5, "one(): return a;"),
                               (9, "two(): two(void)"), (12, "two(): return a;")):
            with self.subTest(number):
                self.assertEqual(coverage.place(self.LINES, number), wanted)


class ResultsTest(unittest.TestCase):
    """What runs leave, and what is kept of it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        patch = mock.patch.multiple(results, NEW=self.folder / "new.md",
                                    KEPT=self.folder / "kept.md")
        patch.start()
        self.addCleanup(patch.stop)

    def record(self, commit, *row, now=None, **options):
        """Take note of a run that began at a commit; `now` is another one, if files changed."""
        with mock.patch.multiple(results, commit=lambda: commit,
                                 _commit_now=lambda: now or commit):
            results.record(*row, **options)

    def kept(self):
        """The rows that are kept after a merge."""
        with redirect_stdout(io.StringIO()):
            results.merge()
        return [line.strip("| ").split(" | ")[:len(results.COLUMNS)]
                for line in results.KEPT.read_text(encoding="utf-8").splitlines()
                if line.startswith("| ") and not line.startswith("| what")]

    def test_cpus_are_part_of_the_command(self):
        self.record("aaa", "suite", "6.1", "1 passed", "make test")
        with mock.patch.dict(os.environ, CPUS="8"):
            self.record("aaa", "suite", "6.1", "1 passed", "make test")
        self.assertEqual([row[4] for row in self.kept()], ["`make test CPUS=8`", "`make test`"])

    def test_cpus_that_the_guests_did_not_have(self):
        with mock.patch.dict(os.environ, CPUS="8"):
            self.record("aaa", "cost", "6.1", "+47", "make bench", any_cpus=False)
        self.assertEqual([row[4] for row in self.kept()], ["`make bench`"])

    def commit(self, text):
        """Commit a module of this text, a README of it, and what it is not compiled from, in a
        repository of the test's own.
        """
        code = self.folder / "module" / "engine" / "hook.c"
        code.parent.mkdir(parents=True, exist_ok=True)
        for path in (code, self.folder / "module" / "README.md"):
            path.write_text(text, encoding="utf-8")
        code.with_name("unit.mk").write_text(f"engine := {text!r}", encoding="utf-8")
        git = ["git", "-c", "user.name=x", "-c", "user.email=x", "-C", self.folder]
        for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
            subprocess.run([*git, *words], check=True)
        return subprocess.run([*git, "rev-parse", "HEAD"], check=True, text=True,
                              stdout=subprocess.PIPE).stdout.strip()

    def test_whether_the_module_has_changed_since(self):
        """Comments, blanks and what it is not compiled from do not count."""
        commits = [self.commit(text) for text in (
            "/* a\n * b\n */\nint a;\n", "# d\nint b;\n", "/* c */\n\nint  b;\n# e\n")]
        with mock.patch.object(results, "TOP", self.folder):
            since = [results._module_since.__wrapped__(then) for then in (*commits, "0" * 40)]
        self.assertEqual(since, ["changed", "the same", "the same", "unknown"])

    def test_newer_rows_replace_older(self):
        self.record("aaa", "suite", "6.1", "1 passed", "make test")
        self.record("aaa", "suite", "6.12", "2 passed", "make test")
        first = ["suite", "6.1", "aaa", "1 passed", "`make test`"]
        second = ["suite", "6.12", "aaa", "2 passed", "`make test`"]
        self.assertEqual(self.kept(), [first, second])
        results.NEW.unlink()
        self.record("bbb", "suite", "6.12", "3 | passed", "make test")
        self.assertEqual(self.kept(), [first, [*second[:2], "bbb", "3 / passed", second[4]]])

    def test_one_command_leaves_rows_of_several_kinds(self):
        for what in ("upstream's cgroup", "upstream's livepatch"):
            self.record("aaa", what, "6.12", "2 passed", "make test-upstream")
        self.assertEqual([row[0] for row in self.kept()],
                         ["upstream's cgroup", "upstream's livepatch"])

    def test_not_of_what_is_not_committed(self):
        self.record("aaa", "suite", "6.1", "1 passed", "make test")
        self.kept()
        self.record("bbb" + results.DIRTY, "suite", "6.1", "2 passed", "make test")
        self.assertEqual([row[2] for row in self.kept()], ["aaa"])
        self.record("ccc", "suite", "6.1", "3 passed", "make test", now="ddd")
        self.record("ccc", "suite", "6.1", "3 passed", "make test", now="ccc" + results.DIRTY)
        self.assertEqual([row[2] for row in self.kept()], ["aaa"])

    def test_what_is_not_committed(self):
        """What guests do not get does not count where git does not know it."""
        commit = self.commit("int a;\n")[:7]
        dirty = commit + results.DIRTY
        code = self.folder / "module" / "engine" / "hook.c"
        with mock.patch.object(results, "TOP", self.folder):
            for path, wanted in ((self.folder / "notes.txt", commit),
                                 (code.with_name("new.c"), dirty), (code, dirty)):
                before = path.read_bytes() if path.exists() else None
                path.write_text("text", encoding="ascii")
                self.assertEqual(results._commit_now(), wanted, path)
                path.unlink()
                if before is not None:
                    path.write_bytes(before)
