"""The fuzzer's reports, and how they are made shorter."""

import errno
import json
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from pytests.lib import memevents
from pytests.lib.fuzz import fuzzer
from pytests.lib.fuzz.fuzzer import Difference
from pytests.lib.fuzz.generate import Generator
from pytests.lib.fuzz.model import Model, Refused
from pytests.lib.memevents import LOCAL_SHOW, SHOW

EVERY_BYTE = bytes(range(256))


class Names:
    """In the place of generate.Names: a kernel of few symbols."""

    good = [SHOW, LOCAL_SHOW] + [f"function_{number}" for number in range(10)]
    data = ["jiffies"]
    entry = ["entry_point"]
    cgroup, reader = "/group/leaf", "/"
    cgroups = ["/", "/group", "/group/leaf", "/other"]

    def errno_of(self, name):
        """As there."""
        if name == "unknown":
            raise KeyError(name)
        if name in self.data + self.entry:
            return errno.EINVAL
        return 0 if name in self.good else errno.ENOENT


class Played:
    """In the place of fuzzer.Driver: follows the model, but for what wrong(command, model) says.

    It raises what that returns, unless it is None.
    """

    def __init__(self, wrong):
        self._wrong = wrong
        self.model = Model(Names())
        self.counts = {"writes": 0, "refused": 0}
        self.calls = []

    def start(self):
        """As there."""
        self.calls.append("start")
        self.run(["load", {}])

    def stop(self):
        """As there."""
        self.calls.append("stop")

    def look(self):
        """As there."""
        self.calls.append("look")

    def run(self, command):
        """As there."""
        self.calls.append(command)
        error = self._wrong(command, self.model)
        if error:
            raise error
        try:
            if command[0] == "load":
                self.model.load({name: value.encode("latin-1")
                                 for name, value in command[1].items()})
            elif command[0] == "write":
                for piece in command[3]:
                    self.counts["writes"] += 1
                    self.model.write(command[2], piece.encode("latin-1"))
        except Refused:
            self.counts["refused"] += 1


def a_long_reset(command, _):
    """What is wrong: a reset by more than 100 bytes."""
    if command[0] == "write" and command[2] == "reset" and len(command[3][0]) > 100:
        return Difference("some bytes: \0 \x1b[2J \x7f \xe9 \u20ac\na line")
    return None


def nothing(*_):
    """What is wrong: nothing."""


def fuzzed(wrong, writes=20000):
    """Fuzz until there is a difference; return the report's lines."""
    try:
        fuzzer.fuzz(Played(wrong), 1, writes)
    except Difference as error:
        return str(error).split("\n")
    raise AssertionError("it never differed")


def in_bash(script):
    """Run a script in bash; return what it writes, as bytes."""
    return subprocess.run(["bash"], input=script.encode("ascii"), stdout=subprocess.PIPE,
                          check=True).stdout


class FuzzTest(unittest.TestCase):
    """What is run, and what is looked at."""

    def test_no_difference(self):
        driver = Played(nothing)
        fuzzer.fuzz(driver, 1, 300)
        self.assertEqual(driver.calls[-2:], ["look", "stop"])
        self.assertGreaterEqual(driver.counts["writes"], 300)

    def test_every_kind_of_file_gets_pieces(self):
        generator = Generator(1, Model(Names()))
        commands = [generator.next() for _ in range(3000)]
        split = {command[2].split("/")[-1] for command in commands
                 if command[0] == "write" and len(command[3]) > 1}
        self.assertEqual(
            split, {"redirect", "times", "banner", "enabled", "add_parent", "remove_parent",
                    "reset", "only", "readers", "hold"})


class ReportTest(unittest.TestCase):
    """What a person gets to see, and what is to be replayed."""

    def test_printable(self):
        for line in fuzzed(a_long_reset):
            self.assertRegex(line, r"\A[ -~]*\Z")

    def test_commands(self):
        commands = json.loads(fuzzed(a_long_reset)[-1])
        self.assertEqual(commands[0][0], "load")
        self.assertTrue(a_long_reset(commands[-1], None))
        self.assertFalse(any(a_long_reset(command, None) for command in commands[:-1]))

    def test_an_error_of_any_kind(self):
        lines = fuzzed(lambda command, _: OSError(errno.EIO, "no such luck")
                       if command[0] == "read" else None)
        self.assertIn("no such luck", lines[0])
        self.assertEqual(json.loads(lines[-1])[0][0], "load")


class ReplayTest(unittest.TestCase):
    """A report's commands, run again and made fewer."""

    def shrunk(self, wrong, commands):
        return fuzzer.shrink(lambda: Played(wrong), commands)

    def test_replay(self):
        driver = Played(a_long_reset)
        with self.assertRaises(Difference):
            fuzzer.replay(driver, json.loads(fuzzed(a_long_reset)[-1]))
        driver = Played(nothing)
        fuzzer.replay(driver, [["read", SHOW]])
        self.assertEqual(driver.calls, ["start", ["load", {}], ["read", SHOW], "look", "stop"])

    def test_one_command(self):
        commands = json.loads(fuzzed(a_long_reset)[-1])
        self.assertGreater(len(commands), 20)
        self.assertEqual(self.shrunk(a_long_reset, commands + commands[:50]), commands[-1:])

    def test_two_commands(self):
        def wrong(command, model):
            return Difference("both") if command[0] == "read" and not model.banner else None
        read, empty = ["read", SHOW], ["write", "open", "banner", [""], 0]
        other = ["write", "open", "enabled", ["1"], 0]
        self.assertEqual(self.shrunk(wrong, [other] * 30 + [empty] + [other] * 9 + [read, other]),
                         [empty, read])

    def test_an_error_of_any_kind(self):
        bad, other = ["write", "open", "banner", ["x"], 0], ["read", SHOW]
        for kind in (OSError, AssertionError, ValueError):
            self.assertEqual(
                self.shrunk(lambda command, _: kind() if command == bad else None,
                            [other, other, bad, other]), [bad])

    def test_no_difference(self):
        self.assertIsNone(self.shrunk(nothing, [["read", SHOW]] * 3))

    def test_one_command_that_differs(self):
        bad = ["read", SHOW]
        self.assertEqual(self.shrunk(
            lambda command, _: Difference("bad") if command == bad else None, [bad]), [bad])


class ShellTest(unittest.TestCase):
    """The commands as lines for bash: run there, they come to the same bytes."""

    def line(self, command):
        line = fuzzer.as_shell(command)
        self.assertRegex(line, r"\A[ -~]*\Z")
        return line

    def test_load(self):
        value = EVERY_BYTE.replace(b"\0", b"").replace(b'"', b"") + b"$(false) `false` 08"
        line = self.line(["load", {"redirect": value.decode("latin-1"), "enabled": "\xff9"}])
        said = in_bash('rmmod() { :; }; insmod() { printf "%s\\0" "$@"; }\n' + line)
        self.assertEqual(said, b"".join(word + b"\0" for word in (
            b"memevents_hook.ko", b'redirect="%s"' % value, b'enabled="\xff9"')))

    def test_a_load_that_is_refused(self):
        line = self.line(["load", {"enabled": "x"}])
        said = in_bash('rmmod() { :; }; insmod() { echo "$@"; [ $# = 1 ]; }\n' + line)
        self.assertEqual(said, b'memevents_hook.ko enabled="x"\nmemevents_hook.ko\n')

    def written(self, *pieces):
        """Return the line that writes the pieces to the file banner, and what the file then has."""
        with tempfile.TemporaryDirectory() as root, mock.patch.object(memevents, "ROOT", root):
            file = Path(root, "banner")
            file.touch()
            pieces = [piece.decode("latin-1") for piece in pieces]
            line = self.line(["write", "writev", "banner", pieces, 0])
            in_bash(line + "\n")
            return line, file.read_bytes()

    def test_write(self):
        for data in (EVERY_BYTE + b"%s%n\\\0017'\"", b"1" * 70000):
            self.assertEqual(self.written(data)[1], data)

    def test_write_nothing(self):
        line, content = self.written(b"")
        self.assertIn('os.write(1, b"")', line)
        self.assertEqual(content, b"")

    def test_what_follows_a_refused_piece(self):
        line = self.line(["write", "writev", "no/such", ["1", "0"], 0])
        with tempfile.TemporaryDirectory() as root:
            said = in_bash(f"cd {root}; dd() {{ echo once; false; }}\n{line}\ntrue\n")
        self.assertEqual(said, b"once\n")
