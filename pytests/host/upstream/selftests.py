"""The selftests of a kernel's own source, unmodified, as the guest finds them: in /selftests.

Beside them are the modules that they load: Debian's, and those of the source's samples/.
"""

import re
import shutil

from pytests.host.vm import cache, image, linux_source, release, roots
from pytests.host.vm.archive import Archive
from pytests.host.vm.chroot import run_in
from pytests.host.vm.errors import HarnessError
from pytests.host.vm.process import as_root, run

FOLDERS = ("cgroup", "ftrace", "livepatch")
SELFTESTS = "tools/testing/selftests"
SAMPLES = ("ftrace", "trace_events", "trace_printk")

#: What of the source is unpacked: the selftests include headers of each other and of tools/.
PARTS = ("Makefile", "tools/include", SELFTESTS, *(f"samples/{name}" for name in SAMPLES))

#: Beside the ordinary guest root's packages: which programs the selftests run, and mkfs for
#: guest.sh.
PACKAGES = ("bash", "debianutils", "e2fsprogs", "findutils", "iputils-ping")

#: Debian's modules that guest.sh loads: the cgroup tests measure the page cache of a real file
#: system, and swap.
MODULES = ("ext4", "zram")

BUILD = r"""
set -e
cd /mnt/linux/tools/testing/selftests
make -s CC="$COMPILER" -C cgroup
make -s CC="$COMPILER" -C livepatch KDIR="$HEADERS"
for sample in $SAMPLES; do
	make -s -C "$HEADERS" M="/mnt/linux/samples/$sample" CONFIG_SAMPLE_FTRACE_DIRECT=m \
		CONFIG_SAMPLE_TRACE_EVENTS=m CONFIG_SAMPLE_TRACE_PRINTK=m modules
done
cd /mnt/image
[ -d lib ] || ln -s usr/lib lib
depmod -b . "$RELEASE"
for module in $MODULES; do
	modprobe -d . -S "$RELEASE" --show-depends "$module"
done | awk '$1 == "insmod" { print $2 }' > ../needed
to=/mnt/layer/usr/lib/modules/$RELEASE
mkdir -p "$to"
while read -r module; do
	cp "$module" "$to"
done < ../needed
cp /mnt/linux/samples/*/*.ko "$to"
cp usr/lib/modules/*/modules.builtin* usr/lib/modules/*/modules.order "$to"
cd /mnt/layer
ln -s usr/lib lib
depmod -b . "$RELEASE"
rm lib
"""


def _check_version(linux, known):
    """The source has to be the running kernel's.

    Raises:
        HarnessError: it is another version.
    """
    text = (linux / "Makefile").read_text(encoding="ascii")
    version = ".".join(re.search(rf"^{name} = (\d+)$", text, re.MULTILINE)[1]
                       for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL"))
    if not re.match(rf"{re.escape(version)}(\D|$)", known.release):
        raise HarnessError(f"the suite's linux-source is {version}, its kernel {known.release}")


def _image_package(kernel, known):
    """The package that has Debian's modules of a kernel."""
    archive = Archive(kernel.suite, kernel.arch)
    for kind in ("modules", "image"):
        package = f"linux-{kind}-{known.release}"
        if archive.exists(package):
            return package
    raise HarnessError(f"no package has the modules of {known.release}")


def _make(kernel, known, folder):
    """Fetch, build and pack into a new folder."""
    work = folder.with_name(folder.name + ".work")
    linux_source.unpack(kernel.suite, work, PARTS)
    _check_version(work / "linux", known)
    Archive(kernel.suite, kernel.arch).unpack([_image_package(kernel, known)], work / "image")
    layer = work / "layer"
    layer.mkdir()
    variables = {"COMPILER": known.compiler, "HEADERS": known.headers, "RELEASE": known.release,
                 "SAMPLES": " ".join(SAMPLES), "MODULES": " ".join(MODULES)}
    done = run_in(
        (known.root, roots.root(roots.toolchain(kernel, known.compiler, known.libraries))),
        f"upstream-{kernel.name}",
        "".join(f'export {name}="{value}"\n' for name, value in variables.items()) + BUILD,
        [(work, "/mnt", "rw")],
    )
    if done.returncode:
        raise HarnessError(f"the build of the selftests failed:\n{done.stdout}")
    run(as_root(["chown", "-R", "--reference", cache.TOP, work]))
    for name in FOLDERS:
        shutil.copytree(work / "linux" / SELFTESTS / name, layer / "selftests" / name,
                        ignore=shutil.ignore_patterns(".*", "*.o", "*.mod", "*.mod.c"))
    folder.mkdir()
    image.pack(layer, folder / "layer.cpio")
    layer.rename(folder / "layer")
    cache.remove(work)


def folder_of(kernel):
    """The folder of the cache with the selftests: layer/, and packed layer.cpio.

    Raises:
        HarnessError: they cannot be had for this kernel, or do not build.
    """
    known = release.fetch(kernel)
    return cache.item(f"selftests-{kernel.name}", lambda folder: _make(kernel, known, folder),
                      (known.release, PARTS, MODULES, BUILD))


def archives(kernel):
    """What to boot into, for image.Content: a guest root with more programs, the selftests."""
    root = image.guest_root(kernel.base_suite, kernel.arch, "upstream", PACKAGES)
    return root.with_name("root.cpio"), folder_of(kernel) / "layer.cpio"
