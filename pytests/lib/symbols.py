"""The running kernel's own symbols, told by /proc/kallsyms and tracefs.

What the module says about symbols is compared with this, which knows nothing
of how the module finds them.
"""

import bisect
import collections
import functools
import itertools
import os
import re

from pytests.lib import memevents

#: How far apart names that come one after the other are: a prime, so that every name comes once.
_STRIDE = 61

_MODULE = re.compile(rb"^([0-9a-f]+) ([a-zA-Z]) (\S+)\t\[(\S+)\]$", re.MULTILINE)


def _read():
    """Return two parts of kallsyms, in bytes: the lines of the core kernel, those of modules."""
    text = memevents.read_file("/proc/kallsyms")
    first = text.find(b"\t[")
    end = len(text) if first < 0 else text.rfind(b"\n", 0, first) + 1
    return text[:end], text[end:]


class Symbols:
    """One reading of /proc/kallsyms, which costs seconds under emulation: running() keeps it."""

    def __init__(self):
        # A hundred thousand lines: what goes through them all is a loop of the interpreter's own.
        words = _read()[0].decode().split()
        names = words[2::3]
        addresses = list(map(int, words[::3], itertools.repeat(16)))
        self.text = [(address, name) for address, kind, name in zip(addresses, words[1::3], names)
                     if kind in "tTwW"]
        assert self.text and self.text[0][0], \
            "/proc/kallsyms hides addresses: kernel.kptr_restrict is 2, or CAP_SYSLOG is missing"
        # Of any type: newer kernels have a T for some of their data.
        self.names = set(names)
        # Absolute per-CPU symbols stand at the low end and bound no function.
        self.addresses = sorted(set(addresses))
        # The bounds of the core kernel's text: the end may have the type of what follows it.
        self.bounds = tuple(addresses[names.index(name)] for name in ("_stext", "_etext"))
        self.count = collections.Counter(name for _, name in self.text)
        # The first of a name's addresses.
        self.address = {name: address for address, name in reversed(self.text)}

    def range_of(self, name):
        """Return (start, end): end is where the next symbol of the core kernel starts."""
        start = self.address[name]
        return start, self.addresses[bisect.bisect_right(self.addresses, start)]

    def between(self, start, end):
        """Return the names of text from the symbol start up to the symbol end."""
        low, high = self.address.get(start), self.address.get(end)
        if low is None or high is None:
            return []
        return [name for address, name in self.text if low <= address < high]

    def entry_code(self):
        """Return names of the assembly that system calls and interrupts enter by."""
        return [name for name in self.between("__entry_text_start", "__entry_text_end")
                if name.startswith(("entry_", "asm_", "el0t_", "el1h_"))]

    def init_code(self):
        """Return names of functions that were freed when the kernel had started."""
        return self.between("_sinittext", "_einittext")

    def listable(self):
        """Yield names of functions that can be listed, spread over the kernel's text.

        Unique, alone at their address, known to ftrace (and once: it takes what is
        left of an overridden weak function for the function before), and not
        on the kprobes' blacklist.

        Raises Unsupported where the module lists nothing but what it hooks.
        """
        memevents.need_calls()
        names = self._listable
        for index in range(len(names)):
            yield names[index * _STRIDE % len(names)]

    def some(self, count):
        """Return a list of so many functions that can be listed.

        Raises Unsupported as listable() does. AssertionError where the kernel has not so many.
        """
        names = list(itertools.islice(self.listable(), count))
        assert len(names) == count, f"{len(names)} functions can be listed, not {count}"
        return names

    @functools.cached_property
    def _listable(self):
        at = collections.Counter(address for address, _ in self.text)
        known = collections.Counter(traceable())
        refused = blacklist()
        names = [name for name, count in known.items()
                 if count == 1 and self.count[name] == 1 and at[self.address[name]] == 1
                 and name not in refused and name.isidentifier()
                 and name not in (memevents.TARGET, memevents.SHOW, memevents.LOCAL_SHOW)]
        while len(names) % _STRIDE == 0:
            names.pop()
        return names

    def duplicates(self):
        """Return names that several functions have, at different addresses, all traceable."""
        known = collections.Counter(traceable())
        refused = blacklist()
        return [name for name, count in known.items()
                if count > 1 and self.count[name] == count and name not in refused]

    def aliases(self):
        """Return pairs of names that stand for one and the same range."""
        names = collections.defaultdict(list)
        for address, name in self.text:
            names[address].append(name)
        known = set(traceable())
        refused = blacklist()
        return [tuple(group[:2]) for group in names.values()
                if len(group) > 1 and known & set(group) and not refused & set(group)
                and all(self.count[name] == 1 for name in group[:2])]


@functools.lru_cache(maxsize=None)
def running():
    """Return the Symbols of the running kernel: the core kernel's never change."""
    return Symbols()


def module_symbols(module, types=""):
    """Return the names of a loaded module's symbols.

    types: the letters of those that are wanted, as nm has them; of all if empty.
    """
    return [name.decode()
            for _, letter, name, owner in _MODULE.findall(_read()[1])
            if owner.decode() == module and (not types or letter.decode() in types)]


def module_functions(module):
    """Return the names of a loaded module's functions."""
    return module_symbols(module, "tT")


def module_function(module, name):
    """Return (start, end) of a loaded module's function: its end is the module's next symbol.

    Raises KeyError where the module has no such function.
    """
    rows = [(int(address, 16), letter.decode(), symbol.decode()) for address, letter, symbol, owner
            in _MODULE.findall(_read()[1]) if owner.decode() == module]
    start = {symbol: address for address, letter, symbol in rows if letter in "tT"}[name]
    return start, min((address for address, _, _ in rows if address > start),
                      default=start + os.sysconf("SC_PAGE_SIZE"))


def made_at_run_time():
    """Return the names of the code that the kernel makes as it runs: trampolines, BPF programs."""
    return [symbol.decode() for _, _, symbol, owner in _MODULE.findall(_read()[1])
            if owner == b"bpf" or owner.startswith(b"__builtin__")]


@functools.lru_cache(maxsize=None)
def traceable():
    """Return the core kernel's functions that ftrace knows, in the order of addresses."""
    path = os.path.join(memevents.TRACEFS, "available_filter_functions")
    return [line for line in memevents.read_file(path).decode().split("\n")
            if line and "[" not in line]


@functools.lru_cache(maxsize=None)
def blacklist():
    """Return the names kprobes refuse; empty where the kernel does not tell."""
    path = os.path.join(memevents.DEBUGFS, "kprobes", "blacklist")
    if not os.path.exists(path):
        return set()
    return {line.split()[-1] for line in memevents.read_file(path).decode().splitlines()}
