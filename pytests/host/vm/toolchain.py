"""Roots with the compiler that a suite built a kernel with, and what kbuild runs beside it."""

from . import cache
from .archive import bootstrap

CROSS_SUFFIX = {"amd64": "", "arm64": "-aarch64-linux-gnu"}

# What kbuild runs beside the compiler.
TOOLS = ("base-files", "bash", "dash", "coreutils", "diffutils", "findutils", "gawk", "grep",
         "kmod", "make", "perl", "python3", "sed", "libc6-dev")

# What packages would make when configured.
CONFIGURE = 'mkdir -p "$1/mnt" && cd "$1/usr/bin" && for link in awk:gawk sh:dash; do' \
        ' [ -e "${link%:*}" ] || ln -s "${link#*:}" "${link%:*}"; done'


def _item(kernel, compiler, libraries):
    """The name of the toolchain in the cache, and the packages in it."""
    compiler += CROSS_SUFFIX[kernel.arch]
    packages = (*TOOLS, compiler, *sorted(libraries))
    return f"toolchain-{kernel.base_suite}-{compiler}", packages


def cached(kernel, compiler, libraries):
    """Where the root for a kernel is, if it is in the cache; else None."""
    name, packages = _item(kernel, compiler, libraries)
    return cache.find(name, (packages, CONFIGURE))


def root(kernel, compiler, libraries):
    """The folder of a root for a kernel, made if it is missing.

    Args:
        compiler: the Debian package of the compiler.
        libraries: the packages that the kernel's build tools need.
    """
    name, packages = _item(kernel, compiler, libraries)
    return cache.item(
        name,
        lambda folder: bootstrap(folder, kernel.base_suite, "amd64", packages, CONFIGURE),
        (packages, CONFIGURE),
    )
