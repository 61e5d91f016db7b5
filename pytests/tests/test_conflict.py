"""Others who want the target: IPMODIFY users in both orders, and kernel.ftrace_enabled."""

import contextlib
import errno
import os

import pytest

from pytests.lib import memevents, peer as peers
from pytests.lib.memevents import BANNER, BANNER_LINE, TARGET

FTRACE_ENABLED = "/proc/sys/kernel/ftrace_enabled"

IPMODIFY_OWNERS = [
    pytest.param(peers.IPMODIFY, id="ftrace"),
    pytest.param(peers.KPROBE, id="kprobe"),
    pytest.param(peers.LIVEPATCH, id="livepatch", marks=pytest.mark.livepatch),
    # A direct call that gives way to nobody: those of BPF do, from 6.1 on.
    pytest.param(peers.DIRECT, id="direct"),
]


@pytest.fixture
def owned(peer):
    """A function that has a peer take the target; skips where that peer needs no IPMODIFY."""
    def take(name):
        peer(name)
        peers.need_ipmodify(name)
    return take


@pytest.mark.parametrize("owner", IPMODIFY_OWNERS)
def test_load_is_refused(hook, owned, kernel_log, owner):
    """EBUSY at load, one line in dmesg, nothing left; with the owner gone it loads."""
    owned(owner)
    mark = kernel_log.mark()
    with memevents.expect_errno(errno.EBUSY):
        hook.load()
    lines = kernel_log.module_lines(mark)
    assert len(lines) == 1 and memevents.hooked()[0] in lines[0] and "IPMODIFY" in lines[0], lines
    assert not hook.loaded and not os.path.exists(memevents.ROOT)
    peers.unload(owner)
    assert memevents.traced() is None
    hook.load()
    assert hook.boolean("enabled")


@pytest.mark.parametrize("owner", IPMODIFY_OWNERS)
def test_switching_on_is_refused(hook, owned, kernel_log, cgroup, owner):
    """Loaded off beside the owner; `echo 1 > enabled` is EBUSY until the owner has gone."""
    owned(owner)
    with_owner = cgroup.read_events()
    hook.load(enabled=False)
    mark = kernel_log.mark()
    with hook.refuses(errno.EBUSY):
        hook.write("enabled", "1")
    lines = kernel_log.module_lines(mark)
    assert len(lines) == 1 and memevents.hooked()[0] in lines[0] and "IPMODIFY" in lines[0], lines
    assert not hook.boolean("enabled")
    reason = hook.why()[TARGET]
    for word in ("IPMODIFY", "direct call", "enabled_functions", "kprobes/list",
                 "/sys/kernel/livepatch", "bpftool"):
        assert word in reason, reason
    assert cgroup.read_events() == with_owner
    assert hook.hits() == (0, 0)

    peers.unload(owner)
    hook.write("enabled", "1")
    assert hook.boolean("enabled")
    assert hook.why()[TARGET] == "ok"
    assert cgroup.read_events().startswith(BANNER.encode())


@pytest.mark.parametrize("owner", [
    pytest.param(peers.IPMODIFY, id="ftrace"),
    # Not the kprobe: its refusal is a WARN_ONCE of the kernel's since 5.16.
    pytest.param(peers.LIVEPATCH, id="livepatch", marks=pytest.mark.livepatch),
])
def test_the_other_is_refused_while_we_hold(loaded, peer, cgroup, originals, owner):
    """EBUSY for whoever comes second, and we go on; off, we are no obstacle."""
    with memevents.expect_errno(errno.EBUSY):
        peer(owner)
    assert cgroup.read_events() == BANNER_LINE + originals[0]
    assert cgroup.read_local() == originals[1]
    loaded.write("enabled", "0")
    peer(owner)
    peers.unload(owner)
    loaded.write("enabled", "1")
    assert cgroup.read_events() == BANNER_LINE + originals[0]
    assert loaded.hits() == (2, 2)


def test_a_plain_kprobe_gets_on_with_us(loaded, peer, cgroup, originals):
    """Without a post_handler both work, in either order, and both count."""
    for _ in range(2):
        peer(peers.KPROBE, post="N")
        assert cgroup.read_events() == BANNER_LINE + originals[0]
        assert cgroup.read_local() == originals[1]
        loaded.write("enabled", "0")
        loaded.write("enabled", "1")
        assert cgroup.read_events() == BANNER_LINE + originals[0]
        assert cgroup.read_local() == originals[1]
        # Where the target is inlined, the kprobe is on one of its callers.
        assert peers.number(peers.KPROBE, "hits") == (2 if memevents.inlined() else 4)
        peers.unload(peers.KPROBE)
    assert loaded.hits() == (4, 4)
    assert loaded.hits(memevents.LOCAL_SHOW) == (4, 0)
    assert loaded.number("other_hits") == 0


@contextlib.contextmanager
def ftrace_off():
    """kernel.ftrace_enabled=0, and back; skips where this kernel refuses that to everybody."""
    try:
        memevents.write_file(FTRACE_ENABLED, "0")
    except OSError as error:
        pytest.skip(f"this kernel keeps ftrace on: {FTRACE_ENABLED}: {error}")
    try:
        yield
    finally:
        memevents.write_file(FTRACE_ENABLED, "1")


def test_ftrace_cannot_be_switched_off_under_us(loaded, cgroup, originals):
    """The redirection does not end silently: the write gets an error, and we go on."""
    try:
        with pytest.raises(OSError) as info:
            memevents.write_file(FTRACE_ENABLED, "0")
        assert memevents.read_file(FTRACE_ENABLED) == b"1\n"
    finally:
        memevents.write_file(FTRACE_ENABLED, "1")
    assert info.value.errno in (errno.EBUSY, errno.EOPNOTSUPP)
    assert cgroup.read_events() == BANNER_LINE + originals[0]
    assert loaded.why()[TARGET] == "ok"


def test_load_with_ftrace_off(hook, kernel_log):
    """Refused with EBUSY where the hook is to be on; off, it loads."""
    with ftrace_off():
        mark = kernel_log.mark()
        with memevents.expect_errno(errno.EBUSY):
            hook.load()
        lines = kernel_log.module_lines(mark)
        assert len(lines) == 1 and "ftrace_enabled" in lines[0], lines
        assert not memevents.leftovers()
        hook.load(enabled=False)
        hook.unload()
    hook.load()


def test_switching_on_with_ftrace_off(hook, cgroup, originals):
    """EBUSY, and `why` names the sysctl; once ftrace is on again it works."""
    hook.load(enabled=False)
    with ftrace_off():
        with hook.refuses(errno.EBUSY):
            hook.write("enabled", "1")
        assert "ftrace_enabled" in hook.why()[TARGET]
        assert cgroup.read_events() == originals[0]
    hook.write("enabled", "1")
    assert cgroup.read_events() == BANNER_LINE + originals[0]
    assert cgroup.read_local() == originals[1]
