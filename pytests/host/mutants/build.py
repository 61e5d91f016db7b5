"""Building mutants: beside the sound module, so that only what differs is compiled."""

import shutil

from pytests.host.vm import cache, release, roots
from pytests.host.vm.cache import TOP
from pytests.host.vm.chroot import run_in
from pytests.host.vm.errors import HarnessError
from pytests.host.vm.modules import FOLDERS
from pytests.host.vm.process import as_root, run

KO = "memevents_hook.ko"


class Builder:
    """Builds mutants for one kernel in a folder of its own.

    kernel: the kernel.
    sound: the folder with the sound modules, as modules.build() returns it.
    """

    def __init__(self, kernel, sound, folder):
        self._release = release.fetch(kernel)
        self._root = roots.root(roots.toolchain(kernel, self._release.compiler,
                                                self._release.libraries))
        # A guest is to hold a dozen of them, and unpacks what it boots into.
        self._strip = {"amd64": "strip", "arm64": "aarch64-linux-gnu-strip"}[kernel.arch]
        self._folder = folder
        cache.remove(folder)
        folder.mkdir(parents=True)
        run(["cp", "-a", sound / "module", folder / "module"])

    def build(self, mutant, target):
        """Build a mutant's module into a new file.

        Raises:
            HarnessError: it does not compile, or does not fit the tree.
        """
        path = self._folder / "module" / mutant.file
        text = path.read_text(encoding="utf-8")
        mutant.plant(self._folder)
        try:
            done = run_in(
                (self._release.root, self._root), f"mutants-{self._folder.name}",
                f"make --no-print-directory -C {self._release.headers} M=/mnt/module modules"
                f" && {self._strip} --strip-debug /mnt/module/{KO}",
                [(self._folder, "/mnt", "rw")])
            if done.returncode:
                raise HarnessError(f"{mutant.name} does not compile:\n{done.stdout}")
            shutil.copy(self._folder / "module" / KO, target)
        finally:
            path.write_text(text, encoding="utf-8")
            run(as_root(["chown", "-R", "--reference", TOP, self._folder]))


def with_module(sound, ko, folder):
    """Make folder what modules.build() would return with ko as the module; returns the folder."""
    cache.remove(folder)
    for part in FOLDERS:
        (folder / part).mkdir(parents=True)
        for module in (sound / part).glob("*.ko*"):
            shutil.copy(module, folder / part)
    shutil.copy(ko, folder / "module" / KO)
    return folder
