"""The kernel's own search for memory that nothing points to, where it has one."""

import contextlib
import os
import time

from pytests.lib import memevents

_PATH = os.path.join(memevents.DEBUGFS, "kmemleak")

#: Seconds an object has to be old before it is reported (MSECS_MIN_AGE), and a bit.
MIN_AGE = 6


def why_not():
    """Return why this kernel cannot search, or None where it can."""
    try:
        memevents.read_file(_PATH)
    except OSError as error:
        return f"no kmemleak in this kernel (CONFIG_DEBUG_KMEMLEAK): {error}"
    return None


def scan():
    """Search once."""
    memevents.write_file(_PATH, "scan")


def forget():
    """Leave out whatever was lost before."""
    scan()
    memevents.write_file(_PATH, "clear")


def found():
    """Return what was lost until now, as text: search until it is old enough, and then once more.

    An object is reported by the second search that finds it unchanged, if it was old enough as that
    one began. A search takes half a minute under emulation.
    """
    old_enough = time.monotonic() + MIN_AGE
    scan()
    while time.monotonic() < old_enough:
        scan()
    scan()
    return memevents.read_file(_PATH).decode()


# Whether a search of this process's has found nothing so far: what is lost later is new.
_nothing_so_far = False


@contextlib.contextmanager
def nothing_lost():
    """Assert that the body has lost no memory, where this kernel can tell.

    What was lost before the first such body is left out. What is lost between two of them is told
    after the second.
    """
    global _nothing_so_far
    can_tell = why_not() is None
    if can_tell and not _nothing_so_far:
        forget()
    _nothing_so_far = False
    yield
    lost = found() if can_tell else ""
    assert not lost, lost
    _nothing_so_far = True
