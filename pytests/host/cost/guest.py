"""One guest of the benchmark: a kernel, busybox, the reader, the modules, a command of guest.sh."""

from dataclasses import dataclass

from pytests.host.vm import progress
from pytests.host.vm.cache import TOP
from pytests.host.vm.errors import HarnessError
from pytests.host.vm.guest import Acceleration
from pytests.host.vm.image import Content
from pytests.host.vm.in_guest import run_in_guest

from .build import HERE

#: Guests that are lost are started again so often.
RETRIES = 2


@dataclass(frozen=True)
class Counting(Acceleration):
    """TCG whose guest clock counts instructions: a nanosecond is one, whatever the host does."""

    name: str = "tcg"

    def options(self, machine):
        """QEMU's options."""
        return [*super().options(machine), "-icount", "shift=0,sleep=off"]


def lines(kernel, built, command, acceleration, cpus=1):
    """Boot a guest, run a command of guest.sh there, and return the lines it wrote.

    Raises:
        HarnessError: the command failed, or the guest was lost each time; the message holds what it
            wrote.
    """
    scripts = {name: HERE / name for name in ("guest.sh", "scaling.sh")}
    content = Content(files={**scripts, **built.files}, archives=[built.root], project=False)
    for left in reversed(range(1 + RETRIES)):
        with progress.step(kernel.name, f"measuring {command}"):
            ended = run_in_guest(
                kernel, TOP / "build" / "bench" / kernel.name,
                f"PATH=$PATH:/memevents; exec sh ./guest.sh {command}\n", acceleration, content,
                suffix=f"-{command}", cpus=cpus)
        if not ended.wrong:
            break
        if not ended.lost or not left:
            raise HarnessError(f"{kernel.name}: {command}: {ended.wrong}:\n{ended.output}")
        progress.say(kernel.name, f"{command}: {ended.wrong}: once more")
    return ended.output.splitlines()
