"""The project's own checks: who imports whom, and the tests that the manual names."""

import tempfile
import unittest
from pathlib import Path

from pytests.host.lint import imports
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
