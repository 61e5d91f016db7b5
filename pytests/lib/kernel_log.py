"""The kernel's log from a mark on, what in it is a splat, and the taint flags."""

import collections
import os
import re

Record = collections.namedtuple("Record", "level sequence text")
Record.__doc__ = "A record of /dev/kmsg: its level (0-7), its number, its text without dictionary."

PREFIX = "memevents_hook: "

#: Exit status of a pytest session that is ended because the kernel is no longer to be trusted.
EXIT_SPLAT = 70

#: Kernel log level KERN_CRIT: this and below is worse than an error.
CRITICAL = 2

#: A line that any of these finds is a fault of the kernel's, whoever caused it.
SPLATS = [re.compile(pattern) for pattern in (
    r"\bWARNING:",
    r"\bBUG[: ]",
    r"kernel BUG at",
    r"\bOops\b",
    r"Kernel panic",
    r"cut here \]",
    r"general protection fault",
    r"Unable to handle kernel",
    r"unable to handle page fault",
    r"Internal error:",
    r"stack segment:|invalid opcode:|double fault:|divide error:",
    r"Bad page (state|map)",
    r"rcu.*(detected|self-detected).*stall",
    r"rcu.*kthread starved",
    r"rcu_tasks.*stall",
    r"INFO: task .* blocked for more than",
    r"soft lockup - CPU|[Hh]ard LOCKUP",
    r"possible (circular|recursive) locking|possible irq lock inversion",
    r"inconsistent lock state",
    r"Invalid wait context",
    r"suspicious RCU usage",
    r"INFO: (trying to register non-static key|possible|suspicious|inconsistent|HARDIRQ|SOFTIRQ)",
    r"DEBUG_LOCKS_WARN_ON",
    r"bad unlock balance|held lock freed|lock held when returning",
    r"sleeping function called from invalid context",
    r"scheduling while atomic",
    r"\b(KASAN|KCSAN|KMSAN|KFENCE|UBSAN|ODEBUG)\b",
    r"unreferenced object",
    r"kmemleak: [1-9][0-9]* new suspected",
    r"refcount_t:",
    r"list_(add|del) corruption",
    r"pagealloc: (memory corruption|single bit error)",
    r"Slab corruption|Redzone|Poison overwritten|Object already free",
    r"\[ ftrace bug|ftrace bug|ftrace faulted|ftrace failed to modify",
    r"[Mm]issing ENDBR|CFI failure",
    r"Modules linked in:",
)]

#: A report of KCSAN's. The functions that raced stand in it with the modules they are of.
_RACE = re.compile(r"BUG: KCSAN: ")

_ADDRESS = re.compile(r"(?<![0-9a-f])(0x)?[0-9a-f]{12,16}(?![0-9a-f])")

#: Bits of /proc/sys/kernel/tainted that loading a module of ours sets: O, E.
TAINT_MODULE = 1 << 12 | 1 << 13
#: W: the kernel has warned.
TAINT_WARN = 1 << 9
#: K: a livepatch has been loaded.
TAINT_LIVEPATCH = 1 << 15


class LogLost(Exception):
    """The kernel overwrote records that had not been read."""


class KernelLog:
    """The log from the moment of making on: the mark is the file's own position.

    Records are kept as they are read, so `records()` always returns all of
    them since the mark. LogLost where the ring buffer overtook us: the
    kernel says so with EPIPE, or a sequence number is missing.
    """

    def __init__(self):
        self._fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.lseek(self._fd, 0, os.SEEK_END)
        self._records = []

    def close(self):
        """Give the file back."""
        os.close(self._fd)

    def records(self):
        """Return every record since the mark; raises LogLost."""
        while True:
            try:
                raw = os.read(self._fd, 16384)
            except BlockingIOError:
                return self._records
            except BrokenPipeError:
                raise LogLost("the kernel log overtook its reader (EPIPE)") from None
            head, _, body = raw.decode(errors="replace").partition(";")
            priority, sequence = head.split(",")[:2]
            record = Record(int(priority) & 7, int(sequence), body.split("\n")[0])
            if self._records and record.sequence != self._records[-1].sequence + 1:
                raise LogLost(f"records {self._records[-1].sequence + 1} to "
                              f"{record.sequence - 1} of the kernel log are missing")
            self._records.append(record)

    def mark(self):
        """Return a mark of now, for `since`."""
        return len(self.records())

    def forget(self, mark):
        """Drop the records before mark, so that a log goes on from one test to the next."""
        del self._records[:mark]

    def since(self, mark):
        """Return the texts of the records after mark."""
        return [record.text for record in self.records()[mark:]]

    def module_lines(self, mark=0, prefix=PREFIX):
        """Return our module's lines after mark, without its prefix; or another's that has prefix.

        What the module loader says about a module's taint bears the same
        prefix and is left out.
        """
        return [text[len(prefix):] for text in self.since(mark)
                if text.startswith(prefix) and "taint" not in text]

    def addresses(self):
        """Return our module's lines that have a raw address in them: it shows none in the log."""
        return [line for line in self.module_lines() if _ADDRESS.search(line)]

    def splats(self, expected=()):
        """Return the texts that tell of a fault; among ours, whatever is critical.

        expected: functions that may WARN().
        """
        records = self.records()
        return find_splats(without_warnings((record.text for record in records), expected)) + \
            [record.text for record in records
             if record.text.startswith(PREFIX) and record.level <= CRITICAL]


def find_splats(texts):
    """Return those of the texts that tell of a fault of the kernel's.

    Not those of our module: they name functions, such as hardlockup_detector_perf_disable. Nor
    races that no module's code is part of: KCSAN finds many of the kernel's own.
    """
    return [text for text in texts
            if PREFIX not in text and any(splat.search(text) for splat in SPLATS)
            and not (_RACE.search(text) and "[" not in text.partition("KCSAN: ")[2])]


def without_warnings(texts, functions):
    """Return the texts without the reports of WARN()s that stand in one of those functions."""
    left, report = [], None
    for text in texts:
        if report is None:
            if "[ cut here ]" in text:
                report = [text]
            else:
                left.append(text)
            continue
        report.append(text)
        if "end trace" in text:
            at = [re.search(r"WARNING: .* at (\w+)\+", line) for line in report]
            if not any(found and found[1] in functions for found in at):
                left += report
            report = None
    return left + (report or [])


def taint():
    """Return the kernel's taint flags as a number."""
    with open("/proc/sys/kernel/tainted", encoding="ascii") as file:
        return int(file.read())
