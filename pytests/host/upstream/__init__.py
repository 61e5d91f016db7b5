"""The kernel's own selftests, with the module and without: `make test-upstream`."""
