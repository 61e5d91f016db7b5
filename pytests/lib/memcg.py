"""A memory cgroup with a past: pushed over memory.high and over memory.max until OOM kills.

So its figures are not all zero, and differ from each other: what a
replacement prints can be told from an array of zeros and from a wrong order.

    <cgroup2>/memevents-PID/          figures of the leaf in memory.events,
        leaf/                         zeros in memory.events.local
"""

import contextlib
import mmap
import os
import signal

from pytests.lib import memevents

PREFIX = "memevents-"
PAGE = mmap.PAGESIZE

#: What the leaf may hold, and how much more than that is asked for: bytes.
LIMIT = 1 << 20
#: How many times it is pushed over memory.max, and so killed in.
KILLS = 2


class NoMemoryController(Exception):
    """This machine has no cgroup v2 with a memory controller to be had."""


def mount_point():
    """Return where cgroup v2 is mounted; raises NoMemoryController."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            left, right = line.split(" - ")
            if right.split()[0] == "cgroup2":
                return left.split()[4]
    raise NoMemoryController("no cgroup2 is mounted: mount -t cgroup2 none /sys/fs/cgroup")


def leftovers():
    """Return the names of our cgroups that are there."""
    return [name for name in os.listdir(mount_point()) if name.startswith(PREFIX)]


def _write(folder, name, value):
    memevents.write_file(os.path.join(folder, name), value)


def _delegate(folder):
    """Give folder's children the memory controller; raises NoMemoryController."""
    with open(os.path.join(folder, "cgroup.controllers"), encoding="ascii") as file:
        if "memory" not in file.read().split():
            raise NoMemoryController(
                f"no memory controller in {folder}: off (cgroup_disable=), or in a v1 hierarchy?")
    with open(os.path.join(folder, "cgroup.subtree_control"), encoding="ascii") as file:
        if "memory" in file.read().split():
            return
    _write(folder, "cgroup.subtree_control", "+memory")


def _touch(folder, size):
    """Touch size bytes in a child inside the cgroup; return the child's wait status."""
    child = os.fork()
    if child == 0:
        try:
            _write(folder, "cgroup.procs", "0")
            memory = mmap.mmap(-1, size)
            for offset in range(0, size, PAGE):
                memory[offset] = 1
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitpid(child, 0)[1]


def parse(text):
    """Return {name: number} of the lines of memory.events; ValueError where one is malformed."""
    figures = {}
    for line in text.splitlines():
        name, number = line.split(" ")
        if name in figures:
            raise ValueError(f"{name} twice")
        figures[name] = int(number)
    return figures


class Cgroup:
    """The two files of one memory cgroup, read with one call of the target each."""

    def __init__(self, folder):
        self.folder = folder
        self.events = os.path.join(folder, "memory.events")
        self.local = os.path.join(folder, "memory.events.local")

    @property
    def path(self):
        """Its path from the root of the hierarchy, as the module's files take and show it."""
        return "/" + os.path.relpath(self.folder, mount_point())

    def enter(self):
        """Move this process into it."""
        _write(self.folder, "cgroup.procs", "0")

    def dying(self):
        """Return how many cgroups below it are removed, but still held by someone."""
        with open(os.path.join(self.folder, "cgroup.stat"), encoding="ascii") as file:
            return parse(file.read())["nr_dying_descendants"]

    def read_events(self):
        """Return memory.events as bytes, at the cost of one call of the target."""
        return read_once(self.events)

    def read_local(self):
        """Return memory.events.local as bytes, at the cost of one call of the target."""
        return read_once(self.local)


def read_once(path):
    """Read a cgroup's file with one pread(): one call of the target."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(fd, PAGE, 0)
    finally:
        os.close(fd)


@contextlib.contextmanager
def pressed():
    """Yield (parent, leaf): two Cgroups with a past; removed at the end.

    Raises NoMemoryController where the machine has none, and AssertionError
    where the kernel did not kill.
    """
    top = Cgroup(mount_point())
    _delegate(top.folder)
    with below(top, f"{PREFIX}{os.getpid()}") as parent:
        _delegate(parent.folder)
        with below(parent, "leaf") as leaf:
            _press(leaf.folder)
            yield parent, leaf


@contextlib.contextmanager
def child(parent):
    """Yield a second Cgroup below parent, without a past: for `push_over_max`."""
    with below(parent, "child") as cgroup:
        _limit(cgroup.folder)
        yield cgroup


@contextlib.contextmanager
def below(parent, name):
    """Yield a new Cgroup below parent, without a past or a limit; removed at the end if there.

    It may be removed by `remove()`, and made again by `make()`.
    """
    cgroup = Cgroup(os.path.join(parent.folder, name))
    make(cgroup)
    try:
        yield cgroup
    finally:
        if os.path.isdir(cgroup.folder):
            remove(cgroup)


def make(cgroup):
    """Make a cgroup that is not there."""
    os.mkdir(cgroup.folder)


def remove(cgroup):
    """Remove a cgroup, when the last process has left it."""
    memevents.wait_for(lambda: _empty(cgroup.folder), f"{cgroup.folder} is empty")
    os.rmdir(cgroup.folder)


def own_path():
    """Return the path of the cgroup that this process is in."""
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        for line in file:
            number, _, path = line.rstrip("\n").split(":", 2)
            if number == "0":
                return path
    raise NoMemoryController("this process is in no cgroup v2")


def _limit(folder):
    """Set memory.max to LIMIT. Without swap what is over it cannot be reclaimed: it gets killed."""
    if os.path.exists(os.path.join(folder, "memory.swap.max")):
        _write(folder, "memory.swap.max", "0")
    _write(folder, "memory.max", str(LIMIT))


def _empty(folder):
    with open(os.path.join(folder, "cgroup.events"), encoding="ascii") as file:
        return "populated 0" in file.read()


def push_over_max(folder):
    """Have the kernel kill in a cgroup whose memory.max is LIMIT, once more."""
    status = _touch(folder, 8 * LIMIT)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, \
        f"over memory.max: wait status {status}, not killed"


def _press(folder):
    """Push the cgroup a little over memory.high once, far over memory.max KILLS times."""
    # Little, because the kernel slows a task down by how far it is over.
    _write(folder, "memory.high", str(LIMIT))
    status = _touch(folder, LIMIT + LIMIT // 8)
    assert status == 0, f"over memory.high: wait status {status}"
    _write(folder, "memory.high", "max")
    _limit(folder)
    for kill in range(KILLS):
        if kill == KILLS - 1:
            _write(folder, "memory.oom.group", "1")
        push_over_max(folder)
    figures = parse(Cgroup(folder).read_events().decode())
    # Killing the whole group counts its first task twice.
    assert figures["oom_kill"] >= KILLS, figures
    assert figures["max"] > 0 and figures["oom"] > 0 and figures["high"] > 0, figures
