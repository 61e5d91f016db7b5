"""Background readers of memory.events and memory.events.local, and what they may see.

Each reader is a process of its own. It shares memory with the test:

    stop    readers end once it is not 0
    state   a switch under test: generation << 2 | changing << 1 | value
    and for each reader and file: reads begun, reads ended

The test writes `state` with `changing` set before it writes the switch, and
the new value, `changing` clear, after write() has returned. A reader that
saw the same word, not changing, before and after its read knows that no
write was on its way meanwhile, and which value the last write had that
returned before the read began. Anything but that value's text is a fault.
While a write is on its way either text will do, but a mixture of both, or
anything else, is torn.
"""

import collections
import ctypes
import json
import mmap
import os
import signal
import time
import traceback

from pytests.lib import memevents

#: Where QEMU emulates the CPUs by one thread, a CPU that never idles keeps the others from running
#: for 100 ms at a time, and each grace period takes several such turns. So a reader rests, in
#: seconds, after so many rounds of all its files: the calls are half as many, what the test does
#: beside them is several times as fast.
_REST, _ROUNDS = 0.001, 8

_PAGE = mmap.PAGESIZE               # what a read asks for
_STOP, _STATE, _COUNTS = 0, 1, 8    # words of the shared memory


def every_cpu():
    """Return the CPUs that this process may run on, ascending."""
    return sorted(os.sched_getaffinity(0))


def _shared(words):
    """Return so many 64-bit words, all 0, that this process shares with those that it forks."""
    return (ctypes.c_uint64 * words).from_buffer(mmap.mmap(-1, 8 * words))


class Switch:
    """The value of a switch as the readers may rely on it."""

    def __init__(self, words, value):
        self._words = words
        self._generation = 0
        self._set(value)

    def _set(self, value, changing=False):
        self._words[_STATE] = self._generation << 2 | changing << 1 | value

    def flip(self, value, write):
        """Set the switch to value by calling write(), which must have its effect on return."""
        self._set(self._words[_STATE] & 1, changing=True)
        write()
        self._generation += 1
        self._set(value)


class Readers:
    """A context manager: readers that run until `stop()`.

    files: a list of (path, {0: text, 1: text}): what a read gives, in bytes,
    for each value of the switch; where the switch does not matter to a file,
    both are the same. Every reader reads all files in turn.
    count: how many readers; None for one a CPU, and two at least.
    cpus: the CPUs that they are bound to, in turn; None for whatever the scheduler says.
    nice: how far they stand back for whoever has work to do beside them.
    """

    def __init__(self, files, value=1, count=None, cpus=None, nice=0):
        self.files = files
        self._count = count or max(2, len(cpus or every_cpu()))
        self._words = _shared(self._word(self._count, 0))
        self.switch = Switch(self._words, value)
        self._cpus = cpus
        self._nice = nice
        self._children = []
        self._stopped = False

    def __enter__(self):
        for number in range(self._count):
            self._children.append(self._start(number))
        try:
            self.wait_reads(1)
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self._kill()

    def _kill(self):
        for child, pipe in self._children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(pipe)
        self._children = []
        self._stopped = True

    def _start(self, number):
        theirs, ours = os.pipe()
        child = os.fork()
        if child:
            os.close(ours)
            return child, theirs
        # The child: nothing of pytest's may run here any more.
        fault = None
        try:
            os.nice(self._nice)
            if self._cpus:
                os.sched_setaffinity(0, {self._cpus[number % len(self._cpus)]})
            fault = self._read(number)
        except BaseException:
            fault = {"exception": traceback.format_exc()}
        finally:
            os.write(ours, json.dumps(fault).encode())
            os._exit(0)

    def _word(self, number, file):
        """Return the index of `reads begun`; `reads ended` is the next."""
        return _COUNTS + 2 * (number * len(self.files) + file)

    def _read(self, number):
        """Read until told to stop; return None, or a description of the first fault."""
        words = self._words
        pread = os.pread
        files = [(os.open(path, os.O_RDONLY), texts, self._word(number, index))
                 for index, (path, texts) in enumerate(self.files)]
        rounds = 0
        while not words[_STOP]:
            rounds += 1
            if rounds % _ROUNDS == 0:
                time.sleep(_REST)
            for fd, texts, begun in files:
                before = words[_STATE]
                words[begun] += 1
                text = pread(fd, _PAGE, 0)
                words[begun + 1] += 1
                if before & 2 == 0 and words[_STATE] == before:
                    if text == texts[before & 1]:
                        continue
                    return {"path": os.readlink(f"/proc/self/fd/{fd}"), "got": repr(text),
                            "wanted": repr(texts[before & 1]), "state": before}
                if text != texts[0] and text != texts[1]:
                    return {"path": os.readlink(f"/proc/self/fd/{fd}"), "got": repr(text),
                            "wanted": "either of " + repr(texts), "state": before}
        return None

    def _sum(self, file, offset):
        files = range(len(self.files)) if file is None else [file]
        return sum(self._words[self._word(number, index) + offset]
                   for number in range(self._count) for index in files)

    def begun(self, file=None):
        """Return how many reads of a file (an index; None: of all) have begun."""
        return self._sum(file, 0)

    def ended(self, file=None):
        """Return how many reads of a file (an index; None: of all) have ended."""
        return self._sum(file, 1)

    def wait_reads(self, more):
        """Wait until every reader has ended that many more reads of every file.

        AssertionError where a reader stands still or found a fault.
        """
        words = [self._word(number, index) + 1
                 for number in range(self._count) for index in range(len(self.files))]
        wanted = {word: self._words[word] + more for word in words}

        def done():
            if all(self._words[word] >= wanted[word] for word in words):
                return True
            # A reader that has ended before it was told to has found a fault.
            for child, _ in self._children:
                if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                    self.stop()
            return False
        memevents.wait_for(done, f"{more} more reads by every reader")

    def stop(self):
        """End the readers; AssertionError with the first fault of each that found one."""
        if self._stopped:
            return
        self._stopped = True
        self._words[_STOP] = 1
        faults = []
        for child, pipe in self._children:
            with os.fdopen(pipe, "rb") as file:
                report = file.read()
            os.waitpid(child, 0)
            fault = json.loads(report) if report else {"exception": "a reader was killed"}
            if fault:
                faults.append(fault)
        self._children = []
        assert not faults, "\n".join(
            "\n".join(f"{key}: {value}" for key, value in fault.items()) for fault in faults)


def count_texts(path, reads, readers):
    """Read a file by several processes at the same time, spread over the CPUs.

    reads: how many times each of them reads it. Returns {text: number of reads that gave it}.
    """
    cpus = every_cpu()
    ready, go = _shared(readers), _shared(1)
    children = []
    for number in range(readers):
        theirs, ours = os.pipe()
        child = os.fork()
        if child:
            os.close(ours)
            children.append((child, theirs))
            continue
        try:
            os.sched_setaffinity(0, {cpus[number % len(cpus)]})
            fd = os.open(path, os.O_RDONLY)
            ready[number] = 1
            while not go[0]:
                os.sched_yield()
            texts = [os.pread(fd, _PAGE, 0).decode() for _ in range(reads)]
            os.write(ours, json.dumps(collections.Counter(texts)).encode())
        finally:
            os._exit(0)
    memevents.wait_for(lambda: all(ready), "every reader is ready")
    go[0] = 1
    sum_of_all = collections.Counter()
    for child, pipe in children:
        with os.fdopen(pipe, "rb") as file:
            sum_of_all.update(json.loads(file.read()))
        os.waitpid(child, 0)
    assert sum(sum_of_all.values()) == reads * readers, "a reader has failed"
    return {text.encode(): count for text, count in sum_of_all.items()}
