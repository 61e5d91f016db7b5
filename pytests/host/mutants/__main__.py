"""Plant one fault after the other in the module, and see which the tests notice.

`python3 -m pytests.host.mutants [--all] [--jobs N] [--kernels KERNELS] [PATTERN...]`: those whose
names match a pattern; all if none is given. Outcomes stay in build/mutants: a run that was stopped
goes on where it was, and tries a mutant again only when its file or its row has changed, or, where
nobody noticed, the rest of the module or the tests have.
"""

import argparse
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase

from pytests.host.vm import accel, cache, modules, results
from pytests.host.vm.cache import TOP
from pytests.host.vm.errors import HarnessError
from pytests.host.vm.kernels import KERNELS, pick

from . import build, notice
from .outcome import NOT_TRIED, NOTICED, SURVIVED, Outcome, Record
from .table import MUTANTS

FOLDER = TOP / "build" / "mutants"

#: So many mutants are tried in a guest: a run that is stopped loses no more than its guests.
BATCH = 12

_printing = threading.Lock()


class Run:
    """One run: the outcomes so far, and how a batch of mutants is tried."""

    def __init__(self, everything):
        self._everything = everything
        self._record = Record(FOLDER, everything)
        self.outcomes = {}

    def known(self, mutant):
        """Take over what an earlier run has found; returns whether there is such."""
        outcome = self._record.known(mutant)
        if outcome:
            self._take(mutant, outcome, " (earlier)")
        return bool(outcome)

    def batch(self, number, kernel, mutants):
        """Try some mutants for one kernel.

        Args:
            number: its own among the batches, for the names of folders.
        """
        folder = FOLDER / f"batch-{number}"
        cache.remove(folder)
        folder.mkdir(parents=True)
        for mutant in mutants:
            if mutant.prove:
                self._take(mutant, notice.by_prove(mutant, folder / "prove"))
        left = [mutant for mutant in mutants if not mutant.prove]
        if not left:
            return
        sound = modules.build(kernel)
        acceleration = accel.choose(kernel)
        kos = self._build(left, build.Builder(kernel, sound, folder / f"build-{number}"), folder)
        left = [mutant for mutant in left if mutant.name in kos]
        survivors = []

        def tell(mutant, outcome):
            if outcome.outcome == SURVIVED:
                survivors.append(mutant)
            else:
                self._take(mutant, outcome)

        guest = notice.InGuest(kernel, acceleration, sound, folder / "guest", tell)
        survivors += [mutant for mutant in left if not mutant.tests]
        guest.run([mutant for mutant in left if mutant.tests], kos)
        survivors, tried = [], survivors
        for mutant in tried:
            if mutant.boot:
                built = build.with_mutant(sound, kos[mutant.name], folder / "built")
                tell(mutant, notice.by_boot(mutant, kernel, built, acceleration,
                                            folder / mutant.name))
            else:
                survivors.append(mutant)
        if self._everything:
            survivors, tried = [], survivors
            guest.run(tried, kos, everything=True)
        for mutant in survivors:
            self._take(mutant, Outcome(SURVIVED))

    def _build(self, mutants, builder, folder):
        """Build what can be built; returns {name: the folder with its modules}."""
        kos = {}
        for mutant in mutants:
            try:
                built = folder / "modules" / mutant.name
                builder.build(mutant, built, build.folders(mutant, self._everything))
                kos[mutant.name] = built
            except HarnessError as error:
                self._take(mutant, Outcome(NOT_TRIED, str(error)))
        return kos

    def _take(self, mutant, outcome, more=""):
        self._record.keep(mutant, outcome)
        by = f"by {outcome.by}" if outcome.outcome == NOTICED else outcome.by
        if outcome.outcome == SURVIVED:
            by = mutant.survives
        with _printing:
            self.outcomes[mutant] = outcome
            print(f"{mutant.name:<42} {outcome.outcome:<9} {by}{more}".rstrip(), flush=True)


def _batches(mutants):
    """Yield (kernel, mutants): as many as go into one guest, in the order of the kernels' table."""
    for kernel in KERNELS:
        for_it = [mutant for mutant in mutants if mutant.kernel == kernel.name]
        for start in range(0, len(for_it), BATCH):
            yield kernel, for_it[start:start + BATCH]


def _sum_up(outcomes, command):
    """Print the sums; returns the exit code."""
    def those(outcome, reason=False):
        return [mutant for mutant, found in outcomes.items()
                if found.outcome == outcome and bool(mutant.survives) == reason]

    noticed = those(NOTICED) + those(NOTICED, True)
    proved = [mutant for mutant in noticed if mutant.prove]
    survived, not_tried = those(SURVIVED), those(NOT_TRIED) + those(NOT_TRIED, True)
    print()
    for mutant in survived:
        print(f"survived: {mutant.name} ({mutant.file})")
    for mutant in those(NOTICED, True):
        print(f"noticed, though its row says why nothing can: {mutant.name} ({mutant.file})")
    for mutant in not_tried:
        print(f"not tried: {mutant.name} ({mutant.file})")
    figure = (f"{len(outcomes)} mutants: {len(noticed)} noticed"
              f" ({len(proved)} by make prove), {len(survived)} survived,"
              f" {len(those(SURVIVED, True))} survived with a reason, {len(not_tried)} not tried")
    print(figure)
    results.record("mutants", " ".join(sorted({m.kernel for m in outcomes})), figure, command)
    return 1 if survived or not_tried or not outcomes else 0


def run(patterns, kernels, everything, jobs):
    """Try the mutants of these names, and return the exit code.

    Args:
        patterns: shell patterns; all mutants if empty.
        kernels: only those that are tried on these, as in `make test`; all if empty.
        everything: whether all tests are run where the ones that should notice do not.
        jobs: how many guests run at a time.
    """
    on = {kernel.name for kernel in (pick(kernels) if kernels else KERNELS)}
    chosen = [mutant for mutant in MUTANTS if mutant.kernel in on
              and (not patterns or any(fnmatchcase(mutant.name, p) for p in patterns))]
    FOLDER.mkdir(parents=True, exist_ok=True)
    results.commit()
    this = Run(everything)
    left = [mutant for mutant in chosen if not this.known(mutant)]
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for future in [pool.submit(this.batch, number, kernel, mutants)
                           for number, (kernel, mutants) in enumerate(_batches(left))]:
                future.result()
        except KeyboardInterrupt:
            # Not to wait for the threads: QEMU dies with us.
            print("\ninterrupted: the next run goes on here", flush=True)
            os._exit(130)
    words = ["make mutants", f"MUTANTS='{' '.join(patterns)}'" if patterns else "",
             f"KERNELS='{kernels}'" if kernels else "", "ALL=1" if everything else ""]
    return _sum_up(this.outcomes, " ".join(filter(None, words)))


def main():
    """Returns: the exit code."""
    parser = argparse.ArgumentParser(prog="python3 -m pytests.host.mutants", description=__doc__)
    parser.add_argument("patterns", nargs="*", default=os.environ.get("MUTANTS", "").split())
    parser.add_argument("--kernels", default=os.environ.get("KERNELS", ""),
                        help="those that are tried on these kernels")
    parser.add_argument("--all", action="store_true",
                        default=os.environ.get("ALL", "") not in ("", "0"),
                        help="where the tests that should notice do not, run all")
    parser.add_argument("--jobs", type=int,
                        default=int(os.environ.get("JOBS") or os.cpu_count()))
    arguments = parser.parse_args()
    return run(arguments.patterns, arguments.kernels, arguments.all, arguments.jobs)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HarnessError as error:
        sys.exit(f"mutants: {error}")
