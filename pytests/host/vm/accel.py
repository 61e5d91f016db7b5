"""Which acceleration guests get: KVM where it really boots a kernel, else TCG."""

import os
import platform
import tempfile
import threading
from pathlib import Path

from .errors import HarnessError
from .guest import MACHINES, Acceleration
from .in_guest import run_in_guest

TCG = Acceleration("tcg")
KVM = Acceleration("kvm")

PROBE_LIMIT = 30  # seconds to boot and power off

_lock = threading.Lock()
_probed = {}


def _boots(kernel):
    """Whether a guest with KVM gets to its end in time: /dev/kvm may be there and hang."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return run_in_guest(kernel, Path(folder), "exit 0\n", KVM, limit=PROBE_LIMIT).code == 0
        except HarnessError:
            return False


def choose(kernel):
    """The acceleration for a kernel's guests: ACCEL=kvm or tcg in the environment, else a probe.

    Raises:
        HarnessError: ACCEL is neither of auto, kvm, tcg.
    """
    wanted = os.environ.get("ACCEL") or "auto"
    if wanted not in ("auto", "kvm", "tcg"):
        raise HarnessError(f"ACCEL={wanted}: it is one of auto, kvm, tcg")
    if wanted != "auto":
        return Acceleration(wanted)
    if MACHINES[kernel.arch]["host"] != platform.machine() or not os.access("/dev/kvm", os.W_OK):
        return TCG
    with _lock:
        if kernel.arch not in _probed:
            _probed[kernel.arch] = KVM if _boots(kernel) else TCG
        return _probed[kernel.arch]


def parallel(kernel):
    """What choose() says, but with a thread for each of a guest's CPUs under TCG too.

    Only for what patches no text while anything runs through it: see Acceleration.
    """
    chosen = choose(kernel)
    return Acceleration("tcg", "multi") if chosen == TCG else chosen
