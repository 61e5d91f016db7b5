"""The verdict on each single test, out of what a run in the guest wrote."""

import re

from pytests.host.vm.errors import HarnessError

from . import suites

#: Of a test that was begun or announced, and of which nothing more was heard.
NONE = "no verdict"

_LIVEPATCH = re.compile(r"TEST: (.*) \.\.\. ?(.*)$")
_FTRACE = re.compile(r"\[(\d+)\]( \(instance\) )?(.*)\t\[(\w+)\]$")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def _by_program(lines):
    """Yield (program, its lines, its exit code or None)."""
    program, said = None, []
    for line in lines:
        begun = re.match(r"@@ run (.*)", line)
        ended = re.match(r"@@ exit (.*) (\d+)$", line)
        if begun:
            if program:
                yield program, said, None
            program, said = begun[1], []
        elif ended:
            yield program, said, int(ended[2])
            program = None
        else:
            said.append(line)
    if program:
        yield program, said, None


def _code(code):
    return NONE if code is None else f"exit {code}"


def _cgroup(lines):
    found = {}
    for program, said, code in _by_program(lines):
        for line in said:
            tap = re.search(r"(not ok|ok) \d+ (?:# (\w+) )?(\w+)$", line)
            if tap:
                found[f"{program}: {tap[3]}"] = tap[2] or tap[1]
        found[program] = _code(code)
    return found


def _livepatch(lines):
    found = {}
    for program, said, code in _by_program(lines):
        for line in said:
            test = _LIVEPATCH.match(line)
            if test:
                found[f"{program}: {test[1]}"] = test[2] or NONE
        found[program] = _code(code)
    return found


def _ftrace(lines, folder, tests):
    names = suites.ftrace_names(folder, tests)
    found = {name: NONE for name, _ in names}
    for line in lines:
        test = _FTRACE.match(_COLOURS.sub("", line))
        if not test:
            continue
        name, description = names[int(test[1]) - 1]
        if description != test[3].strip():
            raise HarnessError(f"ftracetest calls its test {test[1]} '{test[3]}', not {name}")
        found[name] = test[4]
    return found


def parse(suite, lines, folder, tests):
    """The verdicts of a run.

    Args:
        lines: what the run wrote.
        folder: of the suite's selftests.
        tests: the tests that were run, as Suite.tests() names them.

    Returns:
        Verdicts by the names of tests, in the order of the tests. A name is the file's, with
        what it calls the single test behind a colon, if it is of many; the file's name alone
        is that of its exit code. Of ftracetest the verdict is its own.

    Raises:
        HarnessError: ftracetest ran something else.
    """
    if suite.name == "ftrace":
        return _ftrace(lines, folder, tests)
    found = {"cgroup": _cgroup, "livepatch": _livepatch}[suite.name](lines)
    return {**{test: NONE for test in tests if test not in found}, **found}


def file_of(name):
    """The file that a test is in, as Suite.tests() names it."""
    return name.removesuffix(" (instance)").partition(": ")[0]
