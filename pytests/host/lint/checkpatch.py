"""checkpatch, and what it reads: all that is kept of the kernel's source for the linters."""

import shutil

from pytests.host.vm import cache, linux_source

SUITE = "trixie"

CHECKPATCH = ("checkpatch.pl", "spelling.txt", "const_structs.checkpatch")


def _fetch_checkpatch(folder):
    """Take checkpatch out of the suite's linux-source package."""
    unpacked = folder.with_name(folder.name + ".source")
    linux_source.unpack(SUITE, unpacked, [f"scripts/{name}" for name in CHECKPATCH])
    shutil.move(unpacked / "linux" / "scripts", folder)
    cache.remove(unpacked)


def folder():
    """The folder with checkpatch.pl, fetched if it is missing."""
    return cache.item(f"checkpatch-{SUITE}", _fetch_checkpatch, CHECKPATCH)
