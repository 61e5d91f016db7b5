"""debugfs not mounted: the module works by its parameters, unseen.

With debugfs=no-mount (given as the argument no-mount) nobody can mount it, and newer kernels take
no files at all: then loading is refused as with debugfs=off.
"""

import os
import subprocess
import sys

from pytests.lib import memevents
from pytests.lib.memevents import BANNER_LINE, LOCAL_SHOW, SHOW
from pytests.programs.boots import common


def mount():
    """Mount debugfs; returns whether the kernel did."""
    return subprocess.run(["mount", "-t", "debugfs", "none", memevents.DEBUGFS],
                          check=False).returncode == 0


def check(no_mount):
    """The files are made, and are there as soon as somebody mounts them."""
    while os.path.ismount(memevents.DEBUGFS):
        subprocess.run(["umount", "-l", memevents.DEBUGFS], check=True)
    with common.watched() as (log, cgroup, originals):
        mark = log.mark()
        got = common.errno_of(lambda: memevents.insmod(memevents.KO))
        common.expect("insmod", got, ("none", "EOPNOTSUPP") if no_mount else "none")
        if got == "none":
            common.expect("memory.events redirected", cgroup.read_events(),
                          BANNER_LINE + originals[0])
            common.expect("memory.events.local as ever", cgroup.read_local(), originals[1])
            common.expect("debugfs can be mounted", mount(), not no_mount)
            if not no_mount:
                common.expect("files", memevents.Hook().tree(), {
                    **memevents.FILES,
                    **{f"parents/{parent}/{name}": mode for parent in (SHOW, LOCAL_SHOW)
                       for name, mode in memevents.PARENT_FILES.items()}})
            memevents.rmmod(memevents.MODULE)
        else:
            common.said(log, mark, "debugfs")
            common.expect("debugfs can be mounted", mount(), False)
        common.expect("memory.events as ever", cgroup.read_events(), originals[0])
        common.nothing_left()
        assert not log.splats(), log.splats()


if __name__ == "__main__":
    check(sys.argv[1:] == ["no-mount"])
