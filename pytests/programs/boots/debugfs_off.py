"""debugfs=off: loading is refused, with a word on why, and leaves nothing."""

from pytests.lib import memevents
from pytests.programs.boots import common


def check():
    """The kernel takes no debugfs files."""
    with common.watched() as (log, cgroup, originals):
        for parameters in ("", "enabled=N"):
            mark = log.mark()
            common.expect(f"insmod {parameters}".strip(), common.errno_of(
                lambda: memevents.insmod(memevents.KO, parameters)), "EOPNOTSUPP")
            common.said(log, mark, "debugfs")
            common.expect("lines in the kernel log", len(log.module_lines(mark)), 1)
            common.nothing_left()
        common.expect("memory.events unchanged", cgroup.read_events() == originals[0], True)
        assert not log.splats(), log.splats()


if __name__ == "__main__":
    check()
