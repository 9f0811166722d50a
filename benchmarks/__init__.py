"""Timings, kept out of the tests: `make bench`."""
