"""The command that trains on reliable samples, and on as many true labels (Table 4)."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hume.cli.base import command, print_table, progress
from hume.cli.options import MOST_SEEDS, Labeling, Neighbors
from hume.common import devices
from hume.common.csv_files import write_csv
from hume.common.errors import InputError
from hume.evaluation.metrics import Spread
from hume.evaluation.reliable import Order
from hume.experiments.published import table_4
from hume.experiments.semi_supervised import HEAD_COLUMNS, NUM_SEEDS, SemiSupervised
from hume.experiments.trained_heads import Point
from hume.reporting import experiment_sentences
from hume.runs import review
from hume.runs.findings import Findings
from hume.runs.store import Store

SCORED = ("reliable", "reliable_alone", "true", "true_alone", "agreement")
TRAINED = ("per_class", "num_labeled", "correct", *(f"{name}{end}" for name in SCORED for end in ("", "_std")), "n",
           "seconds")  # fmt: skip


@command("train-on-reliable")
def train_on_reliable(
    run: Annotated[str, typer.Argument(help="Name of a finished run, see `list`.", metavar="RUN")],
    per_class: Annotated[
        list[int] | None, typer.Option(help="Labels of every class; several times for several numbers.")
    ] = None,
    space: Annotated[str | None, typer.Option(help="Features to train on; φ1 of the run.")] = None,
    seeds: Annotated[
        int, typer.Option(help="Seeds: draws of true labels, batches, dropped coordinates.", max=MOST_SEEDS)
    ] = NUM_SEEDS,
    neighbors: Neighbors = None,
    order: Annotated[Order, typer.Option(help="Algorithm G1 as printed, or as its prose has it.")] = "algorithm",
    again: Annotated[bool, typer.Option("--again", help="Train again, ignoring the cache.")] = False,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the table to this file.")] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="Write the classes that the classifier with most labels gives.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    labeling: Labeling = None,
) -> None:
    """Train a classifier on reliable samples, and on as many true labels where there are any; results are cached."""
    if seeds < 1:
        raise InputError(f"training needs at least 1 seed, got --seeds {seeds}")
    found = Findings(Store().open(run), labeling)
    student = SemiSupervised(found, space, num_neighbors=neighbors, order=order)
    given = review.read(found.run)
    asked = sorted(set(per_class)) if per_class else student.amounts
    missing = asked if again else student.missing(given.rejected, asked, seeds)
    if missing:
        place = devices.choose_device(device)
        with progress(transient=True) as bar:
            task = bar.add_task("training", total=1.0)
            student.run(
                missing, rejected=given.rejected, seeds=range(seeds), device=place,
                on_progress=lambda share: bar.update(task, completed=share),
            )  # fmt: skip
    points = [point for point in student.points(given.rejected) if point.per_class in asked]
    _print(student, points)
    if csv is not None:
        print(write_csv(csv, TRAINED, map(_row, points)))
    best = student.saved(asked[-1])
    if labels is not None and best is not None:
        print(write_csv(labels, HEAD_COLUMNS, student.label_table(best, given)))


def _print(student: SemiSupervised, points: list[Point]) -> None:
    print(experiment_sentences.protocol(student))
    print_table(_table(points))
    print(experiment_sentences.worth_of_labels(points, student.vote_accuracy, truth=True))
    if student.dataset.labels is None:
        return
    console = Console(width=200, highlight=False)
    console.print("Printed in the paper, FreeMatch on images: not comparable with the above", style="bright_black")
    for line in table_4(student.dataset.name, str(student.dataset.card.get("name") or "")):
        text = f"  {line.dataset}, {line.samples_per_class} a class: {line.method.removeprefix('FreeMatch ')} "
        console.print(f"{text}{100 * line.value:.1f} ± {100 * (line.std or 0):.1f}", style="bright_black")


def _table(points: list[Point]) -> Table:
    columns = ("a class", "labels", "right of them", "from reliable", "… alone", "from true", "… alone", "as the vote")
    table = Table(*columns, "n", "s", box=None)
    for each in points:
        table.add_row(
            str(each.per_class), str(each.num_labeled), "–" if each.correct is None else f"{each.correct:.3f}",
            _shown(each.reliable), _shown(each.reliable_plain), _shown(each.true), _shown(each.true_plain),
            _shown(each.agreement), str(each.agreement.n), f"{each.seconds:.1f}",
        )  # fmt: skip
    return table


def _row(each: Point) -> list[object]:
    spreads = (each.reliable, each.reliable_plain, each.true, each.true_plain, each.agreement)
    numbers = [number for found in spreads for number in ((None, None) if found is None else (found.mean, found.std))]
    return [each.per_class, each.num_labeled, each.correct, *numbers, each.agreement.n, round(each.seconds, 1)]


def _shown(found: Spread | None) -> str:
    return "–" if found is None else f"{found.mean:.3f} ± {found.std:.3f}"
