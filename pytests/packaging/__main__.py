"""The package, DKMS and `make install` on fresh Debian roots: `python3 -m pytests.packaging`.

Builds the package, installs it for two kernels, and boots one of them to load what DKMS built.
"""

import re
import shutil
import sys
import time

from pytests.vm import cache, image
from pytests.vm.archive import bootstrap
from pytests.vm.cache import TOP
from pytests.vm.chroot import run_in
from pytests.vm.errors import BenchError, GuestLost
from pytests.vm.guest import Acceleration, Guest
from pytests.vm.host import run
from pytests.vm.kernels import pick
from pytests.vm.release import fetch

SUITE = "trixie-backports"
KERNELS = ("6.12", "7.3")
BOOTED = "6.12"

BUILDER = ("build-essential", "debhelper", "dh-dkms", "lintian")
# openssl: dkms makes its signing key with it
USER = ("dkms", "make", "openssl")

WORK = TOP / "build" / "packaging"
HERE = TOP / "pytests" / "packaging"

# In the guest: what DKMS built is put where it was installed, and modprobe has to find it.
IN_GUEST = """
set -e
folder=/lib/modules/$(uname -r)/updates/dkms
mkdir -p "$folder"
cp module/memevents_hook.ko "$folder"
depmod
modprobe memevents_hook
mkdir /sys/fs/cgroup/modprobe
echo "memory.events: $(head -n 1 /sys/fs/cgroup/modprobe/memory.events)"
echo "memory.events.local: $(head -n 1 /sys/fs/cgroup/modprobe/memory.events.local)"
cat /sys/kernel/debug/memevents_hook/stats
modprobe -r memevents_hook
echo "after: $(head -n 1 /sys/fs/cgroup/modprobe/memory.events)"
"""

IN_GUEST_EXPECTED = (
    r"^memory.events: This is from __memory_events_show_new$",
    r"^memory.events.local: low 0$",
    r"^memory_events_local_show .* N +1 +0$",
    r"^memory_events_show .* Y +1 +1$",
    r"^after: low 0$",
)

# A kernel that enforces signatures does not know the key that DKMS made: without Secure Boot
# there is no MOK to enrol it as.
ENFORCING = "module.sig_enforce=1"
IN_ENFORCING_GUEST = """
python3 -c '
data = open("module/memevents_hook.ko", "rb").read()
magic = b"~Module signature appended~\\n"
assert data.endswith(magic), "not signed"
length = int.from_bytes(data[-len(magic) - 4:-len(magic)], "big")
open("unsigned.ko", "wb").write(data[:-len(magic) - 12 - length])
'
insmod unsigned.ko && echo "unsigned: loaded"
insmod module/memevents_hook.ko && echo "signed: loaded"
ls -d /sys/module/memevents_hook /sys/kernel/debug/memevents_hook
true
"""

IN_ENFORCING_GUEST_EXPECTED = (
    r"could not insert module unsigned\.ko: Key was rejected by service$",
    r"could not insert module module/memevents_hook\.ko: Key was rejected by service$",
    r"cannot access '/sys/module/memevents_hook'",
    r"cannot access '/sys/kernel/debug/memevents_hook'",
)


def _root(name, packages):
    return cache.item(
        f"packaging-{name}",
        lambda folder: bootstrap(folder, SUITE, "amd64", packages, variant="apt"),
        packages,
    )


def _step(what, function):
    """Run one step, tell how it went, and return whether it went well."""
    began = time.monotonic()
    try:
        function()
        word = "ok"
    except (BenchError, GuestLost) as error:
        print(error)
        word = "FAILED"
    print(f"{what:64} {word:6} {time.monotonic() - began:5.0f} s", flush=True)
    return word == "ok"


def _script(name, root, work, **variables):
    """Run a script of this folder in a root.

    Raises:
        BenchError: it failed; the message has its output.
    """
    work.mkdir(parents=True, exist_ok=True)
    assignments = "".join(f'export {key}="{value}"\n' for key, value in variables.items())
    done = run_in(root, f"packaging-{name}",
                  assignments + (HERE / name).read_text(encoding="utf-8"),
                  [(TOP, "/mnt", "ro"), (work, "/srv", "rw")], writable=True)
    (WORK / f"{name}.log").write_text(done.stdout, encoding="utf-8")
    if done.returncode:
        raise BenchError(f"{name}: exit code {done.returncode}:\n{done.stdout}")


def _version():
    text = (TOP / "module" / "main.c").read_text(encoding="utf-8")
    return re.search(r'^MODULE_VERSION\("(.*)"\);$', text, re.MULTILINE)[1]


def _boot(kernel, release, name, script, expected, line=""):
    """Boot the kernel with what DKMS built for it in module/, and run a script.

    Args:
        name: of the guest, for its files.
        expected: expressions that each have to match a line of what it writes.
        line: what to add to the kernel's command line.

    Raises:
        BenchError: the script failed, or a line was missing; the message has what it wrote.
    """
    folder = WORK / name
    cache.remove(folder)
    (folder / "module").mkdir(parents=True)
    installed = WORK / "package" / release.release
    if not installed.is_dir():
        raise BenchError("nothing has been built to load")
    for module in installed.iterdir():
        shutil.copy(module, folder / "module")
        if module.suffix == ".xz":
            run(["xz", "-d", folder / "module" / module.name])
    said = []
    guest = Guest(
        kernel.arch, release.image, image.initramfs(kernel, folder, folder, script),
        folder / "console.log", Acceleration("tcg"), on_output=said.append,
        extra_line=line,
    )
    code = guest.run()
    output = b"".join(said).decode(errors="replace").replace("\r", "")
    (WORK / f"{name}.log").write_text(output, encoding="utf-8")
    missing = [line for line in expected if not re.search(line, output, re.MULTILINE)]
    if code or missing:
        raise BenchError(f"exit code {code}, not seen: {missing}:\n{output}")


def main():
    """Run every step and return the exit code."""
    cache.remove(WORK)
    WORK.mkdir(parents=True)
    kernels = pick(" ".join(KERNELS))
    releases = {kernel.name: fetch(kernel) for kernel in kernels}
    words = " ".join(release.release for release in releases.values())
    builder = _root("builder", BUILDER)
    user = _root("user", (*USER, *(f"linux-headers-{release.release}"
                                   for release in releases.values())))
    package = WORK / "package"
    booted = next(kernel for kernel in kernels if kernel.name == BOOTED)
    good = [
        _step("make deb, lintian",
              lambda: _script("build.sh", builder, package)),
        _step(f"install, remove, purge for {words}",
              lambda: _script("install.sh", user, package, RELEASES=words, VERSION=_version())),
        _step("make install, make dkms by hand",
              lambda: _script("by_hand.sh", user, WORK / "by_hand", RELEASES=words,
                              VERSION=_version())),
        _step(f"modprobe in a guest of {releases[BOOTED].release}",
              lambda: _boot(booted, releases[BOOTED], "guest", IN_GUEST, IN_GUEST_EXPECTED)),
        _step(f"signatures enforced in a guest of {releases[BOOTED].release}",
              lambda: _boot(booted, releases[BOOTED], "enforcing", IN_ENFORCING_GUEST,
                            IN_ENFORCING_GUEST_EXPECTED, ENFORCING)),
    ]
    print("packaging: " + ("all is well" if all(good) else f"{good.count(False)} steps failed"))
    return 0 if all(good) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"packaging: {error}")
