"""A debug kernel's checkers see what a module does wrong: faults made to order, one by one."""

import gzip
import os
import re

from pytests.lib import kernel_log, kmemleak, memevents, peer

KO = os.path.join(peer.FOLDER, peer.FAULTS + ".ko")

#: (what the kernel is built with, the fault, what its report says). After a report of the lock
#: checker's, and after one of KASAN's, locks are checked no more.
FAULTS = (
    ("CONFIG_UBSAN", "shift", "UBSAN: shift-out-of-bounds"),
    ("CONFIG_DEBUG_ATOMIC_SLEEP", "sleep", "sleeping function called from invalid context"),
    ("CONFIG_PROVE_RCU", "rcu", "suspicious RCU usage"),
    ("CONFIG_DEBUG_OBJECTS_TIMERS", "object", "ODEBUG: init active"),
    ("CONFIG_DEBUG_KMEMLEAK", "leak", "unreferenced object"),
    ("CONFIG_KCSAN", "race", r"KCSAN: data-race in peer_racer \[peer_faults\]"),
    ("CONFIG_PAGE_POISONING", "page", "pagealloc: single bit error|pagealloc: memory corruption"),
    ("CONFIG_PROVE_LOCKING", "locks", "possible circular locking dependency"),
    ("CONFIG_KASAN", "freed", "KASAN: (slab-)?use-after-free in peer_freed"),
)


def commit(fault, report):
    """Have the fault committed; return the line that reports it.

    Raises AssertionError where none comes, or where the suite would take it for no splat.
    """
    log = kernel_log.KernelLog()
    found = []

    def reported():
        texts = log.since(0)
        if fault == "leak":
            texts = kmemleak.found().splitlines()
        found[:] = [text for text in texts if re.search(report, text)]
        return found
    if fault == "leak":
        kmemleak.forget()
    memevents.insmod(KO, f"kind={fault}")
    memevents.wait_for(reported, f"a report of the fault {fault}")
    memevents.rmmod(peer.FAULTS)
    assert kernel_log.find_splats(found) == found
    return found[0]


def main():
    """Commit every fault that this kernel was built to see."""
    config = gzip.decompress(memevents.read_file("/proc/config.gz")).decode().splitlines()
    faults = [row for row in FAULTS if f"{row[0]}=y" in config]
    assert len(faults) > 3, "this is no debug kernel"
    for option, fault, report in faults:
        print(f"{option}: {commit(fault, report)}", flush=True)
    print("passed", flush=True)


if __name__ == "__main__":
    main()
