"""`times`: how many more calls of a parent are redirected, to the call."""

import errno
import re

import pytest

from pytests.lib import scale, tracing
from pytests.lib.memevents import BANNER_LINE, LOCAL_SHOW, SHOW
from pytests.lib.readers import count_texts, every_cpu
from pytests.lib.stats import headings

pytestmark = pytest.mark.usefixtures("unguarded")

TIMES = f"parents/{SHOW}/times"

MOST = 2147483647
TAKEN = [("-1", -1), ("0", 0), ("1", 1), ("2147483647", MOST), (" 3", 3), ("\t4 \n", 4), ("5\n", 5),
         ("\n6\n\n", 6), (" -1 ", -1)]
REFUSED = [b"", b" ", b"\n", b"-2", b"-2147483648", b"2147483648", b"4294967295", b"4294967296",
           b"18446744073709551615", b"1" * 100, b"1" * 4096, b"1" * 4097, b"1 2", b"1\n2", b"1.0",
           b"0x1", b"1e1", b"x", b"1x", b"-", b"- 1", b"--1", b"1-", b"one", b"all", b"1\0",
           b"\x001", b"1\xa0", b"\xb2", b"Y", b"1,000"]


def test_numbers(loaded):
    """A decimal, blanks around trimmed; -1, as at first, is no limit."""
    assert loaded.read(TIMES) == "-1\n"
    for data, value in TAKEN:
        loaded.write(TIMES, data)
        assert loaded.read(TIMES) == f"{value}\n", data


def test_refused(loaded):
    """Anything else is EINVAL, and the old number stays."""
    loaded.write(TIMES, "7")
    for data in REFUSED:
        with loaded.refuses(errno.EINVAL, repr(data[:40])):
            loaded.write(TIMES, data)
    assert loaded.read(TIMES) == "7\n"


def test_a_refusal_says_why_in_one_line(loaded, kernel_log):
    """What it takes."""
    mark = kernel_log.mark()
    with loaded.refuses(errno.EINVAL):
        loaded.write(TIMES, "-2")
    line, = kernel_log.module_lines(mark)
    assert line.startswith("times: not a number from -1 to 2147483647")


def test_each_redirected_call_takes_one(loaded, cgroup, originals):
    """The first ones are redirected, the others counted; -1 lifts the limit."""
    loaded.write(TIMES, "3")
    for left in (2, 1, 0):
        assert cgroup.read_events() == BANNER_LINE + originals[0]
        assert loaded.read(TIMES) == f"{left}\n"
    for _ in range(2):
        assert cgroup.read_events() == originals[0]
        assert loaded.read(TIMES) == "0\n"
    assert loaded.hits() == (5, 3)
    assert loaded.boolean("parents", SHOW, "redirect")
    loaded.write(TIMES, "1")
    assert cgroup.read_events() == BANNER_LINE + originals[0]
    assert cgroup.read_events() == originals[0]
    loaded.write(TIMES, "-1")
    for _ in range(3):
        assert cgroup.read_events() == BANNER_LINE + originals[0]
        assert loaded.read(TIMES) == "-1\n"
    assert loaded.hits() == (10, 7)


def test_what_takes_none(loaded, cgroup, sibling, originals):
    """A call out of scope, one that is only counted, one while the hook is off; nor does reset."""
    loaded.write(TIMES, "2")
    for name in ("only", "readers"):
        loaded.write(name, sibling.path)
        assert cgroup.read_events() == originals[0]
        loaded.write(name, "")
    for name in ("enabled", f"parents/{SHOW}/redirect"):
        loaded.write(name, "0")
        assert cgroup.read_events() == originals[0]
        loaded.write(name, "1")
    assert cgroup.read_local() == originals[1]
    loaded.write("reset", "1")
    assert loaded.read(TIMES) == "2\n"
    wanted = [BANNER_LINE + originals[0]] * 2 + [originals[0]]
    assert [cgroup.read_events() for _ in wanted] == wanted
    loaded.write("reset", "1")
    assert loaded.read(TIMES) == "0\n"
    assert cgroup.read_events() == originals[0]
    assert loaded.hits() == (1, 0)


def test_each_parent_has_a_budget_of_its_own(loaded, cgroup, originals):
    """And a parent that is listed anew has no limit."""
    loaded.write(f"parents/{LOCAL_SHOW}/redirect", "1")
    loaded.write(f"parents/{LOCAL_SHOW}/times", "1")
    loaded.write(TIMES, "0")
    assert (cgroup.read_events(), cgroup.read_local()) == (originals[0], BANNER_LINE + originals[1])
    assert (cgroup.read_events(), cgroup.read_local()) == originals
    loaded.write("remove_parent", SHOW)
    loaded.write("add_parent", SHOW)
    assert loaded.read(TIMES) == "-1\n"


@pytest.mark.parametrize("only", [False, True], ids=["alone", "in-scope"])
def test_exactly_a_thousand(loaded, cgroup, originals, only):
    """Of two readers a CPU, who take from it at the same time, and see each one."""
    if only:
        loaded.write("only", cgroup.path)
    loaded.write(TIMES, str(scale.READS))
    readers = 2 * len(every_cpu())
    texts = count_texts(cgroup.events, scale.READS, readers)
    assert texts == {BANNER_LINE + originals[0]: scale.READS,
                     originals[0]: (readers - 1) * scale.READS}
    assert loaded.hits() == (readers * scale.READS, scale.READS)
    assert loaded.read(TIMES) == "0\n"


def test_stats_and_why(loaded, cgroup):
    """A line of stats shows the budgets there are; `why` tells of one that is used up."""
    assert headings(loaded) == []
    loaded.write(TIMES, "1")
    assert headings(loaded) == [f"# times {SHOW}=1"]
    assert loaded.why()[SHOW] == "ok"
    cgroup.read_events()
    assert headings(loaded) == [f"# times {SHOW}=0"]
    assert loaded.why()[SHOW] == "times used up"
    loaded.write(f"parents/{LOCAL_SHOW}/times", "9")
    starts = {row.parent: row.start for row in loaded.stats().values() if row.start}
    times = "# times " + " ".join(f"{name}={9 if name == LOCAL_SHOW else 0}"
                                  for name in sorted(starts, key=starts.get))
    assert headings(loaded) == [times]
    loaded.write("only", cgroup.path)
    assert headings(loaded) == [f"# only={cgroup.path}", times]
    for name in (SHOW, LOCAL_SHOW):
        loaded.write(f"parents/{name}/times", "-1")
    loaded.write("only", "")
    assert headings(loaded) == []
    assert loaded.why()[SHOW] == "ok"


def test_the_tracepoint_says_what_happened(loaded, cgroup, parent_cgroup):
    """`redirected` is false of a call that the budget or the scope leaves alone."""
    with tracing.instance() as trace:
        trace.write("enable", "1")
        loaded.write(TIMES, "1")
        cgroup.read_events()
        cgroup.read_events()
        loaded.write(TIMES, "-1")
        loaded.write("only", cgroup.path)
        cgroup.read_events()
        parent_cgroup.read_events()
        trace.write("enable", "0")
        assert [re.search(r"parent=(\S+) .* redirected=(\d)", line).groups()
                for line in trace.lines()] == [(SHOW, "1"), (SHOW, "0")] * 2
    assert loaded.hits() == (4, 2)
