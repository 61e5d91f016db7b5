"""A seeded fuzzer of everything that can be written: files and parameters, against a model."""
