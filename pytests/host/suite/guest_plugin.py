"""pytest's side of the harness, in the guest: tells the host what happens to each test.

One JSON object a line goes to the port MEMEVENTS_EVENTS. The file MEMEVENTS_SHARE says which tests
are run: `share` is [NUMBER, COUNT], every COUNT-th test from the NUMBER-th on, and `done` names
those that an earlier guest ran. Written for Python 3.9 and pytest 6.0.
"""

import base64
import json
import os

import pytest

_port = open(os.environ["MEMEVENTS_EVENTS"], "w", encoding="ascii", buffering=1)
_outcome = {}
_total = 0


def _tell(event, **fields):
    _port.write(json.dumps({"event": event, **fields}) + "\n")


def _mark(text):
    """Leave a mark in the kernel's log, for the host to find in the console's."""
    with open("/dev/kmsg", "w", encoding="ascii") as log:
        log.write(f"memevents_harness: {text}\n")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    with open(os.environ["MEMEVENTS_SHARE"], encoding="utf-8") as file:
        given = json.load(file)
    global _total
    _total = len(items)
    first, step = given["share"]
    left = [item for item in items[first::step] if item.nodeid not in given["done"]]
    kept = {item.nodeid for item in left}
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in kept])
    items[:] = left


def pytest_collection_finish(session):
    _tell("collected", tests=[item.nodeid for item in session.items], total=_total)


def pytest_runtest_logstart(nodeid):
    _mark(f"start {nodeid}")
    _tell("start", test=nodeid)


def _first_line(longrepr):
    crash = getattr(longrepr, "reprcrash", None)
    return (crash.message if crash else str(longrepr)).strip().split("\n")[0]


def pytest_runtest_logreport(report):
    """A test is what the worst of its set-up, call and teardown is."""
    if report.when == "setup":
        _outcome.update(outcome="passed", seconds=0.0, why="", text="")
    _outcome["seconds"] += report.duration
    if report.failed:
        _outcome["outcome"] = "failed"
        _outcome["why"] = _outcome["why"] or _first_line(report.longrepr)
        _outcome["text"] += f"[{report.when}] {report.longreprtext}\n"
    elif report.skipped and _outcome["outcome"] == "passed":
        _outcome["outcome"] = "skipped"
        reason = getattr(report, "wasxfail", None) or report.longrepr
        reason = reason if isinstance(reason, str) else reason[2]
        _outcome["why"] = reason.replace("Skipped: ", "", 1)
    if report.when == "teardown":
        _tell("result", test=report.nodeid, counted=dict(report.user_properties), **_outcome)


def _tell_coverage():
    """Send what a kernel with GCOV counted in the module; it keeps that of unloaded modules."""
    for folder, _, names in os.walk("/sys/kernel/debug/gcov"):
        for name in names:
            if name.endswith(".gcda"):
                with open(os.path.join(folder, name), "rb") as file:
                    _tell("gcov", path=os.path.join(folder, name),
                          data=base64.b64encode(file.read()).decode("ascii"))


def pytest_sessionfinish():
    _mark("end of the tests")
    _tell_coverage()
