"""The kernel's text, read as it stands in memory, and the calls and jumps in it.

On x86_64 what is found may be the middle of an instruction, but hardly with just that distance
in it.
"""

import os
import platform
import re
import struct

from pytests.lib.unsupported import Unsupported


def kernel_bytes(address, size):
    """Return bytes of the kernel's text by /proc/kcore; raises Unsupported where there is none."""
    try:
        fd = os.open("/proc/kcore", os.O_RDONLY)
    except OSError as error:
        raise Unsupported(f"/proc/kcore cannot be read: {error}")
    try:
        header = os.pread(fd, 64, 0)
        offset, entry_size, entries = (struct.unpack_from("<Q", header, 32)[0],
                                       *struct.unpack_from("<HH", header, 54))
        for index in range(entries):
            kind, _, start, virtual, _, length, _ = struct.unpack(
                "<IIQQQQQ", os.pread(fd, entry_size, offset + index * entry_size)[:48])
            if kind == 1 and virtual <= address and address + size <= virtual + length:
                return os.pread(fd, size, start + address - virtual)
    finally:
        os.close(fd)
    raise AssertionError(f"/proc/kcore has no {address:#x}")


def direct_calls(start, end, target):
    """Return the addresses in [start, end) where bytes stand that call the target."""
    if platform.machine() == "aarch64":
        return _branches(start, end, target, 0b100101)
    return _relative(start, end, target, {b"\xe8": "<i"})


def direct_jumps(start, end, target):
    """Return the addresses in [start, end) where bytes stand that jump to the target.

    On x86_64 of two bytes or of five.
    """
    if platform.machine() == "aarch64":
        return _branches(start, end, target, 0b000101)
    return _relative(start, end, target, {b"\xe9": "<i", b"\xeb": "<b"})


def leading_to(start, end, target):
    """Return [(address, kind)] of what stands in [start, end) and leads to the target, ascending.

    kind: `call` or `tail`. For much text: it is searched for the upper half of the distance to the
    target, which is one of two values in a piece of 64 KiB, and only what has that is decoded.
    """
    text = kernel_bytes(start, end - start)
    assert len(text) == end - start, f"{len(text)} bytes of {end - start}"
    arm64 = platform.machine() == "aarch64"
    leads = _branch_leads if arm64 else _relative_leads
    found = set() if arm64 else _short_leads(text, start, target)
    for piece in range(0, len(text), _PIECE):
        # A branch of arm64 counts instructions, and has its opcode above the distance.
        highs = [struct.pack("<H", (distance >> 16) & 0xffff)
                 for at in (piece - 8, piece + _PIECE)
                 for distance in ([(target - start - at >> 2) & 0x3ffffff | opcode << 26
                                   for opcode in (0b100101, 0b000101)] if arm64
                                  else [target - start - at - 4])]
        pattern = re.compile(b"|".join(re.escape(high) for high in sorted(set(highs))))
        at = piece
        while True:
            match = pattern.search(text, at, piece + _PIECE + 4)
            if not match:
                break
            at = match.start() + 1
            site = leads(text, match.start() - 2, start, target)
            if site:
                found.add(site)
    return sorted(found)


_PIECE = 1 << 16


def _branch_leads(text, at, start, target):
    """Return (address, kind) of the branch at an offset of text, where it leads to the target."""
    if at < 0 or at % 4:
        return None
    word, = struct.unpack_from("<I", text, at)
    distance = 4 * ((word & 0x1ffffff) - (word & 0x2000000))
    if word >> 26 not in (0b100101, 0b000101) or start + at + distance != target:
        return None
    return start + at, "call" if word >> 31 else "tail"


def _relative_leads(text, at, start, target):
    """The same of x86_64, of the instruction whose distance of four bytes is there."""
    if at < 2 or at + 4 > len(text) or \
            start + at + 4 + struct.unpack_from("<i", text, at)[0] != target:
        return None
    if text[at - 1] in (0xe8, 0xe9):
        return start + at - 1, "call" if text[at - 1] == 0xe8 else "tail"
    if text[at - 2] == 0x0f and text[at - 1] >> 4 == 8:
        return start + at - 2, "tail"
    return None


def _short_leads(text, start, target):
    """Return {(address, "tail")} of the jumps of x86_64 whose distance is one byte."""
    near = range(max(0, target - start - 130), min(len(text) - 1, target - start + 128))
    return {(start + at, "tail") for at in near
            if (text[at] == 0xeb or text[at] >> 4 == 7)
            and start + at + 2 + struct.unpack_from("<b", text, at + 1)[0] == target}


def does_nothing(address, text, thunks):
    """Whether all that a function does is to return a number. x86_64 only.

    text: its first bytes, of address. thunks: the addresses of what may stand for a `ret`.
    """
    match = _DOES_NOTHING.match(text)
    if not match:
        return False
    rel = match["rel"]
    return not rel or address + match.end() + struct.unpack("<i", rel)[0] in thunks


#: padding; endbr64; ftrace's nop; xor eax,eax or mov eax,NUMBER; ret or jmp THUNK
_DOES_NOTHING = re.compile(
    rb"\x90*(\xf3\x0f\x1e\xfa)?(\x0f\x1f\x44\0\0|\x66\x66\x66\x66\x90)?"
    rb"(\x31\xc0|\xb8.{4}|\x48\xc7\xc0.{4})(\xc3|\xe9(?P<rel>.{4}))", re.DOTALL)


def _branches(start, end, target, opcode):
    found = []
    for offset, (word,) in enumerate(struct.iter_unpack("<I", kernel_bytes(start, end - start))):
        address = start + 4 * offset
        distance = 4 * ((word & 0x1ffffff) - (word & 0x2000000))
        if word >> 26 == opcode and address + distance == target:
            found.append(address)
    return found


def _relative(start, end, target, distances):
    text = kernel_bytes(start, end - start)
    found = []
    for offset in range(len(text)):
        distance = distances.get(text[offset:offset + 1])
        size = 1 + struct.calcsize(distance or "")
        if distance and offset + size <= len(text) and start + offset + size + \
                struct.unpack_from(distance, text, offset + 1)[0] == target:
            found.append(start + offset)
    return found
