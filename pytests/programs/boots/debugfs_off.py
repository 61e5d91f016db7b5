"""debugfs=off: loading is refused, with a word on why, and leaves nothing.

Before it is refused it does nothing: readers beside it never see a redirected read.
"""

import errno

from pytests.lib import memevents
from pytests.lib.readers import Readers, every_cpu
from pytests.programs.boots import common

LOADS = 40


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
        files = [(path, dict.fromkeys((0, 1), text))
                 for path, text in zip((cgroup.events, cgroup.local), originals)]
        with Readers(files, cpus=every_cpu()) as readers:
            for _ in range(LOADS):
                with memevents.expect_errno(errno.EOPNOTSUPP):
                    memevents.insmod(memevents.KO)
            readers.wait_reads(2)
            reads = readers.ended()
        # One that was redirected has another text: the readers fail by it.
        print(f"{reads} reads beside {LOADS} loads, none redirected", flush=True)
        common.nothing_left()
        assert not log.splats(), log.splats()


if __name__ == "__main__":
    check()
