"""`callers` against binutils: what objdump finds in the kernel's text, as it stands in memory.

The text of /proc/kcore is disassembled from end to end, once for all targets.
"""

import platform
import re
import subprocess
import tempfile

from pytests.lib import memevents, symbols as kernel_symbols
from pytests.lib.kernel_text import kernel_bytes
from pytests.lib.memevents import TARGET
from pytests.programs.boots import common

#: The module's target, and functions that many call, as those of test_callers.py.
TARGETS = (TARGET, "_dev_err", "dput")

#: What objdump calls the machine, and its mnemonics: of a call, and of jumps.
MACHINE, CALLS, JUMPS = {
    # binutils of Debian 11 says callq
    "x86_64": ("i386:x86-64", "callq?", "j[a-z]+"),
    "aarch64": ("aarch64", "bl", "b"),
}[platform.machine()]

LINE = re.compile(
    rf"\s*(?P<at>[0-9a-f]+):\t(?:(?P<call>{CALLS})|(?:{JUMPS}))(?:,p[nt])?"
    r"\s+(?:0x)?(?P<to>[0-9a-f]+)\s*")


def disassembled(bounds, wanted):
    """Return {address: [(address, kind)]}: what leads to each of the wanted addresses, ascending.

    bounds: the first byte of the text, and the one after its last.
    """
    start, end = bounds
    found = {address: [] for address in wanted}
    with tempfile.NamedTemporaryFile() as file:
        file.write(kernel_bytes(start, end - start))
        file.flush()
        with subprocess.Popen(
                ["objdump", "--disassemble-all", "--no-show-raw-insn", "--target=binary",
                 f"--architecture={MACHINE}", f"--adjust-vma={start:#x}", file.name],
                stdout=subprocess.PIPE, encoding="ascii", errors="replace") as objdump:
            # Python looks only at lines that name one of them.
            with subprocess.Popen(
                    ["grep", "-E", "|".join(f"{address:x}" for address in wanted)],
                    stdin=objdump.stdout, stdout=subprocess.PIPE, encoding="ascii") as lines:
                for line in lines.stdout:
                    match = LINE.fullmatch(line.rstrip("\n"))
                    if match and int(match["to"], 16) in found:
                        found[int(match["to"], 16)].append(
                            (int(match["at"], 16), "call" if match["call"] else "tail"))
    assert objdump.returncode == 0, f"objdump's exit code was {objdump.returncode}"
    return found


def callers(hook):
    """Return [(address, kind)] of the file's lines."""
    return [(memevents.parse_address(line.split()[0]), line.split()[2])
            for line in hook.read("callers").splitlines()]


def check():
    """All targets, each by its own module."""
    symbols = kernel_symbols.running()
    found = disassembled(symbols.bounds, [symbols.address[name] for name in TARGETS])
    any_target = memevents.hook_of("any_target")
    for name in TARGETS:
        hook = memevents.Hook() if name == TARGET else any_target
        parameters = {} if name == TARGET else {"target": name}
        with hook.session(enabled=False, **parameters):
            lines = callers(hook)
        wanted = found[symbols.address[name]]
        for address, kind in sorted(set(lines) ^ set(wanted)):
            whose = "the module" if (address, kind) in lines else "objdump"
            print(f"{name}: only {whose} finds {address:#x} {kind}", flush=True)
        common.expect(f"{name}: as many as objdump finds", len(lines), len(wanted))
        assert lines == wanted
        assert len(lines) >= 2


if __name__ == "__main__":
    check()
