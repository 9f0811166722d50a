"""`python -m hume`: add data, search, inspect runs, export labels."""

# The commands register themselves.
from hume.cli import (  # noqa: F401
    ablate,
    answers,
    compare,
    data,
    differences,
    export,
    label_new,
    modes,
    search,
    selections,
    semi_supervised,
    show,
    similar,
    suspects,
    tables,
    trust,
)
from hume.cli.base import app, main
from hume.cli.tables import write_reliable

__all__ = ["app", "main", "write_reliable"]
