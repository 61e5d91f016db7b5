"""The form of `stats`."""

import re

from pytests.lib import memevents
from pytests.lib.memevents import TARGET

#: Lines between the first one and the columns' heads, where there is a scope or a budget: in order.
HEADINGS = [r"#(?= )( only=/.*)?( readers=/.*)?", r"# times( \S+=\d+)+"]
COLUMNS = ["parent", "start", "end", "redirect", "hits", "redirected"]


def headings(hook):
    """Return the lines of stats about the scope and the budgets: none where neither is set."""
    text = hook.read("stats")
    check_format(text)
    _, *lines, _ = [line for line in text.splitlines() if line.startswith("#")]
    return lines


def check_format(text, target=None):
    """Assert the form of the whole text; return the stats.

    target: its name where it is one that no kernel has, and so is taken as inlined.
    """
    assert text.endswith("\n")
    first, *lines = text[:-1].split("\n")
    for heading in HEADINGS:
        if re.fullmatch(heading, lines[0]):
            del lines[0]
    second, *rows = lines
    place = "inlined" if target or memevents.inlined() else "0x[0-9a-f]+-0x[0-9a-f]+"
    assert re.fullmatch(rf"# enabled=[YN] target={target or TARGET} range={place}", first)
    assert second.split() == ["#"] + COLUMNS
    assert not any(row.startswith("#") for row in rows)
    assert all(row == row.rstrip() and "\t" not in row for row in [first, *lines])
    # The heading's first column begins with its `#`.
    tables = [re.sub(r"^# parent", "parent  ", second)] + rows
    spans = [[(match.start(), match.end()) for match in re.finditer(r"\S+", row)]
             for row in tables]
    assert all(len(row) == len(COLUMNS) for row in spans), text
    for column in range(4):
        assert len({row[column][0] for row in spans}) == 1, f"{COLUMNS[column]}: left edge\n{text}"
    for column in (4, 5):
        assert len({row[column][1] for row in spans}) == 1, f"{COLUMNS[column]}: right edge\n{text}"
    stats = memevents.parse_stats(text)
    listed = [row for row in stats.values() if row.parent != "[other]"]
    starts = [row.start for row in listed]
    assert starts == sorted(starts)
    assert all(row.redirected <= row.hits for row in listed)
    return stats
