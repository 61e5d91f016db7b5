"""Secure Boot: what an enrolled key has signed loads and works under lockdown, nothing else loads.

Beside the module there have to be unsigned.ko, stranger.ko and by_hand.ko: the same module, signed
otherwise. modprobe has to find it as dkms installs it. pytests/host/packaging sees to both.
"""

import os
import subprocess

from pytests.lib import kernel_log, memevents
from pytests.lib.memevents import BANNER_LINE, LOCAL_SHOW, MODULE, SHOW
from pytests.programs.boots import common, lockdown

# How each is loaded that may load.
LOADS = {
    "modprobe": lambda: subprocess.run(["modprobe", MODULE], check=True),
    "insmod by_hand.ko": lambda: memevents.insmod(_beside("by_hand.ko")),
}

UNSIGNED = 1 << 13


def _beside(name):
    return os.path.join(os.path.dirname(memevents.KO), name)


def refused(name, word):
    """The kernel does not let it in, and says why with that word."""
    with common.watched() as (log, cgroup, originals):
        common.expect(f"insmod {name}", common.errno_of(
            lambda: memevents.insmod(_beside(name))), "EKEYREJECTED")
        lines = [line for line in log.since(0) if line.startswith("Loading of ")]
        print(f"the kernel log says: {lines}", flush=True)
        assert len(lines) == 1 and word in lines[0]
        common.nothing_left()
        common.expect("memory.events as ever", cgroup.read_events(), originals[0])


def works(how, load):
    """It loads, does the main job, shows its counters, cannot be switched, and goes."""
    with common.watched() as (log, cgroup, originals):
        load()
        print(f"{how}: loaded", flush=True)
        common.expect("tainted by an unsigned module", kernel_log.taint() & UNSIGNED, 0)
        hook = memevents.Hook()
        common.expect("memory.events redirected", cgroup.read_events(),
                      BANNER_LINE + originals[0])
        common.expect("memory.events.local as ever", cgroup.read_local(), originals[1])
        lockdown.only_readable(hook, hook.tree())
        stats = hook.stats()
        for parent, redirected in ((SHOW, 1), (LOCAL_SHOW, 0)):
            common.expect(f"hits of {parent}", stats[parent].hits, 1)
            common.expect("redirected", stats[parent].redirected, redirected)
        common.expect("rmmod", common.errno_of(hook.unload), "none")
        common.nothing_left()
        common.expect("memory.events as ever", cgroup.read_events(), originals[0])
        assert not log.splats(), log.splats()


def check():
    """Secure Boot alone has locked the kernel down; then each of the modules."""
    common.expect("lockdown is", lockdown.level(), "integrity")
    assert "lockdown=" not in memevents.read_file("/proc/cmdline").decode()
    refused("unsigned.ko", "unsigned module")
    refused("stranger.ko", "unavailable key")
    for how, load in LOADS.items():
        works(how, load)


if __name__ == "__main__":
    check()
