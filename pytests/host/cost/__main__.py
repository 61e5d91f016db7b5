"""`make bench`: python3 -m pytests.host.cost [KERNELS]."""

import argparse
import json
import os
import shlex
import sys

from pytests.host.vm import results
from pytests.host.vm.cache import TOP
from pytests.host.vm.errors import HarnessError
from pytests.host.vm.guest import Acceleration
from pytests.host.vm.kernels import pick
from pytests.host.vm.process import run

from . import figures, table
from .build import HERE, build
from .guest import Counting, lines

# A guest each: what it measures, and how the guest is run.
PARTS = {
    "costs": (Counting(), 1),
    "switching": (Counting(), 1),
    "memory": (Counting(), 1),
    "scaling": (Acceleration("tcg", "multi"), 2),
}
KERNELS = "5.10 6.12 7.3 6.12-arm64"
PYTHON = "/usr/bin/python3"


def _bench(kernel, parts, twice):
    """Measure one kernel and return its results; its folder gets them too."""
    built = build(kernel)
    command = f"make bench BENCH_KERNELS={kernel.name}"
    if parts != list(PARTS):
        command += f" BENCH_PARTS={shlex.quote(' '.join(parts))}"
    found = {"kernel": kernel.name, "release": built.release, "command": command}
    print(f"== {kernel.name}: Linux {built.release}, {kernel.arch}", flush=True)
    for part in parts:
        measured = lines(kernel, built, part, *PARTS[part])
        found[part] = getattr(figures, part)(measured)
        if twice and part == "costs":
            again = figures.costs(lines(kernel, built, part, *PARTS[part]))
            differing = figures.differing(found[part], again)
            if differing:
                raise HarnessError("\n".join((f"{kernel.name}: counted twice, and not the same:",
                                              *differing)))
        print("\n".join(getattr(table, part)(found[part])), flush=True)
        results.record(f"cost: {part}", kernel.name, table.figure(part, found[part]), command)
    folder = TOP / "build" / "bench" / kernel.name
    file = folder / "results.json"
    file.write_text(json.dumps(found, indent=4) + "\n", "ascii")
    if "costs" in parts:
        run([PYTHON, HERE / "plot.py", file, folder / "cost.svg"])
        print(f"results: {file.relative_to(TOP)}, {(folder / 'cost.svg').relative_to(TOP)}")
    return found


def _set_up():
    """Install what the plot needs."""
    try:
        run([PYTHON, "-c", "import matplotlib"])
    except HarnessError:
        run(["sh", TOP / "pytests" / "host" / "vm" / "setup.sh", "python3-matplotlib"])


def main():
    """Returns: the exit code."""
    os.chdir(TOP)
    parser = argparse.ArgumentParser(prog="python3 -m pytests.host.cost", description=__doc__)
    parser.add_argument("kernels", nargs="?",
                        default=os.environ.get("BENCH_KERNELS") or KERNELS)
    parser.add_argument("--parts", default=os.environ.get("BENCH_PARTS") or " ".join(PARTS),
                        help="of: " + " ".join(PARTS))
    parser.add_argument("--twice", action="store_true",
                        default=os.environ.get("BENCH_TWICE", "") not in ("", "0"),
                        help="count the costs twice, and fail if they differ")
    arguments = parser.parse_args()
    try:
        _set_up()
        beyond = []
        for kernel in pick(arguments.kernels):
            found = _bench(kernel, arguments.parts.split(), arguments.twice)
            if "costs" in found:
                beyond += figures.beyond_bounds(kernel.name, found["costs"])
    except HarnessError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    for line in beyond:
        print(f"beyond its bound: {line}", file=sys.stderr)
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
