"""The small kernel modules of kmods/peers/, which are loaded beside the hook."""

import errno
import os

from pytests.lib import memevents
from pytests.lib.unsupported import Unsupported

FOLDER = os.path.join(memevents.KMODS, "peers")

LIVEPATCH = "peer_livepatch"
KPROBE = "peer_kprobe"
IPMODIFY = "peer_ipmodify"
CALLER = "peer_caller"
PARKED = "peer_parked"
DIRECTORY = "peer_directory"
EVENT = "peer_event"
NESTED = "peer_nested"
DIRECT = "peer_direct"
#: They commit faults, in guests that are thrown away afterwards; the second cannot be unloaded.
FAULTS = "peer_faults"
FTRACE_BUG = "peer_ftrace_bug"
#: IPMODIFY owners: of one of the functions that the module hooks where no other is named.
OWNERS = (LIVEPATCH, KPROBE, IPMODIFY)
#: What the peer CALLER prints when it calls the target.
CALLED = os.path.join(memevents.DEBUGFS, CALLER, "events")

ALL = (LIVEPATCH, KPROBE, IPMODIFY, CALLER, PARKED, DIRECTORY, EVENT, NESTED, DIRECT, FAULTS,
       FTRACE_BUG)

_LIVEPATCHES = "/sys/kernel/livepatch"


def built():
    """Return whether they have been built."""
    return os.path.exists(os.path.join(FOLDER, IPMODIFY + ".ko"))


def load(name, settle=True, **parameters):
    """Load a peer; raises OSError with the errno of its init.

    settle: wait for the end of a livepatch's transition.
    Raises Unsupported where this kernel has no livepatch and the peer is one, or no target that
    could be called and the peer is to call it.
    """
    if name in (CALLER, NESTED, DIRECT) or "Y" in (parameters.get("call"), parameters.get("calls")):
        memevents.need_calls()
    if name in OWNERS and memevents.inlined():
        if name == LIVEPATCH:
            parameters.setdefault("parent", "Y")
        parameters.setdefault("symbol", memevents.SHOW)
    if name == LIVEPATCH and not os.path.isdir(_LIVEPATCHES):
        raise Unsupported(f"this kernel has no livepatch (CONFIG_LIVEPATCH): no {_LIVEPATCHES}")
    ko = os.path.join(FOLDER, name + ".ko")
    if name == DIRECT and not os.path.exists(ko):
        raise Unsupported("only x86_64 has the peer with a direct call")
    words = [f'{key}="{value}"' for key, value in parameters.items()]
    memevents.insmod(ko, " ".join(words))
    if name == LIVEPATCH and settle:
        wait_settled()


def set_parameter(name, parameter, value):
    """Set a parameter of a loaded peer."""
    memevents.write_file(f"/sys/module/{name}/parameters/{parameter}", str(value))


def texts(name, originals):
    """Return what memory.events and memory.events.local read beside an IPMODIFY owner.

    originals: what they read without.
    """
    if name != LIVEPATCH:
        return originals
    if memevents.inlined():
        return b"livepatched 2\n", originals[1]
    return b"livepatched 1\n", b"livepatched 1\n"


def number(name, parameter):
    """Return the number that a loaded peer shows as a parameter."""
    return int(memevents.read_file(f"/sys/module/{name}/parameters/{parameter}"))


def in_transition():
    """Whether a livepatch is in transition."""
    for patch in os.listdir(_LIVEPATCHES):
        try:
            text = memevents.read_file(os.path.join(_LIVEPATCHES, patch, "transition"))
        except FileNotFoundError:
            continue
        if text != b"0\n":
            return True
    return False


def wait_settled():
    """Wait until no livepatch is in transition."""
    memevents.wait_for(lambda: not in_transition(), "the livepatch transition is over")


def unload(name, settle=True):
    """Unload a peer, disabling it first where it is a livepatch.

    settle: let a livepatch's transition come to its end first, instead of turning it round.
    """
    switch = os.path.join(_LIVEPATCHES, name, "enabled")
    if name == LIVEPATCH and os.path.exists(switch):
        if settle:
            wait_settled()
        memevents.write_file(switch, "0")
        memevents.wait_for(lambda: not os.path.exists(switch), "the livepatch is gone")

    def gone():
        try:
            memevents.rmmod(name)
        except OSError as error:
            # A livepatch gives up its last reference from a work item.
            if name == LIVEPATCH and error.errno in (errno.EAGAIN, errno.EBUSY):
                return False
            raise
        return True
    memevents.wait_for(gone, f"{name} is unloaded")


def leftovers():
    """Return the names of the peers that are loaded."""
    return [name for name in ALL if memevents.module_loaded(name)]


def unload_all():
    """Unload every peer that is there."""
    for name in leftovers():
        unload(name)


def need_ipmodify(name):
    """Raise Unsupported where an IPMODIFY owner, which is loaded, has not taken IPMODIFY.

    A kprobe does where it goes through ftrace.
    """
    if name != KPROBE:
        return
    path = os.path.join(memevents.DEBUGFS, "kprobes", "list")
    for line in memevents.read_file(path).decode().splitlines():
        if f" {memevents.hooked()[0]}+" in line and "[FTRACE]" in line:
            return
    raise Unsupported("kprobes do not go through ftrace here (CONFIG_KPROBES_ON_FTRACE)")
