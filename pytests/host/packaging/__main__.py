"""Setup, the package, DKMS and `make install` on fresh roots: `python3 -m pytests.host.packaging`.

Asks what the harness finds on other machines than this one, builds the package, installs it for two
kernels, and boots one of them to load what DKMS built.
"""

import re
import sys
import time

from pytests.host.vm import archive, cache, machine, progress, results, roots
from pytests.host.vm.cache import TOP
from pytests.host.vm.errors import HarnessError
from pytests.host.vm.kernels import pick
from pytests.host.vm.release import fetch

from . import guests
from .script import WORK, script

KERNELS = ("6.12", "7.3")
BOOTED = "6.12"


def _step(what, function):
    """Run one step, tell how it went, and return whether it went well."""
    began = time.monotonic()
    try:
        with progress.step("packaging", what, end=False):
            function()
        word = "ok"
    except HarnessError as error:
        print(error)
        word = "FAILED"
    print(f"{what:64} {word:6} {time.monotonic() - began:5.0f} s", flush=True)
    return word == "ok"


def _version():
    text = (TOP / "module" / "engine" / "main.c").read_text(encoding="utf-8")
    return re.search(r'^MODULE_VERSION\("(.*)"\);$', text, re.MULTILINE)[1]


def main():
    """Run every step and return the exit code."""
    if machine.arch() != "amd64":
        raise HarnessError(f"what is installed and booted here is for amd64: this is an"
                           f" {machine.arch()} machine")
    cache.remove(WORK)
    WORK.mkdir(parents=True)
    kernels = pick(" ".join(KERNELS))
    releases = {kernel.name: fetch(kernel) for kernel in kernels}
    names = [release.release for release in releases.values()]
    facts = {"RELEASES": " ".join(names), "VERSION": _version()}
    user = roots.user(names)
    package = WORK / "package"
    booted = next(kernel for kernel in kernels if kernel.name == BOOTED)
    release = releases[BOOTED]

    def boot(which):
        guests.run(which, booted, package, roots.root(roots.FIRMWARE))

    good = [_step(what, function) for what, function in (
        ("setup on Debian, on Ubuntu, in a container",
         lambda: script("hosts.sh", roots.HOST, WORK / "hosts", MIRROR=archive.mirror()[0])),
        ("make deb, lintian", lambda: script("build.sh", roots.BUILDER, package)),
        (f"install, remove, purge for {facts['RELEASES']}",
         lambda: script("install.sh", user, package, **facts)),
        ("make install, make dkms by hand",
         lambda: script("by_hand.sh", user, WORK / "by_hand", **facts)),
        ("kernels that DKMS leaves out",
         lambda: script("exclusive.sh", user, WORK / "exclusive", RELEASE=release.release,
                        VERSION=_version())),
        ("sign by hand",
         lambda: script("sign.sh", user, package, RELEASE=release.release)),
        ("enrol dkms's key",
         lambda: script("enrol.sh", roots.FIRMWARE, package)),
        (f"modprobe in a guest of {release.release}", lambda: boot(guests.PLAIN)),
        ("signatures enforced, dkms's key not enrolled", lambda: boot(guests.ENFORCING)),
        ("Secure Boot, dkms's key enrolled", lambda: boot(guests.SECURE)),
    )]
    verdict = "all is well" if all(good) else f"{good.count(False)} steps failed"
    print(f"packaging: {verdict}")
    results.record("packaging", " ".join(KERNELS), f"{len(good)} steps: {verdict}",
                   "make test-packaging")
    return 0 if all(good) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HarnessError as error:
        sys.exit(f"packaging: {error}")
