"""debugfs=no-mount, or merely not mounted: the module works by its parameters, unseen."""

import os
import subprocess

import memevents
from boots import common
from memevents import BANNER


def check():
    """The files are made, and are there as soon as somebody can mount them."""
    while os.path.ismount(memevents.DEBUGFS):
        subprocess.run(["umount", "-l", memevents.DEBUGFS], check=True)
    with common.watched() as (log, cgroup, originals):
        memevents.insmod(memevents.KO)
        common.expect("memory.events redirected", cgroup.read_events(),
                      BANNER.encode() + b"\n" + originals[0])
        common.expect("memory.events.local as ever", cgroup.read_local(), originals[1])
        memevents.rmmod(memevents.MODULE)
        common.nothing_left()
        assert not log.splats(), log.splats()


if __name__ == "__main__":
    check()
