"""What is downloaded or bootstrapped once and kept: the folder .cache, dropped by `make distclean`.

An item is made under a temporary name and renamed when it is complete, so an interrupted run
leaves nothing that a later one would take for good.
"""

import fcntl
import hashlib
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

from .process import as_root, run

TOP = Path(__file__).resolve().parents[3]
FOLDER = TOP / ".cache"


@contextmanager
def locked(name):
    """Hold the lock of that name, against threads and other processes."""
    folder = FOLDER / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / name, "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def remove(path):
    """Remove a file or a tree, which root may own."""
    if path.is_dir() and not path.is_symlink():
        run(as_root(["rm", "-rf", "--one-file-system", "--", path]))
    elif path.exists() or path.is_symlink():
        path.unlink()


def move(path, to):
    """Rename a file or a tree: one that root owns only root can move out of its parent."""
    try:
        os.rename(path, to)
    except PermissionError:
        run(as_root(["mv", "-T", "--", path, to]))


def key(*inputs):
    """A short name for what an item is made from."""
    return hashlib.sha256("\0".join(str(i) for i in inputs).encode()).hexdigest()[:10]


def find(name, inputs=""):
    """Where the item is, if it is there and was made from these inputs; else None."""
    path = FOLDER / f"{name}.{key(inputs)}"
    return path if path.exists() else None


def item(name, make, inputs=""):
    """The path of a cached item; make(temporary_path) is called where it is missing."""
    path = FOLDER / f"{name}.{key(inputs)}"
    with locked(name):
        if not path.exists():
            temporary = FOLDER / "tmp" / f"{name}.{os.getpid()}"
            temporary.parent.mkdir(parents=True, exist_ok=True)
            for left in temporary.parent.glob(f"{name}.*"):
                remove(left)
            make(temporary)
            run(["sync", "-f", FOLDER])
            move(temporary, path)
    return path


def is_source(path):
    """Whether it is something kbuild reads and does not make."""
    return path.name == "Kbuild" or (
        path.suffix in (".c", ".h", ".S", ".mk") and not path.name.endswith(".mod.c"))


def copy_sources(source, target):
    """Make the kbuild sources below target those below source; what was built in either stays."""
    for path in filter(is_source, target.rglob("*")):
        if not (source / path.relative_to(target)).exists():
            path.unlink()
    for path in filter(is_source, source.rglob("*")):
        to = target / path.relative_to(source)
        if not to.exists() or to.read_bytes() != path.read_bytes():
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)
