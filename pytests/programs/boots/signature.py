"""module.sig_enforce=1: an unsigned module is refused by the kernel itself."""

from pytests.lib import memevents
from pytests.programs.boots import common


def check():
    """Nothing of ours has run."""
    with common.watched() as (log, cgroup, originals):
        common.expect("insmod", common.errno_of(lambda: memevents.insmod(memevents.KO)),
                      ("EKEYREJECTED", "ENOKEY"))
        common.make_load_refused(["signed by a key it trusts"])
        common.nothing_left()
        common.expect("memory.events as ever", cgroup.read_events(), originals[0])
        assert not log.splats(), log.splats()


if __name__ == "__main__":
    check()
