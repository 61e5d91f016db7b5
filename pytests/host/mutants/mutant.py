"""One planted fault."""

import hashlib
from dataclasses import dataclass

from pytests.host.vm.errors import HarnessError


@dataclass(frozen=True)
class Mutant:
    """One row of the table.

    name: what it is called on the command line and in the results.
    file: the file it is in, relative to module/.
    old: the text that it replaces; stands in the file exactly once.
    new: what stands there instead.
    tests: which tests should notice, as an expression for pytest's -k.
    boot: the check with a boot of its own that should notice.
    prove: whether `make prove` alone should notice: it is an ordering that x86 has anyway, or a
        moment that no test can make. A row has it or tests or a boot, not both.
    kernel: the kernel on which it can be seen.
    survives: why nothing can notice it, where that is so.
    """

    name: str
    file: str
    old: str
    new: str
    tests: str = ""
    boot: str = ""
    prove: bool = False
    kernel: str = "6.12"
    survives: str = ""

    def plant(self, top):
        """Put it into the tree at top.

        Raises:
            HarnessError: the old text does not stand in the file exactly once.
        """
        path = top / "module" / self.file
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        found = text.count(self.old)
        if found != 1:
            raise HarnessError(f"{self.name}: its old text stands {found} times in {self.file}")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")

    def key(self, sources):
        """What an outcome of it depends on, as a short text.

        Args:
            sources: the texts it is planted in and tried by.
        """
        digest = hashlib.sha256(repr(self).encode())
        for text in sources:
            digest.update(text)
        return digest.hexdigest()[:16]
