"""Programs that a guest runs: fuzz, soak, mutants, and boots, a program a check."""
