"""Commands that write files of a run: labels, curve, reliable samples, report."""

from pathlib import Path
from typing import Annotated, cast

import typer

from hume.cli.base import command, progress
from hume.cli.options import Csv, Labeling, ModeNumber, Neighbors, RunName, Spreadsheet
from hume.common.csv_files import write_csv
from hume.common.errors import InputError, RunError
from hume.common.files import write_atomically
from hume.evaluation import reliable
from hume.evaluation.approximate_neighbors import Method
from hume.runs import review
from hume.runs.findings import LABEL_COLUMNS, RELIABLE_COLUMNS, Findings, RowChoice
from hume.runs.store import Store


@command("labels")
def write_labels(
    run: RunName, csv: Csv, labeling: Labeling = None, mode: ModeNumber = None, spreadsheet: Spreadsheet = False
) -> None:
    """Write the vote's label of every sample."""
    found = Findings(Store().open(run), labeling, mode)
    print(write_csv(csv, LABEL_COLUMNS, found.label_table(review.read(found.run)), spreadsheet=spreadsheet))


@command("curve")
def write_curve(run: RunName, csv: Csv, labeling: Labeling = None) -> None:
    """Write the accuracy of the vote of the n first-ranked seeds, for every n (Fig. 3a)."""
    print(write_csv(csv, *Findings(Store().open(run), labeling).curve_table()))


@command("reliable")
def write_reliable(
    run: RunName,
    csv: Csv,
    per_class: Annotated[int, typer.Option(help="Samples of every class.")] = 25,
    neighbors: Neighbors = None,
    order: Annotated[
        reliable.Order, typer.Option(help="Algorithm G1 as printed, or as its prose has it.")
    ] = "algorithm",
    rows: Annotated[str, typer.Option(help="Choose among all, train or test rows.")] = "all",
    neighbors_method: Annotated[
        Method, typer.Option(help="auto: exact where that takes a minute or two, else approximate by faiss.")
    ] = "auto",
    labeling: Labeling = None,
    mode: ModeNumber = None,
    spreadsheet: Spreadsheet = False,
) -> None:
    """Write the reliable samples (Algorithm G1), with the names and rejections of the app."""
    found = Findings(Store().open(run), labeling, mode)
    write_reliable_samples(
        found, csv, per_class, neighbors, order, cast(RowChoice, rows), neighbors_method, spreadsheet
    )


def write_reliable_samples(
    found: Findings,
    csv: Path,
    per_class: int,
    neighbors: int | None,
    order: reliable.Order,
    rows: RowChoice,
    method: Method = "auto",
    spreadsheet: bool = False,
) -> None:
    with progress(transient=True) as bar:
        counting = bar.add_task("neighbours", total=1.0)
        ranking = found.ranking(neighbors, order, rows, lambda share: bar.update(counting, completed=share), method)
    samples, quality = found.reliable_samples(ranking, per_class, rows)
    table = found.reliable_table(samples, review.read(found.run))
    path = write_csv(csv, RELIABLE_COLUMNS, table, spreadsheet=spreadsheet)
    recall = ranking.neighbor_recall
    if recall is not None:
        print(
            f"neighbours   approximate: {recall.share:.1%} of the exact ones found, measured on "
            f"{recall.num_samples} samples"
        )
    for number, size in samples.shortages.items():
        what = "is empty" if size == 0 else f"has only {size} of {per_class} requested samples"
        print(f"class {number} {what}")
    if quality is not None:
        print(f"accuracy     {quality.accuracy:.3f} of {len(samples.rows)} reliable samples")
        print(f"per class    {quality.accuracy_mean:.3f} ± {quality.accuracy_std:.3f}")
        print(f"balance      {quality.balance_mean:.1f} ± {quality.balance_std:.1f} samples a true class")
    print(path)


@command("report")
def write_report(
    run: RunName,
    file: Annotated[Path, typer.Argument(help="File to write.", metavar="FILE.html")],
    blind: Annotated[bool, typer.Option("--blind", help="Leave the ground truth out.")] = False,
    labeling: Labeling = None,
    mode: ModeNumber = None,
) -> None:
    """Write a report of a run as one HTML file that opens offline."""
    found = Findings(Store().open(run), labeling, mode)
    try:
        from hume.reporting.report import (
            report,  # Plotly and Pillow take a second to load, and only this command needs them
        )
    except ModuleNotFoundError as error:
        raise InputError(f"a report needs the Python package {error.name}: install plotly and pillow") from None
    page = report(found, show_truth=not blind).encode()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, page)
    except OSError as error:
        raise RunError(f"cannot write {file} ({error.strerror}): choose another place") from None
    print(file.resolve())
