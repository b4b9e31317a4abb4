"""Benchmarks, counted in cycles of the simulated chip: the same on every machine, and repeatable to the cycle."""
