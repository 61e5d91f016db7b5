"""`call_sites` of a parent, parsed."""

import platform
import re

from pytests.lib import memevents

#: Bytes of a direct call.
CALL_SIZE = {"x86_64": 5, "aarch64": 4}[platform.machine()]

LINE = re.compile(r"(0x[0-9a-f]+) (\S+)\+0x([0-9a-f]+) (call|tail|probed|entry)")


def sites(hook, parent):
    """Return [(address, offset, kind)] of a parent."""
    found = []
    for line in hook.read("parents", parent, "call_sites").splitlines():
        match = LINE.fullmatch(line)
        assert match, line
        assert match.group(2) == parent
        found.append((memevents.parse_address(match.group(1)), int(match.group(3), 16),
                      match.group(4)))
    return found


def return_address(hook, parent):
    """Return the address behind the one call of a parent."""
    (address, _, kind), = sites(hook, parent)
    assert kind == "call"
    return address + CALL_SIZE
