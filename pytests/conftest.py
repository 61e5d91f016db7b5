"""What every test gets: a kernel looked after, a module to load, cgroups with a past."""

import os

import pytest

pytest.register_assert_rewrite("pytests.lib")

from pytests.lib import kernel_log as kernel_log_module  # noqa: E402 (the rewriting comes first)
from pytests.lib import memcg, memevents                 # noqa: E402
from pytests.lib import peer as peer_module              # noqa: E402
from pytests.lib import symbols as symbols_module        # noqa: E402
from pytests.lib import tracing                          # noqa: E402
from pytests.lib.unsupported import Unsupported          # noqa: E402

_splats = []


def pytest_sessionstart(session):
    """Tell what is missing on this machine, and what to do about it, before anything else."""
    if session.config.option.collectonly:
        return
    missing = _missing()
    if missing:
        pytest.exit(missing, 4)


def _missing():
    if os.geteuid() != 0:
        return "these tests load a module: run them as root, on a machine made for tests"
    if not os.path.isdir(os.path.join(memevents.DEBUGFS, "tracing")) and \
            not os.path.ismount(memevents.DEBUGFS):
        return f"no debugfs: mount -t debugfs none {memevents.DEBUGFS}"
    if not os.path.exists(os.path.join(memevents.TRACEFS, "enabled_functions")):
        return f"no tracefs: mount -t tracefs none {memevents.TRACEFS}"
    if not os.path.exists(memevents.KO):
        return f"no module at {memevents.KO}: run make"
    if not peer_module.built():
        return f"no modules in {peer_module.FOLDER}: make check builds them, and runs the tests"
    left = memevents.leftovers() + memevents.others_left() + peer_module.leftovers()
    if left:
        return "not a clean start (make unload first): " + "; ".join(left)
    try:
        left = memcg.leftovers()
    except memcg.NoMemoryController as error:
        return str(error)
    if left:
        return (f"a run that was killed has left cgroups in {memcg.mount_point()}; remove them, "
                "children first: " + " ".join(left))
    return None


def pytest_sessionfinish(session):
    """Remove the tests' trace; tell by the exit status that a splat has ended the session."""
    if not session.config.option.collectonly:
        tracing.remove_instance()
    if _splats:
        session.exitstatus = kernel_log_module.EXIT_SPLAT


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(call):
    """Skip a test for which the running kernel lacks something."""
    if call.excinfo and isinstance(call.excinfo.value, Unsupported):
        with pytest.raises(pytest.skip.Exception) as skipped:
            pytest.skip(str(call.excinfo.value))
        call.excinfo = skipped


class _Watch:
    """The kernel's log and its taint, from one look to the next: nothing is between two looks."""

    def __init__(self, request):
        self._session = request.session
        self._taint = kernel_log_module.taint()
        self.log = kernel_log_module.KernelLog()

    def look(self, ignored=kernel_log_module.TAINT_MODULE, may_warn=()):
        """Fail where the log has had a splat or an address, or the taint has changed, since.

        Args:
            ignored: bits of the taint that may change.
            may_warn: functions that may WARN().
        """
        try:
            mark = self.log.mark()
            splats, addresses = self.log.splats(may_warn), self.log.addresses()
            self.log.forget(mark)
        except kernel_log_module.LogLost as error:
            self.log.close()
            self.log = kernel_log_module.KernelLog()
            pytest.fail(f"the kernel log cannot be vouched for: {error}", pytrace=False)
        before, self._taint = self._taint, kernel_log_module.taint()
        news = (self._taint ^ before) & ~ignored
        if news:
            splats.append(f"taint changed by {news:#x}")
        if splats:
            # what a kernel says after a splat is worth nothing
            _splats.extend(splats)
            self._session.shouldstop = f"splat: {splats[0]}"
            pytest.fail("the kernel log has a splat:\n" + "\n".join(splats), pytrace=False)
        assert not addresses, "addresses in the kernel log:\n" + "\n".join(addresses)


@pytest.fixture(scope="session")
def _watch(request):
    """What is between two tests is looked at with the second, and what is behind the last here."""
    watch = _Watch(request)
    yield watch
    try:
        watch.look()
    finally:
        watch.log.close()


@pytest.fixture(autouse=True)
def kernel_log(request, _watch):
    """The kernel's log since the last test. At the end it and the taint are looked at."""
    ignored = kernel_log_module.TAINT_MODULE
    if request.node.get_closest_marker("livepatch"):
        ignored |= kernel_log_module.TAINT_LIVEPATCH
    expected = request.node.get_closest_marker("kernel_warns")
    if expected:
        ignored |= kernel_log_module.TAINT_WARN
    yield _watch.log
    _watch.look(ignored, expected.args if expected else ())


@pytest.fixture(autouse=True)
def nothing_left(kernel_log):
    """After each test: no module, debugfs tree, filter or peer, and no cgroup but the session's.

    What is found is taken away where that is possible, so that the tests to
    come are judged for their own faults.
    """
    yield
    left = memevents.leftovers() + memevents.others_left() + peer_module.leftovers()
    left += [f"cgroup {name}" for name in memcg.leftovers() if name != _session_cgroup()]
    peer_module.unload_all()
    memevents.close_files()
    if memevents.module_loaded(memevents.MODULE):
        memevents.Hook().unload()
    for name in memevents.others_left():
        memevents.rmmod(name)
    assert not left, "the test left behind: " + "; ".join(left)


def _session_cgroup():
    return f"{memcg.PREFIX}{os.getpid()}"


@pytest.fixture(scope="session")
def _pressed():
    try:
        with memcg.pressed() as pair:
            yield pair
    except memcg.NoMemoryController as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def cgroup(_pressed):
    """A cgroup that was pushed over its limits until the kernel killed in it."""
    return _pressed[1]


@pytest.fixture(scope="session")
def parent_cgroup(_pressed):
    """The parent of `cgroup`: its memory.events has figures, its memory.events.local zeros."""
    return _pressed[0]


@pytest.fixture
def sibling(parent_cgroup):
    """A cgroup beside `cgroup`, without a past, that no task is in."""
    with memcg.below(parent_cgroup, "sibling") as sibling:
        yield sibling


@pytest.fixture(scope="session")
def originals(cgroup):
    """What the running kernel itself prints: (memory.events, memory.events.local) of `cgroup`."""
    assert memevents.traced() is None, memevents.traced()
    return cgroup.read_events(), cgroup.read_local()


@pytest.fixture
def files(cgroup, originals):
    """Both files for Readers: the switch decides about memory.events alone."""
    events, local = originals
    return [(cgroup.events, {0: events, 1: memevents.BANNER_LINE + events}),
            (cgroup.local, {0: local, 1: local})]


@pytest.fixture(scope="session")
def symbols():
    """The running kernel's symbols; made for the first test that asks."""
    return symbols_module.running()


@pytest.fixture
def hook(parent_cgroup, originals):
    """The module, not loaded. Unloaded after the test, and nothing of it may stay.

    Where systemd runs it is loaded with the tests' own cgroups as its scope: a run that is killed
    leaves the files that systemd reads as they are, too.
    """
    with_systemd = os.path.isdir("/run/systemd/system")
    hook = memevents.Hook(guard=parent_cgroup.path if with_systemd else None)
    yield hook
    memevents.close_files()
    if hook.loaded:
        hook.unload()
    left = memevents.leftovers()
    assert not left, "after unloading: " + "; ".join(left)


@pytest.fixture
def loaded(hook):
    """The module, loaded with its defaults."""
    hook.load()
    return hook


@pytest.fixture
def unguarded(hook):
    """For tests of the scope and what shows it: it is empty where nobody sets it."""
    hook.guard = None


@pytest.fixture
def calls():
    """For tests about calls of the target: skips where the compiler inlined it into its callers."""
    memevents.need_calls()


@pytest.fixture
def any_target(originals):
    """The engine on a target that the parameter `target` names, not loaded; to observe with."""
    hook = memevents.hook_of("any_target")
    yield hook
    if hook.loaded:
        hook.unload()


@pytest.fixture
def slow_target(originals):
    """The engine on the module's own target with a slow replacement, not loaded."""
    hook = memevents.hook_of("slow_target")
    yield hook
    if hook.loaded:
        hook.unload()


@pytest.fixture
def peer():
    """A function that loads one of the modules in kmods/peers/; all are unloaded after the test."""
    yield peer_module.load
    peer_module.unload_all()
