"""`make bench`: python3 -m pytests.host.cost [KERNELS]."""

import argparse
import json
import os
import shlex
import sys

from pytests.host.vm import accel, cpus, results
from pytests.host.vm.cache import TOP
from pytests.host.vm.errors import HarnessError
from pytests.host.vm.kernels import pick
from pytests.host.vm.process import run

from . import figures, table
from .build import HERE, build
from .guest import Counting, lines


def _one_counted(_):
    """How the guest is run that counts instructions: acceleration, CPUs."""
    return Counting(), 1


def _parallel(kernel):
    """How the guest is run whose CPUs are parallel: as many as CPUS says, or as the host has."""
    return accel.parallel(kernel), cpus.asked() or max(2, min(_cores(), cpus.MOST))


def _cores():
    return len(os.sched_getaffinity(0))


# A guest each: what it measures, and how the guest is run.
PARTS = {
    "costs": _one_counted,
    "switching": _one_counted,
    "memory": _one_counted,
    "scaling": _parallel,
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
        run_as = acceleration, number = PARTS[part](kernel)
        found[part] = getattr(figures, part)(lines(kernel, built, part, *run_as))
        again = f"make bench BENCH_KERNELS={kernel.name} BENCH_PARTS={part}"
        if part == "scaling":
            found[part].update({"cpus": number, "host cores": _cores(),
                                "acceleration": acceleration.name})
            if not cpus.asked():
                again += f" CPUS={number}"
        if twice and part == "costs":
            differing = figures.differing(
                found[part], figures.costs(lines(kernel, built, part, *run_as)))
            if differing:
                raise HarnessError("\n".join((f"{kernel.name}: counted twice, and not the same:",
                                              *differing)))
        print("\n".join(getattr(table, part)(found[part])), flush=True)
        results.record(f"cost: {part}", kernel.name, table.figure(part, found[part]), again,
                       any_cpus=PARTS[part] is _parallel)
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
                        default=os.environ.get("BENCH_KERNELS") or os.environ.get("KERNELS")
                        or KERNELS)
    parser.add_argument("--parts", default=os.environ.get("BENCH_PARTS") or " ".join(PARTS),
                        help="of: " + " ".join(PARTS))
    parser.add_argument("--twice", action="store_true",
                        default=os.environ.get("BENCH_TWICE", "") not in ("", "0"),
                        help="count the costs twice, and fail if they differ")
    arguments = parser.parse_args()
    try:
        cpus.asked()    # a bad value is told before anything is built
        _set_up()
        wrong = []
        for kernel in pick(arguments.kernels):
            found = _bench(kernel, arguments.parts.split(), arguments.twice)
            if "costs" in found:
                wrong += [f"beyond its bound: {line}"
                          for line in figures.beyond_bounds(kernel.name, found["costs"])]
            if "scaling" in found:
                wrong += [f"not exact: {kernel.name}: {line}"
                          for line in found["scaling"]["inexact"]]
    except HarnessError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
