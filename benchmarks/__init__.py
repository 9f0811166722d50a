"""Timings, kept out of the tests: `make bench`. They run configured as the app and the command line are."""

from hume.common import runtime

runtime.configure()
