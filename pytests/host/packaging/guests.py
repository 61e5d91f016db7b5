"""Guests that load what DKMS built: as it is, with signatures enforced, with Secure Boot."""

import re
import shutil
from dataclasses import dataclass

from pytests.host.vm import cache
from pytests.host.vm.errors import HarnessError
from pytests.host.vm.firmware import Firmware
from pytests.host.vm.guest import Acceleration
from pytests.host.vm.image import Content
from pytests.host.vm.in_guest import run_in_guest

from .script import WORK

# What DKMS built is put where it was installed, and modprobe has to find it.
INSTALL = """
set -e
folder=/lib/modules/$(uname -r)/updates/dkms
mkdir -p "$folder"
cp module/memevents_hook.ko.xz "$folder"
depmod
"""

MODPROBE = """
modprobe memevents_hook
mkdir /sys/fs/cgroup/modprobe
echo "memory.events: $(head -n 1 /sys/fs/cgroup/modprobe/memory.events)"
echo "memory.events.local: $(head -n 1 /sys/fs/cgroup/modprobe/memory.events.local)"
cat /sys/kernel/debug/memevents_hook/stats
modprobe -r memevents_hook
echo "after: $(head -n 1 /sys/fs/cgroup/modprobe/memory.events)"
"""

# Before its owner has enrolled the key: with signatures enforced, but no Secure Boot, there is
# none that would know it.
REFUSED = """
for module in unsigned.ko memevents_hook.ko.xz; do
    insmod module/$module && exit 1
done
modprobe memevents_hook && exit 1
ls -d /sys/module/memevents_hook /sys/kernel/debug/memevents_hook || true
"""


@dataclass(frozen=True)
class PackagedBoot:
    """A guest.

    name: for its files.
    script: what it runs.
    expected: expressions that each have to match a line of what it writes.
    line: more for the kernel's command line.
    secure: whether it starts with Secure Boot.
    """

    name: str
    script: str
    expected: tuple = ()
    line: str = ""
    secure: bool = False


PLAIN = PackagedBoot("guest", INSTALL + MODPROBE, (
    r"^memory.events: This is from __memory_events_show_new$",
    r"^memory.events.local: low 0$",
    r"^memory_events_local_show .* N +1 +0$",
    r"^memory_events_show .* Y +1 +1$",
    r"^after: low 0$",
))
ENFORCING = PackagedBoot("enforcing", INSTALL + REFUSED, (
    r"could not insert module module/unsigned\.ko: Key was rejected by service$",
    r"could not insert module module/memevents_hook\.ko\.xz: Key was rejected by service$",
    r"could not insert 'memevents_hook': Key was rejected by service$",
    r"cannot access '/sys/module/memevents_hook'",
    r"cannot access '/sys/kernel/debug/memevents_hook'",
), line="module.sig_enforce=1")
SECURE = PackagedBoot("secure-boot",
                      INSTALL + "exec python3 -m pytests.programs.boots.secure_boot\n",
                      secure=True)


def _firmware(root, variables, folder):
    """The firmware in the root, with variables of the guest's own."""
    shutil.copyfile(variables, folder / "variables.fd")
    usr = root / "usr"
    return Firmware(
        usr / "share/OVMF/OVMF_CODE_4M.secboot.fd", folder / "variables.fd",
        usr / "lib/shim/shimx64.efi.signed",
        usr / "lib/grub/x86_64-efi-signed/grubx64.efi.signed", folder / "disk")


def run(boot, kernel, package, root):
    """Boot the kernel, and run the guest's script.

    Args:
        package: the folder where the scripts have left modules and the firmware's variables.
        root: the folder of roots.FIRMWARE.

    Raises:
        HarnessError: the script failed, the guest was lost or a line was missing; the message has
            what the script wrote.
    """
    folder = WORK / boot.name
    cache.remove(folder)
    folder.mkdir(parents=True)
    for needed in ("signed", "variables.fd"):
        if not (package / needed).exists():
            raise HarnessError(f"a step before has not made {needed}")
    shutil.copytree(package / "signed", folder / "module")
    firmware = None
    if boot.secure:
        firmware = _firmware(root, package / "variables.fd", folder)
    ended = run_in_guest(kernel, folder, boot.script, Acceleration("tcg"), Content(folder),
                         line=boot.line, firmware=firmware)
    cache.remove(folder / "disk")
    missing = [line for line in boot.expected if not re.search(line, ended.output, re.MULTILINE)]
    if ended.wrong or missing:
        raise HarnessError(
            f"{ended.wrong or 'it ended well'}, not seen: {missing}:\n{ended.output}")
