"""Running a script of this folder in a root."""

from pytests.host.vm.cache import TOP
from pytests.host.vm.chroot import run_in
from pytests.host.vm.errors import HarnessError
from pytests.host.vm.roots import root

WORK = TOP / "build" / "packaging"
HERE = TOP / "pytests" / "host" / "packaging"


def script(name, recipe, work, **variables):
    """Run a script of this folder in a recipe's root, whose changes are gone afterwards.

    Args:
        work: the folder that is /srv there; /mnt is the project.
        variables: of its environment.

    Raises:
        HarnessError: it failed; the message has its output.
    """
    work.mkdir(parents=True, exist_ok=True)
    assignments = "".join(f'export {key}="{value}"\n' for key, value in variables.items())
    done = run_in(root(recipe), f"packaging-{name}",
                  assignments + (HERE / name).read_text(encoding="utf-8"),
                  [(TOP, "/mnt", "ro"), (work, "/srv", "rw")], writable=True)
    (WORK / f"{name}.log").write_text(done.stdout, encoding="utf-8")
    if done.returncode:
        raise HarnessError(f"{name}: exit code {done.returncode}:\n{done.stdout}")
