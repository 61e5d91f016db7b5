"""The Python face of memevents_hook: the module and its debugfs tree.

Everything here is a thin layer over system calls, so that a test sees the
errno the kernel gave and not what a tool made of it.
"""

import collections
import contextlib
import ctypes
import errno
import functools
import os
import platform
import re
import stat
import time

from pytests.lib import scale
from pytests.lib.unsupported import Unsupported

MODULE = "memevents_hook"
#: The module of module/example/.
EXAMPLE = "loadavg_hook"
#: The modules with the engine, beside ours, that tests load.
OTHERS = ("any_target_hook", "slow_target_hook", EXAMPLE)
TARGET = "__memory_events_show"
SHOW = "memory_events_show"
LOCAL_SHOW = "memory_events_local_show"
BANNER = "This is from __memory_events_show_new"
#: The replacement's first line, as it is read.
BANNER_LINE = BANNER.encode() + b"\n"
#: As many parents can be listed.
PARENTS_MAX = 256

#: The top of the project.
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KO = os.environ.get("MEMEVENTS_KO") or os.path.join(TOP, "module", MODULE + ".ko")
#: The folders of the tests' own modules.
KMODS = os.path.join(TOP, "pytests", "kmods")
MANUAL = os.path.join(TOP, "debugfs_layout.md")
DEBUGFS = "/sys/kernel/debug"
ROOT = os.path.join(DEBUGFS, MODULE)
TRACEFS = "/sys/kernel/tracing"
#: There on a kernel that looks for data races, which is slow.
KCSAN = os.path.join(DEBUGFS, "kcsan")

#: The files at the top of the tree, and those of each parent, with their modes.
FILES = {
    "enabled": 0o600,
    "stats": 0o400,
    "target": 0o400,
    "why": 0o400,
    "only": 0o600,
    "readers": 0o600,
    "hold": 0o600,
    "callers": 0o400,
    "banner": 0o600,
    "other_hits": 0o400,
    "other_last": 0o400,
    "add_parent": 0o200,
    "remove_parent": 0o200,
    "reset": 0o200,
}
PARENT_FILES = {
    "redirect": 0o600,
    "times": 0o600,
    "hits": 0o400,
    "redirected": 0o400,
    "range": 0o400,
    "call_sites": 0o400,
}

#: system call numbers: finit_module, delete_module
_CALLS = {"x86_64": (313, 176), "aarch64": (273, 106)}

_libc = ctypes.CDLL(None, use_errno=True)

Row = collections.namedtuple("Row", "parent start end redirect hits redirected")
Row.__doc__ = "A row of stats: numbers as int, redirect as bool; None where it has `-`."


def _syscall(number, *arguments):
    """Make a system call; raise OSError with its errno where it fails."""
    result = _libc.syscall(number, *arguments)
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def insmod(path, parameters=""):
    """finit_module() once.

    parameters: one string, as on insmod's command line.
    Raises OSError with the errno of the module's init.
    """
    number = _CALLS[platform.machine()][0]
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _syscall(number, fd, ctypes.c_char_p(os.fsencode(parameters)), 0)
    finally:
        os.close(fd)


def rmmod(name):
    """delete_module() once, not waiting for users.

    Raises OSError: EAGAIN where the module is in use, ENOENT where it is not
    loaded.
    """
    _syscall(_CALLS[platform.machine()][1], ctypes.c_char_p(os.fsencode(name)), os.O_NONBLOCK)


def module_loaded(name):
    """Whether a module of that name is in the kernel (coming and going ones too)."""
    return os.path.isdir(os.path.join("/sys/module", name))


def read_file(path):
    """Return all of a file as bytes, opened once."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces = []
        while True:
            piece = os.read(fd, 1 << 16)
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
    finally:
        os.close(fd)


def write_file(path, data):
    """Write data (str or bytes) with one write(); return what it returned."""
    if isinstance(data, str):
        data = data.encode()
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        return os.write(fd, data)
    finally:
        os.close(fd)


def wait_for(condition, what, seconds=scale.DEADLINE):
    """Poll until condition() is true; AssertionError naming what after seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.005)


def soonest(limit, measure):
    """Measure a duration, in seconds, until one is below limit; returns that one.

    Other work on the machine only makes it longer, so one that is below is enough. It is measured
    five times at least, and until DEADLINE; AssertionError with the least where none was below.

    limit: in seconds.
    measure: called without arguments; returns the duration.
    """
    deadline = time.monotonic() + scale.DEADLINE
    durations = []
    while len(durations) < 5 or time.monotonic() < deadline:
        durations.append(measure())
        if durations[-1] < limit:
            return durations[-1]
    raise AssertionError(f"never below {limit} s: {min(durations):.3f} s at best,"
                         f" of {len(durations)}")


@functools.lru_cache(maxsize=None)
def inlined():
    """Whether the compiler inlined the target into its callers here: then it has no symbol."""
    return f" {TARGET}\n".encode() not in read_file("/proc/kallsyms")


def hooked():
    """Return what the module hooks here: the target, or the functions that have it inlined."""
    return (SHOW, LOCAL_SHOW) if inlined() else (TARGET,)


def need_calls():
    """Raise Unsupported where no caller but those that are hooked can be listed, or call at all."""
    if inlined():
        raise Unsupported(f"this kernel's compiler inlined {TARGET}: nobody calls it")


def others(calls):
    """Return what other_hits has of so many calls by parents that are not listed.

    0 where the target is inlined into them: who is not listed is not hooked.
    """
    return 0 if inlined() else calls


def traced(*symbols):
    """Return the line of enabled_functions about one of the functions, or None.

    It is there while any ftrace user at all has the function.
    symbols: those that the module hooks where none is given.
    """
    for line in read_file(os.path.join(TRACEFS, "enabled_functions")).decode().splitlines():
        if line.split()[:1] and line.split()[0] in (symbols or hooked()):
            return line
    return None


def close_files():
    """Close what this process has open of the trees: a test that failed half-way left it so."""
    for name in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink(os.path.join("/proc/self/fd", name))
        except FileNotFoundError:
            continue
        if any(f"{path}/".startswith(f"{DEBUGFS}/{module}/") for module in (MODULE, *OTHERS)):
            os.close(int(name))


def leftovers():
    """Return what of the module is left in the kernel, as a list of words; empty is clean."""
    left = []
    if module_loaded(MODULE):
        left.append("module loaded")
    if os.path.exists(ROOT):
        left.append(ROOT)
    line = traced()
    if line:
        left.append(f"enabled_functions: {line}")
    return left


def others_left():
    """Return those of OTHERS that are in the kernel."""
    return [name for name in OTHERS if module_loaded(name)]


def parse_address(text):
    """Return an address in the form of the files (`0x%lx`) as int; ValueError otherwise."""
    if not re.fullmatch(r"0x(0|[1-9a-f][0-9a-f]*)", text):
        raise ValueError(f"not 0x%lx: {text!r}")
    return int(text, 16)


def parse_row(line):
    """Return a line of stats that is no comment as a Row; ValueError where it is malformed."""
    columns = line.split()
    if len(columns) != 6:
        raise ValueError(f"{len(columns)} columns, not 6: {line!r}")
    parent, start, end, redirect, hits, redirected = columns
    if parent == "[other]":
        if (start, end, redirect, redirected) != ("-", "-", "-", "-"):
            raise ValueError(f"not `[other] - - - HITS -`: {line!r}")
        return Row(parent, None, None, None, int(hits), None)
    if redirect not in ("Y", "N"):
        raise ValueError(f"redirect is neither Y nor N: {line!r}")
    return Row(parent, parse_address(start), parse_address(end), redirect == "Y",
               int(hits), int(redirected))


def parse_stats(text):
    """Return {parent: Row} in the order of the lines; ValueError where one is malformed."""
    rows = [parse_row(line) for line in text.splitlines() if not line.startswith("#")]
    stats = {row.parent: row for row in rows}
    if len(stats) != len(rows):
        raise ValueError("a parent has two rows")
    if not rows or rows[-1].parent != "[other]":
        raise ValueError("the last row is not [other]")
    return stats


class Hook:
    """A module with the hook's engine on this machine, and its files, by their path in its tree.

    name: the module's, and its tree's.
    guard: what the parameter `only` is where nobody says otherwise: others' files stay as they are.
    """

    def __init__(self, ko=KO, name=MODULE, guard=None):
        self.ko = ko
        self.name = name
        self.guard = guard
        self.root = os.path.join(DEBUGFS, name)

    # The module

    def load(self, **parameters):
        """Load the module. A parameter's value goes between quotes; True and False become Y and N.

        Raises OSError with the errno of the module's init.
        """
        words = []
        if self.guard:
            parameters.setdefault("only", self.guard)
        for name, value in parameters.items():
            if isinstance(value, bool):
                value = "Y" if value else "N"
            elif not isinstance(value, str):
                value = ",".join(value)
            words.append(f'{name}="{value}"')
        insmod(self.ko, " ".join(words))

    def load_refused(self, log, number, **parameters):
        """Assert that a load fails with errno number, says why in one line, and leaves nothing.

        log: a KernelLog. Returns the line, without the module's prefix.
        """
        mark = log.mark()
        with expect_errno(number, str(parameters)[:60]):
            self.load(**parameters)
        left = leftovers()
        assert not left, (left, parameters)
        lines = log.module_lines(mark)
        assert len(lines) == 1, (lines, parameters)
        return lines[0]

    def unload(self):
        """Unload the module; raises OSError."""
        rmmod(self.name)

    def refcount(self):
        """Return how often the module is in use."""
        return int(read_file(f"/sys/module/{self.name}/refcnt"))

    @property
    def loaded(self):
        """Whether the module is in the kernel."""
        return module_loaded(self.name)

    # Its files

    def path(self, *names):
        """Return the full path of a file of the tree."""
        return os.path.join(self.root, *names)

    def read(self, *names):
        """Return a file's content as text."""
        return read_file(self.path(*names)).decode()

    def write(self, name, data):
        """Write data with one write() that must take all of it; raises OSError."""
        written = write_file(self.path(name), data)
        assert written == len(data), f"write() took {written} of {len(data)} bytes"

    @contextlib.contextmanager
    def writer(self, name):
        """Yield a function that makes one write() to the same open file: for tight loops."""
        fd = os.open(self.path(name), os.O_WRONLY | os.O_CLOEXEC)
        try:
            yield lambda data: os.write(fd, data)
        finally:
            os.close(fd)

    def number(self, *names):
        """Return the counter in a file."""
        text = self.read(*names)
        assert re.fullmatch(r"(0|[1-9][0-9]*)\n", text), f"{names}: not one decimal line: {text!r}"
        return int(text)

    def boolean(self, *names):
        """Return the switch in a file."""
        text = self.read(*names)
        assert text in ("Y\n", "N\n"), f"{names}: neither Y nor N: {text!r}"
        return text == "Y\n"

    def stats(self):
        """Return {parent: Row}, `[other]` included and last."""
        return parse_stats(self.read("stats"))

    def hits(self, parent=SHOW):
        """Return a parent's (hits, redirected)."""
        return (self.number("parents", parent, "hits"),
                self.number("parents", parent, "redirected"))

    def parents(self):
        """Return the set of listed parents, as the directories have them."""
        return set(os.listdir(self.path("parents")))

    def why(self):
        """Return {symbol: what `why` says of it} in the order of the lines."""
        lines = self.read("why").splitlines()
        return dict(line.split(": ", 1) for line in lines)

    def tree(self):
        """Return {path in the tree: permission bits} of every file."""
        files = {}
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = os.path.join(folder, name)
                files[os.path.relpath(path, self.root)] = stat.S_IMODE(os.stat(path).st_mode)
        return files

    def state(self, tell_traced=lambda: traced() is not None):
        """Return all that a refused write must leave as it is, to be compared with ==.

        tell_traced: what tells whether the target is traced.
        """
        return {
            "enabled": self.read("enabled"),
            "banner": self.read("banner"),
            "only": self.read("only"),
            "readers": self.read("readers"),
            "hold": self.read("hold"),
            "target": self.read("target"),
            "stats": self.read("stats"),
            "other_hits": self.read("other_hits"),
            "other_last": self.read("other_last"),
            "tree": self.tree(),
            "traced": tell_traced(),
        }

    @contextlib.contextmanager
    def session(self, **parameters):
        """The module, loaded with these parameters; unloaded at the end, with its tree gone."""
        self.load(**parameters)
        try:
            yield self
        finally:
            self.unload()
            assert not os.path.exists(self.root)

    @contextlib.contextmanager
    def refuses(self, number, what=""):
        """Assert that the body raises OSError with errno number, and changes nothing.

        what: says which data it is about.
        """
        before = self.state()
        with expect_errno(number, what):
            yield
        after = self.state()
        for name, value in before.items():
            assert after[name] == value, f"a refused write changed {name}: {what}"


def hook_of(folder):
    """Return the Hook of a module of kmods/ with the engine: of `any_target` or `slow_target`."""
    name = folder + "_hook"
    return Hook(os.path.join(KMODS, folder, name + ".ko"), name)


@contextlib.contextmanager
def expect_errno(number, what=""):
    """Assert that the body raises OSError with that errno; what says of which data."""
    wanted = errno.errorcode[number]
    try:
        yield
    except OSError as error:
        got = errno.errorcode.get(error.errno, error.errno)
        assert error.errno == number, f"{got}, not {wanted}: {what}"
    else:
        raise AssertionError(f"succeeded, no {wanted}: {what}")
