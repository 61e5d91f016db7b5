"""Running programs on the host."""

import os
import shlex
import subprocess

from .errors import HarnessError


def finish(command, on_line=lambda line: None, **options):
    """Run a program to its end and return the finished process, both its streams as one text.

    Args:
        on_line: called with each line that it writes, when it does.
    """
    lines = []
    with subprocess.Popen(
        dying_with_us([str(word) for word in command]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        **options,
    ) as child:
        for line in child.stdout:
            lines.append(line)
            on_line(line)
    return subprocess.CompletedProcess(command, child.returncode, "".join(lines))


def run(command, **options):
    """Run a program to its end and return its output, both streams together, as text.

    Args:
        options: as finish() has them.

    Raises:
        HarnessError: it exited non-zero; the message holds the command and its output.
    """
    done = finish(command, **options)
    if done.returncode:
        raise HarnessError(
            f"exit code {done.returncode}: {shlex.join(str(w) for w in command)}\n{done.stdout}"
        )
    return done.stdout


def as_root(command):
    """The command with sudo before it, unless we are root already."""
    return list(command) if os.geteuid() == 0 else ["sudo", *command]


def dying_with_us(command):
    """The command, killed by the kernel when the thread that started it ends."""
    return ["setpriv", "--pdeathsig", "KILL", *command]


#: What confined() runs first. `unshare` alone would give up in a chroot: its root is no mount
#: point, and so has no propagation to change.
_KEEP_MOUNTS_HERE = 'mount --make-rprivate / 2> /dev/null; exec "$@"'


def confined(command):
    """The command, with mounts and processes that end when it does. Needs root."""
    return [
        "unshare", "--mount", "--propagation", "unchanged", "--pid", "--fork", "--kill-child",
        "--mount-proc", "sh", "-c", _KEEP_MOUNTS_HERE, "sh", *command,
    ]
