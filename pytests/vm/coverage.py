"""How much of the module a debug kernel's tests ran through, from what its GCOV counted.

Guests send the counts when their tests end; `make coverage` makes a report of them, with the
gcovr of the toolchain that built the module.
"""

import base64
import shutil
from pathlib import PurePosixPath

from . import cache, release, toolchain
from .cache import TOP
from .chroot import run_in
from .errors import BenchError
from .host import as_root, run

REPORT = TOP / "build" / "coverage"

# Where the toolchain's chroot had the sources.
ROOT = PurePosixPath("/mnt")

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
cp merged/module/*.gcda module/
gcovr --root module --exclude-unreachable-branches --exclude-throw-branches --delete \
	--html-details html/index.html --html-title memevents_hook \
	--txt lines.txt --json-summary summary.json module
cat lines.txt
"""


def keep(folder, guest, event):
    """Keep a file of counts that a guest sent."""
    path = PurePosixPath(event["path"]).relative_to("/sys/kernel/debug/gcov" + str(ROOT))
    target = folder / "gcov" / f"guest-{guest}" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(base64.b64decode(event["data"]))


def report(kernel):
    """Make build/coverage/ from the counts of the kernel's last `make test`.

    Returns:
        The table of lines by file, as text.

    Raises:
        BenchError: there are no counts.
    """
    counts = TOP / "build" / "test" / kernel.name / "gcov"
    if not counts.is_dir():
        raise BenchError(f"{counts}: no guest sent any counts")
    root = toolchain.toolchain(kernel, release.fetch(kernel))
    cache.remove(REPORT)
    shutil.copytree(counts, REPORT)
    shutil.copytree(
        TOP / "build" / "modules" / kernel.name / "module", REPORT / "module",
        ignore=lambda _, names: [n for n in names if not n.endswith((".c", ".h", ".gcno"))])
    (REPORT / "html").mkdir()
    done = run_in(root, "coverage", f"cd {ROOT}; " + SCRIPT, [(REPORT, str(ROOT), "rw")])
    if done.returncode:
        raise BenchError(f"no report of the coverage:\n{done.stdout}")
    run(as_root(["chown", "-R", "--reference", TOP, REPORT]))
    return done.stdout
