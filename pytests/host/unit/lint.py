"""The project's own checks: who imports whom, the tests that the manual names, versions."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from pytests.host.lint import imports
from pytests.host.lint.checks import CHECKS
from pytests.lib import manual

SECTION = """\
## enabled

- What: `/sys/kernel/debug/memevents_hook/enabled`
- Errors: `EINVAL`: not a boolean. `EAGAIN` (untested): never seen.
- Users: people.
{tests}
```
Y
```
"""


class ImportsTest(unittest.TestCase):
    """What the table allows, and what it does not."""

    def refused(self, path, line):
        return len(imports.refused(path, line + "\n"))

    def test_allowed(self):
        for path, line in (
                ("pytests/lib/memcg.py", "from pytests.lib import memevents"),
                ("pytests/lib/fuzz/fuzzer.py", "from .model import Model"),
                ("pytests/tests/test_why.py", "import pytest, errno"),
                ("pytests/programs/soak.py", "from pytests.programs.churn import Churn"),
                ("pytests/host/suite/suite.py", "from pytests.lib import kernel_log"),
                ("pytests/host/suite/suite.py", "from . import report"),
                ("pytests/host/cost/plot.py", "from matplotlib import pyplot"),
                ("pytests/host/unit/fuzz.py", "from pytests.lib.fuzz import fuzzer")):
            self.assertEqual(self.refused(path, line), 0, (path, line))

    def test_refused(self):
        for path, line in (
                ("pytests/lib/memcg.py", "from ..host import vm"),
                ("pytests/lib/memcg.py", "def f():\n    import pytest"),
                ("pytests/lib/memcg.py", "from pytests import programs"),
                ("pytests/lib/memcg.py", "import pytests"),
                ("pytests/lib/memcg.py", "import memevents"),
                ("pytests/tests/test_why.py", "from pytests.tests.test_stats import check"),
                ("pytests/tests/test_why.py", "from . import test_stats"),
                ("pytests/tests/test_why.py", "from pytests.host.vm import cache"),
                ("pytests/programs/soak.py", "import pytest"),
                ("pytests/host/suite/suite.py", "from pytests.lib import memevents"),
                ("pytests/host/suite/suite.py", "from pytests.lib.kernel_logs import x"),
                ("pytests/host/unit/vm.py", "import pytests.tests.test_why"),
                ("module/tools/x.py", "import pytests.lib.kernel_log")):
            self.assertEqual(self.refused(path, line), 1, (path, line))


class ManualTest(unittest.TestCase):
    """Tests that are named, and are there."""

    def faults(self, tests):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "tests" / "test_x.py"
            path.parent.mkdir()
            path.write_text("def test_it():\n    errno.EINVAL\n", encoding="ascii")
            (path.parent / "test_y.py").touch()
            return manual.faults(manual.parse(SECTION.format(tests=tests)), folder)

    def test_named(self):
        self.assertEqual(self.faults("- Tests: `tests/test_x.py::test_it`,\n  `tests/test_y.py`\n"),
                         [])

    def test_not_named_or_not_there(self):
        for tests, said in (
                ("", "no test is named"),
                ("- Tests: `tests/test_z.py`\n", "there is no tests/test_z.py"),
                ("- Tests: `tests/test_x.py::test_that`\n", "no tests/test_x.py::test_that"),
                ("- Tests: `tests/test_y.py`\n", "EINVAL is in none of its tests")):
            self.assertIn(said, "\n".join(self.faults(tests)))


class VersionsTest(unittest.TestCase):
    """A kernel's version is tested in two files: compat.h, where no header tells, and probe.mk."""

    def found(self, what, path, line):
        """What the check finds in the line of a file, beside another one without fault."""
        check, = (check for check in CHECKS if check.name == f"versions in {what} only")
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (("module/good", "#ifdef HAVE_IT\n"), (path, line + "\n")):
                file = Path(folder) / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="ascii")
            done = subprocess.run(["sh", "-c", f"FILES='module/good {path}'\n{check.command}"],
                                  cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, encoding="ascii", check=False)
        self.assertEqual(bool(done.returncode), bool(done.stdout), done.stdout)
        return done.stdout

    def test_in_the_one_file(self):
        line = "#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0)"
        self.assertEqual(self.found("compat.h", "module/engine/compat.h", line), "")
        self.assertEqual(self.found("probe.mk", "module/engine/probe.mk", "ifeq ($(VERSION),8)"),
                         "")

    def test_in_another_file(self):
        for path in ("module/memory_events.c", "module/engine/trace.h",
                     "pytests/kmods/peers/peer_event.c"):
            for line in ("#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0)",
                         "#if RHEL_RELEASE_CODE", "#if LINUX_VERSION_MAJOR > 6",
                         "#include <linux/version.h>", "#include <generated/utsrelease.h>",
                         "printk(UTS_RELEASE);", "pr_info(utsname()->release);"):
                self.assertEqual(self.found("compat.h", path, line), f"{path}:1:{line}\n")
        for path in ("module/Kbuild", "pytests/kmods/peers/Kbuild", "module/engine/engine.mk"):
            for line in ("ifeq ($(PATCHLEVEL),1)", "ifeq (${VERSION},6)", "$(shell uname -r)",
                         "ifneq ($(KERNELVERSION),)"):
                self.assertEqual(self.found("probe.mk", path, line), f"{path}:1:{line}\n")

    def test_other_words(self):
        self.assertEqual(self.found("compat.h", "module/engine/main.c", 'MODULE_VERSION("1");'), "")
