"""Who notices a mutant: `make prove`, tests in a guest, a check with a boot of its own."""

import json
import shutil

from pytests.host.prove.litmus import Litmus
from pytests.host.suite import boots
from pytests.host.vm import cache
from pytests.host.vm.cache import TOP
from pytests.host.vm.guest import WALL_LIMIT
from pytests.host.vm.image import Content
from pytests.host.vm.in_guest import run_in_guest
from pytests.lib.kernel_log import EXIT_SPLAT

from .outcome import NOT_TRIED, NOTICED, SURVIVED, Outcome

# A guest that is lost with no mutant's outcome is started again so often.
RETRIES = 2

# pytest's exit codes: tests failed, no test was collected. The other ones of its own say that it
# could not test.
EXIT_FAILED, EXIT_NO_TESTS = 1, 5

COMMAND = """\
export MEMEVENTS_EVENTS=/dev/memevents_events PYTHONUNBUFFERED=1
exec python3 -m pytests.programs.mutants /memevents/mutants.json
"""


def by_prove(mutant, folder):
    """What `make prove` says of a mutant: it looks for the statements that the litmus tests name.

    Args:
        folder: for a copy of the module, made anew.
    """
    cache.remove(folder)
    shutil.copytree(TOP / "module", folder / "module",
                    ignore=shutil.ignore_patterns("*.o", "*.ko", "*.mod*", ".*"))
    mutant.plant(folder)
    for path in sorted((folder / "module" / "litmus").glob("*.litmus")):
        test = Litmus(path)
        if not test.base and test.form(folder):
            return Outcome(NOTICED, f"make prove: {test.name}")
    return Outcome(SURVIVED)


def judge(event):
    """The Outcome that the guest tells of, by the event "end"."""
    code, failed = event["code"], event["failed"]
    if code == EXIT_NO_TESTS:
        return Outcome(NOT_TRIED, "no test is of that name")
    if code in (EXIT_FAILED, EXIT_SPLAT):
        return Outcome(NOTICED, failed.removeprefix("pytests/") or f"pytest's exit code {code}")
    if code:
        return Outcome(NOT_TRIED, f"pytest's exit code {code}")
    if not event["passed"]:
        return Outcome(NOT_TRIED, "every test was skipped")
    return Outcome(SURVIVED)


class InGuest:
    """Tries mutants in a guest, one after the other; in further guests where one has to end.

    Args:
        kernel, acceleration: the guests'.
        sound: the folder with the sound modules.
        folder: for the logs.
        tell: called with (mutant, Outcome) for each.
    """

    def __init__(self, kernel, acceleration, sound, folder, tell):
        self._kernel = kernel
        self._acceleration = acceleration
        self._sound = sound
        self._folder = folder
        self._tell = tell

    def run(self, mutants, kos, everything=False):
        """Try mutants.

        Args:
            kos: the folder with each one's modules, by name, as Builder.build() leaves it.
            everything: whether all tests are run, not only those that should notice.
        """
        self._left = {mutant.name: mutant for mutant in mutants}
        guests, lost = 0, 0
        while self._left and lost <= RETRIES:
            guests += 1
            before = len(self._left)
            self._current = None
            ended = self._boot(kos, everything, guests)
            # one that ran out of time goes on in a further guest: that says nothing of a mutant
            if ended.lost and self._current and not ended.too_slow:
                self._take(self._current, Outcome(NOTICED, ended.wrong))
            lost = lost + 1 if len(self._left) == before else 0
        for name in list(self._left):
            self._take(name, Outcome(
                NOT_TRIED, f"{1 + RETRIES} guests in a row tried no mutant: {ended.wrong}"))

    def _boot(self, kos, everything, number):
        listed, files = [], {}
        for name, mutant in self._left.items():
            modules = {}
            for path in sorted(kos[name].rglob("*.ko")):
                file = f"{name}.{path.name}"
                files[file] = path
                modules[str(path.relative_to(kos[name]))] = f"/memevents/{file}"
            listed.append({"name": name, "modules": modules,
                           "tests": "" if everything else mutant.tests})
        files["mutants.json"] = json.dumps(listed)
        return run_in_guest(self._kernel, self._folder, COMMAND, self._acceleration,
                            Content(self._sound, files), suffix=f"-{number}",
                            on_event=self._on_event, limit=WALL_LIMIT * self._kernel.patience)

    def _on_event(self, event):
        if event["event"] == "begin":
            self._current = event["name"]
        elif event["event"] == "end":
            self._current = None
            self._take(event["name"], judge(event))

    def _take(self, name, outcome):
        self._tell(self._left.pop(name), outcome)


def by_boot(mutant, kernel, built, acceleration, folder):
    """What the mutant's check with a boot of its own says."""
    boot = next(boot for boot in boots.BOOTS if boot.name == mutant.boot)
    wrong = boots.run_one(kernel, boot, built, acceleration, folder)
    return Outcome(NOTICED, mutant.boot) if wrong else Outcome(SURVIVED)
