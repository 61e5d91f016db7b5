"""The replacement's lines against those of the running kernel's own function.

A kernel that gains a counter fails here first. The lines are in
module/memory_events.c; which of them this kernel has, its build finds out.
"""

import os

import pytest

from pytests.lib import memcg, memevents, peer as peers

MEND = ("the replacement prints other lines than this kernel's own __memory_events_show:"
        " mend the list of counters in module/memory_events.c")


def lines_of(text):
    """Return the names of the lines, in order."""
    return [line.split(" ")[0] for line in text.decode().splitlines()]


def test_the_same_lines_in_the_same_order(hook, cgroup, originals):
    """Names and order, on a cgroup of this kernel's."""
    hook.load()
    hook.write("banner", "")
    assert lines_of(cgroup.read_events()) == lines_of(originals[0]), MEND
    assert hook.hits() == (1, 1)


def test_the_same_figures(hook, cgroup, parent_cgroup, originals):
    """Figures, where each file has figures of its own."""
    wanted = [parent_cgroup.read_events(), parent_cgroup.read_local()]
    hook.load(redirect=[memevents.SHOW, memevents.LOCAL_SHOW], observe="")
    hook.write("banner", "")
    assert [parent_cgroup.read_events(), parent_cgroup.read_local()] == wanted, MEND
    assert (cgroup.read_events(), cgroup.read_local()) == originals, MEND
    assert hook.hits()[1] == 2 and hook.hits(memevents.LOCAL_SHOW)[1] == 2


def test_every_line_has_the_right_counter(hook, peer, originals):
    """The kernel's own function, given an array with a number of its own in each place.

    So each line is tied to its place in the array, which no cgroup's figures
    can do as well: most of those are zeros.
    """
    peer(peers.CALLER)
    own = memcg.parse(memevents.read_file(peers.CALLED).decode())
    assert list(own) == lines_of(originals[0])
    assert len(set(own.values())) == len(own), own
    assert min(own.values()) >= 1000, own
    hook.load()
    hook.write("banner", "")
    assert memcg.parse(memevents.read_file(peers.CALLED).decode()) == own
    assert hook.number("other_hits") == 1


@pytest.mark.parametrize("banner", ["", "a banner"])
def test_a_read_in_small_pieces(hook, cgroup, originals, banner):
    """A reader that takes a few bytes at a time gets the same text, from one call."""
    hook.load()
    hook.write("banner", banner)
    wanted = (banner + "\n" if banner else "").encode() + originals[0]
    fd = os.open(cgroup.events, os.O_RDONLY)
    pieces = []
    while True:
        piece = os.read(fd, 7)
        if not piece:
            break
        pieces.append(piece)
    os.close(fd)
    assert b"".join(pieces) == wanted
    assert hook.hits() == (1, 1)
