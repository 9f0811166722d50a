"""`python -m hume`: add data, search, inspect runs, export labels."""

# The commands register themselves.
from hume.cli import ablate, compare, data, export, modes, runs, semi_supervised, trust  # noqa: F401
from hume.cli.base import app, main
from hume.cli.runs import write_reliable

__all__ = ["app", "main", "write_reliable"]
