"""What came out of the tests: per test, per kernel, over all."""

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

SKIPS = Path(__file__).with_name("skips.txt")

# What tests tell by record_property() that is no count: no sum is made of it.
NO_COUNTS = ("seconds",)


@dataclass(frozen=True)
class Result:
    """One test on one kernel.

    outcome: passed, failed or skipped.
    cpu: what it took of the host's CPUs, in seconds.
    why: why it failed or was skipped, in a line.
    text: the same at length.
    counted: what it told by pytest's record_property(): {"faults": 7}.
    """

    test: str
    outcome: str
    seconds: float = 0.0
    why: str = ""
    text: str = ""
    counted: dict = field(default_factory=dict)
    cpu: float = 0.0


@dataclass
class KernelReport:
    """All that is known of one kernel's run.

    guests: how many were started.
    cpu: what they took of the host's CPUs until the last test's end, in seconds.
    lost: why guests were lost before their tests began, and started again.
    """

    kernel: object
    release: str = "?"
    guests: int = 0
    lost: list = field(default_factory=list)
    seconds: float = 0.0
    cpu: float = 0.0
    results: dict = field(default_factory=dict)

    def add(self, result):
        """Take a test's result: in the place of an earlier one, unless that is a failure."""
        known = self.results.get(result.test)
        if known is None or known.outcome != "failed":
            self.results[result.test] = result

    def count(self, outcome):
        """How many tests ended so."""
        return sum(result.outcome == outcome for result in self.results.values())

    def counted(self):
        """The sums of what its tests counted, by test file and name."""
        sums = {}
        for result in self.results.values():
            for name, count in result.counted.items():
                if name in NO_COUNTS:
                    continue
                what = f"{result.test.partition('::')[0]}: {name}"
                sums[what] = sums.get(what, 0) + count
        return dict(sorted(sums.items()))

    def figure(self):
        """What came out, in a line."""
        figures = [f"{self.count(outcome)} {outcome}"
                   for outcome in ("passed", "failed", "skipped")]
        figures += [f"{count} {what}" for what, count in self.counted().items()]
        return (f"{self.release}: {', '.join(figures)}"
                f" in {self.seconds:.0f} s ({self.cpu:.0f} s of CPU, guests: {self.guests})")

    def write_junit(self, path):
        """Write the results as JUnit XML."""
        suite = ElementTree.Element(
            "testsuite", name=self.kernel.name, hostname=self.release,
            tests=str(len(self.results)), failures=str(self.count("failed")), errors="0",
            skipped=str(self.count("skipped")), time=f"{self.seconds:.1f}",
        )
        for result in self.results.values():
            file, _, name = result.test.partition("::")
            file = file.replace(".py", "").replace("/", ".")
            case = ElementTree.SubElement(
                suite, "testcase", classname=f"{self.kernel.name}.{file}",
                name=name or file, time=f"{result.seconds:.2f}",
            )
            if result.counted:
                properties = ElementTree.SubElement(case, "properties")
                for what, count in result.counted.items():
                    ElementTree.SubElement(properties, "property", name=what, value=str(count))
            if result.outcome != "passed":
                tag = "failure" if result.outcome == "failed" else "skipped"
                detail = ElementTree.SubElement(case, tag, message=_printable(result.why))
                detail.text = _printable(result.text)
        top = ElementTree.Element("testsuites")
        top.append(suite)
        ElementTree.ElementTree(top).write(path, encoding="utf-8", xml_declaration=True)


def _printable(text):
    """The text without the control characters that XML has no place for."""
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


def allowed_skips():
    """The skips that have a reason: (kernels' patterns, test pattern) pairs from skips.txt."""
    rows = []
    for line in SKIPS.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            kernels, tests, _reason = line.split(maxsplit=2)
            rows.append((kernels.split(","), tests))
    return rows


def refuse_skips(report, whole=False):
    """Turn each skip that is on no list into a failure.

    Args:
        whole: the report is of all tests: a row of the list that no skip needs is a failure, too.
    """
    rows = [tests for kernels, tests in allowed_skips()
            if any(fnmatchcase(report.kernel.name, kernel) for kernel in kernels)]
    skipped = [result for result in report.results.values() if result.outcome == "skipped"]
    for result in skipped:
        if not any(fnmatchcase(result.test, tests) for tests in rows):
            report.results[result.test] = Result(
                result.test, "failed", result.seconds,
                f"skipped, and {SKIPS.name} gives no reason why it may be: {result.why}",
            )
    for tests in rows:
        if whole and not any(fnmatchcase(result.test, tests) for result in skipped):
            report.add(Result(tests, "failed",
                              why=f"{SKIPS.name} says that it is skipped, and no test is"))


def print_summary(reports):
    """Print skips, failures, what was counted, a table and, as the last line, the sums."""
    skips = {}
    for report in reports:
        for result in report.results.values():
            if result.outcome == "skipped":
                skips.setdefault((result.test, result.why), []).append(report.kernel.name)
    if skips:
        print("\nSkipped:")
        for (test, reason), names in sorted(skips.items()):
            print(f"  {test}: {reason} ({', '.join(names)})")
    if any(report.lost for report in reports):
        print("\nGuests lost before their tests began, and started again:")
        for report in reports:
            for why in report.lost:
                print(f"  {report.kernel.name}: {why}")
    failures = [(report.kernel.name, result) for report in reports
                for result in report.results.values() if result.outcome == "failed"]
    if failures:
        print("\nFailed:")
        for name, result in failures:
            print(f"  {name}: {result.test}: {result.why}")

    if any(report.counted() for report in reports):
        print("\nCounted:")
        for report in reports:
            for what, count in report.counted().items():
                print(f"  {report.kernel.name}: {what}: {count}")

    rows = [("kernel", "release", "arch", "passed", "failed", "skipped", "seconds")]
    rows += [
        (r.kernel.name, r.release, r.kernel.arch, str(r.count("passed")), str(r.count("failed")),
         str(r.count("skipped")), f"{r.seconds:.0f}") for r in reports
    ]
    widths = [max(map(len, column)) for column in zip(*rows)]
    print()
    for row in rows:
        print("  ".join(
            cell.ljust(width) if n < 3 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths))
        ).rstrip())
    print()
    print(", ".join(
        f"{sum(report.count(outcome) for report in reports)} {outcome}"
        for outcome in ("passed", "failed", "skipped")
    ), flush=True)
