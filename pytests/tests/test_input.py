"""What the writable files accept, what they refuse, and what a refusal leaves."""

import ctypes
import errno
import itertools
import os
import subprocess

import pytest

from pytests.lib import memcg, memevents
from pytests.lib.memevents import BANNER, BANNER_LINE, LOCAL_SHOW, SHOW


def spellings(word):
    """Return a word in every mixture of cases."""
    return ["".join(letters) for letters in
            itertools.product(*[sorted({letter.lower(), letter.upper()}) for letter in word])]


TRUE = ["1"] + spellings("y") + spellings("on")
FALSE = ["0"] + spellings("n") + spellings("off")
BLANKS = ["{}\n", " {}", "{} ", "\t{}", "  \t{}\t  \n", "\n{}", "{}\n\n", " {} \n"]

#: bytes no boolean file takes: errno EINVAL
NO_BOOLEANS = [
    b"", b" ", b"\n", b"\t \n", b"2", b"-1", b"+1", b"01", b"00", b"11", b"10", b"1.", b"0x1",
    b"1e0", b"yes", b"no", b"yy", b"nn", b"t", b"f", b"true", b"false", b"True", b"T", b"o", b"O",
    b"onn", b"oon", b"offf", b"of", b"o n", b"on off", b"Y Y", b"1 0", b"1\n0", b"1 1", b"Y,",
    b"Y;", b"'1'",
    b'"1"', b"enable", b"foo", b"none",
    b"\0", b"1\0", b"\x001", b"1\0\n", b"1\0" + b"x" * 10, b"o\0n", b"on\0", b"y\x01", b"\x011",
    b"1\x7f", b"\xc3\xa9", b"1\xff", "\uff11".encode(), b"\xa01",
    b"1" * 100, b"x" * 4094, b"1" * 4095, b"1" * 4096, b"1" * 4097, b"on" * 4096, b"\0" * 4096,
    b"1\n" + b"\0" * 4095, b"0" * 65536,
]


def short(value):
    """Return a readable test id."""
    return f"{value[:12]!r}x{len(value)}" if len(value) > 12 else repr(value)


def test_redirect_takes_every_boolean(loaded):
    """Every word in every case, with blanks around it; each write sets what it says."""
    name = f"parents/{SHOW}/redirect"
    with loaded.writer(name) as write:
        for blank in BLANKS + ["{}"]:
            for words in zip(itertools.cycle(TRUE), FALSE):
                for word, value in zip(words, (True, False)):
                    text = blank.format(word).encode()
                    assert write(text) == len(text)
                    assert loaded.boolean(name) == value, text


def test_enabled_takes_booleans(hook):
    """The same words for `enabled`: to and fro with a few of them, for grace periods take long."""
    hook.load(enabled=False)
    for words, value in ((FALSE, False), (TRUE, True), (FALSE[-1:], False)):
        for word in words:
            for blank in BLANKS + ["{}"]:
                hook.write("enabled", blank.format(word))
                assert hook.boolean("enabled") == value, (word, blank)
        assert bool(memevents.traced()) == value


def test_reset_takes_true_and_refuses_false(loaded, cgroup):
    """Every true word resets; every false one is EINVAL and resets nothing."""
    for word in TRUE:
        cgroup.read_events()
        loaded.write("reset", word + "\n")
        assert loaded.hits() == (0, 0), word
    cgroup.read_events()
    for word in FALSE:
        with loaded.refuses(errno.EINVAL):
            loaded.write("reset", word + "\n")


@pytest.mark.parametrize("name", ["enabled", "reset", "hold", f"parents/{SHOW}/redirect"])
def test_no_boolean(loaded, cgroup, name):
    """Everything else is EINVAL, at the file's start or at an offset, and changes nothing."""
    cgroup.read_events()
    before = loaded.state()
    fd = os.open(loaded.path(name), os.O_WRONLY)
    for data in NO_BOOLEANS:
        with memevents.expect_errno(errno.EINVAL, short(data)):
            os.write(fd, data)
        with memevents.expect_errno(errno.EINVAL, short(data)):
            os.pwrite(fd, data, 4096)
    os.close(fd)
    assert loaded.state() == before


def append(path, word, mode="a"):
    """Write to a file as many a library appends to one: it seeks to the end first."""
    with open(path, mode, encoding="ascii") as file:
        file.write(word)


@pytest.mark.parametrize("mode", ["a", "a+"])
@pytest.mark.parametrize("name, word", [("enabled", "N"), (f"parents/{SHOW}/redirect", "N"),
                                        ("banner", "another"), ("only", "/"), ("readers", "/"),
                                        (f"parents/{SHOW}/times", "7")])
def test_opened_to_append(loaded, name, word, mode):
    """A file that can be read takes the command."""
    assert loaded.read(name) != word + "\n"
    append(loaded.path(name), word, mode)
    assert loaded.read(name) == word + "\n"


def test_opened_to_append_what_cannot_be_read(loaded, cgroup):
    """One that cannot, too."""
    append(loaded.path("remove_parent"), LOCAL_SHOW)
    assert LOCAL_SHOW not in loaded.stats()
    append(loaded.path("add_parent"), LOCAL_SHOW)
    assert LOCAL_SHOW in loaded.stats()
    cgroup.read_events()
    append(loaded.path("reset"), "1")
    assert loaded.hits(SHOW) == (0, 0)


def test_tee_appends(loaded):
    """What people write behind sudo."""
    subprocess.run(["tee", "-a", loaded.path("enabled")], input=b"0\n", check=True,
                   stdout=subprocess.DEVNULL)
    assert not loaded.boolean("enabled")


def test_each_write_is_a_command_of_its_own(loaded):
    """Whatever the offset: write() after write(), pwrite() far out, O_APPEND, words in pieces."""
    name = f"parents/{SHOW}/redirect"
    fd = os.open(loaded.path(name), os.O_WRONLY | os.O_APPEND)
    for word, value in ((b"0\n", False), (b"1\n", True), (b"off", False), (b"on", True)):
        assert os.write(fd, word) == len(word)
        assert loaded.boolean(name) == value
    for offset in (0, 1, 4095, 4096, 1 << 20, (1 << 31) + 1, (1 << 40)):
        assert os.pwrite(fd, b"0", offset) == 1
        assert not loaded.boolean(name)
        assert os.pwrite(fd, b"1", offset) == 1
        assert loaded.boolean(name)
    with memevents.expect_errno(errno.EINVAL):
        os.write(fd, b"o")
    assert loaded.boolean(name)
    assert os.write(fd, b"n") == 1
    assert not loaded.boolean(name)
    os.close(fd)


def test_the_shells_way(loaded):
    """`(echo 0; echo 1) > enabled` works, and so does truncation by `>`."""
    path = loaded.path("enabled")
    assert os.system(f"(echo 0; echo 1) > {path}") == 0
    assert loaded.boolean("enabled")
    assert os.system(f"echo off > {path}") == 0
    assert not loaded.boolean("enabled")
    assert os.system(f"echo on >> {path}") == 0
    assert loaded.boolean("enabled")


def test_a_pointer_to_nowhere(loaded):
    """A write from memory that is not there is EFAULT and changes nothing."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.write.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
    for name in ("enabled", "banner", "add_parent", "remove_parent", "reset", "only", "readers",
                 "hold", f"parents/{SHOW}/redirect", f"parents/{SHOW}/times"):
        with loaded.refuses(errno.EFAULT):
            fd = os.open(loaded.path(name), os.O_WRONLY)
            try:
                ctypes.set_errno(0)
                if libc.write(fd, 8, 4) == -1:
                    raise OSError(ctypes.get_errno(), name)
            finally:
                os.close(fd)


# The banner

PRINTABLE = "".join(chr(code) for code in range(32, 127))

GOOD_BANNERS = ["x", "a b", "a  b", "# banner", "low 0", "%s%n%x", "\\n", "'\"`$()", "1",
                PRINTABLE[1:], "x" * 126, "x" * 127, "a" + " " * 125 + "b"]

BAD_BANNERS = [
    (errno.EMSGSIZE, b"x" * 128), (errno.EMSGSIZE, b"x" * 129), (errno.EMSGSIZE, b"x" * 4095),
    (errno.EMSGSIZE, b"x" * 4096), (errno.EMSGSIZE, b"x" * 4097), (errno.EMSGSIZE, b"x" * 65536),
    (errno.EMSGSIZE, b"x" * 128 + b"\n"),
    (errno.EINVAL, b"two\nlines"), (errno.EINVAL, b"\n\n"), (errno.EINVAL, b"a\n\n"),
    (errno.EINVAL, b"\nx"), (errno.EINVAL, b"a\tb"), (errno.EINVAL, b"a\rb"),
    (errno.EINVAL, b"a\x1b[1m"),
    (errno.EINVAL, b"\0"), (errno.EINVAL, b"a\0"), (errno.EINVAL, b"a\0b"), (errno.EINVAL, b"\0a"),
    (errno.EINVAL, b"a\0\n"), (errno.EINVAL, b"\x7f"), (errno.EINVAL, b"\x01"),
]


def test_banner_takes(loaded, cgroup, originals):
    """One line of printable text up to 127 bytes; it is the replacement's first line."""
    for banner in GOOD_BANNERS:
        for newline in ("", "\n"):
            loaded.write("banner", banner + newline)
            assert loaded.read("banner") == banner + "\n"
            assert cgroup.read_events() == banner.encode() + b"\n" + originals[0]
        assert cgroup.read_local() == originals[1]


def test_banner_is_removed(loaded, cgroup, originals):
    """An empty write() or a lone newline: no first line any more."""
    for empty in ("", "\n"):
        loaded.write("banner", empty)
        assert loaded.read("banner") == "\n"
        assert cgroup.read_events() == originals[0]
        loaded.write("banner", "back")
        assert cgroup.read_events() == b"back\n" + originals[0]
    assert loaded.hits() == (4, 4)


def test_banner_refuses(loaded, cgroup, originals):
    """Too long, more than a line, control characters, NULs: the old banner stays."""
    before = loaded.state()
    for number, data in BAD_BANNERS:
        with memevents.expect_errno(number, short(data)):
            loaded.write("banner", data)
        assert loaded.read("banner") == BANNER + "\n", short(data)
    assert loaded.state() == before
    assert cgroup.read_events() == BANNER_LINE + originals[0]


def test_banner_whatever_the_offset(loaded):
    """Each write() is a whole banner."""
    fd = os.open(loaded.path("banner"), os.O_WRONLY)
    for offset, text in ((0, b"one"), (2, b"two"), (4096, b"three"), (0, b"")):
        assert os.pwrite(fd, text, offset) == len(text)
        assert loaded.read("banner").rstrip("\n") == text.decode()
    assert os.write(fd, b"fo") == 2
    assert os.write(fd, b"ur") == 2
    assert loaded.read("banner") == "ur\n"
    os.close(fd)


def test_a_write_does_not_move_the_offset(loaded, cgroup):
    """What is read through a file that was written to starts where it was, wherever that is."""
    for name, text in (("only", cgroup.path), ("readers", "/"), (f"parents/{SHOW}/times", "12")):
        loaded.write(name, text)
    names = [name for name, mode in sorted(loaded.tree().items()) if mode & 0o600 == 0o600]
    assert {"enabled", "banner", f"parents/{SHOW}/redirect"} <= set(names)
    for name in names:
        text = memevents.read_file(loaded.path(name))
        fd = os.open(loaded.path(name), os.O_RDWR)
        for _ in range(2):
            assert os.write(fd, text) == len(text)
            assert os.lseek(fd, 0, os.SEEK_CUR) == 0, name
        assert os.read(fd, 1) == text[:1], name
        assert os.write(fd, text) == len(text)
        assert os.read(fd, 4096) == text[1:], name
        assert os.write(fd, text) == len(text)
        assert os.pwrite(fd, text, 3) == len(text)
        assert os.read(fd, 4096) == b"", name
        assert os.pread(fd, 4096, 1) == text[1:], name
        os.close(fd)
    # As a shell has it.
    done = subprocess.run(["sh", "-c", f"exec 3<>{loaded.path('enabled')}; echo 1 >&3; cat <&3"],
                          stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"Y\n"


# dmesg

REFUSALS = [
    (errno.EINVAL, "enabled", "foo", "enabled: not a boolean"),
    (errno.EINVAL, "reset", "foo", "reset: not a boolean"),
    (errno.EINVAL, "reset", "0", "reset: write a true boolean"),
    (errno.EINVAL, f"parents/{SHOW}/redirect", "2", "redirect: not a boolean"),
    (errno.EINVAL, "enabled", "1" * (memcg.PAGE + 1),
     f"enabled: write of {memcg.PAGE + 1} bytes refused"),
    (errno.EINVAL, "enabled", "1" * 65536, "enabled: write of 65536 bytes refused"),
    (errno.EMSGSIZE, "banner", "x" * 128, "banner: longer than 127 bytes"),
    (errno.EINVAL, "banner", "a\tb", "banner: not one line of printable text"),
    (errno.ENOENT, "add_parent", "no_such_symbol", "no_such_symbol: no such symbol"),
    (errno.EEXIST, "add_parent", SHOW, f"{SHOW}: listed already"),
    (errno.ENAMETOOLONG, "add_parent", "x" * 600, "add_parent: the symbol is too long"),
    (errno.ENAMETOOLONG, "add_parent", "x" * 256, "add_parent: the symbol is too long"),
    (errno.ENAMETOOLONG, "add_parent", "x" * 511, "add_parent: the symbol is too long"),
    (errno.EINVAL, "add_parent", "", "add_parent: not a symbol"),
    (errno.EINVAL, "add_parent", "jiffies", "jiffies: not a function that can be listed"),
    (errno.ENAMETOOLONG, "remove_parent", "x" * 600, "remove_parent: the symbol is too long"),
    (errno.ENOENT, "remove_parent", "no_such_symbol", "no_such_symbol: not listed"),
]


def test_a_refusal_says_why_in_one_line(loaded, kernel_log):
    """One line in dmesg for each, that tells it from the others."""
    for number, name, data, wanted in REFUSALS:
        mark = kernel_log.mark()
        with loaded.refuses(number, name):
            loaded.write(name, data)
        line, = kernel_log.module_lines(mark)
        assert line.startswith(wanted), (line, wanted)


def test_the_longest_symbol(loaded):
    """One as long as a symbol of the kernel's, and the name of a directory, can be is looked up."""
    lengths = {}
    for length in (126, 127, 128, 254, 255, 256):
        with pytest.raises(OSError) as refused:
            loaded.write("add_parent", "x" * length)
        lengths.setdefault(refused.value.errno, []).append(length)
    assert set(lengths) == {errno.ENOENT, errno.ENAMETOOLONG}
    assert lengths[errno.ENOENT][-1] in (127, 255)


def test_refusals_do_not_flood_the_log(loaded, kernel_log):
    """Hundreds of refused writes, and the lines are limited."""
    mark = kernel_log.mark()
    fd = os.open(loaded.path("enabled"), os.O_WRONLY)
    for _ in range(300):
        with memevents.expect_errno(errno.EINVAL):
            os.write(fd, b"foo")
    os.close(fd)
    assert 1 <= len(kernel_log.module_lines(mark)) < 100
