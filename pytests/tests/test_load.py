"""Loading: parameters, what dmesg tells, and refusals that leave nothing behind."""

import errno
import os
import re
import stat
import subprocess

import pytest

from pytests.lib import memevents, visitors
from pytests.lib.memevents import LOCAL_SHOW, PARENTS_MAX, SHOW, TARGET
from pytests.lib.symbols import blacklist, traceable

PARAMETERS = os.path.join("/sys/module", memevents.MODULE, "parameters")


def roles(hook):
    """Return {parent: redirect} of the listed parents."""
    return {name: row.redirect for name, row in hook.stats().items() if name != "[other]"}


def test_defaults(loaded):
    """On, memory_events_show redirected, memory_events_local_show observed."""
    assert loaded.boolean("enabled")
    assert loaded.read("banner") == memevents.BANNER + "\n"
    assert roles(loaded) == {LOCAL_SHOW: False, SHOW: True}
    assert loaded.number("other_hits") == 0
    assert loaded.read("other_last") == ""


def test_off_at_load(hook, cgroup, originals):
    """enabled=N: everything is there, and nothing hooked."""
    hook.load(enabled=False)
    assert not hook.boolean("enabled")
    assert memevents.traced() is None
    assert (cgroup.read_events(), cgroup.read_local()) == originals
    assert hook.hits() == (0, 0)


@pytest.mark.parametrize("parameters, wanted", [
    ({"redirect": LOCAL_SHOW}, {LOCAL_SHOW: True}),
    ({"observe": SHOW}, {SHOW: False}),
    ({"redirect": LOCAL_SHOW, "observe": SHOW}, {LOCAL_SHOW: True, SHOW: False}),
    ({"redirect": [SHOW, LOCAL_SHOW]}, {LOCAL_SHOW: True, SHOW: True}),
    ({"observe": [SHOW, LOCAL_SHOW]}, {LOCAL_SHOW: False, SHOW: False}),
    ({"redirect": ""}, {LOCAL_SHOW: False}),
    ({"observe": ""}, {SHOW: True}),
    ({"redirect": "", "observe": ""}, {}),
], ids=str)
def test_lists(hook, parameters, wanted):
    """An explicit list wins over a default: what it names, the default gives up."""
    hook.load(**parameters)
    assert roles(hook) == wanted
    assert hook.parents() == set(wanted)


def test_no_parent_at_all_counts_as_other(hook, cgroup, originals):
    """With nothing listed every call is [other]'s."""
    hook.load(redirect="", observe="")
    assert (cgroup.read_events(), cgroup.read_local()) == originals
    assert hook.number("other_hits") == memevents.others(2)


@pytest.mark.usefixtures("unguarded")
def test_parameters_are_readable_and_fixed(loaded):
    """All 0444 under /sys/module."""
    files = {name: stat.S_IMODE(os.stat(os.path.join(PARAMETERS, name)).st_mode)
             for name in os.listdir(PARAMETERS)}
    wanted = {"enabled": "Y", "redirect": SHOW, "observe": LOCAL_SHOW, "only": "", "readers": ""}
    assert files == dict.fromkeys(wanted, 0o444)
    assert {name: memevents.read_file(os.path.join(PARAMETERS, name)).decode()
            for name in files} == {name: value + "\n" for name, value in wanted.items()}


def test_enabled_without_a_value(hook):
    """As for any boolean parameter, its name alone means yes."""
    memevents.insmod(memevents.KO, "enabled")
    assert hook.boolean("enabled")


def test_modinfo_tells_what_it_is():
    """Description, author, licence, version, and a line for each parameter."""
    def field(name):
        return subprocess.run(["modinfo", "-F", name, memevents.KO], stdout=subprocess.PIPE,
                              check=True).stdout.decode().splitlines()
    assert field("license")[0].startswith("GPL")
    for name in ("description", "author", "version"):
        assert field(name)[0].strip(), name
    parameters = dict(line.split(":", 1) for line in field("parm"))
    assert set(parameters) == {"enabled", "redirect", "observe", "only", "readers"}
    assert all(len(text) > 8 for text in parameters.values()), parameters


def test_dmesg_names_target_and_parents(hook, kernel_log):
    """Symbol, size and role of each. (That no line has an address is seen to after each test.)"""
    mark = kernel_log.mark()
    hook.load()
    lines = kernel_log.module_lines(mark)
    stats = hook.stats()
    target = [memevents.parse_address(word) for word in hook.read("target").split()[1:]
              if word != "inlined"]
    sizes = {TARGET: target[1] - target[0]} if target else {}
    sizes.update({name: row.end - row.start for name, row in stats.items() if row.start})
    for name, size in sizes.items():
        mine = [line for line in lines if re.search(rf"(?<!\w){name}(?!\w)", line)]
        assert mine, f"no line about {name}: {lines}"
        assert any(re.search(rf"\b({size}|0x0*{size:x})\b", line) for line in mine), (size, mine)
    for name, role in ((SHOW, "redirect"), (LOCAL_SHOW, "observe")):
        assert any(role in line for line in lines
                   if re.search(rf"(?<!\w){name}(?!\w)", line)), (name, role, lines)


REFUSED_LISTS = [
    (errno.ENOENT, "no_such_symbol"),
    (errno.ENOENT, f"{SHOW},no_such_symbol"),
    (errno.ENOENT, f"no_such_symbol,{SHOW}"),
    (errno.EINVAL, f"{SHOW},{SHOW}"),
    (errno.EINVAL, f"{SHOW},{LOCAL_SHOW},{SHOW}"),
    (errno.EINVAL, ","),
    (errno.EINVAL, f"{SHOW},"),
    (errno.EINVAL, f",{SHOW}"),
    (errno.EINVAL, f"{SHOW},,{LOCAL_SHOW}"),
    (errno.EINVAL, "memory_events show"),
    (errno.EINVAL, "memory_events\x01show"),
    (errno.EINVAL, "jiffies"),
    (errno.ENAMETOOLONG, "x" * 256),
    (errno.ENAMETOOLONG, "x" * 511),
    (errno.ENAMETOOLONG, "x" * 600),
]


@pytest.mark.parametrize("role", ["redirect", "observe"])
def test_refused_lists(hook, kernel_log, role):
    """A bad list fails the load: unknown, twice, empty item, blank inside, data, too long."""
    for number, value in REFUSED_LISTS:
        line = hook.load_refused(kernel_log, number, **{role: value})
        if "no_such_symbol" in value:
            assert "no_such_symbol" in line
    hook.load()
    assert roles(hook) == {LOCAL_SHOW: False, SHOW: True}


def test_refused_in_both_lists(hook, kernel_log):
    """One name in two explicit lists is a name given twice."""
    assert SHOW in hook.load_refused(kernel_log, errno.EINVAL, redirect=SHOW, observe=SHOW)


def test_refused_enabled(hook):
    """`enabled` takes the same words at load as it does at run time, and no others."""
    for value in ("", "foo", "2", "yes", "true", "Y Y", "1 0", "11", "o", "offf"):
        with memevents.expect_errno(errno.EINVAL, value):
            hook.load(enabled=value)
        assert not memevents.leftovers(), value
    hook.load()


@pytest.mark.parametrize("wanted, values", [(True, ["1", "y", "Y", "on", "oN"]),
                                            (False, ["0", "n", "N", "off", "oFf"])])
def test_accepted_enabled(hook, wanted, values):
    """Every word a boolean can be."""
    for value in values:
        hook.load(enabled=value)
        assert hook.boolean("enabled") == wanted, value
        hook.unload()


def test_refused_by_what_they_name(hook, kernel_log, symbols):
    """Code that is no function, a name of several functions."""
    for number, name in ((errno.EINVAL, symbols.entry_code()[0]),
                         (errno.ENOTUNIQ, symbols.duplicates()[0])):
        assert name in hook.load_refused(kernel_log, number, redirect=name)


def test_two_names_of_one_function(hook, kernel_log, symbols):
    """Given both, a load is refused as for one that is given twice."""
    for first, second in symbols.aliases():
        try:
            hook.load(enabled=False, redirect=first)
        except OSError:
            continue    # for a reason of its own: it would prove nothing
        hook.unload()
        line = hook.load_refused(kernel_log, errno.EINVAL, redirect=[first, second])
        assert first in line and second in line
        return
    pytest.skip("this kernel has no two names for one function that ftrace knows")


def check_target_refused(any_target, kernel_log, number, target, **parameters):
    """Load must be refused for its target, with one line that names it; return the line."""
    mark = kernel_log.mark()
    with memevents.expect_errno(number, target):
        any_target.load(target=target, **parameters)
    assert not any_target.loaded and not os.path.exists(any_target.root)
    assert memevents.traced(target) is None and not memevents.leftovers()
    line, = kernel_log.module_lines(mark, any_target.name + ": ")
    assert line.startswith(target + ": "), line
    return line


def test_refused_targets(any_target, kernel_log, symbols):
    """A name of nothing, of a variable, and of several functions."""
    for number, target, why in ((errno.ENOENT, "no_such_symbol", "no such symbol"),
                                (errno.EINVAL, "jiffies", "not a function"),
                                (errno.ENOTUNIQ, symbols.duplicates()[0], "several functions")):
        assert why in check_target_refused(any_target, kernel_log, number, target)


def test_an_inlined_target(any_target, kernel_log):
    """Where the target's file has no replacements for its callers, the one line says that it is."""
    line = check_target_refused(any_target, kernel_log, errno.ENOENT, "no_such_function",
                                inlined_into=SHOW)
    assert "inlined by this kernel's compiler" in line


def test_a_target_that_ftrace_does_not_know(any_target, kernel_log, symbols):
    """Assembly that takes a kprobe has no place for a hook."""
    name = next(name for name in ("copy_page", "clear_page_rep", "csum_partial")
                if symbols.count[name] == 1 and name not in blacklist() | set(traceable()))
    with visitors.plain_kprobe(name, post=False):
        pass
    line = check_target_refused(any_target, kernel_log, errno.EINVAL, name)
    assert "not a function that can be hooked" in line


def test_as_many_parents_as_there_may_be(hook, symbols, kernel_log):
    """256 by parameters load; one more is ENOSPC."""
    names = symbols.some(PARENTS_MAX - 1)
    hook.load_refused(kernel_log, errno.ENOSPC,
                      redirect=names[:130] + [SHOW], observe=names[130:] + [LOCAL_SHOW])
    hook.load(redirect=names[:129] + [SHOW], observe=names[129:-1] + [LOCAL_SHOW])
    listed = roles(hook)
    assert len(listed) == PARENTS_MAX
    assert {name for name, redirect in listed.items() if redirect} == set(names[:129] + [SHOW])


def test_load_and_unload_by_kmod(hook):
    """What people use: insmod and rmmod."""
    subprocess.run(["insmod", hook.ko, "enabled=N"], check=True)
    assert not hook.boolean("enabled")
    subprocess.run(["rmmod", memevents.MODULE], check=True)
    assert not memevents.leftovers()


def test_kmod_reports_the_refusal(hook, kernel_log):
    """insmod fails with words about an unknown symbol; the kernel log names it."""
    mark = kernel_log.mark()
    done = subprocess.run(["insmod", hook.ko, "redirect=no_such_symbol"], stderr=subprocess.PIPE)
    assert done.returncode != 0
    assert b"No such file or directory" in done.stderr or b"Unknown symbol" in done.stderr
    line, = kernel_log.module_lines(mark)
    assert line.startswith("no_such_symbol: no such symbol"), line
