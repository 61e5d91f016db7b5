"""`make test-boots`: the checks that need a boot of their own, each in a guest.

A check is a program in pytests/programs/boots; it passes if it exits 0.
"""

import time
from dataclasses import dataclass

from pytests.host.vm import accel, cache, image, modules, progress, results
from pytests.host.vm.cache import TOP
from pytests.host.vm.errors import HarnessError
from pytests.host.vm.image import Content
from pytests.host.vm.in_guest import run_in_guest
from pytests.host.vm.progress import say

from .share import NICE

RESULTS = TOP / "build" / "test-boots"


@dataclass(frozen=True)
class Boot:
    """One row of the table.

    name: of the check, and of its folder of results.
    program: what of pytests/programs/boots is run, with its arguments.
    append: more for the kernel's command line.
    debug: whether it needs nothing that a debug kernel lacks (module signatures, lockdown, BTF).
    stock: whether it needs nothing that Debian's kernels lack (checkers).
    packages: more for the guest's root.
    memory: MiB that it needs at least.
    arch: the only one it is for, where it is not for all.
    """

    name: str
    program: str
    append: str = ""
    debug: bool = False
    stock: bool = True
    packages: tuple = ()
    memory: int = 0
    arch: str = ""


BOOTS = (
    # KASAN reports one fault a boot unless it is told to go on.
    Boot("checkers", "checkers", "kasan_multi_shot", debug=True, stock=False),
    Boot("debugfs-off", "debugfs_off", "debugfs=off", True),
    Boot("debugfs-unmounted", "debugfs_unmounted", "", True),
    Boot("debugfs-no-mount", "debugfs_unmounted no-mount", "debugfs=no-mount", True),
    Boot("lockdown-at-boot", "lockdown at-boot", "lockdown=integrity"),
    Boot("lockdown-integrity", "lockdown integrity"),
    Boot("lockdown-confidentiality", "lockdown confidentiality"),
    Boot("signature", "signature", "module.sig_enforce=1"),
    # peer_ftrace_bug can make ftrace fail on x86 only.
    Boot("ftrace-dead-flip", "ftrace_dead flip", "", True, arch="amd64"),
    Boot("ftrace-dead-unload", "ftrace_dead unload", "", True, arch="amd64"),
    Boot("ftrace-dead-off", "ftrace_dead off", "", True, arch="amd64"),
    Boot("ftrace-dies-in-flip", "ftrace_dead dies-in-flip", "", True, arch="amd64"),
    Boot("ftrace-dies-in-unload", "ftrace_dead dies-in-unload", "", True, arch="amd64"),
    Boot("ftrace-dies-in-switch-on", "ftrace_dead dies-in-switch-on", "", True, arch="amd64"),
    Boot("ftrace-dies-in-load", "ftrace_dead dies-in-load", "", True, arch="amd64"),
    Boot("controller-off", "no_calls off", "cgroup_disable=memory", True),
    # The debug kernels have no cgroup v1.
    Boot("controller-v1", "no_calls v1"),
    Boot("unload-preempted", "unload_preempted", "preempt=full", True),
    Boot("callers", "callers", debug=True, packages=("binutils",), memory=2048),
    Boot("systemd", "systemd", packages=("systemd",), memory=2048),
    Boot("tools", "tools", packages=("bpftrace", "linux-perf"), memory=3072),
)

COMMAND = "exec python3 -m pytests.programs.boots.{program}\n"


def run_one(kernel, boot, built, acceleration, folder):
    """Run one check beside whatever else runs; returns what went wrong, or an empty string.

    Args:
        built: the folder with the modules.
        folder: for its logs; made anew.
    """
    cache.remove(folder)
    archives = None
    if boot.packages:
        root = image.guest_root(kernel.base_suite, kernel.arch, boot.name, boot.packages)
        archives = (root.with_name("root.cpio"),)
    ended = run_in_guest(kernel, folder, COMMAND.format(program=boot.program), acceleration,
                         Content(built, archives=archives), line=boot.append, memory=boot.memory,
                         nice=NICE)
    return ended.wrong and f"{ended.wrong}\n{ended.output}"


def run(kernels, names):
    """Run the checks (of these names; all if empty) on the kernels.

    Returns:
        The exit code: 0 if none failed, and each kernel ran one.

    Raises:
        HarnessError: there is no check of such a name.
    """
    unknown = set(names) - {boot.name for boot in BOOTS}
    if unknown:
        raise HarnessError(f"no boot is called {' '.join(unknown)}: there are "
                           + " ".join(boot.name for boot in BOOTS))
    failed = 0
    for kernel in kernels:
        passed, not_passed = [], []
        built = modules.build(kernel)
        acceleration = accel.choose(kernel)
        for boot in BOOTS:
            if names and boot.name not in names:
                continue
            if not (boot.debug if kernel.config else boot.stock):
                if names:
                    say(kernel.name, f"left out {boot.name}: this kernel lacks what it needs")
                continue
            if boot.arch and boot.arch != kernel.arch:
                say(kernel.name, f"left out {boot.name}: for {boot.arch} only")
                continue
            start = time.monotonic()
            with progress.step(kernel.name, boot.name, end=False):
                wrong = run_one(kernel, boot, built, acceleration,
                                RESULTS / kernel.name / boot.name)
            seconds = time.monotonic() - start
            say(kernel.name, f"{'failed' if wrong else 'passed'} {boot.name}  {seconds:.1f} s")
            (not_passed if wrong else passed).append(boot.name)
            if wrong:
                failed += 1
                say(kernel.name, "".join(f"| {line}\n" for line in wrong.splitlines()))
        if not passed and not not_passed:
            failed += 1
            say(kernel.name, "failed: no boot was run")
            continue
        command = f"make test-boots KERNELS={kernel.name}"
        if names:
            command += f" BOOTS='{' '.join(names)}'"
        results.record("boots", kernel.name, f"{len(passed)} passed: {' '.join(passed)}; "
                       f"{len(not_passed)} failed: {' '.join(not_passed) or '-'}", command)
    return 1 if failed else 0
