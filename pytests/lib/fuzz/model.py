"""What the module promises about each write, said once more in Python.

The model is told a write before the kernel is, and predicts its result and all
that can be read afterwards. It knows the manual, not the code.
"""

import errno
import mmap
import re

from pytests.lib.memevents import BANNER, LOCAL_SHOW, PARENTS_MAX, SHOW

PAGE = mmap.PAGESIZE
BANNER_MAX = 127
PATH_MAX, COMPONENT_MAX = 4095, 255
NO_LIMIT, TIMES_MAX = -1, 2147483647

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


def parse_path(data, cgroups):
    """Return the path of a cgroup in data, None where it clears; raises Refused.

    cgroups: the paths of those that there are.
    """
    path = data[:-1] if data.endswith(b"\n") else data
    if not path:
        return None
    wrong = path[:1] != b"/" or any(byte < 0x20 or byte == 0x7f for byte in path)
    components = [component for component in path.split(b"/") if component]
    long = len(data) > PAGE or len(path) > PATH_MAX or \
        any(len(component) > COMPONENT_MAX for component in components)
    if long or wrong:
        raise Refused(*[errno.ENAMETOOLONG] * long, *[errno.EINVAL] * wrong)
    found = "/" + b"/".join(components).decode("latin-1")
    if found not in cgroups:
        raise Refused(errno.ENOENT)
    return found


def parse_times(data):
    """Return the number of times in data; raises Refused."""
    word = data.strip(BLANKS)
    if len(data) > PAGE or not re.fullmatch(rb"[-+]?[0-9]+", word) or \
            not NO_LIMIT <= int(word) <= TIMES_MAX:
        raise Refused(errno.EINVAL)
    return int(word)


def covers(scope, path):
    """Whether a cgroup is the scope's or below it; None is every one's."""
    return scope in (None, "/", path) or path.startswith(scope + "/")


class Parent:
    """One listed parent."""

    def __init__(self, redirect):
        self.redirect = redirect
        self.times = NO_LIMIT
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
        self.only = self.readers = None
        self.holders = set()
        self.parents = {}
        self.other = 0

    # Loading

    def load(self, parameters):
        """Start anew, with these parameters: {name: bytes}.

        Raises Refused, with every errno that some item of the lists calls for.
        """
        fresh = Model(self.names)
        wrong = set()
        if "enabled" in parameters:
            try:
                fresh.enabled = parse_boolean(parameters["enabled"])
            except Refused as refused:
                wrong.update(refused.errnos)
        for name in ("only", "readers"):
            try:
                setattr(fresh, name, parse_path(parameters.get(name, b""), self.names.cgroups))
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

    def write(self, name, data, holder=None):
        """Have data written to a file of the tree. Raises Refused.

        holder: which open file it is, as `closed` will be told, where the file is `hold`.
        """
        folder, _, rest = name.partition("/")
        if folder == "parents":
            parent, _, name = rest.partition("/")
            if parent not in self.parents:
                raise Refused(errno.EIO, errno.ENOENT)
            parse = parse_times if name == "times" else parse_boolean
            setattr(self.parents[parent], name, parse(data))
        elif name == "hold":
            if parse_boolean(data):
                self.holders.add(holder)
            else:
                self.closed(holder)
        else:
            getattr(self, f"_{name}")(data)

    def closed(self, holder):
        """Have an open file of `hold` be closed."""
        if holder in self.holders:
            self.holders.remove(holder)
            self.enabled &= bool(self.holders)

    def _only(self, data):
        self.only = parse_path(data, self.names.cgroups)

    def _readers(self, data):
        self.readers = parse_path(data, self.names.cgroups)

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
        redirect = parent.redirect and parent.times != 0 and \
            covers(self.only, self.names.cgroup) and covers(self.readers, self.names.reader)
        if redirect:
            parent.redirected += 1
            parent.times -= parent.times > 0
        return redirect

    # Reading

    def headings(self):
        """Return the words of the lines about scope and budgets in stats, sorted."""
        words = [f"{name}={value}" for name, value in (("only", self.only),
                                                       ("readers", self.readers)) if value]
        words += [f"{name}={parent.times}" for name, parent in self.parents.items()
                  if parent.times != NO_LIMIT]
        return sorted(words)

    def rows(self):
        """Return what stats is to say: {name: (redirect, hits, redirected)}."""
        rows = {name: (parent.redirect, parent.hits, parent.redirected)
                for name, parent in self.parents.items()}
        rows["[other]"] = (None, self.other, None)
        return rows
