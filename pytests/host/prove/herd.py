"""herd7 and the kernel's memory model, both of one suite: a model is for one version of herd7."""

import re

from pytests.host.vm import cache, linux_source, roots
from pytests.host.vm.chroot import run_in

MODEL = "tools/memory-model"

# A word about one of the files that is neither its test nor its result.
_COMPLAINT = re.compile(r'^(?:Warning: |Fatal: )?File "/mnt/(?P<name>[^"]+)\.litmus".*',
                        re.MULTILINE)


def _model():
    """The folder with linux-kernel.cfg, fetched if it is missing."""
    return cache.item(f"memory-model-{roots.HERD.suite}",
                      lambda folder: linux_source.take(roots.HERD.suite, MODEL, folder))


def answers(folder):
    """Run herd7 on every litmus test in a folder.

    Returns:
        What it says of each, as {file name without .litmus: text}. A file that it cannot read has
        its complaint there.
    """
    done = run_in(roots.root(roots.HERD), "prove",
                  "cd /opt && herd7 -conf linux-kernel.cfg /mnt/*.litmus",
                  [(folder, "/mnt", "ro"), (_model(), "/opt", "ro")])
    return split(done.stdout)


def split(output):
    """herd7's output by test, as {name: text}."""
    said = {}
    for match in _COMPLAINT.finditer(output):
        said[match["name"]] = match[0]
    for text in re.split(r"^(?=Test )", output, flags=re.MULTILINE):
        if text.startswith("Test "):
            said[text.split()[1]] = text
    return said


def verdict(said):
    """What herd7 observed: Never, Sometimes or Always; None where it does not say.

    Args:
        said: its text about one test.
    """
    match = re.search(r"^Observation \S+ (\w+) \d+ \d+$", said, re.MULTILINE)
    return match and match[1]


def flags(said):
    """What else the model holds against a test, such as a data race: a list of names."""
    return re.findall(r"^Flag (\S+)$", said, re.MULTILINE)
