"""Building the module and what the tests load beside it, as the kernel itself was built."""

import os
import re

from . import cache, progress, roots, vendor_headers
from .cache import TOP
from .chroot import run_in
from .errors import HarnessError
from .process import as_root, run
from .release import fetch

# What is built, in this order: folders with a Kbuild. Each takes kbuild some seconds of its own.
BUILT = ("module", "module/example", "pytests/kmods")

# Where the modules are then.
FOLDERS = ("module", "module/example", "pytests/kmods/peers", "pytests/kmods/any_target",
           "pytests/kmods/slow_target")

# Where its sources are.
SOURCES = ("module", "pytests/kmods")

# Said by kbuild, not about our files.
HARMLESS = (
    "warning: the compiler differs from the one used to build the kernel",
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
        The folder with module/memevents_hook.ko and the other folders' modules, stripped.

    Raises:
        HarnessError: a build failed or warned; the message holds its output.
    """
    release = fetch(kernel)
    root = roots.root(roots.toolchain(kernel, release.compiler, release.libraries))
    work = TOP / "build" / "modules" / kernel.name
    with cache.locked(f"build-{kernel.name}"):
        for folder in SOURCES:
            cache.copy_sources(TOP / folder, work / folder)
        inputs = cache.key(release.folder, root, roots.strip(kernel),
                           *vendor_headers.inputs(kernel), *_sources(work))
        stamp = work / "built-from"
        if not stamp.exists() or stamp.read_text(encoding="ascii") != inputs:
            _make(kernel, release, root, work)
            stamp.write_text(inputs, encoding="ascii")
    return work


def _sources(work):
    for folder in SOURCES:
        for path in sorted((work / folder).rglob("*")):
            if cache.is_source(path):
                yield path.relative_to(work)
                yield path.read_text(encoding="utf-8")


def _make(kernel, release, root, work):
    """Run kbuild in the toolchain, with the kernel's headers laid over it.

    What an earlier build left goes first: kbuild warns about a file only when it compiles it.
    """
    stale = [path for folder in SOURCES for path in (work / folder).rglob("*")
             if not path.is_dir() and not cache.is_source(path)]
    for path in (work / "built-from", *stale):
        cache.remove(path)
    layers = vendor_headers.layers(kernel, release, work / "headers")
    variables = " ".join(roots.kbuild_variables(release.compiler))
    lines = progress.Lines()
    with progress.step(kernel.name, "building the module and the tests' modules", lines.last):
        done = run_in(
            (*layers, release.root, root), f"build-{kernel.name}",
            f"set -e; for folder in {' '.join(BUILT)}; do"
            f" make -j{os.cpu_count()} --no-print-directory -C {release.headers}"
            f" M=/mnt/$folder W=1 {variables} modules; done;"
            f" cd /mnt; {roots.strip(kernel)} {' '.join(f'{folder}/*.ko' for folder in FOLDERS)}",
            [(work, "/mnt", "rw")], on_line=lines.take,
        )
    run(as_root(["chown", "-R", "--reference", TOP, work]))
    output = done.stdout.replace("/mnt/", "")
    (work / "build.log").write_text(output, encoding="utf-8")
    if done.returncode or _warnings(output):
        what = "failed" if done.returncode else "gave warnings"
        raise HarnessError(f"the build for {kernel.name} ({release.release}) {what}:\n{output}")
