"""No memory is left behind: kmemleak finds nothing after unloading. Needs a debug kernel."""

import errno

import pytest

from pytests.lib import kmemleak
from pytests.lib.memevents import LOCAL_SHOW, SHOW, insmod


@pytest.fixture(autouse=True)
def can_tell():
    """Skips where the kernel has no kmemleak."""
    why_not = kmemleak.why_not()
    if why_not:
        pytest.skip(why_not)


def use_everything(hook, cgroup, names):
    """Read and write every file there is, refused writes included."""
    for name in names:
        hook.write("add_parent", name)
        hook.write(f"parents/{name}/redirect", "1")
    for name, mode in hook.tree().items():
        if mode & 0o400:
            hook.read(name)
    for path in (cgroup.path, "/", ""):
        for name in ("only", "readers"):
            hook.write(name, path)
    hook.write(f"parents/{SHOW}/times", "3")
    with hook.writer("hold") as hold:
        hold(b"1")
    for name in ("enabled", "banner", "add_parent", "remove_parent", "reset", "only", "readers",
                 "hold", f"parents/{SHOW}/redirect", f"parents/{SHOW}/times"):
        for data in (b"\0", b"x" * 5000, b"no such thing" * 40, b""):
            try:
                hook.write(name, data)
            except OSError as error:
                assert error.errno != errno.ENOMEM
    for value in "010":
        hook.write("enabled", value)
        hook.write("banner", value * 100)
        cgroup.read_events()
        cgroup.read_local()
    for name in names[1:]:
        hook.write("remove_parent", name)
    hook.write("remove_parent", LOCAL_SHOW)
    hook.write("reset", "1")


def test_nothing_is_lost_after_unloading(hook, cgroup, symbols):
    """Loads that work and loads that fail, every file used: it all comes back."""
    names = symbols.some(10)
    with kmemleak.nothing_lost():
        for _ in range(3):
            hook.load()
            use_everything(hook, cgroup, names)
            hook.unload()
            # Given twice, the last stands.
            insmod(hook.ko, f"redirect={names[0]} redirect={SHOW}")
            assert hook.loaded
            hook.unload()
            for parameters in ({"redirect": "no_such_symbol"}, {"observe": [names[0], names[0]]},
                               {"enabled": "foo"}, {"only": "/", "readers": "/nothing"}):
                try:
                    hook.load(**parameters)
                except OSError:
                    pass
                assert not hook.loaded


def test_nothing_is_lost_while_loaded(hook, cgroup, symbols):
    """Parents and banners that come and go take their memory with them."""
    names = symbols.some(10)
    with kmemleak.nothing_lost():
        hook.load()
        for _ in range(3):
            use_everything(hook, cgroup, names)
            hook.write("remove_parent", names[0])
            hook.write("add_parent", LOCAL_SHOW)
