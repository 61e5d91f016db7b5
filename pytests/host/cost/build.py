"""Building what a guest of the benchmark holds: the module, the alternatives, the reader."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from pytests.host.vm import cache, image, machine, progress, roots
from pytests.host.vm.cache import TOP
from pytests.host.vm.chroot import run_in
from pytests.host.vm.errors import HarnessError
from pytests.host.vm.process import as_root, run
from pytests.host.vm.release import fetch

HERE = TOP / "pytests" / "host" / "cost"

# What the guest's scripts call, all of it busybox.
APPLETS = (
    "awk", "cat", "chmod", "cut", "dmesg", "echo", "grep", "head", "hostname", "insmod", "ln",
    "mkdir", "mount", "readlink", "rmmod", "sed", "seq", "setsid", "sh", "sleep", "sort", "stty",
    "tail", "test", "tr", "true", "uname", "wc",
)

# Folders with a Kbuild, in the order they are built. The alternatives use the module's headers.
MODULES = ("module", "no_trace", "pytests/host/cost/alternatives")


@dataclass(frozen=True)
class Built:
    """What was built for one kernel.

    release: what `uname -r` says there.
    folder: with the folders of MODULES, and reader.
    root: busybox and the links to it, packed: the guest's user space.
    """

    release: str
    folder: Path
    root: Path

    @property
    def files(self):
        """The reader and the .ko files, by the names they have in the guest."""
        found = {ko.name: ko for ko in (self.folder / MODULES[2]).glob("*.ko")}
        found["memevents_hook.ko"] = self.folder / "module" / "memevents_hook.ko"
        found["reader"] = self.folder / "reader"
        found["no_trace.ko"] = self.folder / "no_trace" / "memevents_hook.ko"
        return found


def _pack(sysroot, archive):
    """Pack busybox and the links to it."""
    root = archive.with_name(archive.name + ".root")
    for name in ("bin", "dev", "proc", "sys", "run", "tmp"):
        (root / name).mkdir(parents=True)
    shutil.copy(sysroot / "usr" / "bin" / "busybox", root / "bin")
    for applet in APPLETS:
        (root / "bin" / applet).symlink_to("busybox")
    image.pack(root, archive)
    cache.remove(root)


def _make(kernel, release, sysroot, work):
    """Run kbuild and the compiler in the kernel's toolchain.

    Raises:
        HarnessError: one of them failed; the message holds what they wrote.
    """
    gcc = release.compiler
    if kernel.arch != machine.arch():
        gcc = f"{roots.TRIPLETS[kernel.arch]}-{gcc}"
    script = (
        "set -e;"
        f" for folder in {' '.join(MODULES)}; do"
        f"   make -j2 --no-print-directory -C {release.headers} M=/mnt/$folder modules;"
        " done;"
        f" cd /mnt; {gcc} --sysroot=/mnt/sysroot -static -O2 -Wall -Wextra -Werror"
        "  -o reader pytests/host/cost/reader.c"
    )
    root = roots.root(roots.toolchain(kernel, release.compiler, release.libraries))
    lines = progress.Lines()
    with progress.step(kernel.name, "building the module and the alternatives", lines.last):
        done = run_in(
            (release.root, root),
            f"bench-{kernel.name}", script,
            [(work, "/mnt", "rw"), (sysroot, "/mnt/sysroot", "ro")], on_line=lines.take,
        )
    run(as_root(["chown", "-R", "--reference", TOP, work]))
    if done.returncode:
        raise HarnessError(f"the benchmark's build for {kernel.name} failed:\n{done.stdout}")


def build(kernel):
    """Build everything for a kernel.

    Raises:
        HarnessError: a build failed; the message holds its output.
    """
    release = fetch(kernel)
    recipe = roots.benchmark(kernel.base_suite, kernel.arch)
    sysroot = roots.root(recipe)
    busybox = cache.item(f"busybox-{kernel.base_suite}-{kernel.arch}",
                         lambda archive: _pack(sysroot, archive), (recipe, APPLETS))
    work = TOP / "build" / "bench" / "modules" / kernel.name
    with cache.locked(f"bench-{kernel.name}"):
        if work.exists():
            run(as_root(["rm", "-rf", "--one-file-system", work]))
        (work / "sysroot").mkdir(parents=True)
        ignore = shutil.ignore_patterns("*.o", "*.ko", "*.mod*", "*.cmd", "modules.order",
                                        "Module.symvers", "__pycache__")
        shutil.copytree(TOP / "module", work / "module", ignore=ignore)
        shutil.copytree(TOP / "module", work / "no_trace", ignore=ignore)
        shutil.copytree(HERE, work / HERE.relative_to(TOP), ignore=ignore)
        # The same module as if it had no tracepoint.
        shutil.copy(HERE / "no_trace.h", work / "no_trace" / "engine" / "trace.h")
        _make(kernel, release, sysroot, work)
    return Built(release.release, work, busybox)
