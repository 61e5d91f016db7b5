"""Several processes write all the files at once: no command disturbs another."""

import errno
import multiprocessing
import random
import subprocess

import pytest

from pytests.lib import memevents, scale
from pytests.lib.memevents import LOCAL_SHOW, SHOW
from pytests.lib.readers import Readers

#: What a command may meet because another has come first.
OVERTAKEN = {
    "add_parent": {errno.EEXIST},
    "remove_parent": {errno.ENOENT},
    # The directory is gone, or goes just now.
    "redirect": {errno.ENOENT, errno.EIO},
}


def command(chance, names):
    """Return a random (file, data)."""
    name = chance.choice(names)
    return chance.choice([
        ("add_parent", name), ("add_parent", name), ("remove_parent", name),
        (f"parents/{name}/redirect", chance.choice("01")),
        (f"parents/{SHOW}/redirect", chance.choice("01")),
        ("reset", "1"),
        ("banner", chance.choice(["", "a", "b" * 127])),
        ("enabled", chance.choice("0111111")),
    ])


def write_at_random(hook, seed, names, count):
    """Issue commands, and read everything now and then; raises what should not be."""
    chance = random.Random(seed)
    for number in range(count):
        name, data = command(chance, names)
        try:
            hook.write(name, data)
        except OSError as error:
            if error.errno not in OVERTAKEN.get(name.split("/")[-1], ()):
                raise
        if number % 8 == 0:
            hook.stats()
            for file in ("why", "banner", "target", "other_last", "other_hits", "enabled"):
                hook.read(file)


def test_everybody_at_once(loaded, cgroup, originals, symbols):
    """Afterwards the tree, stats and `why` agree, and routing is as the files say."""
    names = symbols.some(6)
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=write_at_random,
                            args=(loaded, seed, names, scale.WRITES_AT_ONCE)) for seed in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(scale.DEADLINE * 5)
    stuck = [writer.pid for writer in writers if writer.is_alive()]
    for writer in writers:
        writer.kill()
        writer.join()
    assert not stuck, f"a writer does not come to its end: {stuck}"
    assert [writer.exitcode for writer in writers] == [0] * len(writers)

    listed = loaded.parents()
    assert {SHOW, LOCAL_SHOW} <= listed <= {SHOW, LOCAL_SHOW} | set(names)
    assert set(loaded.stats()) == listed | {"[other]"}
    assert set(loaded.why()) == listed | {memevents.TARGET}
    loaded.write("enabled", "1")
    loaded.write("banner", "after all")
    loaded.write(f"parents/{SHOW}/redirect", "1")
    loaded.write("reset", "1")
    assert cgroup.read_events() == b"after all\n" + originals[0]
    assert cgroup.read_local() == originals[1]
    assert loaded.hits() == (1, 1)


#: As long as it can: add and remove a parent ($1), and reset.
CHANGE = 'while :; do echo "$1" > add_parent; echo 1 > reset; echo "$1" > remove_parent; done'


# rmmod takes the module's last reference before it marks the module as going, and debugfs warns of
# an open between the two. What was not cleaned up would be a leftover.
@pytest.mark.kernel_warns("full_proxy_open", "full_proxy_open_regular", "full_proxy_open_short")
def test_unload_under_writers(hook, files, symbols):
    """rmmod comes between two writes, with readers in the replacement: it is busy, or it goes."""
    name = next(symbols.listable())

    def gone():
        try:
            hook.unload()
        except OSError as error:
            assert error.errno in (errno.EAGAIN, errno.EBUSY), error
            return False
        return True

    for _ in range(3):
        hook.load()
        with subprocess.Popen(["sh", "-c", CHANGE, "sh", name], cwd=hook.root,
                              stderr=subprocess.DEVNULL) as writer:
            try:
                with Readers(files) as readers:
                    memevents.wait_for(lambda: name in hook.stats(), f"{name} in the list")
                    readers.switch.flip(0, lambda: memevents.wait_for(gone, "the unload"))
                    readers.wait_reads(2)
            finally:
                writer.kill()
        assert not memevents.leftovers()
