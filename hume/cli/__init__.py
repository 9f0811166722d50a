"""`python -m hume`: add data, search, inspect runs, export labels."""

from hume.cli.base import app, main

__all__ = ["app", "main"]
