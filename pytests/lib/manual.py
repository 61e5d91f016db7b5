"""debugfs_layout.md, parsed, and the tests that it names."""

import os
import re

FIELDS = ["What", "Mode", "Description", "Grammar", "Format", "Errors", "Concurrency", "Lifetime",
          "Users", "Tests"]
_FIELD = re.compile(r"^- (" + "|".join(FIELDS) + r"):[ \t]*(.*)$")
_TEST = re.compile(r"`([\w/]+\.py)(?:::(\w+))?`")
_ERROR = re.compile(r"`(E[A-Z]{3,})`( \(untested\))?")


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


def faults(sections, folder):
    """Return what is wrong with the tests that the sections name, as lines for a person.

    folder: pytests/. A test is a file below it, or a function in one. Each error that a section
    names is in one of the section's files, but for those that it calls untested.
    """
    found = []
    for path, section in sections.items():
        named = _TEST.findall(section.get("Tests", ""))
        if not named:
            found.append(f"{path}: no test is named (Tests: `tests/FILE.py::FUNCTION`, ...)")
        texts = []
        for file, function in named:
            try:
                with open(os.path.join(folder, file), encoding="utf-8") as source:
                    texts.append(source.read())
            except FileNotFoundError:
                found.append(f"{path}: there is no {file}")
                continue
            if function and not re.search(rf"^def {function}\(", texts[-1], re.MULTILINE):
                found.append(f"{path}: there is no {file}::{function}")
        for error, untested in _ERROR.findall(section["Errors"]):
            if not untested and not any(re.search(rf"\b{error}\b", text) for text in texts):
                found.append(f"{path}: {error} is in none of its tests")
    return found
