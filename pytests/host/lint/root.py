"""The root that the linters run in: tools and kernel headers of one suite, whatever the host is.

What a linter says differs by its version. So the versions are the suite's, not the host's.
"""

import shutil

from pytests.host.vm import cache, linux_source
from pytests.host.vm.archive import bootstrap

SUITE = "trixie"

PACKAGES = (
    # what kbuild runs
    "base-files", "bash", "coreutils", "dash", "diffutils", "findutils", "gawk", "grep", "kmod",
    "libc6-dev", "make", "perl", "python3", "sed", "linux-headers-amd64",
    # the linters
    "clang-format", "codespell", "cppcheck", "pycodestyle", "python3-pyflakes", "shellcheck",
    "sparse",
)

# What packages would make when configured.
CONFIGURE = (
    'mkdir -p "$1/mnt" "$1/opt" "$1/srv" && cd "$1/usr/bin" &&'
    ' for link in awk:gawk sh:dash; do'
    ' [ -e "${link%:*}" ] || ln -s "${link#*:}" "${link%:*}"; done'
)

# checkpatch and what it reads: all that is kept of the kernel's source.
CHECKPATCH = ("checkpatch.pl", "spelling.txt", "const_structs.checkpatch")


def root():
    """The folder of the root, made if it is missing."""
    return cache.item(
        f"lint-{SUITE}",
        lambda folder: bootstrap(folder, SUITE, "amd64", PACKAGES, CONFIGURE),
        (PACKAGES, CONFIGURE),
    )


def _fetch_checkpatch(folder):
    """Take checkpatch out of the suite's linux-source package."""
    unpacked = folder.with_name(folder.name + ".source")
    linux_source.unpack(SUITE, unpacked, [f"scripts/{name}" for name in CHECKPATCH])
    shutil.move(unpacked / "linux" / "scripts", folder)
    cache.remove(unpacked)


def checkpatch():
    """The folder with checkpatch.pl, fetched if it is missing."""
    return cache.item(f"checkpatch-{SUITE}", _fetch_checkpatch, CHECKPATCH)
