"""What a run is doing while it does it: on a terminal in place, in a log line by line.

Several threads may tell at the same time, each under a name of its own.
"""

import os
import shutil
import sys
import threading
import time
from contextlib import contextmanager

#: Seconds between two words about the same step: in place, and in a log.
IN_PLACE, IN_LOG = 1, 30

#: A step that took so many seconds is worth a line at its end.
LONG = 5

CLEAR = "\r\x1b[K"

_lock = threading.RLock()
_doing = {}


def in_place():
    """Whether lines can be drawn over: standard output is a terminal that can."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _draw():
    """Draw what all names are at, in the last line of the terminal."""
    text = " | ".join(f"{name}: {what}" for name, what in _doing.items())
    sys.stdout.write(CLEAR + text[:shutil.get_terminal_size().columns - 1])
    sys.stdout.flush()


def say(name, text):
    """Print a line, or several, about a name."""
    with _lock:
        if in_place():
            sys.stdout.write(CLEAR)
        for line in text.splitlines():
            print(f"{name:<11} {line}", flush=True)
        if in_place() and _doing:
            _draw()


def doing(name, what):
    """Show what a name is at; None where it is at nothing any more. Shows nothing in a log."""
    with _lock:
        if what is None:
            _doing.pop(name, None)
        else:
            _doing[name] = what
        if in_place():
            _draw()


class Lines:
    """How far something is, by the lines that it writes."""

    def __init__(self):
        self._count = 0
        self._last = ""

    def take(self, line):
        """Take a line."""
        self._count += 1
        self._last = line.strip()

    def count(self):
        """Return how many there were, as text."""
        return f"{self._count} lines of output" if self._count else ""

    def last(self):
        """Return the last one."""
        return self._last


@contextmanager
def step(name, what, detail=lambda: "", end=True):
    """Tell of a step: that it begins, from time to time how far it is, and how long it took.

    Args:
        detail: returns how far it is, as text.
        end: whether its end gets a line, where it took long: the caller may have one of its own.
    """
    start = time.monotonic()
    ended = threading.Event()

    def so_far():
        return f"{what} {detail()}".rstrip() + f" ({time.monotonic() - start:.0f} s)"

    def tick():
        while not ended.wait(IN_PLACE if in_place() else IN_LOG):
            if in_place():
                doing(name, so_far())
            else:
                say(name, so_far())

    if in_place():
        doing(name, what)
    else:
        say(name, what)
    ticking = threading.Thread(target=tick, daemon=True)
    ticking.start()
    try:
        yield
    finally:
        ended.set()
        ticking.join()
        doing(name, None)
    took = time.monotonic() - start
    if end and took > LONG:
        say(name, f"{what}: {took:.0f} s")
