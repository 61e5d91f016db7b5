"""Who imports whom: `imports.py FILE...` prints each import that the table does not allow.

A helper that runs in a guest must not depend on what runs on the host, nor a program on pytest; and
a test that others import cannot be changed alone.
"""

import ast
import sys
from pathlib import PurePosixPath

#: Of lib/, what has no kernel side: it may run anywhere.
ANYWHERE = ("pytests.lib.kernel_log", "pytests.lib.manual")

#: Where the importing file is, and what of the project and of others it may import. The first row
#: that fits counts. The standard library is free to all.
MAY_IMPORT = (
    ("pytests/conftest.py", ("pytest", "pytests.lib")),
    ("pytests/tests", ("pytest", "pytests.lib")),
    ("pytests/lib", ("pytests.lib",)),
    ("pytests/programs", ("pytests.lib", "pytests.programs")),
    ("pytests/host/unit", ("pytests.host", "pytests.lib")),
    ("pytests/host/cost/plot.py", ("matplotlib",)),
    ("pytests/host/suite/guest_plugin.py", ("pytest",)),
    ("pytests/host", ("pytests.host", *ANYWHERE)),
    ("", ()),
)


def _allowed(path):
    for where, allowed in MAY_IMPORT:
        if not where or path.is_relative_to(where):
            return allowed
    raise AssertionError("the last row fits every path")


def _imported(tree, package):
    """Yield (line, full name) of everything that a module imports.

    Args:
        package: the names of the package that the module is in.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            base = list(package[:len(package) - node.level + 1]) if node.level else []
            base += [node.module] if node.module else []
            for name in node.names:
                yield node.lineno, ".".join((*base, name.name))


def refused(path, text):
    """The imports of a module that the table does not allow, as lines for a person.

    Args:
        path: relative to the project.
        text: the module's.
    """
    path = PurePosixPath(path)
    allowed = _allowed(path)
    return [
        f"{path}:{line}: imports {name}: it may import {', '.join(allowed) or 'nothing'}"
        " and the standard library"
        for line, name in _imported(ast.parse(text), path.parent.parts)
        if name.split(".")[0] not in sys.stdlib_module_names
        and not any(f"{name}.".startswith(f"{prefix}.") for prefix in allowed)
    ]


def main(paths):
    """Print what is refused; returns the exit code."""
    found = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            found += refused(path, file.read())
    print("".join(line + "\n" for line in found), end="")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
