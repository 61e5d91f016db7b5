"""One QEMU guest, from power on to power off."""

import json
import os
import selectors
import subprocess
import time
from dataclasses import dataclass

from . import cpus as cpu_numbers
from .errors import GuestLost, GuestTooSlow, HarnessError
from .process import dying_with_us

# Seconds, with hardware acceleration; TCG_FACTOR times as long without.
BOOT_LIMIT = 60
WALL_LIMIT = 600
SILENCE_LIMIT = 60
TCG_FACTOR = 6

MEMORY = 1024  # MiB

# What the kernel itself takes for a lockup (10 s; not more than 60) and for a stall (21 s), without
# hardware acceleration: guests that share the cores make each other wait.
TCG_LINE = "watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=180"

# An oops ends the guest: the log is out on the console by then, and nothing that ran on would
# mean anything.
COMMON_LINE = "panic=-1 oops=panic log_buf_len=16M ignore_loglevel printk.devkmsg=on"

MACHINES = {
    "amd64": {
        "qemu": "qemu-system-x86_64",
        "host": "x86_64",
        "options": ["-machine", "q35"],
        "beyond": (cpu_numbers.MOST, []),
        "tcg_cpu": "qemu64",
        # older kernels take its CPUs' counters for unsynchronized, though all are the host's, and
        # read a device in their place: one with checkers is a quarter slower for it
        "tcg_line": "tsc=reliable",
        "line": "console=ttyS0 " + COMMON_LINE,
    },
    "arm64": {
        "qemu": "qemu-system-aarch64",
        "host": "aarch64",
        "options": ["-machine", "virt"],
        # the interrupt controller that QEMU's machine has by default knows eight CPUs
        "beyond": (8, ["-machine", "gic-version=max"]),
        # `max` computes pointer authentication codes, at a great cost
        "tcg_cpu": "cortex-a72",
        # the kernel would unmap itself for the sake of KASLR, though this CPU does not ask for it,
        # and QEMU would flush its TLB with each system call: it takes more than twice as long
        "tcg_line": "kpti=off",
        "line": "console=ttyAMA0 " + COMMON_LINE,
    },
}


@dataclass(frozen=True)
class Acceleration:
    """How guests are run: kvm or tcg.

    threads: for TCG, `single` or `multi`. QEMU 7.2's multi-threaded TCG goes on executing stale
        breakpoints after the kernel has patched them away, so whatever patches text runs `single`.
    """

    name: str
    threads: str = "single"

    @property
    def factor(self):
        """What the time limits are multiplied by."""
        return TCG_FACTOR if self.name == "tcg" else 1

    def options(self, machine):
        """QEMU's options."""
        if self.name == "kvm":
            return ["-accel", "kvm", "-cpu", "host"]
        return ["-accel", f"tcg,thread={self.threads}", "-cpu", machine["tcg_cpu"]]

    def line(self, machine):
        """More for the kernel's command line."""
        return f"{machine['tcg_line']} {TCG_LINE}" if self.name == "tcg" else ""


def _cpu_seconds(pid):
    """What a process and its threads have taken of the CPUs so far (proc(5): utime, stime)."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        words = file.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


class Guest:
    """One guest's run.

    Args:
        on_output: called with each piece (bytes) of what the command writes.
        on_event: called with each event (dict) the guest reports, but the first and the last. Its
            "cpu" is what the emulator has taken of the host's CPUs since the start, in seconds.
        cpus: how many the guest has; None for as many as guests have (cpus.py).
        firmware: a firmware.Firmware to start by, where QEMU is not to start the kernel itself.
        nice: how far it stands back for others that want the host's CPUs, as nice(1) has it.
    """

    def __init__(self, arch, image, initramfs, console, acceleration,
                 on_output=lambda data: None, on_event=lambda event: None,
                 extra_line="", cpus=None, memory=MEMORY, limit=None, firmware=None,
                 nice=0):
        machine = MACHINES[arch]
        line = f"{machine['line']} {acceleration.line(machine)} {extra_line}"
        self._acceleration = acceleration
        self._on_output = on_output
        self._on_event = on_event
        cpus = cpus or cpu_numbers.number()
        many, options_for_many = machine["beyond"]
        self._limit = (limit or WALL_LIMIT) * acceleration.factor
        self._command = [
            "nice", "-n", str(nice),
            machine["qemu"], *machine["options"], *acceleration.options(machine),
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            *(options_for_many if cpus > many else []),
            "-smp", str(cpus), "-m", str(memory),
            *(firmware.options(image, initramfs, line) if firmware else
              ["-kernel", str(image), "-initrd", str(initramfs), "-append", line]),
            "-chardev", f"file,id=console,path={console}", "-serial", "chardev:console",
        ]
        self._ready = False
        self._code = None
        self._rest = b""
        self._pid = None

    def run(self):
        """Boot, run the command, power off.

        Returns:
            The command's exit code.

        Raises:
            GuestLost: the guest did not get to its end.
            HarnessError: QEMU could not be started.
        """
        ports = []
        command = list(self._command)
        for name, slot in (("stream", 0x10), ("events", 0x11)):
            ours, theirs = os.pipe()
            ports.append((ours, theirs))
            command += ["-chardev", f"file,id={name},path=/dev/fd/{theirs}",
                        "-device", f"pci-serial,chardev={name},addr={slot:#x}"]
        try:
            qemu = subprocess.Popen(
                dying_with_us(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, pass_fds=[theirs for _, theirs in ports],
            )
        finally:
            for _, theirs in ports:
                os.close(theirs)
        self._pid = qemu.pid
        try:
            self._follow(*(ours for ours, _ in ports))
            said = qemu.communicate(timeout=30)[0].decode(errors="replace").strip()
        except subprocess.TimeoutExpired:
            said = "it did not power off"
        finally:
            qemu.kill()
            qemu.wait()
            qemu.stdout.close()
            for ours, _ in ports:
                os.close(ours)
        if qemu.returncode > 0 and not self._ready:
            raise HarnessError(f"QEMU: {said}")
        if self._code is None:
            raise GuestLost(f"it ended with no word {'of its command' if self._ready else 'at all'}"
                            + (f": {said}" if said else ""))
        return self._code

    def _follow(self, stream, events):
        """Read both ports to their ends.

        Raises:
            GuestLost: a time limit ran out.
        """
        factor = self._acceleration.factor
        start = heard = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ, self._on_output)
            selector.register(events, selectors.EVENT_READ, self._take_events)
            while selector.get_map():
                now = time.monotonic()
                silence = (SILENCE_LIMIT if self._ready else BOOT_LIMIT) * factor
                left = min(start + self._limit, heard + silence) - now
                if left <= 0:
                    if heard + silence <= now:
                        raise GuestLost(f"it was silent for {silence} s")
                    raise GuestTooSlow(f"it ran for more than {self._limit} s")
                for selected, _ in selector.select(left):
                    data = os.read(selected.fd, 1 << 16)
                    if data:
                        heard = time.monotonic()
                        selected.data(data)
                    else:
                        selector.unregister(selected.fd)

    def _take_events(self, data):
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                raise GuestLost(f"it reported garbage: {line!r}") from None
            if event["event"] == "ready":
                self._ready = True
            elif event["event"] == "exit":
                self._code = event["code"]
            else:
                self._on_event({**event, "cpu": _cpu_seconds(self._pid)})
