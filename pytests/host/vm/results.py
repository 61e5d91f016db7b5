"""What runs have shown: one table that the runs themselves write, and `make results` keeps.

A run adds its rows to build/results.md. `make results` merges them into pytests/results.md, where a
row takes the place of an older one of the same command and kernel. A run of files that are not
committed shows nothing that could be looked up, and is left out.
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

| what | kernel | commit | figure | command |
|---|---|---|---|---|
"""

#: The end of a commit's name where files differed from it.
DIRTY = "-dirty"


@lru_cache(maxsize=None)
def commit():
    """The commit that was checked out when this was first asked, with DIRTY behind it where files
    differed. The first guest asks, which gets the files as they are then.
    """
    try:
        return run(["git", "-C", TOP, "describe", "--always", f"--dirty={DIRTY}", "--abbrev=7",
                    "--exclude=*"]).strip()
    except HarnessError:
        return "unknown" + DIRTY


def _read(path):
    """The rows of a table, by (command, kernel)."""
    rows = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        if len(cells) == 5 and cells[0] != "what":
            rows[cells[4], cells[1]] = cells
    return rows


def _write(path, rows):
    ordered = sorted(rows.values(), key=lambda row: (row[0], row[4], row[1]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + "".join(f"| {' | '.join(row)} |\n" for row in ordered),
                    encoding="utf-8")


def record(what, kernel, figure, command):
    """Take note of what a run has shown.

    Args:
        what: kind of run, such as `suite`.
        kernel: its name, or several.
        figure: what came out, in a line.
        command: what a person types to see it again, but for CPUS.
    """
    row = [what, kernel, commit(), figure.replace("|", "/"), f"`{command}{cpus.words()}`"]
    with locked("results"):
        _write(NEW, {**_read(NEW), (row[4], row[1]): row})


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
