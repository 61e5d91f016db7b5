"""Programs that run long, each in a guest of its own: `make fuzz`, `make soak`."""

import time

from pytests.host.vm import accel, cache, modules, results
from pytests.host.vm.cache import TOP
from pytests.host.vm.image import Content
from pytests.host.vm.in_guest import run_in_guest

#: Seconds a program may run (times 6 under TCG).
LIMIT = 3600

#: What a program's lines begin with that say what came out.
FIGURE = "figure: "


def run(kernel, what, words, command, acceleration=None, name=None):
    """Run `python3 -m pytests.programs.WHAT WORDS` in a guest, and print what it writes.

    Its output and the kernel's log stay in build/WHAT/NAME.

    Args:
        command: what a person types to run it.
        name: the kernel's if none is given.

    Returns:
        The program's exit code; 3 where the guest was lost.
    """
    name = name or kernel.name
    folder = TOP / "build" / what / name
    built = modules.build(kernel)
    cache.remove(folder)
    start = time.monotonic()
    ended = run_in_guest(
        kernel, folder, "export PYTHONUNBUFFERED=1;"
        f" exec python3 -m pytests.programs.{what} {' '.join(words)}\n",
        acceleration or accel.choose(kernel), Content(built), shown=True, limit=LIMIT)
    if ended.lost:
        print(f"{ended.wrong}; its log: {ended.console}")
    verdict = f"{'failed' if ended.wrong else 'passed'} in {time.monotonic() - start:.0f} s"
    print(f"{name}: {what} {verdict}", flush=True)
    figures = [line.removeprefix(FIGURE) for line in ended.output.splitlines()
               if line.startswith(FIGURE)]
    results.record(what, name, "; ".join([*figures, verdict]), command)
    return ended.status
