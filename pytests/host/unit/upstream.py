"""How verdicts of upstream's selftests are read and compared."""

import tempfile
import unittest
from pathlib import Path

from pytests.host.upstream import differences, suites, verdicts
from pytests.host.vm.errors import HarnessError

CGROUP, LIVEPATCH, FTRACE = suites.SUITES


class VerdictsTest(unittest.TestCase):
    """What programs say, and what they do not come to say."""

    def parse(self, suite, text, tests, folder=None):
        """The verdicts in a text."""
        return verdicts.parse(suite, text.splitlines(), folder, tests)

    def test_cgroup(self):
        """TAP, a line that shares its own with a message, a program that was not run."""
        found = self.parse(CGROUP, """\
@@ run one
ok 1 test_good
ok 2 # SKIP test_skipped
# a message without an endnot ok 3 test_bad
# Totals: pass:1 fail:1
@@ exit one 1
""", ["one", "two"])
        self.assertEqual(found, {
            "two": verdicts.NONE, "one: test_good": "ok", "one: test_skipped": "SKIP",
            "one: test_bad": "not ok", "one": "exit 1",
        })

    def test_livepatch(self):
        """The last one dies in the middle of a test."""
        found = self.parse(LIVEPATCH, """\
@@ run test-a.sh
TEST: patching ... ok
TEST: more of it ... not ok
@@ exit test-a.sh 1
@@ run test-b.sh
TEST: sysctl ... SKIP: failed to set kernel.ftrace_enabled = 0
@@ exit test-b.sh 4
@@ run test-c.sh
TEST: hangs ...\x20
""", ["test-a.sh", "test-b.sh", "test-c.sh"])
        self.assertEqual(found, {
            "test-a.sh: patching": "ok", "test-a.sh: more of it": "not ok", "test-a.sh": "exit 1",
            "test-b.sh: sysctl": "SKIP: failed to set kernel.ftrace_enabled = 0",
            "test-b.sh": "exit 4",
            "test-c.sh: hangs": verdicts.NONE, "test-c.sh": verdicts.NONE,
        })

    def test_ftrace(self):
        """A test that runs in an instance too, and one that never came to an end."""
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            (folder / "a.tc").write_text("# description: One\n# flags: instance\n",
                                         encoding="ascii")
            (folder / "b.tc").write_text("# description: Two %%\n", encoding="ascii")
            said = "[1] One\t[PASS]\n+ echo\n[2] Two %\t[UNSUPPORTED]\n"
            tests = ["a.tc", "b.tc"]
            self.assertEqual(self.parse(FTRACE, said, tests, folder), {
                "a.tc": "PASS", "b.tc": "UNSUPPORTED", "a.tc (instance)": verdicts.NONE})
            said += "[3] (instance)  One\t[FAIL]\n"
            self.assertEqual(self.parse(FTRACE, said, tests, folder)["a.tc (instance)"], "FAIL")
            with self.assertRaises(HarnessError):
                self.parse(FTRACE, "[1] Two\t[PASS]\n", tests, folder)

    def test_file(self):
        """A test's file, whatever the name has besides."""
        for name in ("test_core: test_a", "test_core"):
            self.assertEqual(verdicts.file_of(name), "test_core")
        self.assertEqual(verdicts.file_of("test.d/a.tc (instance)"), "test.d/a.tc")


class DifferencesTest(unittest.TestCase):
    """Known ones and new ones."""

    def test_sorted_out(self):
        """Explained, differing otherwise than listed, not differing, not listed."""
        def row(test, hooked):
            return differences.Known("*", "default", "cgroup", test, "ok", hooked, "because")

        rows = [row("a", "SKIP"), row("b", "SKIP"), row("c", "SKIP")]
        without = dict.fromkeys("abcde", "ok")
        explained, new, gone = differences.sort_out(
            rows, without, {"a": "SKIP", "b": "not ok", "c": "ok", "d": "not ok"})
        self.assertEqual((explained, new, gone), (rows[:1], ["b", "d", "e"], rows[2:]))

    def test_flaky(self):
        """What varies without the module, not what the module makes sure of."""
        for without, hooked, flaky in (
                (["ok", "not ok", "ok"], ["not ok", "ok", "ok"], True),
                (["ok", "ok", "ok"], ["not ok", "ok", "ok"], True),
                (["ok", "not ok", "ok"], ["not ok", "not ok", "not ok"], False),
                (["not ok", "not ok", "ok"], ["not ok", "not ok", "not ok"], True),
                (["ok", "ok", "ok"], ["SKIP", "not ok", "SKIP"], False)):
            self.assertEqual(differences.is_flaky(without, hooked), flaky, (without, hooked))

    def test_list(self):
        """Every row of the list is about runs that there are."""
        for row in differences.known():
            self.assertTrue(row.reason)
            self.assertIn(row.suite, [suite.name for suite in suites.SUITES])
            self.assertLessEqual(set(row.modes.split(",")), {"empty", "default"})
