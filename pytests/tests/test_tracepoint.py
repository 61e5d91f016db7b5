"""memevents_hook:memevents_route, by tracefs and by trace-cmd."""

import contextlib
import errno
import os
import re
import shutil
import subprocess

import pytest

from pytests.lib import memevents, tracing, visitors
from pytests.lib.call_sites import return_address
from pytests.lib.memevents import LOCAL_SHOW, SHOW


@pytest.fixture
def trace(loaded):
    """The event in an instance of its own, of the module loaded with its defaults."""
    with tracing.instance() as trace:
        yield trace


def test_format(trace):
    """The manual's fields: a string and two numbers."""
    fields = tracing.fields(trace.read("format"))
    assert set(fields) == {"parent", "parent_ip", "redirected"}
    assert "char" in fields["parent"]
    assert re.search(r"\b(long|u64)\b", fields["parent_ip"])
    assert re.search(r"\b(bool|_Bool|u8)\b", fields["redirected"])


def test_the_manual_has_the_same_fields(trace):
    """By their names, in their order."""
    with open(memevents.MANUAL, encoding="utf-8") as file:
        section = file.read().partition("## The tracepoint")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert rows == list(tracing.fields(trace.read("format")))


def test_off_is_off(trace, cgroup):
    """Nothing is recorded until it is enabled, and nothing after it is disabled."""
    cgroup.read_events()
    assert trace.lines() == []
    trace.write("enable", "1")
    cgroup.read_events()
    trace.write("enable", "0")
    cgroup.read_events()
    assert len(trace.lines()) == 1


def test_one_event_a_call(trace, loaded, cgroup, originals):
    """Each call: whose, and whether it was redirected. Routing and counters are as without."""
    banner = memevents.BANNER_LINE
    loaded.write("reset", "1")
    trace.write("enable", "1")
    for _ in range(5):
        assert cgroup.read_events() == banner + originals[0]
        assert cgroup.read_local() == originals[1]
    loaded.write(f"parents/{SHOW}/redirect", "0")
    assert cgroup.read_events() == originals[0]
    loaded.write("remove_parent", LOCAL_SHOW)
    assert cgroup.read_local() == originals[1]
    lines = trace.lines()
    assert len(lines) == 11 + memevents.others(1)
    assert sum(f"parent={SHOW} " in line for line in lines) == 6
    assert sum(f"parent={LOCAL_SHOW} " in line for line in lines) == 5
    assert loaded.hits() == (6, 5)
    assert loaded.number("other_hits") == memevents.others(1)


FILTERS = [("redirected==1", 3), ("redirected==0", 2), (f'parent=="{SHOW}"', 3),
           (f'parent=="{LOCAL_SHOW}"', 2), ('parent==""', 0), ('parent~"*_local_*"', 2)]


def test_filter(trace, cgroup):
    """A filter on any field."""
    trace.write("enable", "1")
    for condition, count in FILTERS:
        trace.write("filter", condition)
        trace.clear()
        for _ in range(3):
            cgroup.read_events()
        for _ in range(2):
            cgroup.read_local()
        assert len(trace.lines()) == count, condition


def test_a_caller_known_before_it_is_enabled(trace, loaded, cgroup):
    """What the handler has learnt of callers does not hide them from the event."""
    loaded.write("remove_parent", LOCAL_SHOW)
    for _ in range(2):
        cgroup.read_events()
        cgroup.read_local()
    trace.write("enable", "1")
    for _ in range(2):
        cgroup.read_events()
        cgroup.read_local()
    lines = trace.lines()
    assert len(lines) == 2 + memevents.others(2)
    assert sum("parent= " in line for line in lines) == memevents.others(2)
    assert loaded.hits(SHOW) == (4, 4)
    assert loaded.number("other_hits") == memevents.others(4)


def test_a_parent_added_while_it_is_on(trace, loaded, cgroup):
    """The calls of a new parent are recorded too, and those of the others as before."""
    loaded.write("remove_parent", LOCAL_SHOW)
    trace.write("enable", "1")
    loaded.write("add_parent", LOCAL_SHOW)
    for _ in range(3):
        cgroup.read_events()
        cgroup.read_local()
    lines = trace.lines()
    for parent in (SHOW, LOCAL_SHOW):
        assert sum(f"parent={parent} " in line for line in lines) == 3, lines
    assert loaded.hits() == (3, 3)


@pytest.mark.usefixtures("calls")
def test_parent_of_others_is_empty(trace, loaded, cgroup):
    """A call from outside the list has the empty string."""
    loaded.write("remove_parent", LOCAL_SHOW)
    trace.write("filter", 'parent==""')
    trace.write("enable", "1")
    cgroup.read_events()
    cgroup.read_local()
    assert len(trace.lines()) == 1


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("parent", [SHOW, LOCAL_SHOW])
def test_parent_ip_is_the_return_address_of_the_call(trace, loaded, cgroup, parent):
    """The address behind the one `call` that call_sites shows."""
    address = return_address(loaded, parent)
    trace.write("filter", f"parent_ip==0x{address:x}")
    trace.write("enable", "1")
    cgroup.read_events()
    cgroup.read_local()
    lines = trace.lines()
    assert len(lines) == 1 and f"parent={parent} " in lines[0], lines


def test_histogram(trace, cgroup):
    """hist:keys=parent counts calls by parent."""
    trigger = "hist:keys=parent:vals=hitcount"
    if "hist" not in trace.read("trigger"):
        pytest.skip("this kernel has no histogram triggers (CONFIG_HIST_TRIGGERS)")
    trace.write("trigger", trigger)
    try:
        for _ in range(4):
            cgroup.read_events()
        cgroup.read_local()
        text = trace.read("hist")
    finally:
        trace.write("trigger", "!" + trigger)
    found = dict(re.findall(r"\{ parent: (\S+) *\} hitcount: +(\d+)", text))
    assert found == {SHOW: "4", LOCAL_SHOW: "1"}, text


def test_nothing_while_the_hook_is_off(trace, loaded, cgroup):
    """No hook, no event."""
    trace.write("enable", "1")
    loaded.write("enabled", "0")
    cgroup.read_events()
    assert trace.lines() == []
    loaded.write("enabled", "1")
    cgroup.read_events()
    assert len(trace.lines()) == 1


def test_unload_while_enabled(hook, cgroup):
    """The event goes with the module, even while it is on."""
    hook.load()
    with tracing.instance() as trace:
        trace.write("enable", "1")
        cgroup.read_events()
        hook.unload()
        assert not os.path.exists(trace.path())


def test_enabled_beside_every_lock_it_meets(trace, loaded, cgroup, symbols):
    """Each call is an event; lockdep, where there is one, sees the locks taken in every order."""
    name = next(symbols.listable())
    tracers = memevents.read_file(os.path.join(memevents.TRACEFS, "available_tracers")).decode()
    graph = None
    if "function_graph" in tracers.split():
        graph = visitors.tracer("function_graph", only=visitors.READING)
    with visitors.probe(("p", SHOW)), graph or contextlib.nullcontext():
        loaded.write("add_parent", name)
        trace.write("enable", "1")
        cgroup.read_events()
        loaded.write("remove_parent", name)
        cgroup.read_local()
    trace.write("enable", "0")
    cgroup.read_events()
    found = [re.search(r"parent=(\S+) ", line)[1] for line in trace.lines()]
    assert found == [SHOW, LOCAL_SHOW]


def test_load_and_unload_while_it_is_switched(hook, cgroup, originals, tmp_path):
    """The event is there from before the module's init until after its exit.

    By set_event, which looks it up by name: some kernels use an event's own file after it is
    freed where it is opened while the module goes.
    """
    set_event = os.path.join(memevents.TRACEFS, "set_event")
    switched = tmp_path / "switched"
    script = 'while :; do echo "$2" >> "$0" && echo "!$2" >> "$0" && echo > "$1"; done'
    event = f"{tracing.SYSTEM}:{tracing.EVENT}"
    with subprocess.Popen(["sh", "-c", script, set_event, switched, event],
                          stderr=subprocess.DEVNULL) as switcher:
        try:
            for _ in range(10):
                hook.load()
                memevents.wait_for(switched.exists, "the event to be switched")
                cgroup.read_events()
                assert cgroup.read_local() == originals[1]
                assert hook.hits() == (1, 1)
                hook.unload()
                switched.unlink()
        finally:
            switcher.kill()


@pytest.mark.parametrize("condition, wanted", [(None, 7), ("redirected==1", 4)])
def test_perf(loaded, cgroup, condition, wanted):
    """perf counts it, with and without a filter."""
    try:
        with tracing.perf_counter(condition) as count:
            for _ in range(4):
                cgroup.read_events()
            for _ in range(3):
                cgroup.read_local()
            assert count() == wanted
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        pytest.skip("this kernel has no perf events (CONFIG_PERF_EVENTS)")


def test_perf_holds_the_module(loaded):
    """As it does with any module's event. When it is gone, so is what held it."""
    try:
        with tracing.perf_counter():
            with memevents.expect_errno(errno.EAGAIN):
                loaded.unload()
            assert loaded.boolean("enabled")
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        pytest.skip("this kernel has no perf events (CONFIG_PERF_EVENTS)")
    memevents.wait_for(lambda: loaded.refcount() == 0, "perf to close the event")
    loaded.unload()


def test_trace_cmd(loaded, cgroup, tmp_path):
    """Real trace-cmd records it and prints its fields."""
    if not shutil.which("trace-cmd"):
        pytest.skip("no trace-cmd on this machine")
    output = str(tmp_path / "trace.dat")
    subprocess.run(["trace-cmd", "record", "-q", "-e", f"{tracing.SYSTEM}:{tracing.EVENT}",
                    "-f", "redirected==1", "-o", output, "cat", cgroup.events, cgroup.local],
                   check=True, stdout=subprocess.DEVNULL, cwd=tmp_path)
    report = subprocess.run(["trace-cmd", "report", "-i", output], check=True,
                            stdout=subprocess.PIPE).stdout.decode()
    lines = [line for line in report.splitlines() if tracing.EVENT + ":" in line]
    assert len(lines) == 1, report
    assert f"parent={SHOW} " in lines[0]
    if not memevents.inlined():
        assert f"parent_ip=0x{return_address(loaded, SHOW):x} " in lines[0]
