"""`make demo`: the main job on a stock kernel, as a session at a root prompt."""

import sys
from pathlib import Path

from pytests.host.vm import accel, cache, image, modules, release
from pytests.host.vm.cache import TOP
from pytests.host.vm.guest import Guest
from pytests.host.vm.kernels import pick

SESSION = Path(__file__).with_name("demo.sh")
DEFAULT = "6.12"


def run(patterns):
    """Show the session on the first kernel that matches, by default a current stable one.

    Returns:
        The exit code: 0 if every figure was right.
    """
    kernel = pick(patterns or DEFAULT)[0]
    folder = TOP / "build" / "demo"
    cache.remove(folder)
    folder.mkdir(parents=True)
    print(f"Fetching Debian's kernel {kernel.name} and building the module for it"
          " (the first time takes a minute) ...", flush=True)
    fetched = release.fetch(kernel)
    built = modules.build(kernel)
    initramfs = image.initramfs(kernel, built, folder, SESSION.read_text(encoding="utf-8"))
    acceleration = accel.choose(kernel)
    print(f"Booting {fetched.release} in QEMU ({acceleration.name}) ...", flush=True)
    guest = Guest(kernel.arch, fetched.image, initramfs, folder / "console.log", acceleration,
                  on_output=_write)
    try:
        return guest.run()
    finally:
        initramfs.unlink()


def _write(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
