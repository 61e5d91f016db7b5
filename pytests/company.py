"""Other users of the functions we hook: tracers, probes, samplers. Each a context manager."""

import contextlib
import ctypes
import errno
import mmap
import os
import platform
import struct

import pytest

import btf
import memevents
import peer
import scale
from memevents import LOCAL_SHOW, SHOW, TARGET, TRACEFS

_PROBES = os.path.join(TRACEFS, "kprobe_events")
_GROUP = "memevents_test"


def _write(name, text):
    memevents.write_file(os.path.join(TRACEFS, name), text)


@contextlib.contextmanager
def tracer(name, only=None):
    """A tracer of ftrace's own over every function, or one only; skips where the kernel lacks it.

    With MEMEVENTS_SCALE below 1 not every one: those that reading the files runs through.
    """
    known = memevents.read_file(os.path.join(TRACEFS, "available_tracers")).decode().split()
    if name not in known:
        pytest.skip(f"this kernel has no tracer {name}")
    if only or scale.SCALE < 1:
        _write("set_ftrace_filter", only or "*memory* *seq* *kernfs* *cgroup*")
    try:
        _write("current_tracer", name)
        yield
    finally:
        _write("current_tracer", "nop")
        os.close(os.open(os.path.join(TRACEFS, "set_ftrace_filter"), os.O_WRONLY | os.O_TRUNC))
        os.close(os.open(os.path.join(TRACEFS, "trace"), os.O_WRONLY | os.O_TRUNC))


@contextlib.contextmanager
def probe(*definitions):
    """Probes of kprobe_events, enabled: (`p` or `r`, where) each.

    Yields a function that returns how often each was hit.
    """
    if not os.path.exists(_PROBES):
        pytest.skip(f"no {_PROBES} (CONFIG_KPROBE_EVENTS)")
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
        yield lambda: [_probe_hits(name) for name in names]
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
    """A kprobe of a module's, with or without a post_handler."""
    peer.load(peer.KPROBE, symbol=symbol, post="Y" if post else "N")
    try:
        yield
    finally:
        peer.unload(peer.KPROBE)


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

    Skips where the kernel has no BTF of the function. Raises OSError where it refuses.
    """
    number = btf.function(symbol)
    if number is None:
        pytest.skip(f"the kernel has no BTF that knows {symbol} (CONFIG_DEBUG_INFO_BTF)")
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
        attached = _bpf(_RAW_TRACEPOINT_OPEN, struct.pack("=QII", 0, loaded, 0))
    finally:
        os.close(loaded)
    try:
        yield
    finally:
        os.close(attached)


# perf

_PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}
_SOFTWARE, _CPU_CLOCK = 1, 0
_SAMPLE_IP, _SAMPLE_CALLCHAIN = 1 << 0, 1 << 5
_PAGES = 64


@contextlib.contextmanager
def sampler(frequency=2000):
    """What `perf record -g` does: samples of this process with their call chains.

    frequency: in Hz, by the CPU's clock. Yields a function that returns the call chains sampled so
    far, each a tuple of addresses.
    """
    # type size config sample_freq sample_type read_format flags wakeup bp_type bp_addr bp_len
    flags = 1 << 10     # a frequency, not a period
    attributes = struct.pack("=IIQQQQQIIQQ", _SOFTWARE, 72, _CPU_CLOCK, frequency,
                             _SAMPLE_IP | _SAMPLE_CALLCHAIN, 0, flags, 0, 0, 0, 0)
    attributes += bytes(72 - len(attributes))
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    fd = _libc.syscall(_PERF_EVENT_OPEN[platform.machine()], buffer, 0, -1, -1, 0)
    if fd < 0:
        error = ctypes.get_errno()
        if error not in (errno.ENOSYS, errno.ENOENT, errno.EOPNOTSUPP):
            raise OSError(error, f"perf_event_open: {os.strerror(error)}")
        pytest.skip(f"perf_event_open: {os.strerror(error)}")
    try:
        ring = mmap.mmap(fd, (1 + _PAGES) * mmap.PAGESIZE)
        yield lambda: _chains(ring)
    finally:
        os.close(fd)


def _chains(ring):
    """Return the call chains in a perf ring buffer that has not gone round yet."""
    head = struct.unpack_from("=Q", ring, 1024)[0]
    data = ring[mmap.PAGESIZE:mmap.PAGESIZE + min(head, _PAGES * mmap.PAGESIZE)]
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
