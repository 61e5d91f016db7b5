"""One bench guest: a kernel, busybox, the reader and the modules, and a command of guest.sh."""

import shutil
from dataclasses import dataclass

from pytests.host.vm import cache
from pytests.host.vm.cache import TOP
from pytests.host.vm.errors import BenchError
from pytests.host.vm.guest import Acceleration, Guest
from pytests.host.vm.process import as_root, run

from .build import APPLETS, HERE


@dataclass(frozen=True)
class Counting(Acceleration):
    """TCG whose guest clock counts instructions: a nanosecond is one, whatever the host does."""

    name: str = "tcg"

    def options(self, machine):
        """QEMU's options."""
        return [*super().options(machine), "-icount", "shift=0,sleep=off"]


def _initramfs(built, folder, command):
    root = folder / "root"
    cache.remove(root)
    for name in ("bin", "dev", "proc", "sys", "run", "tmp", "memevents"):
        (root / name).mkdir(parents=True)
    shutil.copy(built.busybox, root / "bin" / "busybox")
    for applet in APPLETS:
        (root / "bin" / applet).symlink_to("busybox")
    shutil.copy(built.folder / "reader", root / "bin" / "reader")
    shutil.copy(TOP / "pytests" / "host" / "vm" / "init", root / "init")
    (root / "init").chmod(0o755)
    shutil.copy(HERE / "guest.sh", root / "memevents")
    for name, module in built.modules.items():
        shutil.copy(module, root / "memevents" / name)
    (root / "memevents" / "command").write_text(f"exec sh ./guest.sh {command}\n", "ascii")
    archive = folder / "initramfs"
    run(as_root(["bsdtar", "--format=newc", "--uid=0", "--gid=0", "-cf", archive, "-C", root,
                 "."]))
    cache.remove(root)
    return archive


def lines(kernel, built, command, acceleration, cpus=1):
    """Boot a guest, run a command of guest.sh there, and return the lines it wrote.

    Raises:
        BenchError: the command failed; the message holds what it wrote.
        GuestLost: the guest did not get to its end.
    """
    folder = TOP / "build" / "bench" / kernel.name
    folder.mkdir(parents=True, exist_ok=True)
    output = []
    guest = Guest(
        kernel.arch, built.image, _initramfs(built, folder, command),
        folder / f"{command}.console.log", acceleration, on_output=output.append, cpus=cpus,
    )
    code = guest.run()
    text = b"".join(output).decode(errors="replace").replace("\r", "")
    (folder / f"{command}.log").write_text(text, "utf-8")
    if code:
        raise BenchError(f"{kernel.name}: guest.sh {command} exited with {code}:\n{text}")
    return text.splitlines()
