"""The command that compares HUME with every other method on the same features."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID
from rich.table import Table

from hume.cli.base import command, print_table, progress
from hume.cli.options import AsJson
from hume.common import devices
from hume.common.csv_files import write_csv
from hume.common.errors import HumeError, InputError
from hume.evaluation.metrics import Spread
from hume.experiments.comparison import Comparison, Standing, preference
from hume.experiments.methods import HUME, METHODS
from hume.experiments.published import headline
from hume.reporting.experiment_sentences import preferred_by_likelihood
from hume.runs import discover
from hume.runs.store import Store

COLUMNS = ("method", "kind", "acc", "acc_std", "ari", "ari_std", "nmi", "nmi_std", "n", "vote_acc", "cv_score",
           "seconds", "note", "likelihood", "refined_acc")  # fmt: skip


@command("compare")
def compare(
    dataset: Annotated[str, typer.Option(help="See `datasets`.")],
    phi1: Annotated[str | None, typer.Option(help="Self-supervised space; the dataset's first choice.")] = None,
    phi2: Annotated[str | None, typer.Option(help="Pretrained space; the dataset's first choice.")] = None,
    num_classes: Annotated[int | None, typer.Option(help="K; the dataset's where it knows.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Run this method, may be repeated; all if left out.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Published budgets, hours for some; default: smaller.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Run again, ignoring the cache.")] = False,
    all_pairs: Annotated[bool, typer.Option("--all-pairs", help="HUME on every pair of spaces, too.")] = False,
    judge: Annotated[
        bool, typer.Option("--judge", help="Refine the labelings of all methods and compare their likelihood.")
    ] = False,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the table to this file.")] = None,
    as_json: AsJson = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Run every method on the same features and print the leaderboard; earlier results are cached."""
    store, place = Store(), devices.choose_device(device)
    data = store.load_dataset(dataset)
    first, second = phi1 or data.default_pair[0], phi2 or data.default_pair[1]
    comparison = Comparison(store.home, data, first, second, num_classes=discover.classes_of(data, num_classes))
    unknown = set(only or []) - set(METHODS)
    if unknown:
        raise InputError(f"there is no method {min(unknown)!r}: choose among {', '.join(METHODS)}")
    chosen = [method.key for method in comparison.methods if not only or method.key in only]
    _run(comparison, chosen, full, again, place)
    if judge:
        with progress(transient=True) as bar:
            comparison.judge(device=place, on_progress=partial(_advance, bar, bar.add_task("judge", total=1.0)))
    standings = [each for each in comparison.standings() if each.method.key in chosen]
    print(f"{data.card.get('name') or data.name}: φ1 {first}, φ2 {second}, K {comparison.num_classes}")
    print_table(_leaderboard(standings))
    print(preferred_by_likelihood(preference(standings), truth=data.labels is not None))
    _print_published(data.name, str(data.card.get("name") or ""))
    if all_pairs:
        _all_pairs(comparison, full, again, place)
    if csv is not None:
        print(write_csv(csv, COLUMNS, map(row, standings)))
    if as_json:
        print(json.dumps(_as_object(comparison, standings), ensure_ascii=False))


def _run(comparison: Comparison, keys: list[str], full: bool, again: bool, device: str) -> None:
    missing = [key for key in keys if again or comparison.saved(key) is None]
    with progress(transient=True) as bar:
        for key in missing:
            on_progress = partial(_advance, bar, bar.add_task(METHODS[key].title, total=1.0))
            try:
                comparison.run(key, quick=not full, again=again, device=device, on_progress=on_progress)
            except HumeError as error:
                print(f"{METHODS[key].title} was not run: {error}")


def _advance(bar: Progress, task: TaskID, share: float) -> None:
    bar.update(task, completed=share)


def row(each: Standing) -> list[object]:
    """One line of the table as the CSV file has it."""
    spread = (each.acc, each.ari, each.nmi)
    numbers = [number for part in spread for number in ((None, None) if part is None else (part.mean, part.std))]
    cv_score = None if each.cv_score is None else each.cv_score.mean
    return [
        each.method.title, each.method.kind, *numbers, each.num_seeds, each.vote_acc, cv_score, round(each.seconds, 1),
        each.note, each.likelihood, each.refined_acc,
    ]  # fmt: skip


def _as_object(comparison: Comparison, standings: list[Standing]) -> dict[str, object]:
    """The leaderboard for programs; what needs ground truth is null without it."""
    pool = preference(standings)
    lines = [{"key": each.method.key, **dict(zip(COLUMNS, row(each), strict=True))} for each in standings]
    return {
        "dataset": comparison.dataset.name, "phi1": comparison.phi1, "phi2": comparison.phi2,
        "num_classes": comparison.num_classes, "methods": lines, "pool": None if pool is None else {
            "preferred": None if pool.preferred is None else pool.preferred.method.key,
            "hume": pool.ours.method.key, "other": pool.other.method.key, "gain": pool.gain,
            "sentence": preferred_by_likelihood(pool, truth=comparison.dataset.labels is not None),
        },
    }  # fmt: skip


def _leaderboard(standings: list[Standing]) -> Table:
    judged = any(each.likelihood is not None for each in standings)
    columns = ("likelihood", "refined ACC") if judged else ()
    table = Table("method", "ACC", "ARI", "NMI", "n", "vote ACC", "CV score", *columns, "s", "how", box=None)
    for each in standings:
        figures = [_number(each.likelihood), _number(each.refined_acc)] if judged else []
        table.add_row(
            each.method.title, _shown(each.acc), _shown(each.ari), _shown(each.nmi), str(each.num_seeds),
            _number(each.vote_acc), _shown(each.cv_score), *figures, f"{each.seconds:.1f}", each.note,
        )  # fmt: skip
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _shown(spread: Spread | None) -> str:
    if spread is None:
        return "–"
    return f"{spread.mean:.3f}" if spread.n == 1 else f"{spread.mean:.3f} ± {spread.std:.3f}"


def _print_published(*names: str) -> None:
    printed = headline(*names)
    if not printed:
        return
    print("Printed in the paper, on other features: not comparable with the results above.")
    table = Table("method", "setting", "φ1", "φ2", "ACC", "source", box=None)
    for each in printed:
        table.add_row(each.method, each.setting or "–", each.phi1 or "–", each.phi2 or "–", f"{each.value:.3f}",
                      each.source)  # fmt: skip
    print_table(table)


def _all_pairs(comparison: Comparison, full: bool, again: bool, device: str) -> None:
    """HUME's vote on every pair, a row a φ1 and a column a φ2."""
    names = list(comparison.dataset.spaces)
    table = Table("ACC of the vote: φ1 \\ φ2", *names, box=None)
    for phi1 in names:
        cells = []
        for phi2 in names:
            each = comparison.on(phi1, phi2)
            if phi1 != phi2:
                _run(each, [HUME], full, again, device)
            saved = each.saved(HUME)
            if saved is None:
                cells.append("–")
                continue
            standing = each.standing(METHODS[HUME], saved)
            value = standing.vote_acc if standing.vote_acc is not None else None
            score = "" if standing.cv_score is None else f"cv {standing.cv_score.mean:.3f}"
            cells.append(f"{'–' if value is None else f'{value:.3f}'} ({score}, {saved.seconds:.0f} s)")
        table.add_row(phi1, *cells)
    print_table(table)
