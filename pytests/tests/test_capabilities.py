"""Who may see what: addresses are for CAP_SYSLOG, the files for root."""

import errno
import os
import re

import pytest

from pytests.lib import capabilities, memevents, peer as peers
from pytests.lib.memevents import SHOW
from pytests.lib.stats import check_format

KPTR_RESTRICT = "/proc/sys/kernel/kptr_restrict"


def files():
    """Return those that show addresses: `target` has none where the compiler inlined it."""
    parent = [f"parents/{SHOW}/range", f"parents/{SHOW}/call_sites"]
    return ["stats", "callers", *parent, *([] if memevents.inlined() else ["target"])]


def lessen():
    """Give up CAP_SYSLOG: what is left is a root that must not see addresses."""
    capabilities.drop(capabilities.CAP_SYSLOG)


def addresses(text):
    """Return all addresses in a text: what stands on its own or after a `-` or `=`."""
    return re.findall(r"(?<![+/\w])0x[0-9a-f]+", text)


def test_root_with_cap_syslog(loaded):
    """Sees true addresses."""
    for name in files():
        found = addresses(loaded.read(name))
        assert found and all(int(address, 16) > 1 << 32 for address in found)


def test_root_without_cap_syslog(loaded):
    """Sees 0x0 in their place, and everything else as it is."""
    for name in files():
        full = loaded.read(name)
        text = capabilities.in_child(lessen, lambda: loaded.read(name))
        assert addresses(text) == ["0x0"] * len(addresses(full))
        words = [word for word in full.split() if not addresses(word)]
        assert [word for word in text.split() if not addresses(word)] == words


def test_root_of_a_user_namespace(loaded):
    """It has CAP_SYSLOG there, which is not enough."""
    for name in files():
        text = capabilities.in_child(capabilities.become_root_of_a_namespace,
                                     lambda: loaded.read(name))
        assert set(addresses(text)) == {"0x0"}


@pytest.mark.parametrize("restrict", [b"0", b"2"])
def test_kptr_restrict(loaded, restrict):
    """It hides no address from who may see them, and shows none to others."""
    full = {name: loaded.read(name) for name in files()}
    before = memevents.read_file(KPTR_RESTRICT)
    memevents.write_file(KPTR_RESTRICT, restrict)
    try:
        assert {name: loaded.read(name) for name in files()} == full
        text = capabilities.in_child(lessen, lambda: loaded.read("stats"))
    finally:
        memevents.write_file(KPTR_RESTRICT, before)
    assert set(addresses(text)) == {"0x0"}


def test_a_bare_address_is_an_address_too(hook, peer):
    """`other_last` has one where the caller's module has gone."""
    # While anything is hooked, ftrace keeps the names of a module's init code that is freed, and
    # the next module may get its place: loaded off, for that place to have no name afterwards.
    hook.load(enabled=False)
    peer(peers.CALLER)
    hook.write("enabled", "1")
    memevents.read_file(peers.CALLED)
    peers.unload(peers.CALLER)
    assert memevents.parse_address(hook.read("other_last").rstrip("\n")) > 1 << 32
    assert capabilities.in_child(lessen, lambda: hook.read("other_last")) == "0x0\n"


def test_the_openers_rights_count(loaded):
    """Opened with the capability and read without, and the other way round."""
    for name in files():
        full = loaded.read(name)
        fd = os.open(loaded.path(name), os.O_RDONLY)
        assert capabilities.in_child(lessen, lambda: os.read(fd, 65536).decode()) == full
        os.close(fd)

        fd = capabilities.opened_by(lessen, loaded.path(name))
        text = os.read(fd, 65536).decode()
        os.close(fd)
        assert set(addresses(text)) == {"0x0"}


def test_stats_keep_their_form_without_addresses(loaded):
    """A reader of stats need not know."""
    stats = check_format(capabilities.in_child(lessen, lambda: loaded.read("stats")))
    assert stats[SHOW][1:3] == (0, 0)


def test_an_ordinary_user_can_open_nothing(loaded):
    """Not even when handed the folder: each file's own mode says no."""
    names = sorted(loaded.tree())
    folder = os.open(memevents.ROOT, os.O_PATH | os.O_DIRECTORY)

    def try_all():
        opened = []
        for name in names:
            for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
                try:
                    os.close(os.open(name, flags, dir_fd=folder))
                    opened.append(name)
                except OSError as error:
                    assert error.errno in (errno.EACCES, errno.EPERM), (name, error)
        return opened
    assert capabilities.in_child(capabilities.become_nobody, try_all) == "[]"
    os.close(folder)
