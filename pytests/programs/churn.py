"""Another process that makes and removes cgroups all the time, with OOM kills in them."""

import ctypes
import mmap
import os
import signal
import sys
import traceback

from pytests.lib import memcg, memevents

_STOP, _READS_EVENTS, _READS_LOCAL, _CGROUPS = range(4)


class Churn:
    """A context manager: the process runs until `stop()`.

    parent: the memcg.Cgroup below which it works. Each of its cgroups is pushed over its
    memory.max once, and both its files are read before and after.
    """

    def __init__(self, parent):
        self._parent = parent
        self._page = mmap.mmap(-1, mmap.PAGESIZE)
        self._words = (ctypes.c_uint64 * 8).from_buffer(self._page)
        self._child = None

    def __enter__(self):
        self._child = os.fork()
        if self._child == 0:
            code = 1
            try:
                while not self._words[_STOP]:
                    self._one()
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(code)
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        elif self._child:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)

    def _one(self):
        with memcg.child(self._parent) as cgroup:
            for kills in (0, 1):
                # The banner may come before the figures or not: switches are flipped meanwhile.
                for word, read in ((_READS_EVENTS, cgroup.read_events),
                                   (_READS_LOCAL, cgroup.read_local)):
                    text = read()
                    self._words[word] += 1
                    if f"\noom_kill {kills}\n".encode() not in text:
                        raise AssertionError(f"not {kills} kills: {text!r}")
                if not kills:
                    memcg.push_over_max(cgroup.folder)
        self._words[_CGROUPS] += 1

    def stop(self):
        """End the process; AssertionError where it found a fault."""
        if self._child is None:
            return
        self._words[_STOP] = 1
        status = os.waitpid(self._child, 0)[1]
        self._child = None
        assert status == 0, f"the process that makes cgroups ended with status {status}"

    @property
    def cgroups(self):
        """How many cgroups have come and gone, each with a kill."""
        return self._words[_CGROUPS]

    @property
    def reads(self):
        """How often it has read (memory.events, memory.events.local)."""
        return self._words[_READS_EVENTS], self._words[_READS_LOCAL]

    def wait_cgroups(self, more):
        """Wait until it has done that many more cgroups."""
        wanted = self.cgroups + more
        memevents.wait_for(lambda: self.cgroups >= wanted, f"{more} more cgroups")
