"""ftrace shuts itself down under the hook: no text that can be reached is freed."""

import os
import sys

from pytests.lib import memevents, peer
from pytests.lib.memevents import BANNER_LINE, LOCAL_SHOW, MODULE, SHOW, TARGET
from pytests.programs.boots import common

PEER = os.path.join(peer.FOLDER, peer.FTRACE_BUG + ".ko")


class Ending:
    """The module loaded, then a fault in ftrace."""

    def __init__(self, log, cgroup, originals, parameters, works=True):
        self.hook = memevents.Hook()
        self.log = log
        self._cgroup = cgroup
        self._originals = originals
        self.hook.load(**parameters)
        self.routed(works and parameters.get("enabled", True))

    def died(self):
        """AssertionError where ftrace has not shut itself down."""
        assert any("ftrace" in line for line in self.log.splats()), "ftrace lives"
        print("ftrace has shut itself down", flush=True)

    def routed(self, redirected=True):
        """Both files still work, through the hook or not."""
        line = BANNER_LINE if redirected else b""
        for _ in range(100):
            assert self._cgroup.read_events() == line + self._originals[0]
            assert self._cgroup.read_local() == self._originals[1]
        print(f"memory.events {'is still redirected' if redirected else 'as ever'}", flush=True)


class Dead(Ending):
    """The module loaded, then ftrace dead."""

    def __init__(self, log, cgroup, originals, **parameters):
        super().__init__(log, cgroup, originals, parameters)
        memevents.insmod(PEER)
        self.died()


class Doomed(Ending):
    """The module loaded, then its call taken out behind ftrace's back: taking it out again kills.

    Until then ftrace lives, and thinks that the hook is there. Off, it is the same with ftrace's
    nop, and putting the call in kills.
    """

    def __init__(self, log, cgroup, originals, **parameters):
        super().__init__(log, cgroup, originals, parameters)
        memevents.insmod(PEER, f"symbol={TARGET}")
        self.routed(False)
        common.expect("splats", log.splats(), [])
        common.expect("why", self.hook.why()[TARGET],
                      "ok" if parameters.get("enabled", True) else "hook off")


def flip(*watched):
    """A flip finds out: it fails, pins the module, and everything goes on."""
    dead = Dead(*watched)
    common.expect("why of the parents", [dead.hook.why()[parent] for parent in (SHOW, LOCAL_SHOW)],
                  ["ok", "redirect off"])
    _pinned(dead)
    dead.routed()
    dead.hook.write(f"parents/{SHOW}/redirect", "0")
    dead.routed(False)
    hits = dead.hook.hits(LOCAL_SHOW)[0]
    dead.routed(False)
    common.expect("calls counted", dead.hook.hits(LOCAL_SHOW)[0] - hits, 100)


def dies_in_flip(*watched):
    """It dies of taking the hook out, and calls that a success: no flip of ours does."""
    doomed = Doomed(*watched)
    _pinned(doomed)
    doomed.died()
    doomed.routed(False)


def dies_in_switch_on(*watched):
    """It dies of putting the hook in: that failed, and nobody knows what it has left behind."""
    doomed = Doomed(*watched, enabled=False)
    mark = doomed.log.mark()
    for attempt in (1, 2):
        common.expect(f"echo 1 > enabled, {attempt}.", common.errno_of(
            lambda: doomed.hook.write("enabled", "1")), "ENODEV")
        doomed.died()
        _stays_off(doomed, mark)


def dies_in_load(*watched):
    """It dies of a load's putting the hook in: the load is done, or the text would be freed."""
    log, cgroup, originals = watched
    memevents.insmod(PEER, f"symbol={TARGET}")
    mark = log.mark()
    ending = Ending(log, cgroup, originals, {}, works=False)
    ending.died()
    _stays_off(ending, mark)


def _stays_off(ending, mark):
    """The hook is off, for good, and the module stays, for good; both are said."""
    common.expect("refcount", ending.hook.refcount(), 1)
    common.expect("enabled", ending.hook.read("enabled"), "N\n")
    common.said(ending.log, mark, "cannot be unloaded any more")
    common.expect("rmmod", common.errno_of(ending.hook.unload), "EAGAIN")
    common.expect("module loaded", memevents.module_loaded(MODULE), True)
    common.expect("why names it", "shut itself down" in ending.hook.why()[TARGET], True)
    ending.routed(False)
    common.expect("calls counted", [ending.hook.hits(parent) for parent in (SHOW, LOCAL_SHOW)],
                  [(0, 0), (0, 0)])


def _pinned(ending):
    """No flip takes the hook out, and from the first on no rmmod the module."""
    mark = ending.log.mark()
    common.expect("refcount", ending.hook.refcount(), 0)
    for attempt in (1, 2):
        common.expect(f"echo 0 > enabled, {attempt}.", common.errno_of(
            lambda: ending.hook.write("enabled", "0")), "ENODEV")
        common.expect("refcount", ending.hook.refcount(), 1)
        common.expect("enabled", ending.hook.read("enabled"), "Y\n")
    common.said(ending.log, mark, "failed to unregister")
    for attempt in (1, 2):
        common.expect(f"rmmod, {attempt}.", common.errno_of(ending.hook.unload), "EAGAIN")
        common.expect("module loaded", memevents.module_loaded(MODULE), True)
    print("why:", ending.hook.why()[TARGET])
    common.expect("why names it", "shut itself down" in ending.hook.why()[TARGET], True)


def unload(*watched):
    """An exit finds out: it says so and waits for ever, with the text in its place."""
    _stuck(Dead(*watched))


def dies_in_unload(*watched):
    """It dies of an exit's taking the hook out, and the exit waits for ever."""
    doomed = Doomed(*watched)
    _stuck(doomed)
    doomed.died()


def _stuck(dead):
    """The exit does not end, what it leaves in the kernel redirects nothing."""
    mark = dead.log.mark()
    child = os.fork()
    if child == 0:
        dead.hook.unload()
        os._exit(0)
    memevents.wait_for(lambda: any("waits for ever" in line
                                   for line in dead.log.module_lines(mark)), "exit says so")
    common.said(dead.log, mark, "waits for ever")
    for _ in range(50):
        dead.routed(False)
        common.expect("rmmod has ended", os.waitpid(child, os.WNOHANG)[0], 0)
    common.expect("module loaded", memevents.module_loaded(MODULE), True)
    common.expect("another rmmod", common.errno_of(dead.hook.unload), ("EBUSY", "EAGAIN"))
    state = memevents.read_file(f"/proc/{child}/stat").decode().split()[2]
    common.expect("state of rmmod", state, ("I", "S", "D"))


def off(*watched):
    """Off when it happens: on is refused, and the module goes as ever."""
    dead = Dead(*watched, enabled=False)
    common.expect("echo 1 > enabled", common.errno_of(
        lambda: dead.hook.write("enabled", "1")), "ENODEV")
    common.expect("enabled", dead.hook.read("enabled"), "N\n")
    dead.routed(False)
    common.expect("rmmod", common.errno_of(dead.hook.unload), "none")
    common.nothing_left()
    mark = dead.log.mark()
    common.expect("insmod", common.errno_of(dead.hook.load), "ENODEV")
    common.said(dead.log, mark, "shut itself down")
    common.nothing_left()
    dead.routed(False)


if __name__ == "__main__":
    with common.watched() as everything:
        {"flip": flip, "unload": unload, "off": off, "dies-in-flip": dies_in_flip,
         "dies-in-unload": dies_in_unload, "dies-in-switch-on": dies_in_switch_on,
         "dies-in-load": dies_in_load}[sys.argv[1]](*everything)
        print("passed", flush=True)
        # What follows would fail at a module that stays.
        os._exit(0)
