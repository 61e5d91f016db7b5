"""The tests: `make test` in guests, `make check` on this machine."""
