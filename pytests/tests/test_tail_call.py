"""A caller that jumps to the target: what is said of it, and where its calls are counted.

The kernel's own callers of the real target all come back from it, so the engine is put on other
functions.
"""

import collections
import platform
import struct

import pytest

from pytests.lib import memevents, visitors
from pytests.lib.call_sites import sites
from pytests.lib.kernel_text import direct_jumps, kernel_bytes
from pytests.lib.symbols import blacklist, traceable

Route = collections.namedtuple("Route", "target jumps calls_it file")
Route.__doc__ = "Reading the file has calls_it call jumps, which ends by jumping to the target."

ROUTES = (
    Route("mounts_open_common", "mountinfo_open", "do_dentry_open", "/proc/self/mountinfo"),
    # With frame pointers the compiler makes no tail calls. But of two functions that turned out
    # the same it keeps one, and of the other a jump there.
    Route("thread_siblings_read", "core_cpus_read", "sysfs_kf_bin_read",
          "/sys/devices/system/cpu/cpu0/topology/core_cpus"),
)

#: Where two bytes are enough to jump from one function to the other: (caller, target). Beside
#: these there are those that were split in two.
SHORT_JUMPS = (("audit_log_untrustedstring", "audit_log_n_untrustedstring"),)


def is_call(text):
    """Whether an instruction is a call, direct or through a register or memory."""
    if platform.machine() == "aarch64":
        word, = struct.unpack_from("<I", text)
        return word >> 26 == 0b100101 or word & 0xfffffc1f == 0xd63f0000
    # Prefixes: one that says which registers are meant, one that only fills.
    text = text[text[0] & 0xf0 == 0x40 or text[0] == 0x2e:]
    return text[0] == 0xe8 or text[0] == 0xff and text[1] >> 3 & 7 == 2


@pytest.fixture
def route(symbols):
    """A route that this kernel has; skips where it has none."""
    for route in ROUTES:
        if {route.target, route.jumps} <= symbols.names and \
                direct_jumps(*symbols.range_of(route.jumps), symbols.address[route.target]):
            return route
    pytest.skip("in this kernel none of the functions known for it ends by a jump to another")


@pytest.fixture
def hook(any_target, route):
    """The engine on the route's target; the function that jumps there is observed."""
    with any_target.session(target=route.target, observe=route.jumps) as hook:
        yield hook


def test_call_sites(hook, route):
    """A line with `tail`, at the very jump."""
    (address, offset, kind), = sites(hook, route.jumps)
    row = hook.stats()[route.jumps]
    assert kind == "tail"
    assert address == row.start + offset < row.end
    target = memevents.parse_address(hook.read("target").split()[1])
    assert direct_jumps(row.start, row.end, target) == [address]


def test_why(hook, route):
    """Why its counter stands still, in the words of the manual."""
    assert "tail call only: the caller's address is not on the stack" in hook.why()[route.jumps]
    assert "no direct call" not in hook.why()[route.jumps]


def test_counts_for_the_callers_caller(hook, route, symbols):
    """The call is that one's which the target returns to; in no list, it is named in full."""
    before = hook.number("other_hits")
    for count in range(1, 4):
        memevents.read_file(route.file)
        # Others may read such files too.
        assert hook.number("other_hits") >= before + count
    assert hook.hits(route.jumps) == (0, 0)
    name, _, place = hook.read("other_last").partition("+")
    assert name == route.calls_it
    # The call that leads to the jump, through a pointer: not one of the target.
    start, _ = symbols.range_of(name)
    assert is_call(kernel_bytes(start + int(place.split("/")[0], 16), 8))


def test_the_callers_caller_as_a_parent(hook, route):
    """Listed, it has the hits, though it has no direct call: the ranges decide."""
    hook.write("add_parent", route.calls_it)
    assert "no direct call" in hook.why()[route.calls_it]
    others = hook.number("other_hits")
    memevents.read_file(route.file)
    assert hook.hits(route.calls_it)[0] >= 1 and hook.hits(route.calls_it)[1] == 0
    assert hook.hits(route.jumps) == (0, 0)
    assert hook.number("other_hits") == others


@pytest.mark.parametrize("other, trampoline", [
    pytest.param(lambda route: visitors.probe(("r", route.jumps)), "trampoline", id="kretprobe"),
    pytest.param(lambda route: visitors.tracer("function_graph", only=route.jumps),
                 "return_to_handler", id="function_graph"),
])
def test_a_trampoline_as_the_caller(hook, route, other, trampoline):
    """Who has put it in the return address's place has it returned to: no call stands before it."""
    with other(route):
        memevents.read_file(route.file)
        name, _, place = hook.read("other_last").partition("+")
    assert trampoline in name and place.startswith("0x0/"), (name, place)
    assert "tracer of returns" in hook.why()[route.jumps]


def test_a_probed_jump(hook, route):
    """Under a kprobe a jump looks as a call would: kprobes knows which it is."""
    if platform.machine() != "x86_64":
        pytest.skip("elsewhere a kprobe leaves nothing of the instruction to be read")
    (address, offset, _), = sites(hook, route.jumps)
    if kernel_bytes(address, 1) == b"\xeb":
        pytest.skip("a jump of two bytes: a call has five, so it does not look as one would")
    with visitors.probe(("p", f"{route.jumps}+{offset}")):
        hook.write("remove_parent", route.jumps)
        hook.write("add_parent", route.jumps)
        assert sites(hook, route.jumps) == [(address, offset, "tail")]
        assert "tail call only" in hook.why()[route.jumps]
    hook.write("remove_parent", route.jumps)
    hook.write("add_parent", route.jumps)
    assert sites(hook, route.jumps) == [(address, offset, "tail")]


def test_a_short_jump(any_target, symbols):
    """A jump of two bytes is found as one of five is."""
    split = [(name.partition(".part.")[0], name) for name in sorted(symbols.names)
             if ".part." in name]
    known = set(traceable()) - blacklist()
    for caller, target in (*SHORT_JUMPS, *split):
        if target in known and symbols.count[target] == symbols.count[caller] == 1 and \
                caller not in blacklist():
            jumps = direct_jumps(*symbols.range_of(caller), symbols.address[target])
            if len(jumps) == 1 and kernel_bytes(jumps[0], 1) == b"\xeb":
                break
    else:
        pytest.skip("no function of this kernel is known to jump to another by two bytes")
    with any_target.session(target=target, observe=caller) as hook:
        start, _ = symbols.range_of(caller)
        assert sites(hook, caller) == [(jumps[0], jumps[0] - start, "tail")]
        assert "tail call only" in hook.why()[caller]
