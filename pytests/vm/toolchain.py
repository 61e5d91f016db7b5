"""Building the module for a kernel, with the compiler its suite built that kernel with."""

import re
import shlex
import subprocess

from . import cache
from .archive import bootstrap
from .cache import TOP
from .errors import BenchError
from .host import as_root, dying_with_us, run
from .release import fetch

# What is built, in this order.
FOLDERS = ("module", "pytests/peers", "pytests/example")

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
    return f"toolchain-{kernel.base_suite}-{compiler}", (*TOOLS, compiler, *release.libraries)


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


def _script(kernel, release, root, work):
    """A shell script, to be run in a mount namespace of its own, that runs kbuild in the root."""
    mount = cache.FOLDER / "mount" / kernel.name
    mount.mkdir(parents=True, exist_ok=True)
    inside = (
        "set -e; export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C LANG=C;"
        f" for folder in {' '.join(FOLDERS)}; do"
        f"   make --no-print-directory -C {release.headers} M=/mnt/$folder W=1 modules;"
        " done"
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
        f"exec chroot \"$at\" /bin/sh -c {shlex.quote(inside)}",
    ])


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
        stamp = work / "built-for"
        if not stamp.exists() or stamp.read_text(encoding="ascii") != str(release.folder):
            for old in (*work.rglob("*.o"), *work.rglob("*.ko"), *work.rglob("*.cmd")):
                old.unlink()
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child",
                   "sh", "-c", _script(kernel, release, root, work)]
        done = subprocess.run(
            dying_with_us(as_root(command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding="utf-8", errors="replace", check=False,
        )
        output = done.stdout.replace("/mnt/", "")
        (work / "build.log").write_text(output, encoding="utf-8")
        warned = _warnings(output)
        if done.returncode or warned:
            # kbuild warns about a file only when it compiles it: have it compiled again.
            for old in (*work.rglob("*.o"), *work.rglob("*.ko")):
                old.unlink()
            what = "failed" if done.returncode else "gave warnings"
            raise BenchError(f"the build for {kernel.name} ({release.release}) {what}:\n{output}")
        stamp.write_text(str(release.folder), encoding="ascii")
        run(as_root(["chown", "-R", "--reference", TOP, work]))
    return work
