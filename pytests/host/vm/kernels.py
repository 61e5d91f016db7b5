"""The kernels the module is tested on: the one table of them, and how to pick from it.

No release is written down here: `release.py` takes the newest one each suite has.
"""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from . import machine
from .errors import HarnessError
from .progress import say


@dataclass(frozen=True)
class Kernel:
    """One row of the table.

    name: what people call it (KERNELS="..."), and its folder under build/.
    suite: the Debian suite that has it.
    arch: Debian's name of the architecture.
    flavour: the meta-packages are linux-image-FLAVOUR and linux-headers-FLAVOUR.
    config: the config fragments that built_kernel.py builds it from; none for Debian's own.
    line: more for its command line.
    headers: the changes that vendor_headers.py makes to its headers; none for Debian's own.
    compiler: the Debian package of the compiler that built_kernel.py takes.
    """

    name: str
    suite: str
    arch: str
    flavour: str
    config: tuple = field(default=(), repr=False)
    line: str = field(default="", repr=False)
    headers: tuple = field(default=(), repr=False)
    compiler: str = field(default="gcc", repr=False)

    @property
    def by_name(self):
        """Whether it has to be called by its name: no pattern means it."""
        return bool(self.config or self.headers)

    @property
    def base_suite(self):
        """The suite that user space and compilers come from."""
        return self.suite.replace("-backports", "")

    @property
    def checked(self):
        """Whether it is a debug kernel, with checkers on."""
        return "debug" in self.config

    @property
    def memory(self):
        """What a guest gets, in MiB: a debug kernel's checkers keep a shadow of everything."""
        return 2048 if self.checked else 1024

    @property
    def patience(self):
        """What limits of time are multiplied by: checkers make everything slow."""
        return 3 if self.checked else 1

    @property
    def plain(self):
        """Whether it is as quick as they come: not a real-time one, nor another architecture's."""
        return self.arch == self.flavour == "amd64"

    @property
    def scale(self):
        """How much of everything the tests do (pytests/lib/scale.py): a debug kernel is slow."""
        return "0.1" if self.checked else "1.0"


KERNELS = (
    Kernel("5.10", "bullseye", "amd64", "amd64"),
    Kernel("6.1", "bookworm", "amd64", "amd64"),
    Kernel("6.12", "trixie", "amd64", "amd64"),
    Kernel("6.12-rt", "trixie", "amd64", "rt-amd64"),
    Kernel("7.2", "forky", "amd64", "amd64"),
    Kernel("7.3", "trixie-backports", "amd64", "amd64"),
    Kernel("6.12-arm64", "trixie", "arm64", "arm64"),
    Kernel("7.3-arm64", "trixie-backports", "arm64", "arm64"),
    Kernel("6.1-debug", "bookworm", "amd64", "", ("base", "debug", "debug-kasan"),
           "page_poison=1"),
    # Kernel code is not preemptible there, and yet a tick can take a CPU in it for quiescent.
    Kernel("6.12-none", "trixie", "amd64", "", ("base", "debug", "debug-kasan", "debug-none"),
           "page_poison=1"),
    Kernel("6.1-kcsan", "bookworm", "amd64", "", ("base", "debug", "debug-kcsan")),
    # 6.1, its modules built as a vendor's headers would have it.
    Kernel("6.1-vendor", "bookworm", "amd64", "amd64",
           headers=("set-ip-renamed", "assign-str-of-one", "event-added")),
    # Its compiler inlines the target into its callers.
    Kernel("6.12-clang", "trixie", "amd64", "", ("base", "clang"), compiler="clang"),
)


#: The architectures of the kernels that modules are built for on a machine of each architecture.
BUILT_ON = {"amd64": ("amd64", "arm64"), "arm64": ("arm64",)}


def _matches(kernel, pattern):
    """Whether a shell pattern means the kernel."""
    if kernel.by_name:
        return pattern == kernel.name
    return fnmatchcase(kernel.name, pattern)


def pick(patterns):
    """The kernels whose names match any of the blank-separated patterns, in the table's order.

    An empty string picks all that need not be called by name: Debian's own.

    On an arm64 machine those for amd64 are left out, with a word: modules for them are built on
    amd64.

    Raises:
        HarnessError: a pattern matches no kernel, or all that match are left out.
    """
    wanted = patterns.split() or ["*"]
    for pattern in wanted:
        if not any(_matches(kernel, pattern) for kernel in KERNELS):
            names = " ".join(kernel.name for kernel in KERNELS)
            raise HarnessError(f"no kernel matches '{pattern}': there are {names}")
    picked = [k for k in KERNELS if any(_matches(k, pattern) for pattern in wanted)]
    here = [k for k in picked if k.arch in BUILT_ON.get(machine.arch(), ())]
    left_out = " ".join(k.name for k in picked if k not in here)
    if not here:
        raise HarnessError(f"{left_out}: kernels not built for on an {machine.arch()} machine")
    if left_out:
        say("left out", f"{left_out}: kernels not built for on an {machine.arch()} machine")
    return here
