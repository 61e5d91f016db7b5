"""The kernel's text, read as it stands in memory."""

import os
import struct

import pytest


def kernel_bytes(address, size):
    """Return bytes of the kernel's text by /proc/kcore; skips where there is none."""
    try:
        fd = os.open("/proc/kcore", os.O_RDONLY)
    except OSError as error:
        pytest.skip(f"/proc/kcore cannot be read: {error}")
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
