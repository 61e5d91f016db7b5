"""Try mutants of the module, one after the other: `python3 -m pytests.programs.mutants LIST`.

LIST is a JSON file: [{"name": ..., "modules": {place in the project: path, ...}, "tests":
expression for -k, or ""}, ...]. For each, its modules are put in their places and the tests are run
until one fails. What came out goes to the port MEMEVENTS_EVENTS, a JSON object a line. After a
mutant that was noticed the sound module has to pass a test: where it does not, the mutant has left
something in the kernel, and this ends, as it does after a splat.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys

from pytests.lib import memevents
from pytests.lib.kernel_log import EXIT_SPLAT

#: What the sound module has to pass.
SOUND = "test_defaults"


def _files(expression):
    """The test files in which a word of the expression stands: pytest need not read the others."""
    words = set(re.findall(r"\w+", expression)) - {"and", "or", "not"}
    chosen = []
    for path in sorted(glob.glob(os.path.join(memevents.TOP, "pytests", "tests", "test_*.py"))):
        with open(path, encoding="utf-8") as file:
            text = path + file.read()
        if not words or any(word in text for word in words):
            chosen.append(path)
    return chosen


def _run(expression):
    """Run the tests until one fails; returns (exit code, first failed test, number that passed)."""
    command = [sys.executable, "-m", "pytest", "-x", "-v", "--color=no", *_files(expression)]
    if expression:
        command += ["-k", expression]
    failed, passed = "", 0
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8", errors="replace") as child:
        for line in child.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            match = re.match(r"(?:FAILED|ERROR) (\S+)", line)
            failed = failed or (match[1] if match else "")
            passed += bool(re.search(r" PASSED +\[", line))
    return child.returncode, failed, passed


def _at(place):
    """The path of a place in the project."""
    return os.path.join(memevents.TOP, place)


def main(path):
    """Try those of the list."""
    with open(path, encoding="utf-8") as file:
        mutants = json.load(file)
    for mutant in mutants:
        for place in mutant["modules"]:
            shutil.copy(_at(place), _at(place) + ".sound")
    with open(os.environ["MEMEVENTS_EVENTS"], "w", encoding="ascii", buffering=1) as port:
        for mutant in mutants:
            port.write(json.dumps({"event": "begin", "name": mutant["name"]}) + "\n")
            for place, path in mutant["modules"].items():
                shutil.copy(path, _at(place))
            code, failed, passed = _run(mutant["tests"])
            for place in mutant["modules"]:
                shutil.copy(_at(place) + ".sound", _at(place))
            port.write(json.dumps({"event": "end", "name": mutant["name"], "code": code,
                                   "failed": failed, "passed": passed}) + "\n")
            if code == EXIT_SPLAT or code and _run(SOUND)[0]:
                break


if __name__ == "__main__":
    main(*sys.argv[1:])
