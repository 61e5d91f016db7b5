"""A caller that jumps to the target: what is said of it, and where its calls are counted.

The kernel's own callers of the real target all come back from it, so the engine is put on another
function, mounts_open_common(): mountinfo_open() ends by jumping there, and it is what open() calls
for /proc/self/mountinfo.
"""

import os
import platform
import struct

import pytest

import memevents
from call_sites import sites
from kernel_text import kernel_bytes

NAME = "any_target_hook"
KO = os.path.join(memevents.HERE, "any_target", NAME + ".ko")

TARGET, JUMPS, CALLS_IT = "mounts_open_common", "mountinfo_open", "do_dentry_open"
FILE = "/proc/self/mountinfo"


def open_once():
    """Have CALLS_IT call JUMPS, and that jump to TARGET."""
    os.close(os.open(FILE, os.O_RDONLY))


def jump_to(address, target):
    """Whether what stands in the kernel's text there is a jump to target."""
    if platform.machine() == "aarch64":
        word, = struct.unpack("<I", kernel_bytes(address, 4))
        distance = (word & 0x1ffffff) - (word & 0x2000000)
        return word >> 26 == 0b000101 and address + 4 * distance == target
    opcode, distance = struct.unpack("<Bi", kernel_bytes(address, 5))
    return opcode == 0xe9 and address + 5 + distance == target


def is_call(text):
    """Whether an instruction is a call, direct or through a register or memory."""
    if platform.machine() == "aarch64":
        word, = struct.unpack_from("<I", text)
        return word >> 26 == 0b100101 or word & 0xfffffc1f == 0xd63f0000
    # Prefixes: one that says which registers are meant, one that only fills.
    text = text[text[0] & 0xf0 == 0x40 or text[0] == 0x2e:]
    return text[0] == 0xe8 or text[0] == 0xff and text[1] >> 3 & 7 == 2


@pytest.fixture
def hook(originals, symbols):
    """The engine on TARGET, JUMPS observed; skips where JUMPS was made to call it after all."""
    start, end = symbols.range_of(JUMPS)
    target, _ = symbols.range_of(TARGET)
    if not any(jump_to(address, target) for address in range(start, end - 4)):
        pytest.skip(f"in this kernel {JUMPS}() does not end by a jump (CONFIG_FRAME_POINTER)")
    with memevents.Hook(KO, NAME).session(target=TARGET, observe=JUMPS) as hook:
        yield hook


def test_call_sites(hook):
    """A line with `tail`, at the very jump."""
    target = memevents.parse_address(hook.read("target").split()[1])
    (address, offset, kind), = sites(hook, JUMPS)
    row = hook.stats()[JUMPS]
    assert kind == "tail"
    assert address == row.start + offset < row.end
    assert jump_to(address, target)


def test_why(hook):
    """Why its counter stands still, in the words of the manual."""
    assert "tail call only: the caller's address is not on the stack" in hook.why()[JUMPS]
    assert "no direct call" not in hook.why()[JUMPS]


def test_counts_for_the_callers_caller(hook, symbols):
    """The call is that one's which the target returns to; in no list, it is named in full."""
    before = hook.number("other_hits")
    for count in range(1, 4):
        open_once()
        # Others may open such files too.
        assert hook.number("other_hits") >= before + count
    assert hook.hits(JUMPS) == (0, 0)
    name, _, place = hook.read("other_last").partition("+")
    assert name == CALLS_IT
    # The call that leads to JUMPS, through a pointer: not one of the target.
    start, _ = symbols.range_of(CALLS_IT)
    assert is_call(kernel_bytes(start + int(place.split("/")[0], 16), 8))


def test_the_callers_caller_as_a_parent(hook):
    """Listed, it has the hits, though it has no direct call: the ranges are the truth."""
    hook.write("add_parent", CALLS_IT)
    assert "no direct call" in hook.why()[CALLS_IT]
    others = hook.number("other_hits")
    open_once()
    assert hook.hits(CALLS_IT)[0] >= 1 and hook.hits(CALLS_IT)[1] == 0
    assert hook.hits(JUMPS) == (0, 0)
    assert hook.number("other_hits") == others
