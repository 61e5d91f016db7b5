"""The machine that guests run on: its architecture, and the memory that they may take."""

import os
import platform
import re
from pathlib import Path

#: Debian's names of the architectures whose programs run here natively, by the kernel's.
_ARCHS = {"x86_64": "amd64", "aarch64": "arm64"}


def arch():
    """Debian's name of this machine's architecture."""
    return _ARCHS.get(platform.machine(), platform.machine())


def _number(path):
    """The number in a file; None where the file is not there, or has a word instead."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _reclaimable(path):
    """What of a cgroup's memory is file cache, in bytes: it goes where memory is short."""
    try:
        text = (path / "memory.stat").read_text(encoding="ascii")
    except OSError:
        return 0
    return sum(int(size) for size in re.findall(r"^(?:in)?active_file (\d+)$", text, re.MULTILINE))


def _cgroups(root):
    """The cgroups that this process is in, as folders, from its own up, with the names of the files
    that have the limit and the usage."""
    for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        number, controllers, name = line.split(":", 2)
        if number == "0":
            mount, files = root / "sys/fs/cgroup", ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            mount = root / "sys/fs/cgroup/memory"
            files = "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        path = Path(os.path.normpath(name)).relative_to("/")
        for folder in (path, *path.parents):
            yield mount / folder, *files


def available_memory(root=Path("/")):
    """What may be taken without swapping, in MiB: of the machine's memory, and of each limit that
    this process is under, as containers and services have them.

    Args:
        root: where the system's files are looked for.
    """
    text = (root / "proc/meminfo").read_text(encoding="ascii")
    available = [int(re.search(r"^MemAvailable: +(\d+) kB$", text, re.MULTILINE)[1]) << 10]
    for folder, limit, usage in _cgroups(root):
        allowed, used = _number(folder / limit), _number(folder / usage)
        if allowed is not None and used is not None:
            available.append(allowed - used + _reclaimable(folder))
    return max(0, min(available)) >> 20
