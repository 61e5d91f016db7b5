"""Starting a guest as a machine with Secure Boot does: firmware, shim, GRUB, the kernel.

Each of them has the next one's signature checked, against keys in the firmware's variables.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

GRUB_CONFIG = """\
linux /vmlinuz {line}
initrd /initramfs
boot
"""


@dataclass(frozen=True)
class Firmware:
    """UEFI firmware for amd64, and what it starts.

    code: the firmware's image, built to enforce Secure Boot.
    variables: its variables, a file of this guest's own: the guest writes to it.
    shim, grub: the signed programs.
    disk: a folder of this guest's own, to be made into its disk.
    """

    code: Path
    variables: Path
    shim: Path
    grub: Path
    disk: Path

    def options(self, image, initramfs, line):
        """Put the kernel on the disk, and return QEMU's options to start from it."""
        boot = self.disk / "EFI" / "BOOT"
        config = self.disk / "EFI" / "debian" / "grub.cfg"
        for folder in (boot, config.parent):
            folder.mkdir(parents=True)
        for source, target in ((self.shim, boot / "BOOTX64.EFI"), (self.grub, boot / "grubx64.efi"),
                               (image, self.disk / "vmlinuz"),
                               (initramfs, self.disk / "initramfs")):
            shutil.copyfile(source, target)
        config.write_text(GRUB_CONFIG.format(line=line), encoding="ascii")
        return [
            # What changes the variables has to run in system management mode.
            "-machine", "smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on",
            "-global", "ICH9-LPC.disable_s3=1",
            "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={self.code}",
            "-drive", f"if=pflash,unit=1,format=raw,file={self.variables}",
            "-drive", f"if=none,id=disk,format=raw,readonly=on,file=fat:{self.disk}",
            "-device", "virtio-blk-pci,drive=disk",
            # It would take the ports for its consoles, did they look like any serial port.
            "-global", "pci-serial.prog_if=0",
        ]
