"""Timings, separate from the tests: `make bench`, with the configuration of the app and the command line."""

from hume.common import runtime

runtime.configure()
