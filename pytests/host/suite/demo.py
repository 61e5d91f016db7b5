"""`make demo`: the main job on a stock kernel, as a session at a root prompt."""

from pathlib import Path

from pytests.host.vm import accel, cache, machine, modules, release
from pytests.host.vm.cache import TOP
from pytests.host.vm.image import Content
from pytests.host.vm.in_guest import run_in_guest
from pytests.host.vm.kernels import pick

SESSION = Path(__file__).with_name("demo.sh")
DEFAULT = "6.12" if machine.arch() == "amd64" else "6.12-arm64"


def run(patterns):
    """Show the session on the first kernel that matches, by default a current stable one.

    Returns:
        The exit code: 0 if every figure was right.
    """
    kernel = pick(patterns or DEFAULT)[0]
    folder = TOP / "build" / "demo"
    cache.remove(folder)
    print(f"Fetching Debian's kernel {kernel.name} and building the module for it ...", flush=True)
    fetched = release.fetch(kernel)
    built = modules.build(kernel)
    acceleration = accel.choose(kernel)
    print(f"Booting {fetched.release} in QEMU ({acceleration.name}) ...", flush=True)
    ended = run_in_guest(kernel, folder, SESSION.read_text(encoding="utf-8"), acceleration,
                         Content(built), shown=True)
    if ended.lost:
        print(f"{ended.wrong}; its log: {ended.console}")
    return ended.status
