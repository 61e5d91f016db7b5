"""The harness's own logic, tried without a kernel: `make selftest`. Downloads nothing."""
