"""The hook for a long time under load: `make soak`."""
