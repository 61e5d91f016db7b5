"""How many CPUs a guest has, and what readers on each of them have to be counted as."""

import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from pytests.host.cost import figures, table
from pytests.host.vm import cpus, guest
from pytests.host.vm.errors import GuestLost, HarnessError
from pytests.host.vm.guest import Acceleration, Guest


def given(text):
    """A patch: the environment has CPUS=text."""
    return mock.patch.dict(os.environ, CPUS=text)


class CpusTest(unittest.TestCase):
    """CPUS=8"""

    def test_given(self):
        for text, number in (("1", 1), ("2", 2), ("16", 16), ("255", 255)):
            with given(text):
                self.assertEqual((cpus.number(), cpus.asked(), cpus.words()),
                                 (number, number, f" CPUS={number}"))

    def test_not_given(self):
        with given(""):
            self.assertEqual((cpus.number(), cpus.asked(), cpus.words()), (2, None, ""))
            del os.environ["CPUS"]
            self.assertEqual((cpus.number(), cpus.asked(), cpus.words()), (2, None, ""))

    def test_refused(self):
        for text in ("0", "-1", "+2", "256", "4294967298", "two", "2 4", " 2", "2,", "1_0", "0x2",
                     "2.0", "\u0662", "\xb2"):
            with given(text), self.assertRaises(HarnessError) as raised:
                cpus.number()
            self.assertEqual(str(raised.exception),
                             f"CPUS={text}: it is a whole number from 1 to 255")


class GuestTest(unittest.TestCase):
    """What QEMU is told."""

    def words(self, arch, **options):
        """The words that QEMU is started with: a script stands in its place."""
        with tempfile.TemporaryDirectory() as folder:
            qemu, said = Path(folder) / "qemu", Path(folder) / "said"
            qemu.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {said}\n', encoding="ascii")
            qemu.chmod(0o755)
            with mock.patch.dict(guest.MACHINES[arch], qemu=str(qemu)), \
                    self.assertRaises(GuestLost):
                Guest(arch, "image", "initramfs", "console", Acceleration("tcg"), **options).run()
            return said.read_text(encoding="ascii").splitlines()

    def smp(self, arch, **options):
        """The number of CPUs that QEMU is to make."""
        words = self.words(arch, **options)
        return words[words.index("-smp") + 1]

    def test_as_many_as_asked(self):
        for text, number in (("", "2"), ("8", "8")):
            with given(text):
                self.assertEqual(self.smp("amd64"), number)
                self.assertEqual(self.smp("amd64", cpus=1), "1")

    def test_more_than_arm64_has_by_default(self):
        for text, other in (("8", False), ("9", True)):
            with given(text):
                self.assertEqual("gic-version=max" in self.words("arm64"), other)


class ScalingTest(unittest.TestCase):
    """From the guest's lines to ratios, and to what was not counted exactly."""

    LINES = ["run off 1 0 0 100 50", "run off 2 0 0 150 40 35",
             "run counted 1 50 0 80 50", "run counted 2 75 0 160 40 35",
             "run redirected 2 75 75 10 40 35", "run livepatch 1 - - 60 50",
             "run livepatch 2 - - 90 40 35", "run scope 2 75 40 0 40 35",
             "run budget 2 2000 1000 0 900 1100", "run changes 2 75 75 0 40 35", "changes 20",
             "left_out something"]

    def found(self, lines):
        """What scaling() makes of the lines, as the benchmark completes it."""
        return {**figures.scaling(lines), "cpus": 2, "host cores": 4, "acceleration": "kvm"}

    def test_all_is_exact(self):
        found = self.found(self.LINES)
        self.assertEqual((found["inexact"], found["compared"], found["changes"]), ([], 8, 20))
        self.assertEqual(found["states"]["off"], {1: [100], 2: [150]})
        self.assertEqual(figures.ratio(found["states"]["counted"], 2), (2.0, 2.0, 2.0))

    def test_one_call_that_was_not_counted(self):
        for line, got in (("run off 1 1 0 100 50", "hits 1, redirected 0"),
                          ("run counted 2 74 0 160 40 35", "hits 74, redirected 0"),
                          ("run redirected 2 75 74 10 40 35", "hits 75, redirected 74"),
                          ("run scope 2 75 41 0 40 35", "hits 75, redirected 41"),
                          ("run budget 2 2000 1001 0 900 1100", "hits 2000, redirected 1001"),
                          ("run changes 2 74 74 0 40 35", "hits 74, redirected 74")):
            inexact, = self.found([line])["inexact"]
            self.assertIn(got, inexact)

    def test_table(self):
        found = self.found(
            [line for line in self.LINES if not line.startswith("run redirected")])
        text = "\n".join(table.scaling(found))
        self.assertIn("2 CPUs (kvm) on a host with 4 cores", text)
        self.assertRegex(text, r"off +100 +1\.50 \(1\.50-1\.50\)")
        self.assertEqual(
            table.figure("scaling", found),
            "2 CPUs (kvm) on a host with 4 cores: 2 readers to one: off 1.50, counted 2.00,"
            " livepatch 1.50; 7 of 7 runs counted exactly, 20 changes of the list beside them")
