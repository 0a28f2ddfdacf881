"""Benchmarks of speed against common alternatives and the compute-bound limit, measured in one run."""
