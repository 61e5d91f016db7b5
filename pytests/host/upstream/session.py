"""One run of a suite in a fresh guest: without the module, or with it in one of two modes."""

import re
import shlex
from dataclasses import dataclass

from pytests.host.vm import accel, cache, modules
from pytests.host.vm.errors import HarnessError
from pytests.host.vm.image import Content
from pytests.host.vm.in_guest import run_in_guest
from pytests.lib import kernel_log

from . import selftests, verdicts

#: Without the module; with it and an empty banner; with it as it comes.
WITHOUT, EMPTY, DEFAULT = MODES = ("without", "empty", "default")

BANNER = "This is from __memory_events_show_new"

#: Seconds a run may take (times 6 under TCG).
LIMIT = 1800


@dataclass(frozen=True)
class Run:
    """What came out of a run.

    verdicts: on each test, by its name.
    wrong: what is wrong with the run itself, such as a hook that was not there.
    splats: the kernel's, in its log, without what differs from boot to boot.
    redirected: calls of the tests' that the hook redirected.
    """

    verdicts: dict
    wrong: list
    splats: list
    redirected: int


def _said(lines, when, what):
    return [match[1] for match in
            (re.match(rf"@@ {when} {what} (.*)$", line) for line in lines) if match]


def _redirected(lines, when):
    for row in _said(lines, when, "stats"):
        columns = row.split()
        if columns[0] == "memory_events_show":
            return int(columns[5])
    return 0


def _redirected_of_tests(lines):
    """How many calls were redirected after `sample before`, but for `sample after`'s own."""
    return max(0, _redirected(lines, "after") - _redirected(lines, "before") - 1)


def _hook_faults(lines, mode):
    """What is not as the mode has it, before the tests or after them."""
    faults = []
    for when in ("before", "after"):
        events, local = _said(lines, when, "events"), _said(lines, when, "local")
        if events != [BANNER if mode == DEFAULT else "low 0"] or local != ["low 0"]:
            faults.append(f"{when} the tests memory.events began {events},"
                          f" memory.events.local {local}")
        head = "".join(_said(lines, when, "stats")[:1])
        if (mode != WITHOUT) != head.startswith("# enabled=Y "):
            faults.append(f"{when} the tests the hook's stats began '{head}'")
    if mode != WITHOUT and _redirected(lines, "after") <= _redirected(lines, "before"):
        faults.append("after the tests no call was redirected")
    return faults


def run(kernel, suite, mode, tests, folder):
    """Boot, run the tests, and look at what they and the kernel said.

    Args:
        tests: as Suite.tests() names them.
        folder: where output.log and console.log are left.

    Returns:
        The Run; a lost guest is among what is wrong with it.
    """
    cache.remove(folder)
    words = shlex.join(["sh", "pytests/host/upstream/guest.sh", suite.name, mode, *tests])
    ended = run_in_guest(
        kernel, folder, f"exec {words}\n", accel.choose(kernel),
        Content(modules.build(kernel), archives=selftests.archives(kernel)),
        memory=suite.memory, limit=LIMIT)
    lines = ended.output.splitlines()
    wrong = [ended.wrong] if ended.wrong else []
    console = ended.console.read_text(encoding="utf-8", errors="replace")
    selftest_folder = selftests.folder_of(kernel) / "layer" / "selftests" / suite.name
    try:
        found = verdicts.parse(suite, lines, selftest_folder, tests)
    except HarnessError as error:
        found = {}
        wrong.append(str(error))
    return Run(
        found, wrong + _hook_faults(lines, mode),
        [_no_figures(text) for text in kernel_log.find_splats(console.splitlines())],
        _redirected_of_tests(lines),
    )


def _no_figures(text):
    """A line of the log without what differs from boot to boot: time, CPU, process."""
    text = re.sub(r"^\[ *[\d.]+\] ", "", text.strip())
    return re.sub(r"\b(CPU|PID): \d+ ", "", text)
