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
