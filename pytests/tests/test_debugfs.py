"""The debugfs tree: names, modes, owners, what can be opened how, and counters' files."""

import errno
import os
import re
import stat

import pytest

from pytests.lib import memevents
from pytests.lib.memevents import LOCAL_SHOW, SHOW, TARGET


def files_of(*parents):
    """Return {path: mode} of the whole tree with these parents listed."""
    files = dict(memevents.FILES)
    for parent in parents:
        files.update({f"parents/{parent}/{name}": mode
                      for name, mode in memevents.PARENT_FILES.items()})
    return files


def test_names_and_modes(loaded):
    """Exactly the manual's files, with its modes."""
    assert loaded.tree() == files_of(SHOW, LOCAL_SHOW)


def test_owned_by_root(loaded):
    """Every file and folder is root's; no folder can be written by others."""
    for folder, _, names in os.walk(memevents.ROOT):
        for path in [folder] + [os.path.join(folder, name) for name in names]:
            status = os.stat(path)
            assert (status.st_uid, status.st_gid) == (0, 0), path
            assert not stat.S_IMODE(status.st_mode) & 0o022, path


def test_a_counter_cannot_be_written_nor_a_command_read(loaded):
    """Each file refuses the other direction, and nothing changes."""
    before = loaded.state()
    for name, mode in files_of(SHOW).items():
        if mode == 0o400:
            for data in ("0", ""):
                with memevents.expect_errno(errno.EINVAL, name):
                    memevents.write_file(loaded.path(name), data)
        elif mode == 0o200:
            with memevents.expect_errno(errno.EINVAL, name):
                loaded.read(name)
    assert loaded.state() == before


@pytest.mark.usefixtures("calls")
def test_target(loaded, symbols):
    """SYMBOL START END, as the kernel's symbol table has them."""
    match = re.fullmatch(r"(\S+) (0x[0-9a-f]+) (0x[0-9a-f]+)\n", loaded.read("target"))
    assert match
    symbol, start, end = match.groups()
    assert symbol == TARGET
    assert (int(start, 16), int(end, 16)) == symbols.range_of(TARGET)


def test_range(loaded, symbols):
    """START END, as the kernel's symbol table has them, and as stats says."""
    for parent in (SHOW, LOCAL_SHOW):
        match = re.fullmatch(r"(0x[0-9a-f]+) (0x[0-9a-f]+)\n",
                             loaded.read("parents", parent, "range"))
        assert match
        numbers = tuple(int(text, 16) for text in match.groups())
        assert numbers == symbols.range_of(parent)
        assert numbers == loaded.stats()[parent][1:3]


@pytest.mark.parametrize("name", ["stats", "why", "callers", f"parents/{SHOW}/range", "only"])
def test_a_file_in_small_pieces(loaded, cgroup, name):
    """Reading a few bytes at a time gives the same text."""
    loaded.write("only", cgroup.path)
    whole = loaded.read(name)
    assert len(whole) > 11
    fd = os.open(loaded.path(name), os.O_RDONLY)
    pieces = []
    while True:
        piece = os.read(fd, 11)
        if not piece:
            break
        pieces.append(piece.decode())
    assert "".join(pieces) == whole
    assert os.pread(fd, 5, 3).decode() == whole[3:8]
    os.close(fd)


def test_an_open_file_pins_the_module(loaded):
    """rmmod is refused while one of the files is open, whichever; afterwards it goes."""
    for name, mode in files_of(SHOW).items():
        fd = os.open(loaded.path(name), os.O_WRONLY if mode == 0o200 else os.O_RDONLY)
        with memevents.expect_errno(errno.EAGAIN):
            loaded.unload()
        os.close(fd)
    assert loaded.tree() == files_of(SHOW, LOCAL_SHOW)
    loaded.unload()


def test_an_open_file_of_a_removed_parent(loaded):
    """It reads no more, instead of telling of memory that is gone; a write is refused."""
    names = tuple(memevents.PARENT_FILES)
    fds = [os.open(loaded.path("parents", SHOW, name), os.O_RDONLY) for name in names]
    fds.append(os.open(loaded.path("parents", SHOW, "redirect"), os.O_WRONLY))
    loaded.write("remove_parent", SHOW)
    for fd in fds[:-1]:
        with memevents.expect_errno(errno.EIO):
            os.read(fd, 100)
    with memevents.expect_errno(errno.EIO):
        os.write(fds[-1], b"1")
    for fd in fds:
        os.close(fd)
    assert loaded.parents() == {LOCAL_SHOW}


def test_rmmod_takes_everything_away(loaded, cgroup, originals):
    """No folder, no entry, and the kernel's own output is back."""
    cgroup.read_events()
    loaded.unload()
    assert not os.path.exists(memevents.ROOT)
    assert memevents.traced() is None
    assert not loaded.loaded
    assert (cgroup.read_events(), cgroup.read_local()) == originals


def test_loads_again_with_counters_at_zero(loaded, cgroup):
    """Counters and banner start anew after a reload."""
    cgroup.read_events()
    loaded.write("banner", "first load")
    loaded.unload()
    loaded.load()
    assert loaded.hits() == (0, 0)
    assert loaded.read("banner") == memevents.BANNER + "\n"
