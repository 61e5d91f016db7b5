"""The logic of the host's side, without a kernel: `make selftest`."""
