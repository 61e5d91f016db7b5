"""checkpatch, and what it reads: all that is kept of the kernel's source for the linters."""

from pytests.host.vm import cache, linux_source

SUITE = "trixie"

CHECKPATCH = ("checkpatch.pl", "spelling.txt", "const_structs.checkpatch")


def folder():
    """The folder with checkpatch.pl, fetched if it is missing."""
    return cache.item(f"checkpatch-{SUITE}", lambda target: linux_source.take(
        SUITE, "scripts", target, CHECKPATCH), CHECKPATCH)
