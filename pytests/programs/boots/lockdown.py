"""Lockdown: no unsigned module loads; raised later, read-only files are read, others not.

The argument is the level to raise it to, or `at-boot` where the kernel's command line has set it.
"""

import os
import subprocess
import sys

from pytests.lib import memevents
from pytests.lib.memevents import BANNER_LINE, LOCAL_SHOW, SHOW
from pytests.programs.boots import common

SECURITYFS = "/sys/kernel/security"
LOCKDOWN = os.path.join(SECURITYFS, "lockdown")


def level():
    """Return the present level; raises FileNotFoundError where the kernel has no lockdown."""
    if not os.path.exists(LOCKDOWN):
        subprocess.run(["mount", "-t", "securityfs", "none", SECURITYFS], check=False)
    return memevents.read_file(LOCKDOWN).decode().split("[")[1].split("]")[0]


def only_readable(hook, tree):
    """Of the tree's files, as Hook.tree() has them, those that nobody may write are read.

    The others cannot be opened.
    """
    for name, mode in sorted(tree.items()):
        if mode & 0o222:
            flags = os.O_RDONLY if mode & 0o400 else os.O_WRONLY
            got, wanted = common.errno_of(lambda: os.open(hook.path(name), flags)), "EPERM"
        else:
            got, wanted = common.errno_of(lambda: hook.read(name)), "none"
        common.expect(f"{mode:04o} {name}", got, wanted)
    common.expect("parents in stats", sorted(hook.stats()), sorted([SHOW, LOCAL_SHOW, "[other]"]))


def check_at_boot():
    """An unsigned module does not load, and `make load` says why."""
    common.expect("lockdown is", level(), "integrity")
    common.expect("insmod of an unsigned module", common.errno_of(
        lambda: memevents.insmod(memevents.KO)), ("EPERM", "EKEYREJECTED"))
    common.make_load_refused(["the kernel is locked down", "signed by a key it trusts"])
    common.nothing_left()


def check_raised(raise_to):
    """From `integrity` on 0400 files can be read and nothing else be opened; the hook goes on."""
    with common.watched() as (log, cgroup, originals):
        common.expect("lockdown is", level(), "none")
        hook = memevents.Hook()
        hook.load()
        tree = hook.tree()
        memevents.write_file(LOCKDOWN, raise_to)
        common.expect("lockdown is", level(), raise_to)
        only_readable(hook, tree)
        common.expect("memory.events redirected", cgroup.read_events(),
                      BANNER_LINE + originals[0])
        common.expect("hits", hook.stats()[SHOW].hits, 1)
        hook.unload()
        common.nothing_left()
        common.expect("memory.events as ever", cgroup.read_events(), originals[0])
        assert not log.splats(), log.splats()


if __name__ == "__main__":
    if sys.argv[1] == "at-boot":
        check_at_boot()
    else:
        check_raised(sys.argv[1])
