"""Unloading while tasks are preempted in a slow replacement, as with preempt=full they can be."""

import os

from pytests.lib import kernel_log, memcg, memevents, slow
from pytests.programs.boots import common

ROUNDS = 20


def check():
    """No text is freed under them: that would end the guest."""
    log = kernel_log.KernelLog()
    hook = memevents.hook_of("slow_target")
    mode = "/sys/kernel/debug/sched/preempt"
    if os.path.exists(mode):
        common.expect("preemption", "(full)" in memevents.read_file(mode).decode(), True)
    with memcg.pressed() as (_, cgroup):
        originals = cgroup.read_events(), cgroup.read_local()
        for number in range(ROUNDS):
            slow.unload(hook, cgroup, originals, preempted=True)
            print(f"unloaded {number + 1} times", flush=True)
    assert not log.splats(), log.splats()


if __name__ == "__main__":
    check()
