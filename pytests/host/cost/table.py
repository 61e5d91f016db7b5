"""What the benchmark measured, as text for a terminal."""

from statistics import median

from .figures import ratio

WRITES = {
    "enable": "`enabled` to Y",
    "disable": "`enabled` to N",
    "redirect": "`redirect` to Y",
    "count": "`redirect` to N",
    "add": "the 256th parent, added",
    "remove": "the 256th parent, removed",
}


def _rows(rows, cells=16):
    width = max(len(row[0]) for row in rows)
    return [f"  {row[0]:<{width}}" + "".join(f"  {cell:>{cells}}" for cell in row[1:])
            for row in rows]


def costs(found):
    """Lines of the costs of a read."""
    rows = [("extra instructions a read", ""), *(
        (name, f"+{extra}" if extra >= 0 else str(extra))
        for kind in ("module", "alternatives") for name, extra in found[kind].items())]
    return [f"A read with no hook takes {found['read']} instructions.", *_rows(rows),
            *(f"  left out: {why}" for why in found["left out"])]


def switching(found):
    """Lines of what switching takes."""
    rows = [("a write, median of 5", "instructions", "guest's time, us")]
    rows += [(label, f"{median(found['writes'][name]['cpu']):.0f}",
              f"{median(found['writes'][name]['elapsed']) / 1000:.0f}")
             for name, label in WRITES.items()]
    touched = {True: "changes", False: "does not change"}
    return [*_rows(rows),
            f"  `redirect` {touched[found['text']['redirect']]} the kernel's text;"
            f" `enabled` {touched[found['text']['enabled']]} the target's."]


def memory(found):
    """Lines of the memory it takes."""
    rows = [("memory of one more parent", "bytes"),
            *((name, f"{bytes_}") for name, bytes_ in found["parent"].items()),
            ("in all", f"{sum(found['parent'].values()):.0f}"),
            ("256 parents", f"{sum(found['parent'].values()) * 256:.0f}"),
            ("allocated by loading, two parents", f"{found['load']}"),
            ("the module itself", f"{found['module']}")]
    return _rows(rows)


def scaling(found):
    """Lines of the throughput of many readers."""
    numbers = sorted(next(iter(found["states"].values())))
    rows = [("times as much as one reader", "reads/s of one",
             *(f"{n} readers" for n in numbers[1:]))]
    for state, of_state in found["states"].items():
        cells = ["{:.2f} ({:.2f}-{:.2f})".format(*ratio(of_state, n)) for n in numbers[1:]]
        rows.append((state, f"{median(of_state[1]):.0f}", *cells))
    return [f"{_cpus(found)}. Medians of 5; in brackets the least and the greatest.",
            *_rows(rows, 20), f"  {_exactness(found)}"]


def _cpus(found):
    return (f"{found['cpus']} CPUs ({found['acceleration']}) on a host with"
            f" {found['host cores']} cores")


def _exactness(found):
    return (f"{found['compared'] - len(found['inexact'])} of {found['compared']} runs counted"
            f" exactly, {found['changes']} changes of the list beside them")


def figure(part, found):
    """The figures of a part that matter most, in a line."""
    if part == "costs":
        every = {**found["module"], **found["alternatives"]}
        return f"of {found['read']} instructions a read; " + ", ".join(
            f"{name} {every[name]:+}" for name in (
                "enabled N", "counted", "redirected", "unlisted", "floor: empty IPMODIFY handler",
                "livepatch", "kprobe, redirected") if name in every)
    if part == "switching":
        return "instructions of a write: " + ", ".join(
            f"{label} {median(found['writes'][name]['cpu']):.0f}"
            for name, label in WRITES.items())
    if part == "memory":
        return (f"{sum(found['parent'].values()):.0f} bytes a parent, {found['load']} by loading,"
                f" the module {found['module']}")
    most = found["cpus"]
    return f"{_cpus(found)}: {most} readers to one: " + ", ".join(
        f"{state} {ratio(of_state, most)[0]:.2f}"
        for state, of_state in found["states"].items()) + f"; {_exactness(found)}"
