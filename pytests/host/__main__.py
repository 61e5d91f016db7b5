"""The harness's command line."""

import argparse
import os
import sys

from pytests.host.suite import boots as own_boots
from pytests.host.suite import coverage as coverage_report
from pytests.host.suite import demo as demo_session
from pytests.host.suite import programs, suite
from pytests.host.vm import accel, cpus, image, modules, release, roots
from pytests.host.vm import results as shown
from pytests.host.vm.cache import TOP
from pytests.host.vm.errors import HarnessError
from pytests.host.vm.guest import Acceleration
from pytests.host.vm.image import Content
from pytests.host.vm.in_guest import run_in_guest
from pytests.host.vm.kernels import pick

KERNELS = os.environ.get("KERNELS", "")


def _one(name):
    kernels = pick(name)
    if len(kernels) != 1:
        raise HarnessError(f"'{name}' picks {len(kernels)} kernels: name one")
    return kernels[0]


def build(arguments):
    """Build the module and the tests' peers for kernels, in their suites' own toolchains."""
    for kernel in pick(arguments.kernels):
        print(f"{kernel.name}: {modules.build(kernel)}", flush=True)


def _in_guest(kernel, script, arguments):
    ended = run_in_guest(
        kernel, TOP / "build" / "shell" / f"{kernel.name}-{os.getpid()}", script,
        Acceleration("tcg", arguments.tcg) if arguments.tcg else accel.choose(kernel),
        Content(None if arguments.no_module else modules.build(kernel)), shown=True,
        line=arguments.append, limit=arguments.limit, cpus=arguments.cpus)
    if ended.lost:
        print(ended.wrong, file=sys.stderr)
    print(f"kernel log: {ended.console}", file=sys.stderr)
    return ended.status


def shell(arguments):
    """Run a shell script in a guest, as root, and print what it writes."""
    script = arguments.command if arguments.command is not None else sys.stdin.read()
    return _in_guest(_one(arguments.kernel), script, arguments)


def run(arguments):
    """Run one command in a guest, as root in /memevents, and print what it writes."""
    script = " ".join("'" + word.replace("'", "'\\''") + "'" for word in arguments.words)
    return _in_guest(_one(arguments.kernel), script + "\n", arguments)


def test(arguments):
    """Run the pytest suite in guests and sum up what came out."""
    return suite.run(pick(arguments.kernels), arguments.pytest, arguments.strict)


def boots(arguments):
    """Run the checks that need a boot of their own: kernel parameters, forced failures."""
    return own_boots.run(pick(arguments.kernels), arguments.names)


def coverage(arguments):
    """Run the suite on a debug kernel, and report which lines of the module it ran through."""
    kernel = _one(arguments.kernel)
    code = 0
    if not arguments.report_only:
        code = suite.run([kernel], arguments.pytest, strict=False)
    missed = coverage_report.report(kernel)
    print(f"by line: {coverage_report.REPORT}/html/index.html")
    return code or missed


def fuzz(arguments):
    """Write at random to every file, and compare with what the manual says."""
    kernel = _one(arguments.kernel)
    return programs.run(
        kernel, "fuzz", ["--seed", arguments.seed, "--writes", arguments.writes],
        f"make fuzz KERNELS={kernel.name} SEED={arguments.seed} WRITES={arguments.writes}")


def soak(arguments):
    """Switch, load and unload for long, under readers, beside cgroups that come and go.

    Then, with CPUs that are truly parallel, what patches no text: flips of a parent's redirect,
    and counting for long, nothing being switched.
    """
    words = ["--cycles", arguments.cycles]
    codes = []
    for kernel in pick(arguments.kernels):
        command = f"make soak KERNELS={kernel.name} CYCLES={arguments.cycles}"
        codes.append(programs.run(kernel, "soak", [*words, "cycles", "enabled", "redirect"],
                                  command))
        codes.append(programs.run(kernel, "soak", [*words, "redirect", "count"], command,
                                  accel.parallel(kernel), f"{kernel.name}-parallel"))
    return max(codes)


def demo(arguments):
    """Show the main job on a stock kernel, as a session at a root prompt."""
    return demo_session.run(arguments.kernels)


def kernels(arguments):
    """List Debian's own kernels, or those named, and what of them is in the cache."""
    rows = [("kernel", "suite", "arch", "release", "compiler", "kernel is", "toolchain is",
             "guest root is")]
    for kernel in pick(arguments.kernels):
        rows.append((kernel.name, kernel.suite, kernel.arch, *_state(kernel)))
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def _state(kernel):
    known = release.cached(kernel)
    names = (known.release, known.compiler) if known else release.look_up(kernel)
    there = {True: "cached", False: "missing"}
    return (
        *names,
        there[bool(known)],
        there[bool(known and roots.cached(
            roots.toolchain(kernel, known.compiler, known.libraries)))],
        there[bool(image.cached_root(kernel.base_suite, kernel.arch))],
    )


def results(_):
    """Take what runs have shown since into pytests/results.md."""
    shown.merge()


def _parser():
    parser = argparse.ArgumentParser(prog="python3 -m pytests.host", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(function):
        command = commands.add_parser(function.__name__, help=function.__doc__.split("\n")[0],
                                      description=function.__doc__)
        command.set_defaults(function=function)
        return command

    command = add(build)
    command.add_argument("kernels", nargs="?", default=KERNELS)
    add(results)
    for function in (demo, kernels):
        add(function).add_argument("kernels", nargs="?", default=KERNELS)
    command = add(boots)
    command.add_argument("kernels", nargs="?", default=KERNELS or "6.1 6.12 6.1-debug")
    command.add_argument("names", nargs="*", default=os.environ.get("BOOTS", "").split())
    command = add(coverage)
    command.add_argument("kernel", nargs="?", default="6.1-debug")
    command.add_argument("--pytest", default=os.environ.get("TESTS", ""), metavar="OPTIONS")
    command.add_argument("--report-only", action="store_true",
                         default=os.environ.get("REPORT_ONLY", "") not in ("", "0"),
                         help="of the last `make test-debug`, without running it again")
    command = add(fuzz)
    command.add_argument("kernel", nargs="?", default=KERNELS or "6.1-debug")
    command.add_argument("--seed", default=os.environ.get("SEED", "1"))
    command.add_argument("--writes", default=os.environ.get("WRITES", "100000"))
    command = add(soak)
    command.add_argument("kernels", nargs="?", default=KERNELS or "6.1 6.12-rt 6.1-debug")
    command.add_argument("--cycles", default=os.environ.get("CYCLES", "20"))
    command = add(test)
    command.add_argument("kernels", nargs="?", default=KERNELS,
                         help="shell patterns, in one word; all kernels if empty")
    command.add_argument("--pytest", default=os.environ.get("TESTS", ""), metavar="OPTIONS",
                         help="more options for pytest, in one word")
    command.add_argument("--strict", action="store_true",
                         default=os.environ.get("STRICT", "") not in ("", "0"),
                         help="fail on a skip that skips.txt does not list")
    for function in (run, shell):
        command = add(function)
        command.add_argument("kernel")
        command.add_argument("--no-module", action="store_true", help="do not build the module")
        command.add_argument("--append", default="", help="more for the kernel's command line")
        command.add_argument("--limit", type=int, help="seconds (times 6 under TCG)")
        command.add_argument("--cpus", type=int, help="how many; else what CPUS says, or "
                             f"{cpus.DEFAULT}")
        command.add_argument("--tcg", choices=("single", "multi"),
                             help="TCG, its threads; else what ACCEL says")
        if function is run:
            command.add_argument("words", nargs="+", metavar="-- COMMAND")
        else:
            command.add_argument("-c", dest="command", help="the script; else standard input")
    return parser


def main():
    """Returns: the exit code."""
    os.chdir(TOP)
    arguments = _parser().parse_args()
    try:
        cpus.asked()    # a bad value is told before anything is built
        return arguments.function(arguments) or 0
    except HarnessError as error:
        print(f"harness: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
