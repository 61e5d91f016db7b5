"""Write compile_commands.json for a built module: `compile_commands.py FOLDER HEADERS > FILE`.

The kernel's own script for it (scripts/clang-tools) is not in Debian's headers. Like it, this reads
the commands that kbuild leaves beside the objects.
"""

import json
import re
import sys
from pathlib import Path

# savedcmd_ since 6.3, cmd_ before
COMMAND = re.compile(r"^(?:saved)?cmd_\S+\.o := (.* (\S+\.c))(?: *;.*)?$", re.MULTILINE)


def commands(folder, headers):
    """The entries for a folder that kbuild has built a module in, with these kernel headers.

    kbuild runs the compiler in the headers, from 6.13 on in the module's folder; only in the former
    does it name the sources by absolute paths.

    Raises:
        SystemExit: nothing has been built there.
    """
    entries = []
    for path in [*sorted(folder.glob(".*.o.cmd")), *sorted(folder.glob("engine/.*.o.cmd"))]:
        match = COMMAND.search(path.read_text(encoding="utf-8"))
        if match and not match[2].endswith(".mod.c"):
            where = headers if Path(match[2]).is_absolute() else folder
            entries.append({"directory": str(where), "command": match[1].replace("\\#", "#"),
                            "file": str(where / match[2])})
    if not entries:
        sys.exit(f"{folder}: nothing is built there: run make")
    return entries


if __name__ == "__main__":
    json.dump(commands(*(Path(path).resolve() for path in sys.argv[1:3])), sys.stdout, indent=2)
    print()
