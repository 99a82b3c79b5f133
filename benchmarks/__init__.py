"""Benchmarks of the performance promises: each runs together with a comparable program and prints the ratio."""
