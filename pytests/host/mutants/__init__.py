"""Single faults planted in the module, and whether the tests notice: `make mutants`."""
