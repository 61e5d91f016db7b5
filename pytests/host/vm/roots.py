"""Debian roots: the one table of what they are made from, and their making."""

from dataclasses import dataclass
from pathlib import Path

from . import cache, machine, progress
from .archive import acquire_options, explain, sources
from .cache import FOLDER
from .errors import HarnessError
from .process import as_root, confined, run


@dataclass(frozen=True)
class Recipe:
    """What a root is made from.

    name: its name in the cache.
    suite, arch: Debian's names.
    packages: those that are asked for; what they depend on comes with them.
    prepare: a shell script that is run at the end, with the root in $1.
    variant: mmdebstrap's. With "extract" packages are unpacked but not configured, which works for
        a foreign architecture too: nothing of it is run. With "apt" it is a system that apt can
        add to.
    """

    name: str
    suite: str
    arch: str
    packages: tuple
    prepare: str = ""
    variant: str = "extract"

    @property
    def inputs(self):
        """What the root in the cache depends on."""
        return self.packages, self.prepare


def _usable(*folders):
    """Make folders to mount things on, and the links that packages would make when configured."""
    return (
        "mkdir -p " + " ".join(f'"$1/{folder}"' for folder in folders) + ' && cd "$1/usr/bin" &&'
        " for link in awk:gawk sh:dash; do"
        ' [ -e "${link%:*}" ] || ln -s "${link#*:}" "${link%:*}"; done'
    )


# What kbuild runs beside the compiler.
KBUILD = ("base-files", "bash", "dash", "coreutils", "diffutils", "findutils", "gawk", "grep",
          "kmod", "make", "perl", "python3", "sed", "libc6-dev")

# What the tools of a cross compiler have before their names, and its package behind its own.
TRIPLETS = {"arm64": "aarch64-linux-gnu"}


def toolchain(kernel, compiler, libraries):
    """For building what a kernel loads.

    Args:
        compiler: the Debian package of the compiler.
        libraries: the packages that the kernel's build tools need.
    """
    if kernel.arch != machine.arch():
        compiler += f"-{TRIPLETS[kernel.arch]}"
    return Recipe(f"toolchain-{kernel.base_suite}-{compiler}", kernel.base_suite, machine.arch(),
                  (*KBUILD, compiler, *sorted(libraries)), _usable("mnt"))


def kbuild_variables(compiler):
    """What make is told where a kernel, or a module for it, is built by the compiler: words."""
    return ("LLVM=1",) if compiler.startswith("clang") else ()


def strip(kernel):
    """The command, in its toolchain, that leaves debug sections out of a module, but for BTF.

    Guests unpack what they boot into, and tests read a module's file with every load: of a stock
    kernel's modules nine tenths are DWARF.
    """
    prefix = "" if kernel.arch == machine.arch() else TRIPLETS[kernel.arch] + "-"
    return f"{'llvm-' if kernel.compiler == 'clang' else prefix}strip --strip-debug"


# In every guest, from the kernel's own suite. Small: it all goes through TCG.
GUEST = (
    "base-files", "base-passwd", "coreutils", "dash", "diffutils", "grep", "hostname", "kmod",
    "libc-bin", "mawk", "mount", "procps", "python3", "python3-pytest", "sed", "trace-cmd",
    "util-linux",
)

# Nothing is configured in a guest's root: make what the packages would have made then, and leave
# out what no guest needs.
PREPARE_GUEST = r"""
set -e
cd "$1"
[ -e usr/bin/awk ] || ln -s mawk usr/bin/awk
[ -e usr/bin/sh ] || ln -s dash usr/bin/sh
cp usr/share/base-passwd/passwd.master etc/passwd
cp usr/share/base-passwd/group.master etc/group
rm -rf usr/share/doc usr/share/man usr/share/info usr/share/locale usr/share/zoneinfo \
	usr/share/perl5 usr/lib/*/perl-base usr/lib/*/gconv usr/lib/systemd usr/lib/udev \
	usr/lib/python3*/test usr/lib/python3*/*/test usr/lib/python3*/ensurepip \
	usr/lib/python3*/idlelib usr/lib/python3*/lib2to3 usr/lib/python3*/tkinter \
	usr/lib/python3*/turtledemo usr/lib/python3*/pydoc_data \
	var/cache/* var/lib/apt var/lib/dpkg
"""


def guest(suite, arch, use="", more=()):
    """For a guest's user space.

    Args:
        use: what a root of its own is for, if it is not the ordinary one.
        more: the packages that are in that one besides.
    """
    prepare = PREPARE_GUEST
    if "systemd" in more:
        prepare = prepare.replace(" usr/lib/systemd ", " ")
    return Recipe("-".join(("guest", *filter(None, (use,)), suite, arch)), suite, arch,
                  (*GUEST, *more), prepare)


def benchmark(suite, arch):
    """For the benchmark's guests: busybox, and the C library that the reader is linked with."""
    return Recipe(f"benchmark-{suite}-{arch}", suite, arch,
                  ("busybox-static", "libc6-dev", "linux-libc-dev"))


# Whatever the host is, a linter has one version: what it says differs by that.
LINT = Recipe(
    "lint-trixie", "trixie", machine.arch(),
    (*KBUILD,
     f"linux-headers-{machine.arch()}", "clang-format", "codespell", "cppcheck", "pycodestyle",
     "python3-pyflakes", "shellcheck", "sparse"),
    _usable("mnt", "opt", "srv"))

# For `make prove`. Of herdtools7 all but herd7 goes, which is 150 MB.
HERD = Recipe("herd-forky", "forky", machine.arch(), ("base-files", "dash", "herdtools7"),
              _usable("mnt", "opt") + ' && find . -name "*7" ! -name herd7 -delete')

# For what `make test-packaging` does: building the package; installing it, where dkms makes its
# signing key with openssl; firmware, shim and GRUB as a machine with Secure Boot has them, and what
# writes the firmware's variables. The last is no machine that is to start, so it is not configured.
# HOST has what `make setup` installs, but for QEMU; ca-certificates is for a mirror by https.
HOST = Recipe("packaging-host", "trixie", "amd64",
              ("ca-certificates", "debian-archive-keyring", "libarchive-tools", "make",
               "mmdebstrap", "mount", "python3", "xz-utils", "zstd"), variant="apt")
BUILDER = Recipe("packaging-builder", "trixie-backports", "amd64",
                 ("build-essential", "debhelper", "dh-dkms", "lintian"), variant="apt")
FIRMWARE = Recipe("packaging-firmware", "trixie-backports", "amd64",
                  ("base-files", "dash", "python3-virt-firmware", "ovmf", "shim-signed",
                   "grub-efi-amd64-signed"), 'mkdir -p "$1/mnt" "$1/srv"')


def user(releases):
    """For installing the package, with the headers of these kernels (as `uname -r` has them)."""
    return Recipe("packaging-user", "trixie-backports", "amd64",
                  ("dkms", "make", "openssl",
                   *(f"linux-headers-{release}" for release in releases)), variant="apt")


def cached(recipe):
    """Where the root is, if it is in the cache; else None."""
    return cache.find(recipe.name, recipe.inputs)


def root(recipe):
    """The folder of the root, made if it is missing."""
    return cache.item(recipe.name, lambda folder: bootstrap(recipe, folder), recipe.inputs)


def bootstrap(recipe, target):
    """Make a root in a new folder."""
    folder = FOLDER / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    options = folder / f"{target.name}.apt.conf"
    options.write_text(acquire_options(), encoding="utf-8")
    # mmdebstrap takes a list of sources from a file that ends in .list or .sources
    listed = folder / f"{target.name}.list"
    listed.write_text(sources(recipe.suite), encoding="ascii")
    command = [
        "mmdebstrap", "--mode=root", f"--variant={recipe.variant}",
        "--format=directory", f"--architectures={recipe.arch}", f"--aptopt={options}",
        f"--include={','.join(recipe.packages)}",
        "--setup-hook=/usr/share/mmdebstrap/hooks/merged-usr/setup00.sh",
    ]
    if recipe.prepare:
        command.append(f"--extract-hook={recipe.prepare}")
    for login in ("/etc/apt/auth.conf", "/etc/apt/auth.conf.d"):
        if Path(login).exists():
            command.append(f"--setup-hook=copy-in {login} /etc/apt")
    base = recipe.suite.replace("-backports", "")
    lines = progress.Lines()
    with progress.step(recipe.name, f"making a root of Debian's {recipe.suite}", lines.last):
        try:
            run(as_root(confined([*command, base, str(target), str(listed)])), on_line=lines.take)
        except HarnessError as error:
            raise explain(error, recipe.suite) from None
    options.unlink()
    listed.unlink()
