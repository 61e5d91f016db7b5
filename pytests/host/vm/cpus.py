"""How many CPUs guests have: CPUS in the environment, where make puts it."""

import os

from .errors import HarnessError

DEFAULT = 2

#: More need an interrupt controller that QEMU emulates only for KVM.
MOST = 255


def asked():
    """The number that CPUS gives; None where it gives none.

    Raises:
        HarnessError: it is not a number of CPUs that a guest can have.
    """
    text = os.environ.get("CPUS") or ""
    if not text:
        return None
    # int() would take a sign, blanks and underscores, too.
    if not text.isdecimal() or not text.isascii() or not 1 <= int(text) <= MOST:
        raise HarnessError(f"CPUS={text}: it is a whole number from 1 to {MOST}")
    return int(text)


def number():
    """How many CPUs a guest has for which nobody said otherwise.

    Raises:
        HarnessError: as asked().
    """
    return asked() or DEFAULT


def words():
    """What CPUS adds to a command that a person types: empty, or a word with a blank before it.

    Raises:
        HarnessError: as asked().
    """
    return f" CPUS={asked()}" if asked() else ""
