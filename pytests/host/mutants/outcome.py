"""What came of a mutant, and keeping that for later runs."""

import json
import re
from dataclasses import asdict, dataclass

from pytests.host.vm.cache import TOP

NOTICED, SURVIVED, NOT_TRIED = "noticed", "survived", "not tried"

# What the outcome of a mutant that was not noticed depends on, beside the module. One that was
# noticed stays so as long as its own file is the same.
TESTS = ("tests", "lib", "programs", "kmods", "conftest.py")


_COMMENT = re.compile(rb"/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class Outcome:
    """What came of a mutant.

    outcome: NOTICED, SURVIVED or NOT_TRIED.
    by: the test that noticed, or why it was not tried.
    """

    outcome: str
    by: str = ""


def _texts(*parts):
    """The contents of files and folders, in a fixed order; of C only what is compiled."""
    for part in parts:
        for path in sorted(part.rglob("*")) if part.is_dir() else [part]:
            if path.is_file() and path.suffix in (".c", ".h", ".py", ".mk", ".litmus"):
                text = path.read_bytes()
                yield (b" ".join(_COMMENT.sub(b" ", text).split()) if path.suffix in (".c", ".h")
                       else text)


class Record:
    """The outcomes of this run and of earlier ones, each in a file of the folder.

    everything: whether a mutant that the tests that should notice did not notice was tried with
        all tests.
    """

    def __init__(self, folder, everything):
        self._folder = folder
        self._module = list(_texts(TOP / "module"))
        self._tests = list(_texts(*(TOP / "pytests" / part for part in TESTS)))
        self._everything = everything

    def _key(self, mutant, outcome):
        if outcome == NOTICED:
            return mutant.key(_texts(TOP / "module" / mutant.file))
        return mutant.key([*self._module, *self._tests, b"all" * self._everything])

    def known(self, mutant):
        """The Outcome of an earlier run that still holds; None where there is none."""
        path = self._folder / f"{mutant.name}.json"
        if not path.exists():
            return None
        kept = json.loads(path.read_text(encoding="utf-8"))
        holds = kept.pop("key") == self._key(mutant, kept["outcome"])
        return Outcome(**kept) if holds else None

    def keep(self, mutant, outcome):
        """Keep an outcome for later runs, but for one that says nothing."""
        if outcome.outcome == NOT_TRIED:
            return
        path = self._folder / f"{mutant.name}.json"
        kept = {"key": self._key(mutant, outcome.outcome), **asdict(outcome)}
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(kept), encoding="utf-8")
        temporary.replace(path)
