"""Verdicts with the module compared with those without it, and the differences that are known."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pytests.host.vm.errors import HarnessError

from . import verdicts

LIST = Path(__file__).with_name("differences.txt")


@dataclass(frozen=True)
class Known:
    """A row of differences.txt: which difference, and why it is there."""

    kernels: str
    modes: str
    suite: str
    test: str
    without: str
    hooked: str
    reason: str

    def is_about(self, kernel, suite, mode):
        """Whether it concerns such a run."""
        return (suite == self.suite and mode in self.modes.split(",")
                and any(fnmatchcase(kernel, pattern) for pattern in self.kernels.split(",")))


def known(path=LIST):
    """The rows of the list.

    Raises:
        HarnessError: a line has not seven columns.
    """
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        columns = [column.strip() for column in line.split(" | ")]
        if len(columns) != 7:
            raise HarnessError(f"{path.name}: not seven columns: {line}")
        rows.append(Known(*columns))
    return rows


def between(without, hooked):
    """The tests on which two dictionaries of verdicts differ, in order."""
    return [name for name in dict.fromkeys((*without, *hooked))
            if without.get(name, verdicts.NONE) != hooked.get(name, verdicts.NONE)]


def sort_out(rows, without, hooked):
    """Tell known differences from new ones.

    Args:
        rows: of the list, about this run.
        without, hooked: verdicts by test.

    Returns:
        (explained, new, gone): the rows that apply; the tests that differ though no row says
        so, or otherwise than a row says; the rows whose difference is not there.
    """
    differing = between(without, hooked)
    explained = [row for row in rows if row.test in differing
                 and (without.get(row.test), hooked.get(row.test)) == (row.without, row.hooked)]
    told = {row.test for row in explained}
    return (explained, [name for name in differing if name not in told],
            [row for row in rows if row.test not in differing])


def is_flaky(without, hooked):
    """Whether a test's verdicts vary by themselves, so that they say nothing about the module.

    Not where it comes out one way each time with the module, and mostly another without it.

    Args:
        without: the verdicts of some runs without the module.
        hooked: those of some runs with it.
    """
    if len(set(hooked)) == 1 and 2 * without.count(hooked[0]) <= len(without):
        return False
    return bool(set(without) & set(hooked))
