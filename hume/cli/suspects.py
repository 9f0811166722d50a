"""The command that lists samples to look at first."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from hume.cli.base import command, print_table, with_bar
from hume.cli.options import Labeling, ModeNumber, RunName
from hume.common.csv_files import write_csv
from hume.common.errors import InputError
from hume.reporting import suspect_sentences
from hume.runs.findings import Findings
from hume.runs.store import Store
from hume.runs.suspects import COLUMNS, Kind, Labels, Suspects

SHOWN = 20  # lines without --number and --csv


@command("suspects")
def suspects(
    run: RunName,
    labels: Annotated[
        Labels | None, typer.Option(help="Judge the found labels or those given with the data; given if there are any.")
    ] = None,
    kind: Annotated[Kind, typer.Option(help="Doubted labels, near-duplicates or outliers.")] = "label",
    csv: Annotated[Path | None, typer.Option("--csv", help="File to write the list to.")] = None,
    number: Annotated[int | None, typer.Option(help="How many, the most suspect first; the file has all.")] = None,
    labeling: Labeling = None,
    mode: ModeNumber = None,
) -> None:
    """List samples to look at first: doubted labels, near-duplicates or outliers, the most suspect first."""
    if number is not None and number < 1:
        raise InputError(f"--number {number}: list at least 1")
    found = Findings(Store().open(run), labeling, mode)
    listed = Suspects(found, labels)
    if kind == "duplicate":
        listed.duplicates = with_bar("comparing", listed.find_duplicates)
    files = found.dataset.file_names
    print(suspect_sentences.suspects(listed, kind))
    if csv is not None:
        print(write_csv(csv, COLUMNS[kind], listed.table(kind, files, number)))
        return
    table = Table(*COLUMNS[kind], box=None)
    for line in listed.table(kind, files, number or SHOWN):
        table.add_row(*map(str, line))
    if table.row_count:
        print_table(table)
