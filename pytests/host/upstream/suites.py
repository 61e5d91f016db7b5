"""Which of upstream's selftests are run; README.md says why these."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pytests.host.vm.errors import HarnessError

CGROUP = ("test_core", "test_freezer", "test_kill", "test_kmem", "test_memcontrol", "test_pids")

#: All but test-syscall.sh.
LIVEPATCH = tuple(f"test-{name}.sh" for name in (
    "callbacks", "ftrace", "livepatch", "shadow-vars", "state", "sysfs"))

#: Of ftrace/test.d; of kprobe not what is about parsing and fetching a probe's arguments.
FTRACE = ("direct/kprobe-direct.tc", "filter", "ftrace/func*.tc", "kprobe/[abmp]*.tc",
          "kprobe/kprobe_[efimn]*.tc", "kprobe/kretprobe_[ar]*.tc")


@dataclass(frozen=True)
class Suite:
    """One of the folders of tools/testing/selftests.

    memory: of its guests, in MiB.
    """

    name: str
    memory: int

    def tests(self, selftests, patterns=()):
        """The files that are run, relative to the suite's folder, sorted.

        Args:
            selftests: the folder /selftests of the guest.
            patterns: shell patterns of which the files match one; all files if there are none.

        Raises:
            HarnessError: the source has no such test.
        """
        folder = selftests / self.name
        found = []
        for pattern in {"cgroup": CGROUP, "livepatch": LIVEPATCH,
                        "ftrace": [f"test.d/{part}" for part in FTRACE]}[self.name]:
            paths = sorted(folder.glob(pattern))
            if not paths:
                raise HarnessError(f"the selftests have no {self.name}/{pattern}")
            for path in paths:
                found += sorted(path.rglob("*.tc")) if path.is_dir() else [path]
        names = sorted(str(path.relative_to(folder)) for path in found)
        return [name for name in names
                if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)]


SUITES = (Suite("cgroup", 2048), Suite("livepatch", 1024), Suite("ftrace", 1024))


def pick(names):
    """The suites of these names, in the table's order; all if there are none.

    Raises:
        HarnessError: there is no suite of such a name.
    """
    unknown = set(names) - {suite.name for suite in SUITES}
    if unknown:
        raise HarnessError(f"no suite is called {' '.join(unknown)}: there are "
                           + " ".join(suite.name for suite in SUITES))
    return [suite for suite in SUITES if not names or suite.name in names]


def ftrace_names(folder, tests):
    """What ftracetest numbers 1, 2, ... when it is given these tests, as (name, description).

    It runs all, and then, once more in an instance, those that are marked for it.
    """
    texts = [(test, (folder / test).read_text(encoding="utf-8", errors="replace"))
             for test in tests]
    # ftracetest has printf write them
    names = [(test, re.search(r"^#[ \t]*description:(.*)", text, re.MULTILINE)[1].strip()
              .replace("%%", "%")) for test, text in texts]
    marked = [bool(re.search(r"^#[ \t]*flags:.*instance", text, re.MULTILINE))
              for _, text in texts]
    return names + [(f"{test} (instance)", description)
                    for (test, description), again in zip(names, marked) if again]
