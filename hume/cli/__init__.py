"""`python -m hume`: bring data, search, look at runs, take labels away."""

from hume.cli import ablate, compare, data, runs, semi_supervised, trust  # noqa: F401 - the commands register themselves
from hume.cli.base import app, main
from hume.cli.runs import write_reliable

__all__ = ["app", "main", "write_reliable"]
