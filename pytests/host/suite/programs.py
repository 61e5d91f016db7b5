"""Programs that run long, each in a guest of its own: `make fuzz`, `make soak`."""

import sys
import time

from pytests.host.vm import accel, cache, image, modules, release
from pytests.host.vm.cache import TOP
from pytests.host.vm.errors import GuestLost
from pytests.host.vm.guest import Guest

#: Seconds a program may run (times 6 under TCG).
LIMIT = 3600


def run(kernel, what, words, acceleration=None, name=None):
    """Run `python3 -m pytests.programs.WHAT WORDS` in a guest, and print what it writes.

    Its output and the kernel's log stay in build/WHAT/NAME; the name is the kernel's if none is
    given.

    Returns:
        The program's exit code; 3 where the guest was lost.
    """
    name = name or kernel.name
    folder = TOP / "build" / what / name
    built = modules.build(kernel)
    cache.remove(folder)
    folder.mkdir(parents=True)
    command = ("export PYTHONUNBUFFERED=1;"
               f" exec python3 -m pytests.programs.{what} {' '.join(words)}\n")
    initramfs = image.initramfs(kernel, built, folder, command)
    start = time.monotonic()
    try:
        with open(folder / "output.log", "wb", buffering=0) as log:
            def take(data):
                log.write(data)
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            code = Guest(
                kernel.arch, release.fetch(kernel).image, initramfs, folder / "console.log",
                acceleration or accel.choose(kernel), on_output=take, extra_line=kernel.line,
                memory=kernel.memory, limit=LIMIT,
            ).run()
    except GuestLost as error:
        print(f"guest lost: {error}; its log: {folder / 'console.log'}")
        code = 3
    finally:
        initramfs.unlink()
    print(f"{name}: {what} {'failed' if code else 'passed'}"
          f" in {time.monotonic() - start:.0f} s", flush=True)
    return code
