"""What a guest boots into: a cached Debian root, and beside it what one run brings along."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from . import cache, machine, roots
from .cache import TOP
from .modules import FOLDERS
from .process import as_root, confined, finish, run
from .progress import say

# The byte code is the same on every architecture, so where the root's own python cannot run, one of
# the same suite's that can makes it. `unchecked`: python believes the byte code without a look at
# the source's time.
COMPILE = (
    "/usr/bin/python3 -m compileall -q -s /mnt --invalidation-mode unchecked-hash"
    " /mnt/usr/lib/python3*"
)

# Where a guest has the project.
PROJECT = "memevents"

# What pytest imports it has rewritten first, and it keeps the byte code of that, if it may, beside
# the source, whose time and size it compares. To rewrite takes two thirds of the time until the
# first test runs. The byte code tells where the source is: it is made in the place that it is for.
REWRITE = (
    f"cd /{PROJECT} && exec env -i PATH=/usr/bin LANG=C.UTF-8"
    " python3 -m pytest -q -p no:cacheprovider --collect-only pytests"
)


def _make_root(recipe, folder):
    root = folder.with_name(folder.name + ".root")
    cache.remove(root)
    roots.bootstrap(recipe, root)
    python = root if recipe.arch == machine.arch() else guest_root(recipe.suite, machine.arch())
    run(_mounted(root, python, "mnt", COMPILE))
    folder.mkdir()
    pack(root, folder / "root.cpio")
    cache.move(root, folder / "root")


def _mounted(folder, python_root, place, script):
    """Return the command that runs a shell script in a root that has a folder at a place.

    Makes the place.
    """
    run(as_root(["mkdir", "-p", python_root / place]))
    return as_root(confined([
        "sh", "-c",
        f'mount --bind "{folder}" "{python_root}/{place}" &&'
        f' exec chroot "{python_root}" /bin/sh -c "{script}"']))


def pack(folder, archive):
    """Pack a folder's content as an initramfs: the cpio format that the kernel unpacks."""
    run(as_root(["bsdtar", "--format=newc", "--uid=0", "--gid=0", "-cf", archive, "-C", folder,
                 "."]))


def _inputs(recipe):
    return (*recipe.inputs, COMPILE)


def cached_root(suite, arch):
    """Where the guest root of a suite is, if it is in the cache; else None."""
    recipe = roots.guest(suite, arch)
    return cache.find(recipe.name, _inputs(recipe))


def guest_root(suite, arch, use="", more=()):
    """The unpacked guest root of a suite, made if it is missing; root.cpio lies beside it.

    Args:
        use, more: as roots.guest() has them.
    """
    recipe = roots.guest(suite, arch, use, more)
    return cache.item(recipe.name, lambda folder: _make_root(recipe, folder),
                      _inputs(recipe)) / "root"


def _copy_project(built, to):
    """Copy the project as a guest has it: its sources, and the modules from the folder built."""
    for part in ("module", "pytests"):
        shutil.copytree(TOP / part, to / part, symlinks=True,
                        ignore=shutil.ignore_patterns("__pycache__", ".*", "*.o", "*.ko", "*.mod*"))
    for document in sorted(TOP.glob("*.md")):
        shutil.copy(document, to)
    for part in FOLDERS:
        for name in ("*.ko", "*.ko.xz") if built else ():
            for module in (built / part).glob(name):
                shutil.copy(module, to / part)


def _rewrite_tests(kernel, project):
    """Leave pytest's byte code of the tests in a copy of the project.

    Where that cannot be made pytest in the guest has to rewrite them, or to tell what is wrong.
    """
    python_root = guest_root(kernel.base_suite, machine.arch())
    done = finish(_mounted(project, python_root, PROJECT, REWRITE))
    if done.returncode:
        say(kernel.name, f"no byte code of the tests for the guest:\n{done.stdout}")


@dataclass(frozen=True)
class Content:
    """What a guest boots into.

    built: the folder with the modules, as modules.build() returns it; None for no module.
    files: more files, by their names under /memevents: a path, or the content as text.
    archives: what pack() made, laid over each other; None for the kernel's ordinary guest root.
    project: whether the project's own files are in /memevents.
    """

    built: Path = None
    files: dict = field(default_factory=dict)
    archives: tuple = None
    project: bool = True


def initramfs(kernel, folder, command, content):
    """Write the initramfs of one run to folder/initramfs and return its path.

    Args:
        command: the shell script to run in the guest, in /memevents.
        content: a Content.
    """
    archives = content.archives or (
        guest_root(kernel.base_suite, kernel.arch).with_name("root.cpio"),)
    overlay = folder / "overlay"
    cache.remove(overlay)
    top = overlay / PROJECT
    top.mkdir(parents=True)
    shutil.copy(TOP / "pytests" / "host" / "vm" / "init", overlay / "init")
    (overlay / "init").chmod(0o755)

    if content.project:
        _copy_project(content.built, top)
        _rewrite_tests(kernel, top)
    for name, file in {"command": command, **content.files}.items():
        if isinstance(file, Path):
            shutil.copy(file, top / name)
        else:
            (top / name).write_text(file, encoding="utf-8")

    pack(overlay, folder / "overlay.cpio")
    cache.remove(overlay)
    target = folder / "initramfs"
    with open(target, "wb") as whole:
        for part in (*archives, folder / "overlay.cpio"):
            with open(part, "rb") as source:
                shutil.copyfileobj(source, whole, 1 << 20)
    (folder / "overlay.cpio").unlink()
    return target
