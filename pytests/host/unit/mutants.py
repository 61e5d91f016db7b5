"""Tests of the mutants' table, and of how what the tests write is read: `make selftest`."""

import re
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from pytests.host.mutants import build, notice, outcome
from pytests.host.mutants.mutant import Mutant
from pytests.host.mutants.outcome import NOT_TRIED, NOTICED, SURVIVED, Outcome, Record
from pytests.host.mutants.table import MUTANTS
from pytests.host.suite.boots import BOOTS
from pytests.host.vm.cache import TOP
from pytests.host.vm.errors import HarnessError
from pytests.host.vm.kernels import KERNELS

TESTS = "".join(f"{path.name}\n{path.read_text(encoding='utf-8')}"
                for path in sorted((TOP / "pytests" / "tests").glob("test_*.py")))


class TableTest(unittest.TestCase):
    """Each row fits the tree as it is, and names what there is."""

    def test_fits(self):
        for mutant in MUTANTS:
            with self.subTest(mutant.name):
                text = (TOP / "module" / mutant.file).read_text(encoding="utf-8")
                self.assertEqual(text.count(mutant.old), 1)
                self.assertNotEqual(mutant.old, mutant.new)

    def test_names(self):
        names = [mutant.name for mutant in MUTANTS]
        self.assertEqual(len(names), len(set(names)))
        kernels, boots = {kernel.name for kernel in KERNELS}, {boot.name for boot in BOOTS}
        for mutant in MUTANTS:
            with self.subTest(mutant.name):
                self.assertRegex(mutant.name, r"\A[a-z0-9-]+\Z")
                self.assertIn(mutant.kernel, kernels)
                self.assertIn(mutant.boot, boots | {""})

    def test_some_test_is_meant(self):
        for mutant in MUTANTS:
            with self.subTest(mutant.name):
                self.assertNotEqual(bool(mutant.tests or mutant.boot), mutant.prove)
                for word in re.findall(r"[\w.]+", mutant.tests):
                    self.assertTrue(word in ("and", "or", "not") or word in TESTS, word)


class FoldersTest(unittest.TestCase):
    """A mutant is in each module that its tests load."""

    def folders(self, file="engine/hook.c", everything=False, **row):
        return build.folders(Mutant("name", file, "a", "b", **row), everything)

    def test_those_that_the_tests_load(self):
        for row, more in (({"tests": "test_inlined"}, {"slow_target"}),
                          ({"tests": "test_tail_call or test_example"}, {"any_target", "example"}),
                          ({"boot": "unload-preempted"}, {"slow_target"}),
                          ({"tests": "test_defaults"}, set())):
            with self.subTest(row):
                found = {folder.rpartition("/")[2] for folder in self.folders(**row)}
                self.assertLessEqual({"module"} | more, found)

    def test_no_others(self):
        self.assertEqual(self.folders(tests="test_hold"), ("module",))

    def test_all(self):
        self.assertEqual(self.folders(everything=True), build.WITH_ENGINE)
        self.assertEqual(len(build.WITH_ENGINE), 4)

    def test_not_of_the_engine(self):
        self.assertEqual(self.folders("memory_events.c", True, tests="test_inlined"), ("module",))


class PlantTest(unittest.TestCase):
    """A mutant is planted where it fits, and only there."""

    def plant(self, text):
        """The text of a file after a mutant was planted in it."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "module" / "file.c"
            path.parent.mkdir()
            path.write_text(text, encoding="ascii")
            Mutant("name", "file.c", "one", "two").plant(Path(folder))
            return path.read_text(encoding="ascii")

    def test_fits(self):
        self.assertEqual(self.plant("a one b"), "a two b")
        self.assertEqual(self.plant("none"), "ntwo")

    def test_does_not_fit(self):
        for text, times in (("a b", 0), ("one one", 2)):
            with self.subTest(text), \
                    self.assertRaisesRegex(HarnessError, f"stands {times} times"):
                self.plant(text)


class RecordTest(unittest.TestCase):
    """A run goes on where an earlier one was stopped."""

    MUTANT = Mutant("name", "file.c", "one", "two", tests="test")

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = Path(folder.name)
        for name in ("module/file.c", "pytests/tests/test_a.py"):
            (self.top / name).parent.mkdir(parents=True)
            (self.top / name).write_text("text", encoding="ascii")
        (self.top / "pytests" / "conftest.py").touch()
        patch = mock.patch.object(outcome, "TOP", self.top)
        patch.start()
        self.addCleanup(patch.stop)

    def known(self, mutant=MUTANT, everything=False):
        """What a new run knows."""
        return Record(self.top, everything).known(mutant)

    def keep(self, *words):
        """A run has an outcome."""
        Record(self.top, False).keep(self.MUTANT, Outcome(*words))

    def test_nothing(self):
        self.assertIsNone(self.known())
        self.keep(NOT_TRIED, "why")
        self.assertIsNone(self.known())

    def test_noticed_until_its_file_changes(self):
        self.keep(NOTICED, "a test")
        (self.top / "pytests" / "conftest.py").write_text("changed", encoding="ascii")
        (self.top / "module" / "other.c").write_text("new", encoding="ascii")
        self.assertEqual(self.known(), Outcome(NOTICED, "a test"))
        (self.top / "module" / "file.c").write_text("changed", encoding="ascii")
        self.assertIsNone(self.known())

    def test_comments_change_nothing(self):
        self.keep(NOTICED, "a test")
        (self.top / "module" / "file.c").write_text("/* a\n * b */\n\ttext\n", encoding="ascii")
        self.assertEqual(self.known(), Outcome(NOTICED, "a test"))

    def test_survived_until_the_module_changes(self):
        self.keep(SURVIVED)
        (self.top / "module" / "other.c").write_text("new", encoding="ascii")
        self.assertIsNone(self.known())

    def test_survived_until_the_tests_change(self):
        self.keep(SURVIVED)
        self.assertEqual(self.known(), Outcome(SURVIVED))
        self.assertIsNone(self.known(everything=True))
        (self.top / "pytests" / "conftest.py").write_text("changed", encoding="ascii")
        self.assertIsNone(self.known())

    def test_another_row(self):
        self.keep(NOTICED, "a test")
        self.assertIsNone(self.known(Mutant("name", "file.c", "one", "three", tests="test")))


class GuestTest(unittest.TestCase):
    """What guests tell of mutants, and when another one is started."""

    MUTANTS = [Mutant(name, "file.c", "a", "b", tests="test") for name in ("one", "two", "three")]

    def run_in(self, *guests):
        """Try MUTANTS in guests that tell of these events, or are lost; returns the outcomes.

        A guest is a list of (name, exit code, failed test), of which the last may be a name alone:
        then it is lost while that mutant is tried. Where the exit code is None it runs out of time.
        """
        told, started = {}, []

        def boot(kernel, folder, command, acceleration, content, suffix, on_event, limit):
            steps = guests[len(started)]
            started.append(suffix)
            for step in steps:
                name, *end = (step,) if isinstance(step, str) else step
                on_event({"event": "begin", "name": name})
                if not end:
                    return mock.Mock(lost="gone", wrong="guest lost: gone", too_slow=False)
                if end == [None]:
                    return mock.Mock(lost="slow", wrong="guest lost: slow", too_slow=True)
                on_event({"event": "end", "name": name, "code": end[0], "failed": end[1],
                          "passed": 1})
            return mock.Mock(lost="" if steps else "gone", wrong="" if steps else "gone")

        kos = {mutant.name: Path(mutant.name) for mutant in self.MUTANTS}
        with mock.patch.object(notice, "run_in_guest", boot):
            guest = notice.InGuest(mock.Mock(patience=1), None, Path("sound"), Path("logs"),
                                   lambda mutant, found: told.update({mutant.name: found}))
            guest.run(self.MUTANTS, kos)
        self.assertEqual(len(started), len(guests))
        return told

    def test_in_one_guest(self):
        self.assertEqual(
            self.run_in([("one", 0, ""), ("two", 1, "pytests/tests/test_a.py::b"),
                         ("three", 5, "")]),
            {"one": Outcome(SURVIVED), "two": Outcome(NOTICED, "tests/test_a.py::b"),
             "three": Outcome(NOT_TRIED, "no test is of that name")})

    def test_a_guest_that_ends_early(self):
        found = self.run_in([("one", 70, "x")], [("two", 0, ""), ("three", 0, "")])
        self.assertEqual([found[name].outcome for name in ("one", "two", "three")],
                         [NOTICED, SURVIVED, SURVIVED])

    def test_a_guest_that_is_lost(self):
        found = self.run_in(["one"], [("two", 0, ""), ("three", 0, "")])
        self.assertEqual(found["one"], Outcome(NOTICED, "guest lost: gone"))

    def test_a_guest_that_runs_out_of_time(self):
        found = self.run_in([("one", 0, ""), ("two", None)], [("two", 0, ""), ("three", None)],
                            [("three", None)], [("three", None)], [("three", None)])
        self.assertEqual({name: one.outcome for name, one in found.items()},
                         {"one": SURVIVED, "two": SURVIVED, "three": NOT_TRIED})

    def test_pytest_that_could_not_test(self):
        for code in (2, 3, 4, -11):
            found = notice.judge({"code": code, "failed": "", "passed": 1})
            self.assertEqual(found, Outcome(NOT_TRIED, f"pytest's exit code {code}"))

    def test_guests_that_are_lost_before(self):
        found = self.run_in([], [], [])
        self.assertEqual({name: one.outcome for name, one in found.items()},
                         {"one": NOT_TRIED, "two": NOT_TRIED, "three": NOT_TRIED})

    def test_skipped(self):
        found = notice.judge({"code": 0, "failed": "", "passed": 0})
        self.assertEqual(found.outcome, NOT_TRIED)
