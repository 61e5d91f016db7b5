"""Building mutants: beside the sound modules, so that only what differs is compiled."""

import re
import shutil

from pytests.host.vm import cache, release, roots
from pytests.host.vm.cache import TOP
from pytests.host.vm.chroot import run_in
from pytests.host.vm.errors import HarnessError
from pytests.host.vm.modules import FOLDERS, SOURCES
from pytests.host.vm.process import as_root, run

# The folders of the modules that have the engine: each has a copy of its own.
WITH_ENGINE = tuple(folder for folder in FOLDERS
                    if "engine.mk" in (TOP / folder / "Kbuild").read_text(encoding="utf-8"))

PRODUCT = "module"


def _texts(mutant):
    """The contents of the programs that try a mutant: of its tests' files and of its boot's."""
    words = set(re.findall(r"\w+", mutant.tests)) - {"and", "or", "not"}
    for path in sorted((TOP / "pytests" / "tests").glob("test_*.py")):
        text = path.name + path.read_text(encoding="utf-8")
        if any(word in text for word in words):
            yield text
    if mutant.boot:
        for path in sorted((TOP / "pytests" / "programs" / "boots").glob("*.py")):
            yield path.read_text(encoding="utf-8")


def folders(mutant, everything=False):
    """The folders of the modules that a mutant has to be in: those that its tests load.

    A test that loads a module names its folder.

    Args:
        everything: whether all tests may be run.
    """
    if not mutant.file.startswith("engine/"):
        return (PRODUCT,)
    texts = list(_texts(mutant))
    return tuple(folder for folder in WITH_ENGINE
                 if folder == PRODUCT or everything
                 or any(folder.rpartition("/")[2] in text for text in texts))


class Builder:
    """Builds mutants for one kernel in a folder of its own.

    kernel: the kernel.
    sound: the folder with the sound modules, as modules.build() returns it.
    """

    def __init__(self, kernel, sound, folder):
        self._release = release.fetch(kernel)
        self._root = roots.root(roots.toolchain(kernel, self._release.compiler,
                                                self._release.libraries))
        self._strip = roots.strip(kernel)
        self._variables = " ".join(roots.kbuild_variables(self._release.compiler))
        self._folder = folder
        cache.remove(folder)
        for part in SOURCES:
            (folder / part).parent.mkdir(parents=True, exist_ok=True)
            run(["cp", "-a", sound / part, folder / part])

    def build(self, mutant, target, into=(PRODUCT,)):
        """Build a mutant's modules into a new folder: target/FOLDER/NAME.ko for each.

        Args:
            into: the folders of the modules that it is built into.

        Raises:
            HarnessError: it does not compile, or does not fit the tree.
        """
        path = self._folder / "module" / mutant.file
        text = path.read_text(encoding="utf-8")
        mutant.plant(self._folder)
        try:
            done = run_in(
                (self._release.root, self._root), f"mutants-{self._folder.name}",
                f"set -e; for folder in {' '.join(into)}; do"
                f" make --no-print-directory -C {self._release.headers} M=/mnt/$folder"
                f" {self._variables} modules;"
                f" {self._strip} /mnt/$folder/*.ko; done",
                [(self._folder, "/mnt", "rw")])
            if done.returncode:
                raise HarnessError(f"{mutant.name} does not compile:\n{done.stdout}")
            for part in into:
                (target / part).mkdir(parents=True)
                for module in (self._folder / part).glob("*.ko"):
                    shutil.copy(module, target / part)
        finally:
            path.write_text(text, encoding="utf-8")
            run(as_root(["chown", "-R", "--reference", TOP, self._folder]))


def with_mutant(sound, built, folder):
    """Make folder what modules.build() would return with a mutant in it; returns the folder.

    Args:
        built: the mutant's modules, as Builder.build() leaves them.
    """
    cache.remove(folder)
    for part in FOLDERS:
        (folder / part).mkdir(parents=True)
        for source in (sound, built):
            for module in (source / part).glob("*.ko*"):
                shutil.copy(module, folder / part)
    return folder
