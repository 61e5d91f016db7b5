"""How much of the module a debug kernel's tests ran through, from what its GCOV counted.

Guests send the counts when their tests end; `make coverage` makes a report of them, with the
gcovr of the toolchain that built the module.
"""

import base64
import json
import re
import shutil
from pathlib import Path, PurePosixPath

from pytests.host.vm import cache, release, results, roots
from pytests.host.vm.cache import TOP
from pytests.host.vm.chroot import run_in
from pytests.host.vm.errors import HarnessError
from pytests.host.vm.process import as_root, run

REPORT = TOP / "build" / "coverage"

#: Lines that no test reaches, and why: `FILE: FUNCTION(): LINE'S TEXT # REASON`.
REASONS = Path(__file__).with_name("uncovered.txt")

#: Percent of the lines that the tests are to run through.
GOAL = 95

# Where the toolchain's chroot had the sources.
ROOT = PurePosixPath("/mnt")

# What is counted (built_kernel.py): the module, and the test module whose target is inlined, which
# runs through the engine's other half.
COUNTED = ("module", "pytests/kmods/slow_target")

SCRIPT = r"""
set -e
mkdir merged
for guest in guest-*; do
	if [ -e merged/module ]; then
		gcov-tool merge -o merged.new merged "$guest"
		rm -r merged
		mv merged.new merged
	else
		cp -r "$guest/." merged
	fi
done
cp -r merged/. .
export PYTHONDONTWRITEBYTECODE=1
# gcovr itself gives a file up where gcov does not find the kernel's headers, which are not here.
for folder in $COUNTED; do
	(cd "$folder" && find . -name '*.gcda' |
		xargs gcov --preserve-paths --branch-probabilities > /dev/null 2>&1)
done
gcovr --root module --use-gcov-files --delete \
	--exclude-unreachable-branches --exclude-throw-branches \
	--html-details html/index.html --html-title memevents_hook \
	--txt lines.txt --json lines.json $COUNTED
cat lines.txt
"""


# A line of a function's definition, with its name before the bracket.
_DEFINITION = re.compile(r"(?:\w[^;(]*\W)?(\w+)\(")


def place(lines, number):
    """The function that a line is in, and the line's text: what a reason is given for.

    Args:
        lines: the file's lines.
        number: the line's number; the first is 1.
    """
    for line in reversed(lines[:number]):
        match = _DEFINITION.match(line)
        if match and not line.endswith(";"):
            return f"{match[1]}(): {lines[number - 1].strip()}"
    return lines[number - 1].strip()


def keep(folder, guest, event):
    """Keep a file of counts that a guest sent."""
    path = PurePosixPath(event["path"]).relative_to("/sys/kernel/debug/gcov" + str(ROOT))
    target = folder / "gcov" / f"guest-{guest}" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(base64.b64decode(event["data"]))


def report(kernel):
    """Make build/coverage/ from the counts of the kernel's last `make test`, and print them.

    Returns:
        The exit code: 0 where the goal is met and every line that is missed has a reason.

    Raises:
        HarnessError: there are no counts.
    """
    counts = TOP / "build" / "test" / kernel.name / "gcov"
    if not counts.is_dir():
        raise HarnessError(f"{counts}: no guest sent any counts")
    fetched = release.fetch(kernel)
    root = roots.root(roots.toolchain(kernel, fetched.compiler, fetched.libraries))
    cache.remove(REPORT)
    shutil.copytree(counts, REPORT)
    for folder in COUNTED:
        shutil.copytree(
            TOP / "build" / "modules" / kernel.name / folder, REPORT / folder,
            ignore=lambda folder, names: [
                name for name in names if not name.endswith((".c", ".h", ".gcno"))
                and not (Path(folder) / name).is_dir()])
    (REPORT / "html").mkdir()
    done = run_in(root, "coverage", f"cd {ROOT}; COUNTED='{' '.join(COUNTED)}'; " + SCRIPT,
                  [(REPORT, str(ROOT), "rw")])
    if done.returncode:
        raise HarnessError(f"no report of the coverage:\n{done.stdout}")
    run(as_root(["chown", "-R", "--reference", TOP, REPORT]))
    print(done.stdout)
    return _judge(kernel, json.loads((REPORT / "lines.json").read_text(encoding="utf-8")))


def _judge(kernel, report):
    """Print each line that was missed, with the reason; return the exit code."""
    reasons = {}
    for row in REASONS.read_text(encoding="utf-8").splitlines():
        if row and not row.startswith("#"):
            line, _, reason = row.rpartition(" # ")
            reasons[line.strip()] = reason
    lines = missed = unexplained = 0
    for file in report["files"]:
        source = (REPORT / "module" / file["file"]).read_text(encoding="utf-8").splitlines()
        counted = [line for line in file["lines"] if not line["gcovr/noncode"]]
        lines += len(counted)
        for line in counted:
            if line["count"]:
                continue
            missed += 1
            text = place(source, line["line_number"])
            reason = reasons.get(f"{PurePosixPath(file['file']).name}: {text}")
            unexplained += reason is None
            print(f"{file['file']}:{line['line_number']}: {text}\n    "
                  f"{reason or 'NO REASON GIVEN in ' + REASONS.name}")
    covered = 100 * (lines - missed) / lines
    figure = f"{covered:.1f} % of {lines} lines, {missed} missed, {unexplained} without a reason"
    print(f"{figure}; the goal is {GOAL} %")
    results.record("coverage", kernel.name, figure, "make coverage")
    return 1 if unexplained or covered < GOAL else 0
