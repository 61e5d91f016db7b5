"""Runs commands against the module and the model, and finds where they part."""

import errno
import json
import os

from pytests.lib import memevents
from pytests.lib.fuzz.generate import Generator
from pytests.lib.fuzz.model import Model, Refused
from pytests.lib.memevents import LOCAL_SHOW, SHOW

#: Writes between two looks at the whole tree; and between two loads with other parameters.
LOOK_EVERY, LOAD_EVERY = 500, 5000

#: How many shorter lists of commands shrink() replays.
TRIES = 200


class Difference(AssertionError):
    """The module did something else than the model says."""


class Driver:
    """The module on this machine, driven by commands, checked after each of them.

    cgroup: a memcg.Cgroup; originals: what it reads, unhooked, as (events, local).
    """

    def __init__(self, names, cgroup, originals):
        self.hook = memevents.Hook()
        self.model = Model(names)
        self._cgroup = cgroup
        self._originals = originals
        self._kept = {}
        self.counts = {"writes": 0, "refused": 0, "loads": 0, "loads refused": 0, "reads": 0}

    def start(self):
        """Load the module with its defaults."""
        self.run(["load", {}])

    def stop(self):
        """Unload the module."""
        for fd in self._kept.values():
            os.close(fd)
        self._kept = {}
        if self.hook.loaded:
            self.hook.unload()
        left = memevents.leftovers()
        if left:
            raise Difference("after unloading: " + "; ".join(left))

    def run(self, command):
        """Run one command; raises Difference."""
        getattr(self, f"_{command[0]}")(*command[1:])

    # Loading

    def _load(self, parameters):
        self.stop()
        parameters = {name: value.encode("latin-1") for name, value in parameters.items()}
        line = b" ".join(b'%s="%s"' % (name.encode(), value) for name, value in parameters.items())
        self.counts["loads"] += 1
        wanted = got = ()
        try:
            self.model.load(parameters)
        except Refused as refused:
            wanted = refused.errnos
            self.counts["loads refused"] += 1
        try:
            memevents.insmod(self.hook.ko, line)
        except OSError as error:
            got = (error.errno,)
        if bool(wanted) != bool(got) or not set(got) <= set(wanted):
            raise Difference(f"load {line!r}: {_names(got)}, not {_names(wanted)}")
        if wanted:
            left = memevents.leftovers()
            if left:
                raise Difference(f"a refused load left: {left}")
            self.model.load({})
            self.hook.load()
        self.look()

    # Writing

    def _write(self, manner, name, pieces, offset):
        pieces = [piece.encode("latin-1") for piece in pieces]
        taken, wanted = 0, ()
        was = self.model.enabled
        for piece in pieces:
            self.counts["writes"] += 1
            try:
                self.model.write(name, piece, manner == "kept")
            except Refused as refused:
                self.counts["refused"] += 1
                wanted = refused.errnos
                break
            taken += len(piece)
        if taken:
            wanted = ()
        try:
            got = self._do(manner, name, pieces, offset)
        except OSError as error:
            if error.errno not in wanted:
                raise Difference(f"{error!r}, not {_names(wanted) if wanted else taken}") from None
        else:
            if wanted or got != taken:
                raise Difference(f"write() took {got}, not {_names(wanted) if wanted else taken}")
        if name == "hold" and manner != "kept":
            self.model.closed(False)
        if name == "remove_parent" and not wanted:
            self._forget()
        self._glance()
        if name in ("enabled", "hold") and was != self.model.enabled:
            self.look()

    def _do(self, manner, name, pieces, offset):
        path = self.hook.path(name)
        if manner == "kept":
            if name not in self._kept:
                self._kept[name] = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            return os.write(self._kept[name], pieces[0])
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            if manner == "seek":
                os.lseek(fd, offset, os.SEEK_SET)
            if manner == "pwrite":
                return os.pwrite(fd, pieces[0], offset)
            if manner == "writev":
                return os.writev(fd, pieces)
            return os.write(fd, pieces[0])
        finally:
            os.close(fd)

    def _forget(self):
        """A file of a parent that was removed is dead, also to who has it open."""
        for name in [name for name in self._kept if name.startswith("parents/")
                     and name.split("/")[1] not in self.model.parents]:
            fd = self._kept.pop(name)
            try:
                os.write(fd, b"1")
            except OSError as error:
                if error.errno != errno.EIO:
                    raise Difference(f"{name} of a removed parent: {error!r}, not EIO") from None
            else:
                raise Difference(f"{name} of a removed parent can still be written")
            finally:
                os.close(fd)

    # Reading

    def _read(self, symbol):
        self.counts["reads"] += 1
        which = (SHOW, LOCAL_SHOW).index(symbol)
        banner = self.model.banner + b"\n" if self.model.banner else b""
        wanted = self._originals[which]
        if self.model.call(symbol):
            wanted = banner + wanted
        got = self._cgroup.read_local() if which else self._cgroup.read_events()
        if got != wanted:
            raise Difference(f"a call from {symbol} printed {got!r}, not {wanted!r}")

    def _glance(self):
        """Compare what a few calls to the kernel tell; raises Difference."""
        text = self.hook.read("stats")
        rows = {row.parent: (row.redirect, row.hits, row.redirected)
                for row in memevents.parse_stats(text).values()}
        if rows != self.model.rows():
            raise Difference(f"stats:\n{text}not {self.model.rows()}")
        _, *headings, _ = [line for line in text.splitlines() if line.startswith("#")]
        words = sorted(word for line in headings for word in line.split() if "=" in word)
        if words != self.model.headings():
            raise Difference(f"stats:\n{text}not {self.model.headings()}")
        enabled = "Y" if self.model.enabled else "N"
        if f"# enabled={enabled} " not in text:
            raise Difference(f"stats: enabled is not {enabled}")
        banner = self.hook.read("banner").encode()
        if banner != self.model.banner + b"\n":
            raise Difference(f"banner is {banner!r}, not {self.model.banner!r}")
        if self.hook.parents() != set(self.model.parents):
            raise Difference(f"parents/ has {self.hook.parents()}, not {set(self.model.parents)}")

    def look(self):
        """Compare everything there is; raises Difference."""
        self._glance()
        if bool(memevents.traced()) != self.model.enabled:
            raise Difference(f"enabled is {self.model.enabled}, enabled_functions says "
                             f"{memevents.traced()}")
        if self.hook.boolean("enabled") != self.model.enabled:
            raise Difference("enabled")
        for name, wanted in (("only", self.model.only or ""), ("readers", self.model.readers or ""),
                             ("hold", len(self.model.holders))):
            if self.hook.read(name) != f"{wanted}\n":
                raise Difference(f"{name} is {self.hook.read(name)!r}, not {wanted!r}")
        for name, parent in self.model.parents.items():
            if self.hook.read("parents", name, "times") != f"{parent.times}\n":
                raise Difference(f"parents/{name}/times is not {parent.times}")
            if self.hook.boolean("parents", name, "redirect") != parent.redirect \
                    or self.hook.hits(name) != (parent.hits, parent.redirected):
                raise Difference(f"parents/{name}")


def _names(errnos):
    return " or ".join(errno.errorcode[number] for number in errnos) or "success"


def _escaped(data, plain):
    """Return bytes as printable ASCII: those that plain(byte) is false of in octal, as \\ooo."""
    return "".join(chr(byte) if plain(byte) else f"\\{byte:03o}" for byte in data)


def _write_in_shell(path, data):
    if not data:    # dd, as everything else in a shell, makes no write() of nothing
        return f"python3 -c 'import os; os.write(1, b\"\")' >{path}"
    text = _escaped(data, lambda byte: 0x30 <= byte < 0x7f and byte != 0x5c)
    return f"printf '{text}' | dd bs=1M iflag=fullblock of={path} conv=notrunc 2>/dev/null"


def as_shell(command):
    """Return a command as a line for bash, in printable ASCII.

    It writes the same bytes, but opens the file for each write: how it was done
    stands behind it, and the exact form of a command is its JSON.
    """
    if command[0] == "read":
        return f"cat memory.events{'.local' if command[1] == LOCAL_SHOW else ''} >/dev/null"
    if command[0] == "load":
        words = [_escaped(f'{name}="{value}"'.encode("latin-1"),
                          lambda byte: 0x20 <= byte < 0x7f and chr(byte) not in "\\'")
                 for name, value in command[1].items()]
        # Where it is refused the driver goes on with the defaults.
        return " ".join(["rmmod memevents_hook; insmod memevents_hook.ko",
                         *(f"$'{word}'" for word in words), "|| insmod memevents_hook.ko"])
    _, manner, name, pieces, offset = command
    # As writev(): what comes after a piece that was refused is not written.
    lines = [_write_in_shell(f"{memevents.ROOT}/{name}", piece.encode("latin-1"))
             for piece in pieces]
    return " && ".join(lines) + f"  # {manner}, offset {offset}"


def fuzz(driver, seed, writes, say=lambda text: None):
    """Make that many writes of a seed's.

    Raises Difference: its text says how to get there again.
    """
    generator = Generator(seed, driver.model)
    since_load = []
    next_look = next_load = 0
    try:
        driver.start()
        while driver.counts["writes"] < writes:
            done = driver.counts["writes"]
            if done >= next_load:
                next_load = done + LOAD_EVERY
                command = generator.load()
            else:
                command = generator.next()
            if command[0] == "load":
                since_load = []
            since_load.append(command)
            driver.run(command)
            if done >= next_look:
                next_look = done + LOOK_EVERY
                driver.look()
                say(f"{done} writes, {driver.counts['refused']} refused")
        driver.look()
        driver.stop()
    except Exception as error:
        raise Difference(report(error, seed, driver, since_load)) from error


def report(error, seed, driver, commands):
    """Return what a person needs to get to the error again, in printable ASCII.

    The last line is the commands in JSON.
    """
    shown = commands[-20:]
    what = _escaped(f"{error}".encode(errors="backslashreplace"),
                    lambda byte: 0x20 <= byte < 0x7f or byte == 0x0a)
    return "\n".join([
        what, f"seed {seed}, after {driver.counts}; {len(commands)} commands since the load"
        f"{', the last 20' if len(shown) < len(commands) else ''}:",
        *(as_shell(command) for command in shown),
        "to be replayed (python3 -m pytests.programs.fuzz --replay FILE):", json.dumps(commands),
    ])


def replay(driver, commands):
    """Run the commands of a report; raises Difference where the module still differs."""
    driver.start()
    for command in commands:
        driver.run(command)
    driver.look()
    driver.stop()


def shrink(make_driver, commands):
    """Return a shorter list of commands that still makes the module differ from the model.

    None where the commands themselves do not.
    """
    tries = TRIES

    def differs(candidate):
        driver = make_driver()
        try:
            replay(driver, candidate)
        except Exception:       # as fuzz() takes it: a file that reads as nonsense, an errno
            return True
        finally:
            try:
                driver.stop()
            except (Difference, OSError):
                pass
        return False

    if not differs(commands):
        return None
    step = len(commands) // 2
    while step and tries:
        at = 0
        while at < len(commands) and tries:
            candidate = commands[:at] + commands[at + step:]
            tries -= 1
            if differs(candidate):
                commands = candidate
            else:
                at += step
        step //= 2
    return commands
