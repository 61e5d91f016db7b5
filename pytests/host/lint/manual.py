"""Whether each section of debugfs_layout.md names its tests: prints what is wrong."""

import sys

from pytests.lib import manual

if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        faults = manual.faults(manual.parse(file.read()), "pytests")
    print("".join(fault + "\n" for fault in faults), end="")
    sys.exit(1 if faults else 0)
