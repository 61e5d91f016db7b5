"""The mutants: the one table of them, a file for each part of the module."""

from . import files, hook, input, lookup, parents, replacement, scope, symbols

MUTANTS = (*hook.ROWS, *lookup.ROWS, *parents.ROWS, *scope.ROWS, *files.ROWS, *input.ROWS,
           *symbols.ROWS, *replacement.ROWS)
