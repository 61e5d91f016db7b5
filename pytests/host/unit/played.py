"""Machines that are played, for tests of what runs on the user's own: no test of its own.

A machine is a folder that scripts take for the root of the system (MEMEVENTS_ROOT), and a folder of
programs that is all they find on PATH: the real ones they need, and played ones.
"""

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from pytests.host.vm.cache import TOP

RELEASE = "6.12.5-1-amd64"

#: What scripts may run that is not played.
PROGRAMS = ("awk", "cat", "cp", "echo", "env", "false", "grep", "head", "ls", "make", "mktemp",
            "pwd", "rm", "sed", "sh", "sort", "tail", "tee", "tr", "true")


class Machine:
    """A machine that is played.

    os_release: the text of /etc/os-release.
    running: what `uname -r` prints, and machine what `uname -m` does.
    """

    def __init__(self, folder, os_release="ID=debian\n", running=RELEASE, machine="x86_64"):
        self.root = folder / "root"
        self.bin = folder / "bin"
        self.bin.mkdir()
        for program in PROGRAMS:
            (self.bin / program).symlink_to(shutil.which(program))
        self.write("etc/os-release", os_release)
        self.write("proc/filesystems", "nodev\tdebugfs\n")
        self.write("proc/mounts", "debugfs /sys/kernel/debug debugfs rw 0 0\n")
        self.write("proc/self/status", "Name:\tsh\nCapEff:\t000001ffffffffff\n")
        self.program("id", "echo 0")
        self.program("uname", f"case $1 in -r) echo {running} ;; -m) echo {machine} ;; esac")

    def write(self, name, text=""):
        """Write a file of the machine's; the name is without the leading slash."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def program(self, name, script):
        """Put a program on its PATH, in place of one of that name."""
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def run(self, *command, top=TOP, **environ):
        """Run a command at the top of a source tree; returns the process, all it said in stdout."""
        return subprocess.run(
            command, cwd=top, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
            env={"PATH": str(self.bin), "MEMEVENTS_ROOT": str(self.root), **environ}, check=False)


class MachineTest(unittest.TestCase):
    """A machine for each test.

    kind: its class.
    """

    kind = Machine

    def machine(self, *args, **kwargs):
        """A new machine."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return self.kind(Path(folder.name), *args, **kwargs)

    def refused(self, done, *says):
        """It failed, and each of the words is in what it said."""
        self.assertNotEqual(done.returncode, 0, done.stdout)
        for word in says:
            self.assertIn(word, done.stdout)

    def passed(self, done):
        """It did not fail."""
        self.assertEqual(done.returncode, 0, done.stdout)
