"""Unloading while tasks are in a replacement that takes its time (slow_target)."""

import contextlib
import os
import signal

from pytests.lib import memevents
from pytests.lib.readers import Readers, every_cpu

SLOW = b"slow 1\n"

#: How far readers stand back, so that whoever has work to do preempts them in kernel code too.
NICE = 10


@contextlib.contextmanager
def hogs():
    """A process on each CPU that never gives it up by itself."""
    children = []
    try:
        for cpu in every_cpu():
            child = os.fork()
            if not child:
                os.sched_setaffinity(0, {cpu})
                while True:
                    pass
            children.append(child)
        yield
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def entered(hook):
    """Return how often the replacement was called."""
    return int(memevents.read_file(f"/sys/module/{hook.name}/parameters/entered"))


def files(cgroup, originals):
    """Return the files for Readers: the switch is whether the module is there."""
    return [(cgroup.events, {0: originals[0], 1: SLOW}),
            (cgroup.local, {0: originals[1], 1: originals[1]})]


def unload(hook, cgroup, originals, preempted=False):
    """Load under a reader on each CPU, wait for three calls of the replacement, unload.

    The calls may be on any CPUs. The readers go on in the kernel's own function.

    preempted: have the readers thrown off their CPUs meanwhile, wherever they are.
    """
    # A flip tells the readers which text is right.
    with Readers(files(cgroup, originals), value=0, cpus=every_cpu(), nice=NICE) as readers:
        readers.switch.flip(1, hook.load)
        before = entered(hook)
        memevents.wait_for(lambda: entered(hook) > before + 2, "readers in the replacement")
        with hogs() if preempted else contextlib.nullcontext():
            readers.switch.flip(0, hook.unload)
        readers.wait_reads(2)
