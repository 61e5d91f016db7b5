"""Visitors: tracers, probes, samplers on the functions that we hook. Each a context manager.

Those that look on yield a function `look(read)`: it calls read() and returns a list of what they
have seen meanwhile. An empty one, or one with something empty in it, tells that they were not
there.
"""

import contextlib
import ctypes
import errno
import mmap
import os
import platform
import re
import struct
import subprocess

from pytests.lib import btf, memevents, peer, scale
from pytests.lib.memevents import LOCAL_SHOW, SHOW, TARGET, TRACEFS
from pytests.lib.tracing import PERF_EVENT_OPEN
from pytests.lib.unsupported import Unsupported

#: What reading the files runs through, for set_ftrace_filter.
READING = "*memory* *seq* *kernfs* *cgroup*"

_PROBES = os.path.join(TRACEFS, "kprobe_events")
_GROUP = "memevents_test"


def _write(name, text):
    memevents.write_file(os.path.join(TRACEFS, name), text)


@contextlib.contextmanager
def tracer(name, only=None):
    """A tracer of ftrace's own over every function, or one only.

    With MEMEVENTS_SCALE below 1 not every one: those that reading the files runs through. Yields
    a `look(read)`: how often the trace of read() has each parent; with the tracer `function`, each
    parent's call of the target.
    """
    known = memevents.read_file(os.path.join(TRACEFS, "available_tracers")).decode().split()
    if name not in known:
        raise Unsupported(f"this kernel has no tracer {name}")
    if only or scale.SCALE < 1:
        _write("set_ftrace_filter", only or READING)
    try:
        _write("current_tracer", name)
        yield lambda read: _traced(name, read)
    finally:
        _write("tracing_on", "1")
        _write("current_tracer", "nop")
        os.close(os.open(os.path.join(TRACEFS, "set_ftrace_filter"), os.O_WRONLY | os.O_TRUNC))
        os.close(os.open(os.path.join(TRACEFS, "trace"), os.O_WRONLY | os.O_TRUNC))


def _traced(name, read):
    """Only what read() runs through: to print a full trace would take long."""
    trace = os.path.join(TRACEFS, "trace")
    os.close(os.open(trace, os.O_WRONLY | os.O_TRUNC))
    read()
    _write("tracing_on", "0")
    text = memevents.read_file(trace).decode()
    _write("tracing_on", "1")
    line = r"\b{}\("
    if name == "function":
        line = r"\b{} <-" if memevents.inlined() else rf"\b{TARGET} <-{{}}$"
    return [len(re.findall(line.format(parent), text, re.MULTILINE))
            for parent in (SHOW, LOCAL_SHOW)]


def _looking(count):
    """Make a `look(read)` of a function that returns a list of counts so far."""
    def look(read):
        before = count()
        read()
        return [now - then for now, then in zip(count(), before)]
    return look


@contextlib.contextmanager
def probe(*definitions):
    """Probes of kprobe_events, enabled: (`p` or `r`, where) each.

    Yields a `look(read)`: how often each was hit.
    """
    if not os.path.exists(_PROBES):
        raise Unsupported(f"no {_PROBES} (CONFIG_KPROBE_EVENTS)")
    if any(where == TARGET for _, where in definitions):
        memevents.need_calls()
    names = []
    try:
        for number, (kind, where) in enumerate(definitions):
            name = f"{_GROUP}/{kind}{number}"
            fd = os.open(_PROBES, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(fd, f"{kind}:{name} {where}\n".encode())
            finally:
                os.close(fd)
            names.append(name)
        for name in names:
            _write(f"events/{name}/enable", "1")
        yield _looking(lambda: [_probe_hits(name) for name in names])
    finally:
        for name in names:
            _write(f"events/{name}/enable", "0")
        for name in names:
            fd = os.open(_PROBES, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(fd, f"-:{name}\n".encode())
            finally:
                os.close(fd)


def _probe_hits(name):
    profile = memevents.read_file(os.path.join(TRACEFS, "kprobe_profile")).decode()
    for line in profile.splitlines():
        event, hits, _missed = line.split()
        if event == name.split("/")[1]:
            return int(hits)
    raise AssertionError(f"{name} is not in kprobe_profile:\n{profile}")


def probe_call_sites(hook):
    """Probes on both parents' call instructions, wherever they are; hook must be loaded."""
    places = []
    for parent in (SHOW, LOCAL_SHOW):
        for line in hook.read("parents", parent, "call_sites").splitlines():
            symbol, offset = line.split()[1].split("+")
            places.append(("p", f"{symbol}+{int(offset, 16)}"))
    assert len(places) >= 2, places
    return probe(*places)


@contextlib.contextmanager
def plain_kprobe(symbol, post):
    """A kprobe of a module's, with or without a post_handler; yields a `look(read)`: its hits."""
    peer.load(peer.KPROBE, symbol=symbol, post="Y" if post else "N")
    try:
        yield _looking(lambda: [peer.number(peer.KPROBE, "hits")])
    finally:
        peer.unload(peer.KPROBE)


@contextlib.contextmanager
def parked():
    """A task asleep in a function that peer_livepatch patches: its transition cannot end.

    Yields the process. Killing it is what lets it go.
    """
    peer.load(peer.PARKED)
    try:
        path = os.path.join(memevents.DEBUGFS, peer.PARKED, "park")
        with subprocess.Popen(["cat", path], stdout=subprocess.DEVNULL) as process:
            try:
                flag = f"/sys/module/{peer.PARKED}/parameters/parked"
                memevents.wait_for(lambda: memevents.read_file(flag) == b"Y\n", "it is parked")
                yield process
            finally:
                process.kill()
    finally:
        peer.unload(peer.PARKED)


def patch_state(pid):
    """How a livepatch's transition has a task: 0 goes the old way, 1 the new; -1 in none."""
    return int(memevents.read_file(f"/proc/{pid}/patch_state"))


# BPF

_BPF = {"x86_64": 321, "aarch64": 280}
_PROG_LOAD, _RAW_TRACEPOINT_OPEN = 5, 17
_TYPE_TRACING, _TRACE_FENTRY, _TRACE_FEXIT = 26, 24, 25

_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    fd = _libc.syscall(_BPF[platform.machine()], command, buffer, len(attributes))
    if fd < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return fd


@contextlib.contextmanager
def fentry(symbol=TARGET, at_exit=False):
    """A BPF program on a function's entry (or exit), through a BPF trampoline: what bpftrace makes.

    Yields a `look(read)`: how often it ran. Skips where the kernel has no BTF of the function.
    Raises OSError where it refuses.
    """
    number = btf.function(symbol)
    if number is None:
        raise Unsupported(f"the kernel has no BTF that knows {symbol} (CONFIG_DEBUG_INFO_BTF)")
    # r0 = 0; exit
    program = ctypes.create_string_buffer(bytes([0xb7, 0, 0, 0, 0, 0, 0, 0,
                                                 0x95, 0, 0, 0, 0, 0, 0, 0]), 16)
    licence = ctypes.create_string_buffer(b"GPL")
    log = ctypes.create_string_buffer(65536)
    # prog_type insn_cnt insns license log_level log_size log_buf kern_version prog_flags name
    # ifindex expected_attach_type btf_fd func_info_rec_size func_info func_info_cnt
    # line_info_rec_size line_info line_info_cnt attach_btf_id attach_prog_fd
    attributes = struct.pack(
        "=IIQQIIQII16sIIIIQIIQIII", _TYPE_TRACING, 2, ctypes.addressof(program),
        ctypes.addressof(licence), 1, len(log), ctypes.addressof(log), 0, 0, b"memevents_test", 0,
        _TRACE_FEXIT if at_exit else _TRACE_FENTRY, 0, 0, 0, 0, 0, 0, 0, number, 0)
    try:
        loaded = _bpf(_PROG_LOAD, attributes)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}: {log.value.decode()}") from None
    try:
        with _bpf_stats():
            attached = _bpf(_RAW_TRACEPOINT_OPEN, struct.pack("=QII", 0, loaded, 0))
            try:
                yield _looking(lambda: [_runs(loaded)])
            finally:
                os.close(attached)
    finally:
        os.close(loaded)


@contextlib.contextmanager
def _bpf_stats():
    """The kernel counts how often BPF programs run."""
    path = "/proc/sys/kernel/bpf_stats_enabled"
    before = memevents.read_file(path).decode()
    memevents.write_file(path, "1")
    try:
        yield
    finally:
        memevents.write_file(path, before)


def _runs(loaded):
    """How often a BPF program has run."""
    text = memevents.read_file(f"/proc/self/fdinfo/{loaded}").decode()
    return int(re.search(r"^run_cnt:\s*(\d+)$", text, re.MULTILINE)[1])


# perf

_SOFTWARE, _CPU_CLOCK = 1, 0
_SAMPLE_IP, _SAMPLE_CALLCHAIN = 1 << 0, 1 << 5
_PAGES = 64
_FREQUENCY = 2000   # of samples, in Hz
_HEAD = 1024    # in the ring's first page: data_head, data_tail


@contextlib.contextmanager
def sampler():
    """What `perf record -g` does: samples of this process with their call chains.

    Yields a `look(read)`: the call chains sampled, each a tuple of addresses; it calls read() until
    there are some.
    """
    # type size config sample_freq sample_type read_format flags wakeup bp_type bp_addr bp_len
    flags = 1 << 10     # a frequency, not a period
    attributes = struct.pack("=IIQQQQQIIQQ", _SOFTWARE, 72, _CPU_CLOCK, _FREQUENCY,
                             _SAMPLE_IP | _SAMPLE_CALLCHAIN, 0, flags, 0, 0, 0, 0)
    attributes += bytes(72 - len(attributes))
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    fd = _libc.syscall(PERF_EVENT_OPEN[platform.machine()], buffer, 0, -1, -1, 0)
    if fd < 0:
        error = ctypes.get_errno()
        if error not in (errno.ENOSYS, errno.ENOENT, errno.EOPNOTSUPP):
            raise OSError(error, f"perf_event_open: {os.strerror(error)}")
        raise Unsupported(f"perf_event_open: {os.strerror(error)}")
    try:
        ring = mmap.mmap(fd, (1 + _PAGES) * mmap.PAGESIZE)

        def look(read):
            chains = []

            def sampled():
                read()
                chains.extend(_chains(ring))
                return chains
            _chains(ring)
            memevents.wait_for(sampled, "a sample")
            return chains
        yield look
    finally:
        os.close(fd)


def _chains(ring):
    """Take the call chains out of a perf ring buffer."""
    head, tail = struct.unpack_from("=QQ", ring, _HEAD)
    start = tail % (_PAGES * mmap.PAGESIZE)
    data = (2 * ring[mmap.PAGESIZE:])[start:start + head - tail]
    struct.pack_into("=Q", ring, _HEAD + 8, head)
    chains = []
    at = 0
    while at + 8 <= len(data):
        kind, _, size = struct.unpack_from("=IHH", data, at)
        if kind == 9 and size >= 24 and at + size <= len(data):
            length = struct.unpack_from("=Q", data, at + 16)[0]
            chains.append(struct.unpack_from(f"={length}Q", data, at + 24))
        if not size:
            break
        at += size
    return chains
