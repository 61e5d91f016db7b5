"""Building what a bench guest holds: the module, the peers beside it, and the reader."""

import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from ..vm import cache, toolchain
from ..vm.archive import Archive
from ..vm.cache import TOP
from ..vm.errors import BenchError
from ..vm.host import as_root, dying_with_us, run
from ..vm.release import fetch

HERE = TOP / "pytests" / "bench"

# What the guest's scripts call, all of it busybox.
APPLETS = (
    "awk", "cat", "chmod", "cut", "dmesg", "echo", "grep", "head", "hostname", "insmod", "ln",
    "mkdir", "mount", "readlink", "rmmod", "sed", "seq", "setsid", "sh", "sleep", "sort", "stty",
    "tail", "test", "tr", "true", "uname", "wc",
)

CROSS = {"amd64": "", "arm64": "aarch64-linux-gnu-"}
KBUILD = {"amd64": "", "arm64": "ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-"}

# Folders with a Kbuild, in the order they are built. The peers use the module's headers.
MODULES = ("module", "no_trace", "pytests/bench/peers")


@dataclass(frozen=True)
class Built:
    """What was built for one kernel.

    release: what `uname -r` says there.
    image: the kernel to boot.
    folder: with the folders of MODULES, and reader.
    busybox: the guest's user space.
    """

    release: str
    image: Path
    folder: Path
    busybox: Path

    @property
    def modules(self):
        """The .ko files by the names they have in the guest."""
        found = {ko.name: ko for ko in (self.folder / MODULES[2]).glob("*.ko")}
        found["memevents_hook.ko"] = self.folder / "module" / "memevents_hook.ko"
        found["no_trace.ko"] = self.folder / "no_trace" / "memevents_hook.ko"
        return found


def _fetch_user_space(kernel, folder):
    """Busybox, and the C library to link the reader with, of the kernel's architecture."""
    archive = Archive(kernel.base_suite, kernel.arch)
    archive.update()
    packages = []
    for package in ("busybox-static", "libc6-dev", "linux-libc-dev"):
        of_arch = f"{package}:{kernel.arch}"
        packages.append(of_arch if archive.exists(of_arch) else package)
    archive.unpack(packages, folder)


def _user_space(kernel):
    return cache.item(
        f"bench-{kernel.base_suite}-{kernel.arch}",
        lambda folder: _fetch_user_space(kernel, folder),
    )


def _script(kernel, release, root, user_space, work):
    """A shell script, to be run in a mount namespace of its own, that builds all there is."""
    mount = cache.FOLDER / "mount" / f"bench-{kernel.name}"
    mount.mkdir(parents=True, exist_ok=True)
    compiler = release.compiler
    gcc = f"{CROSS[kernel.arch]}{compiler}"
    inside = (
        "set -e; export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C LANG=C;"
        f" for folder in {' '.join(MODULES)}; do"
        f"   make --no-print-directory -C {release.headers} {KBUILD[kernel.arch]}"
        "     M=/mnt/$folder modules;"
        " done;"
        " cd /mnt;"
        f" {gcc} --sysroot=/mnt/sysroot -static -O2 -Wall -Wextra -Werror"
        "  -o reader pytests/bench/reader.c"
    )
    lower = f"{release.root}:{root}"
    return "\n".join([
        "set -e",
        f"at={shlex.quote(str(mount))}",
        f"mount -t overlay -o ro,lowerdir={shlex.quote(lower)} overlay \"$at\"",
        "mount -t proc proc \"$at/proc\"",
        "mount --rbind /dev \"$at/dev\"",
        "mount -t tmpfs tmpfs \"$at/tmp\"",
        f"mount --bind {shlex.quote(str(work))} \"$at/mnt\"",
        f"mount --bind {shlex.quote(str(user_space))} \"$at/mnt/sysroot\"",
        f"exec chroot \"$at\" /bin/sh -c {shlex.quote(inside)}",
    ])


def build(kernel):
    """Build everything for a kernel.

    Raises:
        BenchError: a build failed; the message holds its output.
    """
    release = fetch(kernel)
    root = toolchain.toolchain(kernel, release)
    user_space = _user_space(kernel)
    work = TOP / "build" / "bench" / "modules" / kernel.name
    with cache.locked(f"bench-{kernel.name}"):
        if work.exists():
            run(as_root(["rm", "-rf", "--one-file-system", work]))
        (work / "sysroot").mkdir(parents=True)
        ignore = shutil.ignore_patterns("*.o", "*.ko", "*.mod*", "*.cmd", "modules.order",
                                        "Module.symvers", "__pycache__")
        shutil.copytree(TOP / "module", work / "module", ignore=ignore)
        shutil.copytree(TOP / "module", work / "no_trace", ignore=ignore)
        shutil.copytree(HERE, work / "pytests" / "bench", ignore=ignore)
        # The same module as if it had no tracepoint.
        shutil.copy(HERE / "no_trace.h", work / "no_trace" / "trace.h")
        script = _script(kernel, release, root, user_space, work)
        output = run(dying_with_us(as_root(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script])))
        if "warning:" in output.replace("warning: the compiler differs", ""):
            raise BenchError(f"the build for {kernel.name} gave warnings:\n{output}")
        run(as_root(["chown", "-R", "--reference", TOP, work]))
    busybox, = user_space.glob("**/bin/busybox")
    return Built(release.release, release.image, work, busybox)
