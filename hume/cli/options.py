"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

from hume.runs.request import View

MOST_SEEDS = 100_000  # of one run
RunName = Annotated[str, typer.Argument(help="Name of a run, see `list`.", metavar="RUN")]
Csv = Annotated[Path, typer.Option("--csv", help="File to write.")]
Spreadsheet = Annotated[
    bool,
    typer.Option("--spreadsheet", help="Put an apostrophe before text that a spreadsheet would take for a formula."),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Search on a Ray cluster: auto for one on this machine, HOST:PORT, or ray://HOST:PORT.",
    ),
]
Labeling = Annotated[
    View | None,
    typer.Option(
        help="corrected: with a person's answers; refined: the most likely labelings in both spaces; searched: the "
        "paper's vote of all seeds. The first that there is by default."
    ),
]
ModeNumber = Annotated[
    int | None, typer.Option("--mode", help="The vote of the seeds of one mode alone, by its number in `modes`.")
]
Neighbors = Annotated[
    int | None,
    typer.Option(help="Nearest neighbours of every sample; 500, of small sets half as many as an even class has."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line on standard output.")]
