"""The commands that sweep one setting, and the number of classes."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID
from rich.table import Table

from hume.cli.base import command, print_table, progress
from hume.cli.options import MOST_SEEDS
from hume.common import devices
from hume.common.csv_files import write_csv
from hume.common.errors import InputError
from hume.evaluation.metrics import Spread
from hume.experiments.ablation import SWEEPS, Ablation, Point, Sweep
from hume.experiments.number_of_classes import NumberOfClasses, NumberPoint, suggest
from hume.reporting import experiment_sentences
from hume.runs import discover
from hume.runs.store import Store

ABLATED = ("family", "value", "cv_score", "cv_score_std", "acc", "acc_std", "vote_acc", "vote_acc_std", "occupied",
           "label_entropy", "stability", "n", "seconds")  # fmt: skip
COUNTED = ("num_classes", "cv_score", "cv_score_std", "corrected", "corrected_std", "stability", "occupied", "n",
           "seconds", "suggested")  # fmt: skip


@command("ablate")
def ablate(
    dataset: Annotated[str, typer.Option(help="See `datasets`.")],
    family: Annotated[str, typer.Option(help=f"One of {', '.join(SWEEPS)}.")],
    phi1: Annotated[str | None, typer.Option(help="Self-supervised space; the dataset's first choice.")] = None,
    phi2: Annotated[str | None, typer.Option(help="Pretrained space; the dataset's first choice.")] = None,
    num_classes: Annotated[int | None, typer.Option(help="K; the dataset's where it knows.")] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Seeds a value, 20; in the sweep over seeds at most, 100.", max=MOST_SEEDS)
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Search again, ignoring the cache.")] = False,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the table to this file.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Search with every value of one setting and print its effect; earlier searches are cached."""
    if family not in SWEEPS:
        raise InputError(f"there is no ablation {family!r}: choose one of {', '.join(SWEEPS)}")
    chosen, place = SWEEPS[family], devices.choose_device(device)
    store = Store()
    data = store.load_dataset(dataset)
    first, second = phi1 or data.default_pair[0], phi2 or data.default_pair[1]
    asked = Ablation(store.home, data, first, second, num_classes=discover.classes_of(data, num_classes))
    _run_sweep(asked, chosen, seeds, again, place)
    points = asked.points(family)
    print(f"{data.card.get('name') or data.name}: φ1 {first}, φ2 {second}, K {asked.num_classes}")
    print(experiment_sentences.SWEEPS[family])
    print_table(_points_table(chosen, points))
    if csv is not None:
        print(write_csv(csv, ABLATED, (_point_row(chosen, point) for point in points)))


@command("count-classes")
def count_classes(
    dataset: Annotated[str, typer.Option(help="See `datasets`.")],
    first: Annotated[int, typer.Option("--from", help="The smallest number of classes.")] = 4,
    last: Annotated[int, typer.Option("--to", help="The largest number of classes.")] = 16,
    phi1: Annotated[str | None, typer.Option(help="Self-supervised space; the dataset's first choice.")] = None,
    phi2: Annotated[str | None, typer.Option(help="Pretrained space; the dataset's first choice.")] = None,
    seeds: Annotated[int, typer.Option(help="Seeds a number of classes.", max=MOST_SEEDS)] = 20,
    again: Annotated[bool, typer.Option("--again", help="Search again, ignoring the cache.")] = False,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the table to this file.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Search with every number of classes in a range and suggest one, without labels."""
    _at_least_one(seeds)
    if not 2 <= first <= last:
        raise InputError(
            f"there are no numbers of classes from {first} to {last}: give --from 2 or more and --to above"
        )
    store, place = Store(), devices.choose_device(device)
    data = store.load_dataset(dataset)
    one, other = phi1 or data.default_pair[0], phi2 or data.default_pair[1]
    asked, numbers = NumberOfClasses(store.home, data, one, other), range(first, last + 1)
    with progress(transient=True) as bar:
        task = bar.add_task("searching", total=len(numbers))
        for i, K in enumerate(numbers):
            bar.update(task, description=f"{K} classes", completed=i)
            asked.run(K, num_seeds=seeds, again=again, device=place, on_progress=partial(_advance, bar, task, i))
    points = asked.points(numbers)
    suggestion = suggest(points)
    print(f"{data.card.get('name') or data.name}: φ1 {one}, φ2 {other}")
    print_table(_count_table(points, suggestion.num_classes))
    print(experiment_sentences.number_of_classes(suggestion))
    if csv is not None:
        print(write_csv(csv, COUNTED, (_count_row(point, suggestion.num_classes) for point in points)))


def _run_sweep(asked: Ablation, sweep: Sweep, seeds: int | None, again: bool, device: str) -> None:
    """Search the missing values; the sweep over seeds searches the largest number once, which contains the others."""
    number = _at_least_one(seeds if seeds is not None else 20)
    values = sweep.values
    if sweep.counts_seeds:
        values = tuple(value for value in values if seeds is None or value <= seeds)[-1:]
        if not values:
            raise InputError(f"the sweep over seeds begins with {sweep.values[0]}: give more --seeds")
    with progress(transient=True) as bar:
        task = bar.add_task("searching", total=len(values))
        for i, value in enumerate(values):
            text = f"{sweep.axis}: {experiment_sentences.sweep_value(sweep, value)}"
            bar.update(task, description=text, completed=i)
            on_progress = partial(_advance, bar, task, i)
            asked.run(sweep.key, value, num_seeds=number, again=again, device=device, on_progress=on_progress)


def _advance(bar: Progress, task: TaskID, before: int, share: float) -> None:
    bar.update(task, completed=before + share)


def _at_least_one(seeds: int) -> int:
    if seeds < 1:
        raise InputError(f"a search needs at least 1 seed, got --seeds {seeds}")
    return seeds


def _points_table(sweep: Sweep, points: list[Point]) -> Table:
    table = Table(sweep.axis, "CV score", "ACC", "vote ACC", "classes", "entropy", "stability", "n", "s", box=None)
    for each in points:
        table.add_row(
            experiment_sentences.sweep_value(sweep, each.value), _shown(each.cv_score), _shown(each.acc),
            _shown(each.vote), f"{each.occupied.mean:.1f}",
            f"{each.label_entropy.mean:.2f}", _number(each.stability), str(each.n), f"{each.seconds:.1f}",
        )  # fmt: skip
    return table


def _point_row(sweep: Sweep, each: Point) -> list[object]:
    spreads = (each.cv_score, each.acc, each.vote)
    numbers = [number for item in spreads for number in ((None, None) if item is None else (item.mean, item.std))]
    return [
        sweep.key, experiment_sentences.sweep_value(sweep, each.value), *numbers, each.occupied.mean,
        each.label_entropy.mean, each.stability, each.n, round(each.seconds, 1),
    ]  # fmt: skip


def _count_table(points: list[NumberPoint], suggested: int) -> Table:
    table = Table("K", "CV score", "above chance", "stability", "occupied", "n", "s", "", box=None)
    for each in points:
        mark = "← suggested" if each.num_classes == suggested else ""
        table.add_row(
            str(each.num_classes), _shown(each.cv_score), _shown(each.corrected), _number(each.stability),
            f"{each.occupied.mean:.1f}", str(each.n), f"{each.seconds:.1f}", mark,
        )  # fmt: skip
    return table


def _count_row(each: NumberPoint, suggested: int) -> list[object]:
    return [
        each.num_classes, each.cv_score.mean, each.cv_score.std, each.corrected.mean, each.corrected.std,
        each.stability, each.occupied.mean, each.n, round(each.seconds, 1), each.num_classes == suggested,
    ]  # fmt: skip


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _shown(spread: Spread | None) -> str:
    if spread is None:
        return "–"
    return f"{spread.mean:.3f}" if spread.n == 1 else f"{spread.mean:.3f} ± {spread.std:.3f}"
