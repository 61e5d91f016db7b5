"""Running programs on the host."""

import os
import shlex
import subprocess
import threading
import time

from .errors import HarnessError


def finish(command, on_line=lambda line: None, **options):
    """Run a program to its end and return the finished process, both its streams as one text.

    Args:
        on_line: called with each line that it writes, when it does.
    """
    lines = []
    command = [str(word) for word in command]
    with subprocess.Popen(
        dying_with_us(command),
        # What is run by sudo finds out by its standard input that we are gone.
        stdin=subprocess.PIPE if command[:1] == ["sudo"] else subprocess.DEVNULL,
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
            + (NO_TICKET if "sudo: a password is required" in done.stdout else "")
        )
    return done.stdout


NO_TICKET = "sudo's ticket has expired, and nobody is asked for a password: run 'sudo true' first"

#: Seconds between two uses of sudo's ticket, which may be valid for as little as five minutes.
TICKET = 120

#: Runs a command as long as standard input is open: the kernel's word that a parent has died does
#: not reach what a set-user-ID program, such as sudo, has started.
_WHILE_OPEN = """
exec 3<&0 < /dev/null
"$@" 3<&- &
command=$!
{ cat <&3; kill -KILL "$command"; } > /dev/null 2>&1 &
watcher=$!
exec 3<&-
code=0
wait "$command" || code=$?
kill "$watcher" 2> /dev/null
exit "$code"
"""


def _keep_ticket():
    while True:
        time.sleep(TICKET)
        subprocess.run(["sudo", "-n", "true"], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


_keeper = threading.Thread(target=_keep_ticket, daemon=True)
_keeper_lock = threading.Lock()


def as_root(command):
    """The command as root runs it, unless we are root already: by sudo, which asks for no password,
    and killed when we end. For finish() and run()."""
    if os.geteuid() == 0:
        return list(command)
    with _keeper_lock:
        if not _keeper.is_alive():
            _keeper.start()
    return ["sudo", "-n", "sh", "-c", _WHILE_OPEN, "sh", *command]


def dying_with_us(command):
    """The command, killed by the kernel when the thread that started it ends. sudo undoes that."""
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
