"""Kernels that Debian does not have, built from a suite's linux-source: with checkers on, or
by another compiler.

Such a kernel is a row of the table like any other, with the names of the config fragments it is
made from. It is built once, in the chroot that its modules are built in, by that suite's compiler.
"""

import json
import shutil
from pathlib import Path

from . import cache, linux_source, progress, roots
from .chroot import run_in
from .errors import HarnessError
from .process import as_root, run

FRAGMENTS = Path(__file__).parent

# What the kernel's build runs, beside the compiler: the packages, by the compiler's. They are
# whatever gcc or clang is in the suite; gcovr is for the reports of `make coverage`.
TOOLS = {
    "gcc": ("gcc", "bc", "bison", "flex", "gzip", "libelf-dev", "gcovr"),
    "clang": ("clang", "lld", "llvm", "bc", "bison", "flex", "gzip", "libelf-dev"),
}

# What KASAN checks of the kernel itself: what handles the memory and the text of modules. Were it
# all checked, a guest would take an eighth more of the host's CPUs. The kernel's
# scripts/Makefile.lib takes `n` for what is not checked; mm/kasan and others must not be. Modules
# are checked whole.
CHECKED = """\
$(if $(filter-out \
kernel/bpf/% kernel/dma/% kernel/entry/% kernel/events/% kernel/irq/% kernel/power/% \
kernel/printk/% kernel/sched/% kernel/time/% lib/debugobjects lib/maple_tree lib/xarray,\
$(filter \
arch/x86/kernel/ftrace arch/x86/kernel/kprobes/% fs/debugfs/% fs/kernfs/% fs/libfs fs/seq_file \
kernel/% lib/% mm/memcontrol mm/util,\
$(obj)/$(basetarget))),,n)"""

# To be left for building modules, as Debian's headers packages have it.
HEADERS = r"""
set -e
make -s --no-print-directory kernelrelease > ../release
to=../headers
{
	find . arch/x86 -maxdepth 1 -name 'Makefile*' -o -maxdepth 1 -name Kconfig
	find include scripts tools/objtool/objtool .config Module.symvers -type f -o -type l
	find arch/x86 -path '*/include/*' \( -type f -o -type l \)
	find arch/x86 -name module.lds
} | grep -v '\.o$' | sort -u | tar -c --no-recursion -f - -T - | tar -x -C "$to" -f -
# Count what the module runs through, and of what the tests load what asks for it. UBSAN is for
# whoever asks, too.
printf '%s\n' 'ifneq ($(filter %/module,$(KBUILD_EXTMOD)),)' \
	'export GCOV_PROFILE := y' endif 'export UBSAN_SANITIZE := y' >> "$to/Makefile"
"""


def made_from(kernel):
    """What the kernel depends on, beside its suite's source."""
    return kernel, kernel.compiler, TOOLS[kernel.compiler], fragments(kernel), HEADERS, CHECKED


def fragments(kernel):
    """The text of the kernel's config fragments, one after the other."""
    return "".join((FRAGMENTS / f"{name}.config").read_text(encoding="ascii")
                   for name in kernel.config)


def _settings(text):
    """{symbol: line} of the lines of config fragments; the last line about a symbol stands."""
    return {line.partition("=")[0]: line for line in text.splitlines()
            if line.startswith("CONFIG_")}


class _Source:
    """A kernel's source in the root that it is built in; `folder` stands at /mnt there."""

    def __init__(self, root, kernel, folder):
        self._root = root
        self._compiler = kernel.compiler
        self._folder = folder

    def run(self, script, on_line=lambda line: None):
        """Run a shell script in the source's folder.

        Raises:
            HarnessError: it failed; the message holds its output.
        """
        made_by = "".join(f"export {word}; " for word in roots.kbuild_variables(self._compiler))
        done = run_in(self._root, self._folder.name, f"cd /mnt/linux; {made_by}{script}",
                      [(self._folder, "/mnt", "rw")], on_line=on_line)
        if done.returncode:
            raise HarnessError(f"the build of the kernel failed:\n{script}\n{done.stdout}")


def _configure(source, folder, fragment):
    """Make .config.

    Raises:
        HarnessError: the source refused a line of the fragment.
    """
    settings = _settings(fragment)
    (folder / "fragment").write_text("\n".join(settings.values()) + "\n", encoding="ascii")
    source.run("make -s KCONFIG_ALLCONFIG=../fragment allnoconfig")
    got = set((folder / "linux" / ".config").read_text(encoding="utf-8").splitlines())
    refused = []
    for name, line in settings.items():
        value = line.partition("=")[2]
        if line not in got and not (value == "n" and not any(
                other.startswith(name + "=") for other in got)):
            refused.append(line)
    if refused:
        raise HarnessError("this source does not take from the config fragment:\n"
                           + "\n".join(refused))


def build(kernel, folder):
    """Build the kernel into a new folder: vmlinuz, vmlinux, root/ and release.json.

    Takes some minutes.

    Raises:
        HarnessError: the source cannot be had, or does not build.
    """
    root = roots.root(roots.toolchain(kernel, kernel.compiler, TOOLS[kernel.compiler]))
    folder.mkdir()
    work = folder.with_name(folder.name + ".work")
    linux_source.unpack(kernel.suite, work)
    (work / "headers").mkdir()
    source = _Source(root, kernel, work)
    _configure(source, work, fragments(kernel))
    lines = progress.Lines()
    with progress.step(kernel.name, "building the kernel", lines.count):
        source.run(f"make -j$(nproc) KASAN_SANITIZE='{CHECKED}' bzImage modules", lines.take)
    source.run(HEADERS)
    _collect(kernel, work, folder)
    cache.remove(work)


def _collect(kernel, work, folder):
    release = (work / "release").read_text(encoding="ascii").strip()
    run(as_root(["chown", "-R", "--reference", cache.TOP, work]))
    target = folder / "root" / "usr" / "src" / f"linux-headers-{release}"
    target.parent.mkdir(parents=True)
    (work / "headers").rename(target)
    shutil.move(work / "linux" / "arch" / "x86" / "boot" / "bzImage", folder / "vmlinuz")
    shutil.move(work / "linux" / "vmlinux", folder / "vmlinux")
    (folder / "release.json").write_text(
        json.dumps({"release": release, "compiler": kernel.compiler,
                    "libraries": TOOLS[kernel.compiler]}),
        encoding="ascii",
    )
