"""The command `selections`: the named selections of a run, listed, combined, read and written."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from hume.cli.base import command, print_table
from hume.cli.options import RunName
from hume.common.csv_files import read_csv_bytes, write_csv
from hume.common.errors import InputError
from hume.common.formatting import count
from hume.runs import review, selections
from hume.runs.run import Run
from hume.runs.store import Store

Kept = Annotated[str | None, typer.Option(metavar="NAME", help="Write a selection to the file of --csv.")]


@command("selections")
def list_selections(
    run: RunName,
    export: Kept = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="File to write a selection to.")] = None,
    import_: Annotated[
        Path | None, typer.Option("--import", help="Keep the samples of a CSV file, under the file's name.")
    ] = None,
    delete: Annotated[str | None, typer.Option(help="Delete a selection.", metavar="NAME")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take back the last step.")] = False,
) -> None:
    """Show, export, import or delete the selections that are kept with a run."""
    opened = Store().open(run)
    if (export is None) != (csv is None):
        raise InputError("--export NAME and --csv FILE belong together: give both")
    if import_ is not None:
        _import(opened, import_)
    if delete is not None:
        selections.delete(opened, delete)
    if undo:
        selections.undo(opened)
    if export is not None and csv is not None:
        _export(opened, export, csv)
        return
    table = Table("selection", "samples", box=None)
    for name, rows in selections.read(opened).by_name.items():
        table.add_row(name, f"{len(rows):,}")
    print_table(table)


def _export(run: Run, name: str, path: Path) -> None:
    from hume.runs import selections_csv
    from hume.runs.findings import Findings

    rows = selections.read(run).rows(name)
    print(write_csv(path, selections_csv.COLUMNS, selections_csv.table(Findings(run), rows, review.read(run))))


def _import(run: Run, path: Path) -> None:
    from hume.runs import selections_csv
    from hume.runs.findings import Findings

    found = Findings(run)
    rows = selections_csv.read(read_csv_bytes(path), run, found.dataset)
    selections.keep(run, path.stem, rows, num_samples=found.dataset.num_samples)
    print(f"{count(len(rows), 'sample')} kept as {path.stem}")
