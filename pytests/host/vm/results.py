"""What runs have shown: one table that the runs themselves write, and `make results` keeps.

A run adds its rows to build/results.md. `make results` merges them into pytests/results.md, where a
row takes the place of an older one of the same kind, command and kernel. A run of files that are
not committed shows nothing that could be looked up, and is left out.
"""

from functools import lru_cache

from . import cpus
from .cache import TOP, locked
from .errors import HarnessError
from .process import run

NEW = TOP / "build" / "results.md"
KEPT = TOP / "pytests" / "results.md"

HEAD = """\
# Results

What was seen, and at which commit. Written by `make results`, from what runs have left in build/.
The last column compares the module's code, comments aside, at that commit with the code of today:
where it is `the same`, the figure is that of today's module.

"""

COLUMNS = ("what", "kernel", "commit", "figure", "command")
COMPARED = "module since"

#: What the module is compiled from, and not its tools, its documents and its litmus tests.
CODE = ("module/Kbuild", "module/memory_events.c", "module/engine",
        ":(exclude)module/engine/unit.*")

#: git's options to look past how lines are spaced, and past lines that are blank or a comment's.
PAST_COMMENTS = ("-w", "-I", "^[[:blank:]]*(/?\\*|# |\n)")

#: The end of a commit's name where files differed from it.
DIRTY = "-dirty"


def _commit_now():
    """The commit that is checked out, with DIRTY behind it where files differ, or where files that
    it does not have are in the folders that guests get.
    """
    try:
        name = run(["git", "-C", TOP, "describe", "--always", f"--dirty={DIRTY}", "--abbrev=7",
                    "--exclude=*"]).strip()
        untracked = run(["git", "-C", TOP, "ls-files", "--others", "--exclude-standard", "--",
                         "module", "pytests"]).strip()
    except HarnessError:
        return "unknown" + DIRTY
    return name + DIRTY if untracked and not name.endswith(DIRTY) else name


@lru_cache(maxsize=None)
def commit():
    """What _commit_now() said when this was first asked. The first guest asks, which gets the files
    as they are then.
    """
    return _commit_now()


def _commit_of_run():
    """The commit whose files all of the run had; with DIRTY behind it where they changed meanwhile:
    later guests got other ones than the first.
    """
    return commit() if commit() == _commit_now() or commit().endswith(DIRTY) else commit() + DIRTY


@lru_cache(maxsize=None)
def _module_since(then):
    """Whether the module's code has changed since a commit: `the same`, `changed` or `unknown`."""
    try:
        changed = run(["git", "-C", TOP, "diff", "--numstat", *PAST_COMMENTS, then, "HEAD", "--",
                       *CODE])
    except HarnessError:
        # not in this clone
        return "unknown"
    return "changed" if changed.strip() else "the same"


def _line(cells):
    return f"| {' | '.join(cells)} |\n"


def _key(row):
    """What a row is about: it takes the place of an older row with the same key."""
    what, kernel, _, _, command = row
    return what, command, kernel


def _read(path):
    """The rows of a table, by key."""
    rows = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")][:len(COLUMNS)]
        if len(cells) == len(COLUMNS) and cells[0] != COLUMNS[0]:
            rows[_key(cells)] = cells
    return rows


def _write(path, rows):
    ordered = sorted(rows.values(), key=_key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        HEAD + _line((*COLUMNS, COMPARED)) + "|" + "---|" * (len(COLUMNS) + 1) + "\n"
        + "".join(_line((*row, _module_since(row[2]))) for row in ordered), encoding="utf-8")


def record(what, kernel, figure, command, any_cpus=True):
    """Take note of what a run has shown.

    Args:
        what: kind of run, such as `suite`.
        kernel: its name, or several.
        figure: what came out, in a line.
        command: what a person types to see it again, but for CPUS.
        any_cpus: whether CPUS says how many CPUs its guests had.
    """
    asked = cpus.words() if any_cpus else ""
    row = [what, kernel, _commit_of_run(), figure.replace("|", "/"), f"`{command}{asked}`"]
    with locked("results"):
        _write(NEW, {**_read(NEW), _key(row): row})


def merge():
    """Take the rows of new runs into the table that is kept, and print what was taken."""
    with locked("results"):
        rows = _read(KEPT)
        for key, row in _read(NEW).items():
            dirty = row[2].endswith(DIRTY)
            if not dirty:
                rows[key] = row
            print(f"{'left out' if dirty else 'taken'}: {', '.join(row)}")
        _write(KEPT, rows)
