"""python3 -m pytests.programs.fuzz [--seed N] [--writes N] [--replay FILE]: as root."""

import argparse
import json
import sys
import time

from pytests.lib import kernel_log, memcg
from pytests.lib.fuzz.fuzzer import Difference, Driver, as_shell, fuzz, shrink
from pytests.lib.fuzz.generate import Names


def main():
    """Fuzz, or replay what a fuzzer reported, and make it shorter where it still differs.

    Returns: the exit code, 1 where the module differs from the model.
    """
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--writes", type=int, default=100000)
    parser.add_argument("--replay", metavar="FILE")
    options = parser.parse_args()

    log = kernel_log.KernelLog()
    taint = kernel_log.taint() | kernel_log.TAINT_MODULE
    with memcg.pressed() as (parent, cgroup), memcg.below(parent, "outside") as outside:
        originals = cgroup.read_events(), cgroup.read_local()
        names = Names(cgroup, outside)
        if options.replay:
            with open(options.replay, encoding="utf-8") as file:
                commands = json.load(file)
            commands = shrink(lambda: Driver(names, cgroup, originals), commands)
            if commands is None:
                print("does not differ any more")
                return 0
            print("\n".join(as_shell(command) for command in commands))
            return 1
        driver = Driver(names, cgroup, originals)
        start = time.monotonic()

        def say(text):
            seen = log.splats()
            if seen:
                raise Difference("the kernel log has a splat:\n" + "\n".join(seen))
            print(f"{time.monotonic() - start:.0f} s: {text}", flush=True)
        try:
            fuzz(driver, options.seed, options.writes, say)
            say("done")
        except Difference as error:
            print(error, flush=True)
            return 1
    if (kernel_log.taint() | kernel_log.TAINT_MODULE) != taint:
        print(f"taint is now {kernel_log.taint():#x}")
        return 1
    print(f"figure: seed {options.seed}: " + ", ".join(
        f"{count} {what}" for what, count in driver.counts.items()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
