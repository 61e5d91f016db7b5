"""Check the style of every file and the module's code: `python3 -m pytests.host.lint [CHECK...]`.

Ends with a line a check, and exits 1 where any has a finding. CHECK is part of a check's name.
"""

import shlex
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase

from pytests.host.vm import roots
from pytests.host.vm.cache import TOP, remove
from pytests.host.vm.chroot import run_in
from pytests.host.vm.errors import HarnessError

from . import checkpatch
from .checks import CHECKS

WORK = TOP / "build" / "lint"

# folders below which C files are kernel code
KERNEL_CODE = ("module", "pytests/kmods", "pytests/host/cost/alternatives")

# how a shell script begins
SHELLS = ("#!/bin/sh", "#!/bin/bash", "#!/usr/bin/env bash")

# what kbuild and python leave in the source tree
BUILT = ("*.o", "*.ko", "*.mod", "*.mod.c", "*.cmd", "*.d", "*.pyc", "*.order", "*.symvers")


def _files():
    """The project's files by kind, as {kind: [path relative to the project]}."""
    kinds = {"c": [], "kbuild": [], "python": [], "shell": [], "text": [], "module": ["module"]}
    for folder in (".", ".ci", "module", "pytests"):
        pattern = "**/*" if folder in ("module", "pytests") else "*"
        for path in sorted((TOP / folder).glob(pattern)):
            relative = str(path.relative_to(TOP))
            if not path.is_file() or any(fnmatchcase(path.name, pattern) for pattern in BUILT) \
                    or path.name in ("LICENSE", "compile_commands.json"):
                continue
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
            kinds["text"].append(relative)
            if path.suffix in (".c", ".h") and relative.startswith(KERNEL_CODE):
                kinds["c"].append(relative)
            elif path.name == "Kbuild" or path.match("module/engine/*.mk"):
                kinds["kbuild"].append(relative)
            elif path.suffix == ".py":
                kinds["python"].append(relative)
            elif text.startswith(SHELLS) or path.suffix == ".sh":
                kinds["shell"].append(relative)
    return kinds


def _run(check, number, files, root, source):
    """Run one check and return (check, findings as text or "", seconds)."""
    began = time.monotonic()
    work = WORK / str(number)
    if check.kind == "module":
        remove(work)
        shutil.copytree(TOP / "module", work / "module", ignore=shutil.ignore_patterns(*BUILT))
    work.mkdir(parents=True, exist_ok=True)
    names = " ".join(shlex.quote(name) for name in files[check.kind])
    done = run_in(root, f"lint-{number}",
                  f"cd /mnt && FILES={shlex.quote(names)}\n{check.command}",
                  [(TOP, "/mnt", "ro"), (work, "/srv", "rw"), (source, "/opt", "ro")])
    found = done.stdout
    if done.returncode and not found.strip():
        found = f"exit code {done.returncode}, without a word\n"
    return check, found, time.monotonic() - began


def main(wanted):
    """Run the checks that are wanted, all if none is named, and return the exit code."""
    checks = [check for check in CHECKS
              if not wanted or any(name in check.name for name in wanted)]
    if not checks:
        raise HarnessError(f"no check is called {' or '.join(wanted)}: there are "
                           + ", ".join(check.name for check in CHECKS))
    files = _files()
    seen = roots.root(roots.LINT), checkpatch.folder()
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(_run, check, number, files, *seen)
                   for number, check in enumerate(CHECKS) if check in checks]
        for future in running:
            check, found, seconds = future.result()
            if found.strip():
                failed += 1
                print(f"{check.name}:\n" + "".join(f"    {line}\n" for line in found.splitlines()),
                      end="")
            print(f"{check.name:30} {'FAILED' if found.strip() else 'ok':6} {seconds:5.1f} s",
                  flush=True)
    print(f"lint: {failed} of {len(checks)} checks failed" if failed else "lint: clean")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except HarnessError as error:
        sys.exit(f"lint: {error}")
