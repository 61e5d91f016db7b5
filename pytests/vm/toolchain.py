"""Building the module for a kernel, with the compiler its suite built that kernel with."""

import os
import re

from . import cache
from .archive import bootstrap
from .cache import TOP
from .chroot import run_in
from .errors import BenchError
from .host import as_root, run
from .release import fetch

# What is built, in this order.
FOLDERS = ("module", "pytests/peers", "pytests/example", "pytests/any_target")

CROSS_SUFFIX = {"amd64": "", "arm64": "-aarch64-linux-gnu"}

# What kbuild runs beside the compiler.
TOOLS = ("base-files", "bash", "dash", "coreutils", "diffutils", "findutils", "gawk", "grep",
         "kmod", "make", "perl", "python3", "sed", "libc6-dev")

# What packages would make when configured.
CONFIGURE = 'mkdir -p "$1/mnt" && cd "$1/usr/bin" && for link in awk:gawk sh:dash; do' \
        ' [ -e "${link%:*}" ] || ln -s "${link#*:}" "${link%:*}"; done'

# Said by kbuild, not about our files.
HARMLESS = (
    "warning: the compiler differs from the one used to build the kernel",
)


def _item(kernel, release):
    """The name of the toolchain in the cache, and the packages in it."""
    compiler = release.compiler + CROSS_SUFFIX[kernel.arch]
    packages = (*TOOLS, compiler, *sorted(release.libraries))
    return f"toolchain-{kernel.base_suite}-{compiler}", packages


def cached(kernel, release):
    """Where the toolchain for a kernel is, if it is in the cache; else None."""
    name, packages = _item(kernel, release)
    return cache.find(name, (packages, CONFIGURE))


def toolchain(kernel, release):
    """The folder of a root with the kernel's compiler in it, made if it is missing."""
    name, packages = _item(kernel, release)
    return cache.item(
        name,
        lambda folder: bootstrap(folder, kernel.base_suite, "amd64", packages, CONFIGURE),
        (packages, CONFIGURE),
    )


def _warnings(output):
    return [
        line for line in output.splitlines()
        if re.search(r"warning|error:", line, re.IGNORECASE)
        and not any(known in line for known in HARMLESS)
    ]


def build(kernel):
    """Build the module and the tests' peers for a kernel, at W=1.

    Returns:
        The folder with module/memevents_hook.ko and pytests/peers/*.ko.

    Raises:
        BenchError: a build failed or warned; the message holds its output.
    """
    release = fetch(kernel)
    root = toolchain(kernel, release)
    work = TOP / "build" / "modules" / kernel.name
    with cache.locked(f"build-{kernel.name}"):
        for folder in FOLDERS:
            cache.copy_sources(TOP / folder, work / folder)
        inputs = cache.key(release.folder, root, *_sources(work))
        stamp = work / "built-from"
        if not stamp.exists() or stamp.read_text(encoding="ascii") != inputs:
            _make(kernel, release, root, work)
            stamp.write_text(inputs, encoding="ascii")
    return work


def _sources(work):
    for folder in FOLDERS:
        for path in sorted((work / folder).iterdir()):
            if cache.is_source(path):
                yield path.relative_to(work)
                yield path.read_text(encoding="utf-8")


def _make(kernel, release, root, work):
    """Run kbuild in the toolchain, with the kernel's headers laid over it.

    What an earlier build left goes first: kbuild warns about a file only when it compiles it.
    """
    stale = [path for folder in FOLDERS for path in (work / folder).iterdir()
             if not cache.is_source(path)]
    for path in (work / "built-from", *stale):
        cache.remove(path)
    done = run_in(
        (release.root, root), f"build-{kernel.name}",
        f"set -e; for folder in {' '.join(FOLDERS)}; do"
        f" make -j{os.cpu_count()} --no-print-directory -C {release.headers} M=/mnt/$folder W=1"
        " modules; done",
        [(work, "/mnt", "rw")],
    )
    run(as_root(["chown", "-R", "--reference", TOP, work]))
    output = done.stdout.replace("/mnt/", "")
    (work / "build.log").write_text(output, encoding="utf-8")
    if done.returncode or _warnings(output):
        what = "failed" if done.returncode else "gave warnings"
        raise BenchError(f"the build for {kernel.name} ({release.release}) {what}:\n{output}")
