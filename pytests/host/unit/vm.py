"""`make selftest`: the bench's own logic, tried without a kernel. Takes seconds, downloads nothing.

Guests are played: by a script in QEMU's place where guest.py is tried, by a class in Guest's place
where suite.py is.
"""

import contextlib
import io
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

from pytests.host.suite import report, suite
from pytests.host.suite.report import KernelReport, Result
from pytests.host.vm import archive, cache, guest, kernels
from pytests.host.vm.errors import BenchError, GuestLost
from pytests.host.vm.guest import Acceleration, Guest

KERNEL = kernels.KERNELS[0]

# In QEMU's place: finds the ports among its arguments, and does what BEHAVIOUR says.
QEMU = """\
#!/bin/sh
for word; do
	case $word in
	file,id=stream,path=*) stream=${word##*path=} ;;
	file,id=events,path=*) events=${word##*path=} ;;
	esac
done
exec > "$stream" 3> "$events" 2> /dev/null
say() { echo "$1" >&3; }
%s
"""


class PickTest(unittest.TestCase):
    """KERNELS="..." """

    def names(self, patterns):
        return [kernel.name for kernel in kernels.pick(patterns)]

    def test_patterns(self):
        self.assertEqual(self.names("6.1"), ["6.1"])
        self.assertEqual(self.names("7.* 5.10"), ["5.10", "7.2", "7.3", "7.3-arm64"])

    def test_all_of_debians_own_by_default(self):
        self.assertEqual(self.names(""), [k.name for k in kernels.KERNELS if not k.config])

    def test_no_match(self):
        with self.assertRaisesRegex(BenchError, "no kernel matches '4.19'"):
            kernels.pick("6.1 4.19")


class CacheTest(unittest.TestCase):
    """What an interrupted run leaves is never taken for good."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        patch = mock.patch.object(cache, "FOLDER", Path(folder.name))
        patch.start()
        self.addCleanup(patch.stop)

    def test_interrupted(self):
        def half(path):
            path.mkdir()
            (path / "half").touch()
            raise KeyboardInterrupt

        def whole(path):
            self.assertFalse(path.exists())
            path.mkdir()

        with self.assertRaises(KeyboardInterrupt):
            cache.item("thing", half)
        self.assertIsNone(cache.find("thing"))
        self.assertEqual(list(cache.item("thing", whole).iterdir()), [])
        self.assertIsNotNone(cache.find("thing"))

    def test_made_once_and_from_the_same(self):
        made = []

        def make(path):
            made.append(path)
            path.mkdir()

        first = cache.item("thing", make, "one")
        self.assertEqual(cache.item("thing", make, "one"), first)
        self.assertNotEqual(cache.item("thing", make, "another"), first)
        self.assertEqual(len(made), 2)


class MirrorTest(unittest.TestCase):
    """What the mirror has; apt fetches from a folder as it does from a server."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = Path(folder.name)
        suite_folder = self.top / "dists" / "stable-security"
        suite_folder.mkdir(parents=True)
        (suite_folder / "InRelease").write_text("Suite: stable-security\n" * 1000)
        patch = mock.patch.object(archive, "FOLDER", self.top / "cache")
        patch.start()
        self.addCleanup(patch.stop)

    def test_asked_by_many_at_once(self):
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: self._has("stable-security"), range(20)))
        self.assertEqual(answers, [True] * 20)
        self.assertEqual(list((self.top / "cache" / "tmp").iterdir()), [])

    def test_cannot_be_told(self):
        with self.assertRaisesRegex(BenchError, "cannot fetch from the package mirror"):
            self._has("oldstable-security")

    def _has(self, suite_name):
        return archive._has_suite(f"copy:{self.top}", suite_name)


class GuestTest(unittest.TestCase):
    """A guest's ends: as it should, lost, silent, without end."""

    def boot(self, behaviour, silence=5, limit=5):
        """Boot the script; returns what Guest.run() does and what came through the ports."""
        with tempfile.TemporaryDirectory() as folder:
            qemu = Path(folder) / "qemu"
            qemu.write_text(QEMU % behaviour, encoding="ascii")
            qemu.chmod(0o755)
            output, events = bytearray(), []
            with mock.patch.dict(guest.MACHINES["amd64"], qemu=str(qemu)), \
                    mock.patch.multiple(guest, SILENCE_LIMIT=silence, BOOT_LIMIT=silence):
                self.guest = Guest("amd64", "image", "initramfs", "console", Acceleration("kvm"),
                                   output.extend, events.append, limit=limit)
                return self.guest.run(), bytes(output), events

    def test_to_its_end(self):
        code, output, events = self.boot(
            """say '{"event": "ready"}'; say '{"event": "other"}'; printf 'a\\000b'
            say '{"event": "exit", "code": 7}'""")
        self.assertEqual((code, output, events), (7, b"a\0b", [{"event": "other"}]))

    def test_lost(self):
        with self.assertRaisesRegex(GuestLost, "no word of its command"):
            self.boot("""say '{"event": "ready"}'""")
        self.assertTrue(self.guest.ready)
        with self.assertRaisesRegex(GuestLost, "no word at all"):
            self.boot("exit 0")
        self.assertFalse(self.guest.ready)

    def test_silent(self):
        with self.assertRaisesRegex(GuestLost, "silent for 1 s"):
            self.boot("""say '{"event": "ready"}'; exec sleep 60""", silence=1)

    def test_without_end(self):
        with self.assertRaisesRegex(GuestLost, "more than 1 s"):
            self.boot("while :; do echo; sleep 0.1; done", limit=1)

    def test_garbage(self):
        with self.assertRaisesRegex(GuestLost, "garbage"):
            self.boot("say oops")

    def test_cannot_be_started(self):
        with self.assertRaises(BenchError):
            self.boot("exit 1")

    def test_dies_with_its_parent(self):
        program = (
            "from pytests.host.vm.process import dying_with_us; import subprocess, sys;"
            " child = subprocess.Popen(dying_with_us(['sleep', '60']));"
            " print(child.pid, flush=True); child.wait()"
        )
        parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE,
                                  cwd=cache.TOP, encoding="ascii")
        with parent:
            pid = int(parent.stdout.readline())
            deadline = time.monotonic() + 10
            while Path(f"/proc/{pid}/comm").read_text(encoding="ascii") != "sleep\n":
                self.assertLess(time.monotonic(), deadline, "the child did not start")
            parent.send_signal(signal.SIGKILL)
        # Gone, or dead and not yet waited for.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            while "Z" not in Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split()[2]:
                self.assertLess(time.monotonic(), deadline, "the child lives on")


class SuiteTest(unittest.TestCase):
    """How a kernel's run copes with its guests."""

    TESTS = ["t.py::one", "t.py::two", "t.py::three"]

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.boots = 0

    def play(self, *scripts):
        """Run the suite with guests that follow the scripts, one each; returns the report.

        A script is a list of steps: an outcome for the next test, "start" for a test that does
        not end, "lost", or the exit code. Without "collected" the tests do not begin.
        """
        outer = self

        class PlayedGuest:
            """Follows the next script."""

            def __init__(self, arch, image, initramfs, console, acceleration, on_output, on_event,
                         **_):
                self.console, self.tell = console, on_event
                self.steps = list(scripts[outer.boots])
                outer.boots += 1

            def run(self):
                """Returns the exit code."""
                self.console.write_text("memevents_bench: end of the tests\n" + "".join(
                    step + "\n" for step in self.steps if " " in str(step)), encoding="ascii")
                left = [t for t in outer.TESTS if t not in outer.run.report.results]
                for step in self.steps:
                    if step == "collected":
                        self.tell({"event": "collected", "tests": list(left)})
                    elif step == "start":
                        self.tell({"event": "start", "test": left[0]})
                    elif step == "gcov":
                        self.tell({"event": "gcov", "data": "aGl0cw==",
                                   "path": "/sys/kernel/debug/gcov/mnt/module/hook.gcda"})
                    elif step == "lost":
                        raise GuestLost("gone")
                    elif isinstance(step, int):
                        return step
                    elif " " not in step:
                        self.tell({"event": "start", "test": left[0]})
                        self.tell({"event": "result", "test": left.pop(0), "outcome": step,
                                   "seconds": 1.0, "why": "why", "text": "text",
                                   "counted": {"things": 2}})
                raise AssertionError("a script without an end")

        def initramfs(kernel, built, folder, command, extra):
            (folder / "initramfs").touch()
            return folder / "initramfs"

        with mock.patch.object(suite, "RESULTS", self.folder), \
                mock.patch.object(suite, "Guest", PlayedGuest), \
                mock.patch.object(suite.release, "fetch", lambda kernel: mock.Mock(release="r")), \
                mock.patch.object(suite.modules, "build", mock.Mock()), \
                mock.patch.object(suite.image, "guest_root", mock.Mock()), \
                mock.patch.object(suite.image, "initramfs", initramfs), \
                mock.patch.object(suite.accel, "choose", lambda kernel: Acceleration("tcg")), \
                redirect_stdout(io.StringIO()):
            self.run = suite.KernelRun(KERNEL, "")
            done = self.run.run()
        self.assertEqual(self.boots, len(scripts))
        ElementTree.parse(self.folder / KERNEL.name / "junit.xml")
        return done

    def outcomes(self, done):
        return {name: result.outcome for name, result in done.results.items()}

    def test_the_bench_itself_is_at_fault(self):
        with mock.patch.object(suite.KernelRun, "_prepare", lambda run: None + 1):
            report = self.play()
        failed, = report.results.values()
        self.assertEqual((failed.test, failed.outcome), ("set-up", "failed"))
        self.assertIn("TypeError", failed.why)
        self.assertIn("Traceback", failed.text)

    def test_all_is_well(self):
        done = self.play(["collected", "passed", "skipped", "passed", 0])
        self.assertEqual(list(self.outcomes(done).values()), ["passed", "skipped", "passed"])

    def test_what_gcov_counted_is_kept(self):
        self.play(["collected", "passed", "failed", "gcov", suite.EXIT_SPLAT],
                  ["collected", "passed", "gcov", 0])
        for guest_number in (1, 2):
            kept = self.folder / KERNEL.name / "gcov" / f"guest-{guest_number}" / "module"
            self.assertEqual((kept / "hook.gcda").read_bytes(), b"hits")

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
        done = self.play(["collected", "failed", suite.EXIT_SPLAT],
                         ["collected", "passed", "passed", 0])
        self.assertEqual(self.outcomes(done), dict(zip(self.TESTS, ["failed", "passed", "passed"])))

    def test_too_many_thrown_away(self):
        with mock.patch.object(suite, "MAX_GUESTS", 2):
            done = self.play(["collected", "failed", suite.EXIT_SPLAT],
                             ["collected", "failed", suite.EXIT_SPLAT])
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
        self.assertEqual(done.counted(), {"test_x.py: faults": 3})
        with tempfile.TemporaryDirectory() as folder:
            done.write_junit(Path(folder) / "junit.xml")
            root = ElementTree.parse(Path(folder) / "junit.xml")
        self.assertEqual([entry.get("value") for entry in root.iter("property")], ["1", "2"])

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

    def test_every_row_of_the_list_is_whole(self):
        names = [kernel.name for kernel in kernels.KERNELS]
        for patterns, _test in report.allowed_skips():
            for pattern in patterns:
                self.assertTrue(any(re.fullmatch(pattern.replace("*", ".*"), n) for n in names))


if __name__ == "__main__":
    unittest.main()
