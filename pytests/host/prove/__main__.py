"""Check every litmus test against the kernel's memory model: `python3 -m pytests.host.prove`.

Prints a line a test, and exits 1 where one does not answer as it has to, or is not as
module/litmus/README.md says.
"""

import sys
import time

from pytests.host.vm import results
from pytests.host.vm.cache import TOP
from pytests.host.vm.errors import HarnessError

from . import herd
from .litmus import Litmus, mentions, pairs

FOLDER = TOP / "module" / "litmus"
CODE = TOP / "module"


def _unknown(tests):
    """Mentions of tests that do not exist, as a list of lines."""
    return [
        f"{path.relative_to(TOP)} names litmus/{name}, which does not exist"
        for path in sorted(CODE.rglob("*.[ch]"))
        for name in sorted(mentions(path.read_text(encoding="utf-8")) - set(tests))
    ]


def _judge(test, said):
    """What is wrong with herd7's answer, as a list of phrases."""
    wrong = []
    got = herd.verdict(said)
    if got is None:
        return [f"herd7 does not answer: {said.strip() or 'not a word'}"]
    if got != test.expected:
        wrong.append(f"herd7 answers {got}, not {test.expected}")
    if not test.base:
        wrong += [f"herd7 flags it: {flag}" for flag in herd.flags(said)]
    return wrong


def main():
    """Returns: the exit code."""
    began = time.monotonic()
    tests = {test.name: test for test in map(Litmus, sorted(FOLDER.glob("*.litmus")))}
    said = herd.answers(FOLDER)
    twisted = pairs(tests)
    failed = 0
    for name, test in tests.items():
        wrong = [*_judge(test, said.get(name, "")), *test.form(TOP), *twisted[name]]
        failed += bool(wrong)
        print(f"{name:<42} {herd.verdict(said.get(name, '')) or '-':<10}"
              f" {'FAILED' if wrong else 'ok'}")
        for phrase in wrong:
            print(f"    {phrase}")
    unknown = _unknown(tests)
    for line in unknown:
        print(line)
    twins = sum(bool(test.base) for test in tests.values())
    failed += len(unknown)
    figure = f"{len(tests) - twins} orderings, {twins} twins, {failed} failed"
    print(f"prove: {figure} ({time.monotonic() - began:.1f} s)")
    if not failed:
        results.record("prove", "-", figure, "make prove", any_cpus=False)
    return 1 if failed or not tests else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HarnessError as error:
        sys.exit(f"prove: {error}")
