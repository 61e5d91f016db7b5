"""A kernel of the table as its suite has it today: image and headers, unpacked."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import built_kernel, cache
from .archive import Archive
from .errors import HarnessError
from .kernels import KERNELS


@dataclass(frozen=True)
class Release:
    """What was fetched for one kernel.

    release: what `uname -r` says there.
    compiler: the Debian package of the compiler it was built with, e.g. gcc-14.
    libraries: the packages its build tools need.
    folder: where it is; below it vmlinuz and root/, with the headers in their usual places.
    """

    release: str
    compiler: str
    libraries: tuple
    folder: Path

    @property
    def image(self):
        """The kernel to boot."""
        return self.folder / "vmlinuz"

    @property
    def root(self):
        """The packages' content."""
        return self.folder / "root"

    @property
    def headers(self):
        """The absolute name of the headers' folder in a system that has them installed."""
        return f"/usr/src/linux-headers-{self.release}"


def _one(pattern, text, what):
    found = re.search(pattern, text)
    if not found:
        raise HarnessError(f"{what}: nothing in its dependencies looks like {pattern}: {text}")
    return found


@dataclass(frozen=True)
class _Newest:
    """What a suite has for a kernel: names, and the packages to fetch."""

    release: str
    compiler: str
    libraries: list
    packages: list


def _look_up(kernel, archive):
    """Find the newest kernel of a suite, from its meta-package on.

    Raises:
        HarnessError: the suite cannot be reached, or its packages are not what was expected.
    """
    of_arch = f":{kernel.arch}"
    meta = f"linux-headers-{kernel.flavour}"
    release = _one(r"\blinux-headers-(\d\S+)", archive.depends(meta + of_arch), meta)[1]
    headers = f"linux-headers-{release}"
    needed = archive.depends(headers + of_arch)
    common = _one(r"\blinux-headers-\S+-common[^\s,]*", needed, headers)[0]
    kbuild = _one(r"\blinux-kbuild-[^\s,]+", needed, headers)[0]
    # Until 7.x the image was in linux-image-RELEASE; now that only depends on it.
    image = f"linux-binary-{release}"
    if not archive.exists(image + of_arch):
        image = f"linux-image-{release}"
    return _Newest(
        release,
        _one(r"\bgcc-\d+", needed, headers)[0],
        re.findall(r"(?:^|, )([a-z0-9][a-z0-9.+-]+)", archive.depends(kbuild)),
        [headers + of_arch, common, kbuild, image + of_arch],
    )


def look_up(kernel):
    """The release and the compiler of the newest kernel its suite has, without fetching it."""
    archive = Archive(kernel.suite, kernel.arch)
    archive.update()
    newest = _look_up(kernel, archive)
    return newest.release, newest.compiler


def _fetch(kernel, folder):
    """Fetch the newest kernel of a suite into a new folder."""
    archive = Archive(kernel.suite, kernel.arch)
    archive.update()
    newest = _look_up(kernel, archive)
    root = folder / "root"
    archive.unpack(newest.packages, root)
    found = [*root.glob("boot/vmlinuz-*"), *root.glob("usr/lib/modules/*/vmlinuz")]
    if len(found) != 1:
        raise HarnessError(f"{newest.packages[-1]}: expected one vmlinuz in it, found {found}")
    shutil.move(found[0], folder / "vmlinuz")
    # The headers are all below usr/src and usr/lib; a hundred megabytes of modules go.
    for unused in (*root.glob("[!u]*"), root / "usr/lib/modules", root / "usr/share"):
        shutil.rmtree(unused, ignore_errors=True)
    (folder / "release.json").write_text(
        json.dumps({"release": newest.release, "compiler": newest.compiler,
                    "libraries": newest.libraries}),
        encoding="ascii",
    )


def _read(folder):
    known = json.loads((folder / "release.json").read_text(encoding="ascii"))
    return Release(known["release"], known["compiler"], tuple(known["libraries"]), folder)


def _row(kernel):
    """The kernel's own row; that of Debian's where only the headers are changed."""
    if not kernel.headers:
        return kernel
    return next(row for row in KERNELS
                if (row.suite, row.flavour) == (kernel.suite, kernel.flavour) and not row.by_name)


def _made_from(kernel):
    """What the kernel in the cache depends on."""
    return built_kernel.made_from(kernel) if kernel.config else kernel


def cached(kernel):
    """The kernel's release if it has been fetched, else None."""
    kernel = _row(kernel)
    folder = cache.find(f"kernel-{kernel.name}", _made_from(kernel))
    return _read(folder) if folder else None


def fetch(kernel):
    """The kernel's release, fetched (or built) if it is not in the cache.

    Raises:
        HarnessError: it cannot be had.
    """
    kernel = _row(kernel)
    make = built_kernel.build if kernel.config else _fetch
    return _read(cache.item(
        f"kernel-{kernel.name}", lambda folder: make(kernel, folder), _made_from(kernel)))
