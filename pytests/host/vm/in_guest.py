"""Running a command in a guest of its own: the one place where guests are started."""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import image, release, results
from .errors import GuestLost, GuestTooSlow
from .guest import Guest
from .image import Content


@dataclass(frozen=True)
class Ended:
    """How a guest's run ended.

    code: the command's exit code; None where the guest was lost.
    lost: why the guest was lost; empty where it was not.
    too_slow: whether it was lost only because it took longer than a guest may.
    output: what the command wrote.
    console: the file with the kernel's log.
    """

    code: int
    lost: str
    output: str
    console: Path
    too_slow: bool = False

    @property
    def wrong(self):
        """What went wrong, in a line; empty where the command exited with 0."""
        if self.lost:
            return f"guest lost: {self.lost}"
        return f"exit code {self.code}" if self.code else ""

    @property
    def status(self):
        """What a program on the host is to exit with: 3 where the guest was lost."""
        return 3 if self.lost else self.code


def run_in_guest(kernel, folder, command, acceleration, content=Content(), suffix="", shown=False,
                 line="", memory=0, **options):
    """Boot a guest, run a shell script in it as root, and tell how it ended.

    Args:
        folder: where output.log and console.log are left; made if it is missing.
        content: what the guest boots into.
        suffix: what the names of the two logs end by, where the folder has several runs' logs.
        shown: whether what the command writes is printed, too.
        line: more for the kernel's command line.
        memory: MiB that the run needs at least.
        options: more arguments of Guest: cpus, limit, firmware, on_event.

    Raises:
        HarnessError: the guest could not be made or started.
    """
    results.commit()
    folder.mkdir(parents=True, exist_ok=True)
    log, console = folder / f"output{suffix}.log", folder / f"console{suffix}.log"
    code, lost, too_slow = None, "", False
    # Several guests may share the folder.
    with tempfile.TemporaryDirectory(prefix="initramfs-", dir=folder) as own:
        initramfs = image.initramfs(kernel, Path(own), command, content)
        with open(log, "wb", buffering=0) as output:
            def take(data):
                output.write(data)
                if shown:
                    sys.stdout.buffer.write(data)
                    sys.stdout.buffer.flush()
            try:
                code = Guest(
                    kernel.arch, release.fetch(kernel).image, initramfs, console, acceleration,
                    on_output=take, extra_line=f"{kernel.line} {line}",
                    memory=max(kernel.memory, memory), **options,
                ).run()
            except GuestLost as error:
                lost, too_slow = str(error), isinstance(error, GuestTooSlow)
    text = log.read_text(encoding="utf-8", errors="replace").replace("\r", "")
    return Ended(code, lost, text, console, too_slow)
