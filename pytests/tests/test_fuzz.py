"""A short run of the fuzzer; the long one is `make fuzz`."""

import errno
import os

import pytest

from pytests.lib import memcg, scale
from pytests.lib.fuzz import fuzzer, generate


@pytest.fixture
def driver(hook, cgroup, parent_cgroup, originals):
    """The fuzzer's driver of the module, stopped after the test."""
    with memcg.below(parent_cgroup, "outside") as outside:
        driver = fuzzer.Driver(generate.Names(cgroup, outside), cgroup, originals)
        yield driver
        driver.stop()


def test_the_module_does_what_the_model_says(driver, record_property):
    """Each write has the predicted result, and a refused one changes nothing.

    MEMEVENTS_SEED picks another sequence.
    """
    seed = int(os.environ.get("MEMEVENTS_SEED", "1"))
    fuzzer.fuzz(driver, seed, scale.FUZZED_WRITES)
    for what, count in driver.counts.items():
        record_property(what, count)
    assert driver.counts["refused"] > driver.counts["writes"] // 10
    assert driver.counts["refused"] < driver.counts["writes"]


def test_parameters(driver, record_property):
    """Loading with any parameters gives the predicted result; a refused one leaves nothing."""
    generator = generate.Generator(2, driver.model)
    for _ in range(scale.FUZZED_LOADS):
        driver.run(generator.load())
    record_property("loads", driver.counts["loads"])
    assert driver.counts["loads refused"]


def test_seeking(loaded):
    """Seeking is no command, whatever it returns."""
    before = loaded.state()
    for name, mode in loaded.tree().items():
        fd = os.open(loaded.path(name), os.O_RDONLY if mode & 0o400 else os.O_WRONLY)
        for offset in (1, 4096, 1 << 31, 0):
            try:
                os.lseek(fd, offset, os.SEEK_SET)
            except OSError as error:
                assert error.errno in (errno.EINVAL, errno.ESPIPE), (name, error)
        os.close(fd)
    assert loaded.state() == before
