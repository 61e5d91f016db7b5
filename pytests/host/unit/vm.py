"""Kernels, the cache, the mirror and guests. A script stands in QEMU's place."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

from pytests.host.vm import (archive, cache, guest, in_guest, kernels, linux_source, machine,
                             progress)
from pytests.host.vm.errors import GuestLost, HarnessError
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
    """KERNELS="..." on an amd64 machine."""

    def setUp(self):
        patch = mock.patch.object(machine, "arch", lambda: "amd64")
        patch.start()
        self.addCleanup(patch.stop)

    def names(self, patterns):
        return [kernel.name for kernel in kernels.pick(patterns)]

    def test_patterns(self):
        self.assertEqual(self.names("6.1"), ["6.1"])
        self.assertEqual(self.names("7.* 5.10"), ["5.10", "7.2", "7.3", "7.3-arm64"])

    def test_all_of_debians_own_by_default(self):
        self.assertEqual(self.names(""), [k.name for k in kernels.KERNELS if not k.by_name])

    def test_no_match(self):
        with self.assertRaisesRegex(HarnessError, "no kernel matches '4.19'"):
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

    def test_moved_where_only_root_may(self):
        folder = cache.FOLDER / "parent" / "folder"
        folder.mkdir(parents=True)
        with mock.patch.object(cache.os, "rename", side_effect=PermissionError), \
                mock.patch.object(cache, "as_root", list):
            cache.move(folder, cache.FOLDER / "moved")
        self.assertTrue((cache.FOLDER / "moved").is_dir() and not folder.exists())


class SourcesTest(unittest.TestCase):
    """What is copied to be built."""

    def test_with_folders(self):
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "source", Path(folder) / "target"
            for name in ("Kbuild", "a.c", "engine/b.c", "engine/c.h", "notes.txt"):
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                (source / name).write_text(name)
            cache.copy_sources(source, target)
            (target / "engine" / "b.o").touch()
            (source / "engine" / "c.h").unlink()
            cache.copy_sources(source, target)
            found = {str(path.relative_to(target)) for path in target.rglob("*")
                     if path.is_file()}
            self.assertEqual(found, {"Kbuild", "a.c", "engine/b.c", "engine/b.o"})


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
        with self.assertRaisesRegex(HarnessError, "cannot fetch from the package mirror"):
            self._has("oldstable-security")

    def _has(self, suite_name):
        return archive._has_suite(f"copy:{self.top}", suite_name)


class ProgressTest(unittest.TestCase):
    """What a run says of itself, in a log and on a terminal."""

    def told(self, terminal):
        """What a step of two times the pace says, and a line beside it. No second of it passes."""
        written = io.StringIO()
        written.isatty = lambda: terminal
        told = threading.Event()
        with redirect_stdout(written), mock.patch.dict(os.environ, TERM="xterm"), \
                mock.patch.multiple(progress, IN_PLACE=0.01, IN_LOG=0.01, LONG=-1), \
                mock.patch.object(progress.time, "monotonic", lambda: 1.0):
            with progress.step("6.1", "building", lambda: told.set() or "half"):
                self.assertTrue(told.wait(10))
                progress.say("7.3", "one\ntwo")
        return written.getvalue()

    def test_log(self):
        lines = self.told(False).splitlines()
        self.assertEqual(lines[0], "6.1         building")
        self.assertIn("6.1         building half (0 s)", lines)
        self.assertIn("7.3         one", lines)
        self.assertIn("7.3         two", lines)
        self.assertEqual(lines[-1], "6.1         building: 0 s")

    def test_terminal(self):
        text = self.told(True)
        self.assertIn(f"{progress.CLEAR}6.1: building half (0 s)", text)
        # A line stands alone, and what is being done is below it again.
        self.assertIn(f"{progress.CLEAR}7.3         one\n7.3         two\n{progress.CLEAR}6.1: ",
                      text)
        self.assertTrue(text.endswith(f"{progress.CLEAR}6.1         building: 0 s\n"), text)


class LinuxSourceTest(unittest.TestCase):
    """What is taken out of the kernel's source; its package is played."""

    def take(self, *files):
        """Take the folder tools/model; returns (what was asked for, what is there)."""
        asked = []

        def unpack(suite, folder, parts):
            asked.extend(parts)
            (folder / "linux" / "tools" / "model").mkdir(parents=True)
            (folder / "linux" / "tools" / "model" / "cfg").touch()

        with tempfile.TemporaryDirectory() as top, \
                mock.patch.object(linux_source, "unpack", unpack):
            linux_source.take("trixie", "tools/model", Path(top) / "taken", files)
            return asked, sorted(str(path.relative_to(top)) for path in Path(top).rglob("*"))

    def test_a_folder(self):
        self.assertEqual(self.take(), (["tools/model"], ["taken", "taken/cfg"]))

    def test_files(self):
        self.assertEqual(self.take("cfg", "def")[0], ["tools/model/cfg", "tools/model/def"])


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
                code = Guest("amd64", "image", "initramfs", "console", Acceleration("kvm"),
                             output.extend, events.append, limit=limit).run()
                return code, bytes(output), events

    def test_to_its_end(self):
        code, output, events = self.boot(
            """say '{"event": "ready"}'; say '{"event": "other"}'; printf 'a\\000b'
            say '{"event": "exit", "code": 7}'""")
        self.assertEqual((code, output), (7, b"a\0b"))
        self.assertEqual([{**event, "cpu": None} for event in events],
                         [{"event": "other", "cpu": None}])

    def test_what_it_takes_of_the_cpus(self):
        _, _, events = self.boot(
            """say '{"event": "ready"}'; say '{"event": "before"}'
            n=0; while [ $n -lt 200000 ]; do n=$((n + 1)); done
            say '{"event": "after"}'; say '{"event": "exit", "code": 0}'""", silence=60, limit=60)
        before, after = (event["cpu"] for event in events)
        self.assertGreater(after, before + 0.02)

    def run_in_guest(self, behaviour):
        """Run the script in QEMU's place, as if for a kernel; returns how it ended, and its log."""
        def initramfs(_kernel, folder, _command, _content):
            (folder / "initramfs").touch()
            return folder / "initramfs"

        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            qemu = folder / "qemu"
            qemu.write_text(QEMU % behaviour, encoding="ascii")
            qemu.chmod(0o755)
            with mock.patch.dict(guest.MACHINES["amd64"], qemu=str(qemu)), \
                    mock.patch.object(in_guest.image, "initramfs", initramfs), \
                    mock.patch.object(in_guest.release, "fetch", mock.Mock()):
                ended = in_guest.run_in_guest(KERNEL, folder / "new", "", Acceleration("kvm"),
                                              suffix="-2")
            self.assertEqual(ended.console, folder / "new" / "console-2.log")
            left = {path.name for path in (folder / "new").iterdir()}
            self.assertLessEqual(left, {"console-2.log", "output-2.log"})
            return ended, (folder / "new" / "output-2.log").read_bytes()

    def test_how_it_ended(self):
        for code, wrong in ((0, ""), (7, "exit code 7")):
            ended, log = self.run_in_guest(
                """say '{"event": "ready"}'; printf 'a\r\n'
                say '{"event": "exit", "code": %d}'""" % code)
            self.assertEqual((ended.code, ended.lost, ended.output, ended.wrong, ended.status, log),
                             (code, "", "a\n", wrong, code, b"a\r\n"))
        ended, _ = self.run_in_guest("""say '{"event": "ready"}'; echo half""")
        self.assertEqual((ended.code, ended.output, ended.status), (None, "half\n", 3))
        self.assertRegex(ended.wrong, "^guest lost: .*no word of its command")

    def test_lost(self):
        with self.assertRaisesRegex(GuestLost, "no word of its command"):
            self.boot("""say '{"event": "ready"}'""")
        with self.assertRaisesRegex(GuestLost, "no word at all"):
            self.boot("exit 0")

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
        with self.assertRaises(HarnessError):
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
