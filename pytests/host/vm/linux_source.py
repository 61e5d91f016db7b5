"""The kernel's source as its suite has it: the package linux-source."""

import re
import shutil

from . import cache, machine
from .archive import Archive
from .process import run


def unpack(suite, folder, parts=()):
    """Unpack the source of a suite's kernel into folder/linux; folder is made anew.

    Args:
        parts: the files and folders of the source that are wanted; all if empty.

    Raises:
        HarnessError: the suite cannot be reached or has no source, or it lacks a part.
    """
    archive = Archive(suite, machine.arch())
    archive.update()
    package = re.search(r"\blinux-source-\S+?(?=[ ,]|$)", archive.depends("linux-source"))[0]
    cache.remove(folder)
    archive.unpack([package], folder)
    run(["tar", "-x", "-C", folder, "-f", folder / "usr" / "src" / f"{package}.tar.xz",
         *(f"{package}/{part}" for part in parts)])
    (folder / package).rename(folder / "linux")


def take(suite, part, folder, files=()):
    """Make a folder of the source of a suite's kernel the folder given.

    Args:
        files: which of the files in it are wanted; all if empty.

    Raises:
        HarnessError: as unpack().
    """
    unpacked = folder.with_name(folder.name + ".source")
    unpack(suite, unpacked, [f"{part}/{name}" for name in files] or [part])
    shutil.move(unpacked / "linux" / part, folder)
    cache.remove(unpacked)
