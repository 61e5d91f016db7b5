"""The kernel's BTF: just enough of it to name a function to bpf()."""

import functools
import struct

from pytests.lib import memevents

_PATH = "/sys/kernel/btf/vmlinux"
_FUNC = 12

#: What stands behind a type, by its kind: bytes, and bytes for each of its members.
_BEHIND = {1: (4, 0), 3: (12, 0), 4: (0, 12), 5: (0, 12), 6: (0, 8), 13: (0, 8), 14: (4, 0),
           15: (0, 12), 17: (4, 0), 19: (0, 12)}


@functools.lru_cache(maxsize=None)
def function(name):
    """Return the number of a function's type, or None where there is no BTF or none in it.

    Raises ValueError where the BTF is not of the format this knows.
    """
    try:
        data = memevents.read_file(_PATH)
    except FileNotFoundError:
        return None
    magic, _, _, header, types, types_length, strings, strings_length = struct.unpack_from(
        "=HBBIIIII", data)
    if magic != 0xeb9f:
        raise ValueError(f"{_PATH}: magic {magic:#x}")
    text = data[header + strings:header + strings + strings_length]
    wanted = text.find(b"\0" + name.encode() + b"\0") + 1
    if not wanted:
        return None
    at, end = header + types, header + types + types_length
    number = 1
    unpack = struct.Struct("=III").unpack_from
    while at < end:
        offset, info, _ = unpack(data, at)
        kind = info >> 24 & 0x1f
        if kind == _FUNC and offset == wanted:
            return number
        fixed, each = _BEHIND.get(kind, (0, 0))
        at += 12 + fixed + each * (info & 0xffff)
        number += 1
    return None
