"""No call can come: the memory controller is switched off, or is cgroup v1's. `why` says so.

The argument says which: `off` (with cgroup_disable=memory), or `v1`.
"""

import subprocess
import sys
import tempfile

from pytests.lib import kernel_log, memevents
from pytests.lib.memevents import TARGET
from pytests.programs.boots import common

WHY = {
    "off": "no call can come: the memory controller is off (cgroup_disable=memory)",
    "v1": "no call can come: the memory controller is mounted as cgroup v1",
}


def told(hook, wanted, counts):
    """The hook works, as far as it can tell by itself, and its line says what is in the way."""
    why = hook.why()[TARGET]
    print(f"why, enabled={hook.read('enabled').strip()}: {why}", flush=True)
    assert (wanted in why) == counts, f"{wanted!r} {'not ' * counts}in {why!r}"


def check(how):
    """Said as long as it is so, of a hook that is on and of one that is off."""
    log = kernel_log.KernelLog()
    hook = memevents.Hook()
    with tempfile.TemporaryDirectory() as folder:
        if how == "v1":
            # The controller is nobody's yet.
            subprocess.run(["mount", "-t", "cgroup", "-o", "memory", "none", folder], check=True)
        hook.load()
        told(hook, WHY[how], True)
        hook.write("enabled", "0")
        told(hook, WHY[how], True)
        hook.write("enabled", "1")
        if how == "v1":
            subprocess.run(["umount", folder], check=True)
            # It goes back to cgroup v2 when the last of the other hierarchy is gone.
            memevents.wait_for(lambda: WHY[how] not in hook.why()[TARGET], "the controller is free")
            told(hook, WHY[how], False)
        common.expect("calls", sum(row.hits for row in hook.stats().values()), 0)
        hook.unload()
        common.nothing_left()
    assert not log.splats(), log.splats()


if __name__ == "__main__":
    check(sys.argv[1])
