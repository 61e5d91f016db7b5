"""debugfs_layout.md against the live tree, both ways."""

import os
import re

import pytest

from pytests.lib import capabilities, manual, memcg, memevents
from pytests.lib.memevents import LOCAL_SHOW, SHOW
from pytests.lib.stats import headings


@pytest.fixture(scope="module")
def sections():
    """The document's sections."""
    with open(memevents.MANUAL, encoding="utf-8") as file:
        return manual.parse(file.read())


def generic(path):
    """Return a live path with the parent's name as the document spells it."""
    return re.sub(r"^parents/[^/]+/", "parents/SYMBOL/", path)


def expression(section):
    """Return the section's Format, compiled."""
    match = re.fullmatch(r"`([^`]+)`", section["Format"].strip())
    assert match, section["Format"]
    return re.compile(match.group(1), re.ASCII)


def test_every_file_has_a_section_and_the_other_way_round(loaded, sections):
    """Names and modes."""
    live = {generic(path): mode for path, mode in loaded.tree().items()}
    described = {path: int(re.match(r"`?([0-7]{4})`?\b", section["Mode"]).group(1), 8)
                 for path, section in sections.items()}
    assert described == live


@pytest.mark.parametrize("path", list(memevents.FILES) +
                         [f"parents/SYMBOL/{name}" for name in memevents.PARENT_FILES])
def test_section(sections, path):
    """All fields, in order; the path; a sample of the stated format; the errors."""
    section = sections[path]
    assert list(section) == manual.FIELDS + ["Sample"]
    assert section["What"].strip("`") == os.path.join(memevents.ROOT, path)
    assert section["Sample"] is not None, "no sample"
    assert expression(section).fullmatch(section["Sample"]), section["Sample"]
    assert all(section[field].strip() for field in manual.FIELDS)
    written = int(section["Mode"].strip("`"), 8) & 0o200
    assert bool(re.search(r"\bE[A-Z]{3,}\b", section["Errors"])) == bool(written)
    if not written:
        assert section["Errors"].strip().rstrip(".") == "none"
        assert "read-only" in section["Grammar"]


def test_every_section_names_its_tests(sections):
    """They exist, and each error that a section promises is in one of them."""
    found = manual.faults(sections, os.path.join(memevents.TOP, "pytests"))
    assert not found, "\n".join(found)


def check_live(hook, sections):
    """Assert that every readable file has the form its section states."""
    for path, mode in hook.tree().items():
        if mode & 0o400:
            text = hook.read(path)
            assert expression(sections[generic(path)]).fullmatch(text), (path, text)


def test_live_content(loaded, sections, cgroup, symbols):
    """Fresh, counted, off, no banner, others, parents without a call."""
    check_live(loaded, sections)
    for _ in range(11):
        cgroup.read_events()
        cgroup.read_local()
    loaded.write("remove_parent", LOCAL_SHOW)
    cgroup.read_local()
    loaded.write("banner", "")
    if not memevents.inlined():
        loaded.write("add_parent", next(symbols.listable()))
    check_live(loaded, sections)
    loaded.write("enabled", "0")
    loaded.write(f"parents/{SHOW}/redirect", "0")
    loaded.write("banner", "two words")
    check_live(loaded, sections)


@pytest.mark.usefixtures("unguarded")
def test_live_content_of_what_is_set(loaded, sections, cgroup, parent_cgroup):
    """A scope whose cgroups are there, or gone; budgets; a hold. `stats` has a line for each."""
    def check(*wanted):
        check_live(loaded, sections)
        assert [line.split("=")[0] for line in headings(loaded)] == list(wanted)
    times = sorted((SHOW, LOCAL_SHOW), key=lambda name: loaded.stats()[name].start)[0]
    with memcg.below(parent_cgroup, "gone") as gone, loaded.writer("hold") as hold:
        loaded.write("readers", gone.path)
        check("# readers")
        loaded.write("only", cgroup.path)
        check("# only")
        for parent, number in ((SHOW, "2147483647"), (LOCAL_SHOW, "0")):
            loaded.write(f"parents/{parent}/times", number)
        hold(b"1")
        assert loaded.read("hold") == "1\n"
        check("# only", f"# times {times}")
        memcg.remove(gone)
        assert loaded.read("readers").endswith(" (deleted)\n")
        check("# only", f"# times {times}")
        loaded.write("only", "")
        loaded.write("readers", "")
        check(f"# times {times}")


def test_live_content_without_addresses(loaded, sections):
    """For a root that may not see addresses too."""
    capabilities.in_child(lambda: capabilities.drop(capabilities.CAP_SYSLOG),
                          lambda: check_live(loaded, sections))
