"""Commands for the fuzzer: what a user could mean, and what no user could."""

import errno
import random

from pytests.lib import memcg, symbols as kernel_symbols
from pytests.lib.fuzz.model import BANNER_MAX, COMPONENT_MAX, NAME_LONG, NAME_SHORT
from pytests.lib.fuzz.model import PAGE, PATH_MAX, Model, Refused
from pytests.lib.memevents import LOCAL_SHOW, MODULE, SHOW, TARGET, Hook

WORDS = [b"1", b"0", b"y", b"n", b"on", b"off", b"Y", b"N", b"oN", b"OFF"]
NEAR_WORDS = [b"", b"2", b"yes", b"no", b"true", b"false", b"01", b"11", b"o", b"Y Y", b"-1", b"t"]
NUMBERS = [b"-1", b"0", b"1", b"2", b"3", b"10", b"2147483647"]
NEAR_NUMBERS = [b"", b"-", b"-2", b"+1", b"007", b"-0", b"2147483648", b"4294967295", b"1.5",
                b"0x1", b"1e3", b"1 2"]
BLANKS = [b" ", b"\t", b"\n", b"\v", b"\f", b"\r", b"  \n"]
NASTY = [b"\0", b"\xa0", b"\x7f", b"\x01", b"\xff", b"\x1b[2J", b"%s%n", b"../", b",", b"\\", b'"']
LENGTHS = [0, 1, 2, 7, 63, 64, 126, 127, 128, 129, 255, 256, 511, 512, 513, 1023, PAGE - 1, PAGE,
           PAGE + 1, 2 * PAGE, 65536]
#: How many functions the fuzzer lists and unlists.
POOL = 40
OFFSETS = [0, 1, 3, 127, PAGE - 1, PAGE, PAGE + 1, 1 << 20, (1 << 31) - 1, 1 << 32, 1 << 40]


class Names:
    """The kernel's symbols by what adding them must give. Costs one reading of kallsyms.

    cgroup, outside: the memcg.Cgroup that is read, and one that has nothing to do with it.
    """

    def __init__(self, cgroup, outside):
        self.cgroup, self.reader = cgroup.path, memcg.own_path()
        self.cgroups = sorted({"/", self.cgroup, self.cgroup.rpartition("/")[0] or "/",
                               self.reader, outside.path})
        symbols = kernel_symbols.running()
        listable = symbols.listable()
        self.good = [SHOW, LOCAL_SHOW] + [next(listable) for _ in range(POOL)]
        kinds = {name: 0 for name in self.good}
        # Data that no kprobe will take, wherever it lies.
        self.data = [name for name in ("jiffies", "init_task", "saved_command_line", "linux_banner")
                     if name in symbols.names][:3]
        self.entry = symbols.entry_code()[:3]
        # And what the module itself is made of: a variable of it may bear a name such as `on`.
        with Hook().session(enabled=False):
            own = set(kernel_symbols.module_symbols(MODULE)) - symbols.names
        kinds.update((name, errno.EINVAL) for name in [*self.data, *self.entry, *own])
        self._kinds = kinds
        self._every = symbols.names

    def errno_of(self, name):
        """Return the errno that adding the name must give; 0 for success.

        Raises KeyError where the name is the kernel's and nothing is known of it.
        """
        if name in self._kinds:
            return self._kinds[name]
        if name in self._every:
            raise KeyError(name)
        return errno.ENOENT


class Generator:
    """Random commands, the same for the same seed and the same model.

    A command is a list that json can keep: ["write", manner, file, [data, ...], offset],
    ["read", parent] or ["load", {parameter: data}], data as latin-1 text.
    """

    def __init__(self, seed, model: Model):
        self._random = random.Random(seed)
        self._model = model

    # Bytes

    def _bytes(self):
        """Return anything at all."""
        length = self._random.choice(LENGTHS)
        kind = self._random.randrange(3)
        if kind == 0:
            return bytes(self._random.getrandbits(8) for _ in range(min(length, 300)))
        if kind == 1:
            return self._random.choice([b"1", b"x", b" ", b"\0", b"\n", b"on"]) * length
        return bytes(self._random.randrange(0x20, 0x7f) for _ in range(min(length, 600)))

    def _spoil(self, data):
        """Return data with something about it changed."""
        pick = self._random.choice
        at = self._random.randint(0, len(data))
        kind = self._random.randrange(8)
        if kind == 0:
            return pick(BLANKS) + data
        if kind == 1:
            return data + pick(BLANKS)
        if kind == 2:
            return data[:at] + pick(NASTY) + data[at:]
        if kind == 3:
            return data[:at] + pick(BLANKS) + data[at:]
        if kind == 4:
            return data[:at]
        if kind == 5:
            return data.swapcase()
        if kind == 6:
            return data * pick([2, 3, 100])
        return data[:at] + bytes([self._random.getrandbits(8)]) + data[at + 1:]

    def _maybe_spoiled(self, data):
        while self._random.random() < 0.4:
            data = self._spoil(data)
        return data[:70000]

    def _boolean(self):
        kind = self._random.random()
        if kind < 0.1:
            return self._bytes()
        words = NEAR_WORDS if kind < 0.25 else WORDS
        return self._maybe_spoiled(self._random.choice(words))

    def _symbol(self, listed):
        """Return bytes for a symbol, mostly a good one; listed: one that is listed."""
        kind = self._random.random()
        names = self._model.names
        if kind < 0.1:
            return self._bytes()
        if kind < 0.2:
            length = self._random.choice([NAME_SHORT - 1, NAME_SHORT, NAME_LONG - 1, NAME_LONG])
            return b"z" * length
        if kind < 0.35:
            pool = names.data + names.entry + ["no_such_symbol", TARGET[:-1], SHOW + ".cold"]
        elif kind < 0.7 and listed:
            pool = list(self._model.parents) or names.good
        else:
            pool = names.good
        return self._maybe_spoiled(self._random.choice(pool).encode())

    def _text(self):
        kind = self._random.random()
        if kind < 0.2:
            return self._bytes()
        length = self._random.choice([0, 1, 2, 37, BANNER_MAX - 1, BANNER_MAX, BANNER_MAX + 1])
        text = bytes(self._random.randrange(0x20, 0x7f) for _ in range(length))
        return self._maybe_spoiled(text + self._random.choice([b"", b"\n", b"\n\n"]))

    def _number(self):
        kind = self._random.random()
        if kind < 0.1:
            return self._bytes()
        return self._maybe_spoiled(self._random.choice(NEAR_NUMBERS if kind < 0.25 else NUMBERS))

    def _path(self):
        kind = self._random.random()
        if kind < 0.1:
            return self._bytes()
        if kind < 0.2:
            return self._random.choice([b"", b"\n"])
        if kind < 0.3:
            length = self._random.choice([COMPONENT_MAX, COMPONENT_MAX + 1, PATH_MAX, PATH_MAX + 1])
            whole = self._random.random() < 0.5
            return (b"/" + b"z" * length) if whole else (b"/z" * length)[:length]
        path = self._random.choice(self._model.names.cgroups)
        if kind < 0.4:
            path += self._random.choice(["/memory.events", "/no such", "/.", "/..", " "])
        return self._maybe_spoiled(path.encode() + self._random.choice([b"", b"\n", b"/", b"/\n"]))

    # Commands

    def _file(self):
        """Return (file, data)."""
        name = self._random.choices(
            ["redirect", "times", "banner", "enabled", "add_parent", "remove_parent", "reset",
             "only", "readers", "hold"], [24, 12, 14, 16, 10, 10, 6, 10, 8, 6])[0]
        if name in ("redirect", "times"):
            parents = [SHOW] * 9 + list(self._model.parents)
            parent = self._random.choice([name for name in parents if name in self._model.parents]
                                         or [SHOW])
            return f"parents/{parent}/{name}", self._of(name)
        return name, self._of(name)

    def _of(self, name):
        """Return data for a file of that name."""
        if name == "times":
            return self._number()
        if name in ("only", "readers"):
            return self._path()
        if name == "banner":
            return self._text()
        if name in ("add_parent", "remove_parent"):
            return self._symbol(name == "remove_parent")
        return self._boolean()

    def _costs(self, name, data):
        """Whether a write would take the kernel a grace period or more."""
        model = self._model
        try:
            if name == "enabled":
                value = data.strip().lower()
                return value in (b"1", b"y", b"on", b"0", b"n", b"off") \
                    and (value in (b"1", b"y", b"on")) != model.enabled
            if name == "hold":
                return model.enabled and data.strip().lower() in WORDS
            if name == "add_parent":
                symbol = data.strip().decode("ascii")
                return model.names.errno_of(symbol) == 0 and symbol not in model.parents
        except (KeyError, UnicodeDecodeError):
            pass
        return False

    def _unknown(self, name, data):
        """Whether the model cannot tell what the write is to give."""
        if name != "add_parent":
            return False
        try:
            self._model.names.errno_of(data.strip().decode("ascii"))
        except KeyError:
            return True
        except UnicodeDecodeError:
            pass
        return False

    def _split(self, name, data):
        """Return data in pieces, for one writev(): whole or cut, and something behind it."""
        cut = self._random.choice([0, len(data), self._random.randint(0, len(data))])
        more = self._boolean() if name == "banner" else self._of(name.rpartition("/")[2])
        # The kernel leaves an empty piece of several out.
        return [piece for piece in (data[:cut], data[cut:], more) if piece] or [b" "]

    def _write(self):
        while True:
            name, data = self._file()
            manner = self._random.choices(["open", "kept", "pwrite", "seek", "writev"],
                                          [30, 40, 10, 10, 10])[0]
            pieces = self._split(name, data) if manner == "writev" else [data]
            if any(self._unknown(name, piece) for piece in pieces):
                continue
            if any(self._costs(name, piece) for piece in pieces) and self._random.random() > 0.15:
                continue
            break
        offset = self._random.choice(OFFSETS) if manner in ("pwrite", "seek") else 0
        return ["write", manner, name, [piece.decode("latin-1") for piece in pieces], offset]

    def _list(self):
        items = []
        while self._random.random() < 0.7:
            data = self._symbol(False)
            if not self._unknown("add_parent", data):
                items.append(data)
        if not items:
            items = [self._random.choice(self._model.names.good).encode()]
        return b",".join(items)

    def load(self):
        """Return a command that loads the module anew."""
        parameters = {}
        if self._random.random() < 0.6:
            parameters["enabled"] = self._boolean()
        for name in ("redirect", "observe"):
            if self._random.random() < 0.6:
                parameters[name] = self._list()
        for name in ("only", "readers"):
            if self._random.random() < 0.3:
                parameters[name] = self._path()
        # What the kernel's own parser of parameters takes to pieces never comes to the module.
        clean = {name: bytes(byte for byte in value if byte not in b'\0"')
                 for name, value in parameters.items()}
        try:
            Model(self._model.names).load(clean)
        except Refused:
            pass
        except KeyError:
            return self.load()
        return ["load", {name: value.decode("latin-1") for name, value in clean.items()}]

    def next(self):
        """Return the next command."""
        if self._random.random() < 0.08:
            return ["read", self._random.choice([SHOW, LOCAL_SHOW])]
        return self._write()
