"""The form of a litmus test: what module/litmus/README.md says that each file has."""

import re
from difflib import SequenceMatcher

#: What a test is to answer: nothing bad is ever seen; a twin's missing line is.
NEVER, SOMETIMES = "Never", "Sometimes"

# What begins a part of a test: a process, or the condition at the end.
_PART = re.compile(r"P\d+\(|exists\b")

# A statement may be weakened to so many: an atomic operation becomes a load and a store.
_WEAKER = 2

_MENTION = re.compile(r"\blitmus/([a-z0-9-]+)")


class Litmus:
    """One file of module/litmus/.

    name: the file's, without .litmus. That of a twin is BASE+WHAT-IS-MISSING.
    base: the name of the test it is a twin of; None where it is no twin.
    result: what its comment says that herd7 answers; None where it does not say.
    code: what it is about, as [(path in the project, function, statement in it)].
    """

    def __init__(self, path):
        text = path.read_text(encoding="utf-8")
        self.name = path.name.removesuffix(".litmus")
        self.base = self.name.partition("+")[0] if "+" in self.name else None
        self.title, _, rest = text.partition("\n")
        comment, _, self._body = rest.partition("*)\n")
        match = re.search(r"^ \* Result: (\w+)$", comment, re.MULTILINE)
        self.result = match and match[1]
        self.code = re.findall(r"^ \* Code: (\S+): (\w+)\(\): (.+)$", comment, re.MULTILINE)

    @property
    def expected(self):
        """The answer that one of its kind has to give."""
        return SOMETIMES if self.base else NEVER

    def parts(self):
        """What is run: the initial state, each process and the condition, as a list of each one's
        lines without their indentation and comments.
        """
        bare = (re.sub(r"//.*|\(\* .* \*\)", "", line) for line in self._body.splitlines())
        found = [[]]
        for line in filter(None, map(str.strip, bare)):
            if _PART.match(line):
                found.append([])
            found[-1].append(line)
        return found

    def form(self, top):
        """What is wrong with its header, as a list of phrases.

        Args:
            top: the project's folder.
        """
        wrong = []
        if self.title != f"C {self.name}":
            wrong.append(f"the first line is not 'C {self.name}'")
        if self.result != self.expected:
            wrong.append(f"the comment has no line 'Result: {self.expected}'")
        if not self.base:
            wrong += self._code_form(top)
        return wrong

    def _code_form(self, top):
        if not self.code:
            return ["the comment has no line 'Code: FILE: FUNCTION(): STATEMENT'"]
        wrong, mentioned = [], False
        for place, function, statement in self.code:
            if not (top / place).is_file():
                wrong.append(f"there is no {place}")
                continue
            text = (top / place).read_text(encoding="utf-8")
            mentioned |= self.name in mentions(text)
            body = _body(text, function)
            if body is None:
                wrong.append(f"{place} has no {function}()")
            elif statement not in body:
                wrong.append(f"{function}() of {place} does not say {statement}")
        if not mentioned:
            wrong.append(f"no comment of the code it is about says litmus/{self.name}")
        return wrong

    def differs(self, base):
        """What is wrong with it as a twin of a test, as a list of phrases."""
        theirs, ours = base.parts(), self.parts()
        if theirs == ours:
            return [f"it does the same as {base.name}"]
        changed = [parts for parts in zip(theirs, ours) if parts[0] != parts[1]]
        if len(theirs) != len(ours) or len(changed) != 1 or not _by_one_statement(*changed[0]):
            return [f"it differs from {base.name} by more than one statement"]
        return []


def _by_one_statement(theirs, ours):
    """Whether one statement of a process is gone, has become weaker, has moved or has come.

    Args:
        theirs, ours: the lines of a part of a test and of its twin.
    """
    if not theirs[0].startswith("P") or theirs[0] != ours[0]:
        return False
    edits = [(theirs[i:i_end], ours[j:j_end]) for tag, i, i_end, j, j_end
             in SequenceMatcher(None, theirs, ours, autojunk=False).get_opcodes() if tag != "equal"]
    gone, come = (sum(lines, []) for lines in zip(*edits))
    if len(edits) == 2:
        return gone == come and len(gone) == 1
    if len(edits) != 1 or len(gone) > 1:
        return False
    if gone and come:
        return len(come) <= _WEAKER and _variables(gone) == _variables(come)
    return len(gone + come) == 1


def _variables(lines):
    """What statements are about, as a set of names: those of functions and macros are left out."""
    return set(re.findall(r"\b[a-z_]\w*\b(?!\()", "\n".join(lines)))


def _body(text, function):
    """A function's definition in a source file, without comments, every blank a single one.

    None where the file does not define it.
    """
    match = re.search(rf"^\w[^;{{}}]*\b{function}\([^;{{}}]*\)\n\{{\n.*?^\}}", text,
                      re.MULTILINE | re.DOTALL)
    return match and " ".join(re.sub(r"/\*.*?\*/", "", match[0], flags=re.DOTALL).split())


def mentions(text):
    """The names of the tests that comments of a source file name, as a set."""
    return set(_MENTION.findall(text))


def pairs(tests):
    """What is wrong with how tests and twins belong together, as {name: [phrase, ...]}.

    Args:
        tests: every test, as {name: Litmus}.
    """
    wrong = {name: [] for name in tests}
    bases = {test.base for test in tests.values()}
    for name, test in tests.items():
        if not test.base:
            if name not in bases:
                wrong[name].append("it has no twin")
        elif test.base not in tests:
            wrong[name].append(f"there is no {test.base} that it could be a twin of")
        else:
            wrong[name] += test.differs(tests[test.base])
    return wrong
