"""The Debian roots that the steps run in, and running a script of this folder in one."""

from pytests.host.vm import cache
from pytests.host.vm.archive import bootstrap
from pytests.host.vm.cache import TOP
from pytests.host.vm.chroot import run_in
from pytests.host.vm.errors import HarnessError

SUITE = "trixie-backports"

BUILDER = ("build-essential", "debhelper", "dh-dkms", "lintian")
# openssl: dkms makes its signing key with it
USER = ("dkms", "make", "openssl")
# What a machine with Secure Boot starts by, and what writes the firmware's variables. Not
# configured: it is no machine that is to start so.
FIRMWARE = ("base-files", "dash", "python3-virt-firmware",
            "ovmf", "shim-signed", "grub-efi-amd64-signed")
# Where script() mounts what it sees of the host.
FIRMWARE_FOLDERS = 'mkdir -p "$1/mnt" "$1/srv"'

WORK = TOP / "build" / "packaging"
HERE = TOP / "pytests" / "host" / "packaging"


def _root(name, packages):
    return cache.item(
        f"packaging-{name}",
        lambda folder: bootstrap(folder, SUITE, "amd64", packages, variant="apt"),
        packages,
    )


def builder():
    """A root that packages can be built in."""
    return _root("builder", BUILDER)


def user(releases):
    """A root with dkms, and the headers of these kernels (as `uname -r` has them)."""
    return _root("user", (*USER, *(f"linux-headers-{release}" for release in releases)))


def firmware():
    """A root with firmware, shim and GRUB as they are signed, and virt-fw-vars."""
    return cache.item(
        "packaging-firmware",
        lambda folder: bootstrap(folder, SUITE, "amd64", FIRMWARE, FIRMWARE_FOLDERS),
        (FIRMWARE, FIRMWARE_FOLDERS),
    )


def script(name, root, work, **variables):
    """Run a script of this folder in a root, whose changes are gone afterwards.

    Args:
        work: the folder that is /srv there; /mnt is the project.
        variables: of its environment.

    Raises:
        HarnessError: it failed; the message has its output.
    """
    work.mkdir(parents=True, exist_ok=True)
    assignments = "".join(f'export {key}="{value}"\n' for key, value in variables.items())
    done = run_in(root, f"packaging-{name}",
                  assignments + (HERE / name).read_text(encoding="utf-8"),
                  [(TOP, "/mnt", "ro"), (work, "/srv", "rw")], writable=True)
    (WORK / f"{name}.log").write_text(done.stdout, encoding="utf-8")
    if done.returncode:
        raise HarnessError(f"{name}: exit code {done.returncode}:\n{done.stdout}")
