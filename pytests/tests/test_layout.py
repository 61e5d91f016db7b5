"""debugfs_layout.md against the live tree, both ways."""

import os
import re

import pytest

from pytests.lib import capabilities, memevents
from pytests.lib.memevents import LOCAL_SHOW, SHOW

FIELDS = ["What", "Mode", "Description", "Grammar", "Format", "Errors", "Concurrency", "Lifetime",
          "Users"]
_FIELD = re.compile(r"^(?:- )?(?:\*\*)?(" + "|".join(FIELDS) + r"):(?:\*\*)?[ \t]*(.*)$")

#: The errors that writes to each file have been seen to give, in the other tests.
ERRORS = {
    "enabled": {"EINVAL", "EBUSY"},
    "banner": {"EINVAL", "EMSGSIZE"},
    "add_parent": {"EINVAL", "ENOENT", "EEXIST", "ENOTUNIQ", "ENAMETOOLONG", "ENOSPC"},
    "remove_parent": {"EINVAL", "ENOENT", "ENAMETOOLONG"},
    "reset": {"EINVAL"},
    "parents/SYMBOL/redirect": {"EINVAL"},
}


def parse(text):
    """Return {path: {field: text, "Sample": text}} of the sections that describe a file."""
    sections = {}
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        fields, sample = _parse_section(body)
        if "What" in fields:
            path = heading.strip().strip("`")
            assert path not in sections, f"{path}: two sections"
            sections[path] = dict(fields, Sample=sample)
    return sections


def _parse_section(body):
    fields, field, sample = {}, None, None
    for line in body.splitlines():
        if sample is not None:
            if line.startswith("```"):
                return fields, "".join(text + "\n" for text in sample)
            sample.append(line)
        elif line.startswith("```"):
            if "Users" in fields:
                sample = []
        elif _FIELD.match(line):
            field, value = _FIELD.match(line).groups()
            assert field not in fields, f"{field}: twice"
            fields[field] = value
        elif field and line.strip():
            fields[field] += "\n" + line.strip()
    return fields, None


@pytest.fixture(scope="module")
def sections():
    """The document's sections."""
    with open(memevents.MANUAL, encoding="utf-8") as file:
        return parse(file.read())


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
    assert list(section) == FIELDS + ["Sample"]
    assert section["What"].strip("`") == os.path.join(memevents.ROOT, path)
    assert section["Sample"] is not None, "no sample"
    assert expression(section).fullmatch(section["Sample"]), section["Sample"]
    assert all(section[field].strip() for field in FIELDS)
    named = set(re.findall(r"\bE[A-Z]{3,}\b", section["Errors"]))
    assert ERRORS.get(path, set()) <= named
    if path not in ERRORS:
        assert section["Errors"].strip().rstrip(".") == "none"
        assert "read-only" in section["Grammar"]


def check_live(hook, sections):
    """Assert that every readable file has the form its section states."""
    for path, mode in hook.tree().items():
        if mode & 0o400:
            text = hook.read(path)
            assert expression(sections[generic(path)]).fullmatch(text), (path, text)


def test_live_content(loaded, sections, cgroup, symbols):
    """In every state there is: fresh, counted, off, no banner, others, parents without a call."""
    check_live(loaded, sections)
    for _ in range(11):
        cgroup.read_events()
        cgroup.read_local()
    loaded.write("remove_parent", LOCAL_SHOW)
    cgroup.read_local()
    loaded.write("banner", "")
    loaded.write("add_parent", next(symbols.listable()))
    check_live(loaded, sections)
    loaded.write("enabled", "0")
    loaded.write(f"parents/{SHOW}/redirect", "0")
    loaded.write("banner", "two words")
    check_live(loaded, sections)


def test_live_content_without_addresses(loaded, sections):
    """For a root that may not see addresses too."""
    capabilities.in_child(lambda: capabilities.drop(capabilities.CAP_SYSLOG),
                          lambda: check_live(loaded, sections))
