"""`only` and `readers`: whose files are redirected, and for whom."""

import ctypes
import errno
import os

import pytest

from pytests.lib import capabilities, memcg, memevents
from pytests.lib.memevents import BANNER_LINE, LOCAL_SHOW, SHOW, TARGET
from pytests.lib.stats import check_format, headings

pytestmark = pytest.mark.usefixtures("unguarded")

FILES = ("only", "readers")
CLONE_NEWCGROUP = 0x02000000

_libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def group(parent_cgroup):
    """Cgroups for readers: (group, one below it)."""
    with memcg.below(parent_cgroup, "group") as group, memcg.below(group, "member") as member:
        yield group, member


def redirected(cgroup):
    """Whether a read of memory.events is redirected; its lines are the kernel's in any case."""
    text = cgroup.read_events()
    banner = text.startswith(BANNER_LINE)
    assert memcg.parse(text[banner * len(BANNER_LINE):].decode())
    return banner


def read_in(group, cgroup):
    """Whether a read of a cgroup's file by a task in group is redirected."""
    return capabilities.in_child(group.enter, lambda: redirected(cgroup)) == "True"


def own_namespace():
    """Have this process be in a cgroup namespace of its own."""
    if _libc.unshare(CLONE_NEWCGROUP):
        raise OSError(ctypes.get_errno(), "unshare")


# What is redirected

def test_only(loaded, cgroup, parent_cgroup, sibling, originals):
    """A cgroup's calls and those of the ones below it; what is outside is counted."""
    cgroups = (parent_cgroup, cgroup, sibling)
    for path, wanted in (("", (True, True, True)), ("/", (True, True, True)),
                         (parent_cgroup.path, (True, True, True)),
                         (cgroup.path, (False, True, False)),
                         (sibling.path, (False, False, True)), ("", (True, True, True))):
        loaded.write("reset", "1")
        loaded.write("only", path)
        assert tuple(redirected(each) for each in cgroups) == wanted, path
        assert loaded.hits() == (3, sum(wanted)), path
        assert cgroup.read_local() == originals[1]
        assert loaded.hits(LOCAL_SHOW) == (1, 0)
    assert loaded.number("other_hits") == 0


def test_only_whichever_parent(loaded, cgroup, sibling, originals):
    """The scope is that of every redirected parent."""
    loaded.write(f"parents/{LOCAL_SHOW}/redirect", "1")
    loaded.write("only", sibling.path)
    assert (cgroup.read_events(), cgroup.read_local()) == originals
    assert sibling.read_local().startswith(BANNER_LINE)
    loaded.write("only", cgroup.path)
    assert cgroup.read_events() == BANNER_LINE + originals[0]
    assert cgroup.read_local() == BANNER_LINE + originals[1]
    assert not sibling.read_local().startswith(BANNER_LINE)
    assert loaded.hits(LOCAL_SHOW) == (4, 2)


def test_readers(loaded, cgroup, group, sibling):
    """Tasks of a cgroup and of the ones below it, whatever they read."""
    group, member = group
    loaded.write("readers", group.path)
    assert read_in(group, cgroup) and read_in(member, cgroup) and read_in(member, sibling)
    assert not read_in(sibling, cgroup) and not redirected(cgroup)
    loaded.write("readers", member.path)
    assert read_in(member, cgroup) and not read_in(group, cgroup)
    loaded.write("readers", "")
    assert read_in(sibling, cgroup) and redirected(cgroup)
    assert loaded.hits() == (9, 6)


def test_a_reader_that_moves(loaded, cgroup, group, sibling):
    """It is in scope where it is when it reads, wherever it opened the file."""
    group, member = group

    def read():
        """Read through one open file, in and out."""
        fd = os.open(cgroup.events, os.O_RDONLY)
        seen = []
        for place in (member, sibling, group):
            place.enter()
            seen.append(os.pread(fd, memcg.PAGE, 0).startswith(BANNER_LINE))
        return seen
    loaded.write("readers", group.path)
    assert capabilities.in_child(sibling.enter, read) == "[True, False, True]"


def test_all_narrow_together(loaded, cgroup, group, sibling):
    """Redirected is a call of a parent that redirects, in both scopes, with times left."""
    group, member = group
    times = f"parents/{SHOW}/times"
    loaded.write("only", cgroup.path)
    loaded.write("readers", group.path)
    loaded.write(times, "2")
    assert not redirected(cgroup) and not read_in(member, sibling) and not redirected(sibling)
    loaded.write(f"parents/{SHOW}/redirect", "0")
    assert not read_in(member, cgroup)
    loaded.write(f"parents/{SHOW}/redirect", "1")
    assert loaded.read(times) == "2\n"
    assert [read_in(member, cgroup) for _ in range(3)] == [True, True, False]
    assert not read_in(member, sibling)
    loaded.write(times, "-1")
    assert read_in(member, cgroup)
    assert loaded.hits() == (9, 3)


# What the files take

@pytest.mark.parametrize("name", FILES)
def test_paths(loaded, parent_cgroup, name):
    """As they are, up to one newline; they read back as /proc/PID/cgroup shows the cgroup."""
    for component in ("x", " a  b ", "\u00e9", "#", "%s", "x" * 255, "(deleted)"):
        with memcg.below(parent_cgroup, component) as below:
            shown = capabilities.in_child(below.enter, memcg.own_path)
            assert shown == below.path
            for path in (shown, shown + "\n", shown + "/", shown + "/\n",
                         shown.replace("/", "//")):
                loaded.write(name, "\n")
                loaded.write(name, path.encode())
                assert loaded.read(name) == shown + "\n", path
                check_format(loaded.read("stats"))
    loaded.write(name, "/\n")
    assert loaded.read(name) == "/\n"
    for empty in ("", "\n"):
        loaded.write(name, "/")
        loaded.write(name, empty)
        assert loaded.read(name) == "\n"


def path_of(length):
    """Return a path of that many bytes whose components are short."""
    return ("/" + "x" * 99) * (length // 100) + ("/" + "x" * (length % 100 - 1)
                                                 if length % 100 else "")


REFUSED = [
    (errno.EINVAL, b"task"), (errno.EINVAL, b" /"), (errno.EINVAL, b"."), (errno.EINVAL, b"\0"),
    (errno.EINVAL, b"/\0"), (errno.EINVAL, b"/\0\n"), (errno.EINVAL, b"\n\n"),
    (errno.EINVAL, b"/\n\n"), (errno.EINVAL, b"/a\nb"), (errno.EINVAL, b"/a\tb"),
    (errno.EINVAL, b"/\x7f"), (errno.EINVAL, b"/\x01"), (errno.EINVAL, b"\xff/"),
    (errno.ENOENT, b"/no such cgroup"), (errno.ENOENT, b"/ "), (errno.ENOENT, b"/."),
    (errno.ENOENT, b"/.."), (errno.ENOENT, b"/cgroup.procs"), (errno.ENOENT, b"/\xff"),
    (errno.ENOENT, b"/" + b"x" * 255), (errno.ENOENT, path_of(4095).encode()),
    (errno.ENOENT, path_of(4095).encode() + b"\n"),
    (errno.ENAMETOOLONG, b"/" + b"x" * 256), (errno.ENAMETOOLONG, b"/" + b"x" * 256 + b"/y"),
    (errno.ENAMETOOLONG, path_of(4096).encode()),
    (errno.ENAMETOOLONG, path_of(4096).encode() + b"\n"),
    (errno.ENAMETOOLONG, path_of(65536).encode()),
]


@pytest.mark.parametrize("name", FILES)
def test_refused(loaded, cgroup, name):
    """No path, no cgroup, too long: the old scope stays."""
    assert (len(path_of(4095)), len(path_of(4096))) == (4095, 4096)
    loaded.write(name, cgroup.path)
    cgroup.read_events()
    files = [os.path.join(cgroup.path, file).encode()
             for file in ("memory.events", "cgroup.procs", "nothing")]
    for number, data in REFUSED + [(errno.ENOENT, file) for file in files]:
        with loaded.refuses(number, repr(data[:40])):
            loaded.write(name, data)


@pytest.mark.parametrize("name", FILES)
def test_refused_in_a_namespace(loaded, cgroup, name):
    """There a path may mean another cgroup: EPERM, for whatever path."""
    loaded.write(name, cgroup.path)
    for path in (cgroup.path, "/"):
        with loaded.refuses(errno.EPERM, path):
            number = capabilities.in_child(own_namespace, lambda: errno_of(loaded, name, path))
            raise OSError(int(number), path)


def errno_of(hook, name, data):
    """Return the errno of a write, 0 where it succeeds."""
    try:
        hook.write(name, data)
    except OSError as error:
        return error.errno
    return 0


def test_a_target_of_no_cgroup(any_target, cgroup):
    """Calls that are about no cgroup can be narrowed by their readers, and not by `only`."""
    with any_target.session(target="vfs_read", enabled=False, readers="/") as hook:
        for path in ("/", cgroup.path):
            with memevents.expect_errno(errno.EOPNOTSUPP, path):
                hook.write("only", path)
        assert hook.read("only") == "\n"
        assert hook.read("readers") == "/\n"
        hook.write("readers", cgroup.path)
        assert hook.read("readers") == cgroup.path + "\n"
    with memevents.expect_errno(errno.EOPNOTSUPP):
        any_target.load(target="vfs_read", only="/")
    assert not any_target.loaded


def test_a_refusal_says_why_in_one_line(loaded, kernel_log):
    """One line in dmesg for each."""
    for number, data, wanted in (
            (errno.EINVAL, "task", "only: not a path from the root of the cgroups"),
            (errno.ENAMETOOLONG, path_of(4096), "only: the path is too long"),
            (errno.ENAMETOOLONG, path_of(8192), "only: write of 8192 bytes refused"),
            (errno.ENOENT, "/nothing", "/nothing: no such cgroup"),
            (errno.ENOENT, path_of(4095), path_of(4095)[:512] + "...: no such cgroup")):
        mark = kernel_log.mark()
        with loaded.refuses(number, data[:40]):
            loaded.write("only", data)
        line, = kernel_log.module_lines(mark)
        assert line.startswith(wanted), (line, wanted)


# Cgroups that go

@pytest.mark.parametrize("name", FILES)
def test_deleted(loaded, cgroup, parent_cgroup, name):
    """A cgroup that is named can be removed; a new one of the same path is another one."""
    with memcg.below(parent_cgroup, "gone") as gone:
        def in_scope():
            return redirected(gone) if name == "only" else read_in(gone, cgroup)
        loaded.write(name, gone.path)
        assert in_scope()
        memcg.remove(gone)
        deleted = f"{gone.path} (deleted)\n"
        assert loaded.read(name) == deleted
        assert not redirected(cgroup)
        memcg.make(gone)
        assert loaded.read(name) == deleted
        assert not in_scope() and not redirected(cgroup)
        loaded.write(name, gone.path)
        assert loaded.read(name) == gone.path + "\n"
        assert in_scope()


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_held_for_long(hook, parent_cgroup, name):
    """The memory of a removed cgroup is held until the next write, or the unload, and no longer."""
    before = parent_cgroup.dying()

    def dying(more):
        memevents.wait_for(lambda: parent_cgroup.dying() == before + more,
                           f"{before} and {more} dying cgroups")
    for release in (lambda: hook.write(name, parent_cgroup.path), lambda: hook.write(name, ""),
                    hook.unload, None):
        if not hook.loaded:
            hook.load()
        with memcg.below(parent_cgroup, "gone") as gone:
            hook.write(name, gone.path)
            if release is None:    # who writes the same path again holds what he held
                hook.write(name, gone.path)
                release = hook.unload
            memcg.remove(gone)
            dying(1)
            release()
            dying(0)


def test_a_refused_write_holds_nothing(loaded, parent_cgroup):
    """What was looked up for it is released."""
    before = parent_cgroup.dying()
    with memcg.below(parent_cgroup, "gone") as gone:
        for data in (os.path.join(gone.path, "memory.events"), os.path.join(gone.path, "nothing")):
            with loaded.refuses(errno.ENOENT, data):
                loaded.write("only", data)
        memcg.remove(gone)
        memevents.wait_for(lambda: parent_cgroup.dying() == before, f"{before} dying cgroups")


# What is said of it

def test_stats_and_why(loaded, cgroup, parent_cgroup, sibling):
    """A line of stats shows the scope; `why` tells only of cgroups that are gone."""
    assert headings(loaded) == []
    loaded.write("only", cgroup.path)
    assert headings(loaded) == [f"# only={cgroup.path}"]
    loaded.write("readers", sibling.path)
    assert headings(loaded) == [f"# only={cgroup.path} readers={sibling.path}"]
    why = loaded.why()
    assert why[TARGET] == why[SHOW] == "ok"
    memcg.remove(sibling)
    assert headings(loaded) == [f"# only={cgroup.path} readers={sibling.path} (deleted)"]
    why = loaded.why()
    assert why[TARGET] == why[SHOW] == f"readers: {sibling.path} deleted"
    assert why[LOCAL_SHOW] == "redirect off"
    loaded.write("only", "")
    assert headings(loaded) == [f"# readers={sibling.path} (deleted)"]
    with memcg.below(parent_cgroup, "gone") as gone:
        loaded.write("only", gone.path)
        memcg.remove(gone)
    assert headings(loaded) == [f"# only={gone.path} (deleted) readers={sibling.path} (deleted)"]
    assert loaded.why()[TARGET] == f"only: {gone.path} deleted; readers: {sibling.path} deleted"
    for name in FILES:
        loaded.write(name, "")
    assert headings(loaded) == []
    assert loaded.why()[TARGET] == "ok"


# At load

def test_parameters(hook, cgroup, sibling):
    """`only` and `readers` set the scope before the first call can come."""
    hook.load(only=cgroup.path + "/", readers=memcg.own_path())
    assert hook.read("only") == cgroup.path + "\n"
    assert hook.read("readers") == memcg.own_path() + "\n"
    assert redirected(cgroup) and not redirected(sibling)
    assert hook.hits() == (2, 1)
    hook.unload()
    hook.load(only="", readers="")
    assert hook.read("only") == hook.read("readers") == "\n"
    assert redirected(cgroup) and redirected(sibling)


@pytest.mark.parametrize("name", FILES)
def test_refused_parameters(hook, kernel_log, cgroup, parent_cgroup, name):
    """A bad path fails the load, as it fails a write."""
    for number, path in ((errno.EINVAL, "task"), (errno.EINVAL, "/a\tb"),
                         (errno.ENOENT, "/nothing"), (errno.ENOENT, path_of(4095)),
                         (errno.ENAMETOOLONG, "/" + "x" * 256),
                         (errno.ENAMETOOLONG, path_of(4096)), (errno.ENAMETOOLONG, path_of(8192)),
                         (errno.ENOENT, os.path.join(cgroup.path, "memory.events"))):
        hook.load_refused(kernel_log, number, **{name: path})
    number = capabilities.in_child(own_namespace, lambda: load_errno(hook, **{name: cgroup.path}))
    assert int(number) == errno.EPERM
    assert not memevents.leftovers()
    # The one that was good is released.
    before = parent_cgroup.dying()
    with memcg.below(parent_cgroup, "gone") as gone:
        good = {"only": gone.path, "readers": gone.path}
        hook.load_refused(kernel_log, errno.ENOENT, **{**good, name: "/nothing"})
        hook.load_refused(kernel_log, errno.ENOENT, redirect="no_such_symbol", **good)
    memevents.wait_for(lambda: parent_cgroup.dying() == before, f"{before} dying cgroups")


def load_errno(hook, **parameters):
    """Return the errno of a load, 0 where it succeeds."""
    try:
        hook.load(**parameters)
    except OSError as error:
        return error.errno
    return 0
