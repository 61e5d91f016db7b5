"""What the module promises about each write, said once more in Python.

The model is told a write before the kernel is, and predicts its result and all
that can be read afterwards. It knows the contract, not the code.
"""

import errno
import mmap

from pytests.lib.memevents import BANNER, LOCAL_SHOW, SHOW

PAGE = mmap.PAGESIZE
BANNER_MAX = 127
PARENTS_MAX = 256

#: KSYM_NAME_LEN of the kernels there are: a name between them is too long for some.
NAME_SHORT, NAME_LONG = 128, 512

BLANKS = b" \t\n\v\f\r"
BOOLEANS = {b"1": True, b"y": True, b"on": True, b"0": False, b"n": False, b"off": False}


class Refused(Exception):
    """The write is to fail, with any of these errnos, and to change nothing."""

    def __init__(self, *errnos):
        super().__init__(" or ".join(errno.errorcode[number] for number in errnos))
        self.errnos = errnos


def parse_boolean(data):
    """Return what a boolean's bytes say; raises Refused."""
    word = data.strip(BLANKS).lower() if len(data) <= PAGE else None
    if word not in BOOLEANS:
        raise Refused(errno.EINVAL)
    return BOOLEANS[word]


def parse_symbol(data):
    """Return the symbol's name in data; raises Refused."""
    word = data.strip(BLANKS)
    wrong = not word or any(not 0x21 <= byte <= 0x7e for byte in word) or b"\0" in data
    if len(data) > PAGE:
        raise Refused(errno.ENAMETOOLONG, errno.EINVAL)
    if wrong and len(word) >= NAME_SHORT:
        raise Refused(errno.ENAMETOOLONG, errno.EINVAL)
    if wrong:
        raise Refused(errno.EINVAL)
    if len(word) >= NAME_LONG:
        raise Refused(errno.ENAMETOOLONG)
    if len(word) >= NAME_SHORT:
        raise Refused(errno.ENAMETOOLONG, errno.ENOENT)
    return word.decode("ascii")


def parse_banner(data):
    """Return the banner's text in data; raises Refused."""
    text = data[:-1] if data.endswith(b"\n") else data
    wrong = any(not 0x20 <= byte <= 0x7e for byte in text)
    if len(data) > PAGE or len(text) > BANNER_MAX:
        raise Refused(*((errno.EMSGSIZE, errno.EINVAL) if wrong else (errno.EMSGSIZE,)))
    if wrong:
        raise Refused(errno.EINVAL)
    return text


class Parent:
    """One listed parent."""

    def __init__(self, redirect):
        self.redirect = redirect
        self.hits = 0
        self.redirected = 0


class Model:
    """The module's state.

    names: what the kernel's symbols are, as a generate.Names.
    """

    def __init__(self, names):
        self.names = names
        self.enabled = True
        self.banner = BANNER.encode()
        self.parents = {}
        self.other = 0

    # Loading

    def load(self, parameters):
        """Start anew, with these parameters: {name: bytes; None for a name without value}.

        Raises Refused, with every errno that some item of the lists calls for.
        """
        fresh = Model(self.names)
        wrong = set()
        if "enabled" in parameters:
            value = parameters["enabled"]
            try:
                fresh.enabled = value is None or parse_boolean(value)
            except Refused as refused:
                wrong.update(refused.errnos)
        defaults = {"redirect": SHOW.encode(), "observe": LOCAL_SHOW.encode()}
        order = sorted(defaults, key=lambda name: (name not in parameters, name == "observe"))
        for name in order:
            value = parameters.get(name, defaults[name])
            for item in value.split(b",") if value else ():
                try:
                    symbol = parse_symbol(item)
                    if name not in parameters and symbol in fresh.parents:
                        continue
                    fresh._add(symbol, name == "redirect")
                except Refused as refused:
                    wrong.update(errno.EINVAL if number == errno.EEXIST else number
                                 for number in refused.errnos)
        if wrong:
            raise Refused(*sorted(wrong))
        self.__dict__.update(fresh.__dict__)

    # Writing

    def write(self, name, data):
        """Have data written to a file of the tree. Raises Refused."""
        folder, _, rest = name.partition("/")
        if folder == "parents":
            parent, _, _ = rest.partition("/")
            if parent not in self.parents:
                raise Refused(errno.EIO, errno.ENOENT)
            self.parents[parent].redirect = parse_boolean(data)
        else:
            getattr(self, f"_{name}")(data)

    def _enabled(self, data):
        self.enabled = parse_boolean(data)

    def _banner(self, data):
        self.banner = parse_banner(data)

    def _reset(self, data):
        if not parse_boolean(data):
            raise Refused(errno.EINVAL)
        for parent in self.parents.values():
            parent.hits = parent.redirected = 0
        self.other = 0

    def _add(self, symbol, redirect):
        if symbol in self.parents:
            raise Refused(errno.EEXIST)
        known = self.names.errno_of(symbol)
        if len(self.parents) >= PARENTS_MAX:
            raise Refused(*{errno.ENOSPC, known} - {0})
        if known:
            raise Refused(known)
        self.parents[symbol] = Parent(redirect)

    def _add_parent(self, data):
        self._add(parse_symbol(data), False)

    def _remove_parent(self, data):
        symbol = parse_symbol(data)
        if symbol not in self.parents:
            raise Refused(errno.ENOENT)
        del self.parents[symbol]

    # Calling the target

    def call(self, symbol):
        """Have a parent call the target; return whether it comes to the replacement."""
        if not self.enabled:
            return False
        parent = self.parents.get(symbol)
        if parent is None:
            self.other += 1
            return False
        parent.hits += 1
        parent.redirected += parent.redirect
        return parent.redirect

    # Reading

    def rows(self):
        """Return what stats is to say: {name: (redirect, hits, redirected)}."""
        rows = {name: (parent.redirect, parent.hits, parent.redirected)
                for name, parent in self.parents.items()}
        rows["[other]"] = (None, self.other, None)
        return rows
