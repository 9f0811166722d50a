"""How far a few answers take a labeling, by a simulated person: `python -m benchmarks.answers`.

    python -m benchmarks.answers --sets data --keep answers.json          # the sets as in benchmarks/quality.py
    python -m benchmarks.answers --keep answers.json --table              # the tables of what is there
    python -m benchmarks.answers --keep answers.json --plot docs/images/answers.png

The person looks at the found classes once and gives each the true class that it is matched to; a sample's answer is the
found class with its true name. A draw is another search of 20 seeds, another subset of an uneven pair and other random
labels. The weight of an answer and the way to ask were chosen on the pairs marked "rules".
"""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelSpreading

import hume
from benchmarks.quality import PAIRS, Pair, entry, load, read
from hume.common.files import write_atomically
from hume.data.dataset import Dataset
from hume.engine.semi_supervised import Fit, refine_with_answers
from hume.evaluation import asking, metrics
from hume.experiments.baselines.kmeans import concatenate
from hume.runs.refinement import Refinement

AMOUNTS = (0, 10, 20, 50, 100, 200)  # answers
BATCH = 10  # between two refits
DRAWS = 5
NUM_SEEDS = 20
OURS, AT_RANDOM = "HUME with answers", "HUME, asked at random"
LINEAR_SAME, LINEAR_RANDOM = "linear, same samples", "linear, random samples"
SPREADING = "label spreading, random samples"
METHODS = (OURS, AT_RANDOM, LINEAR_SAME, LINEAR_RANDOM, SPREADING)

Labels: TypeAlias = NDArray[np.int64]


class Person:
    """One draw of one pair: what was found, and a person who knows the truth."""

    def __init__(self, pair: Pair, draw: int, dataset: Dataset):
        assert dataset.labels is not None
        self.truth = dataset.labels.astype(np.int64)
        K = int(self.truth.max()) + 1
        seeds = range(NUM_SEEDS * draw, NUM_SEEDS * (draw + 1))
        result = hume.discover(dataset, phi1=pair.phi1, phi2=pair.phi2, num_classes=K, seeds=seeds, device="cpu")
        assert result.refinement is not None
        assert result.final is not None
        self.stage: Refinement = result.refinement
        self.base = result.final.labeling
        names = metrics.match_classes(self.truth, self.base, K)  # of every true class, the found one
        self.answers = names[self.truth]
        self.K, self.rng = K, np.random.default_rng(draw)
        # Rows of unit length and hardly a penalty: whitened rows are worse for a classifier on few labels.
        self.x = concatenate(*(dataset.space(name).features for name in (pair.phi1, pair.phi2)))

    def fit(self, rows: Labels) -> Fit:
        return refine_with_answers(self.stage.fitted, self.stage.every, self.base, self.K, rows, self.answers[rows])

    def accuracy(self, labeling: NDArray[Any], rows: Labels) -> float:
        """Of all samples, answered ones counted as right."""
        right = labeling == self.answers
        right[rows] = True
        return float(right.mean())

    def asked(self, uncertain: bool) -> tuple[dict[int, float], Labels, float]:
        """ACC after every amount of answers, the rows in the order of asking, and seconds a refit."""
        rows, found, seconds = np.zeros(0, np.int64), {}, []
        order = self.rng.permutation(len(self.truth))
        fit = self.fit(rows)
        for amount in range(0, AMOUNTS[-1] + 1, BATCH):
            if amount:
                if uncertain:
                    free = np.setdiff1d(np.arange(len(self.truth)), rows)
                    asked = asking.questions(self.stage.every, fit.margin, free, amount - len(rows))
                    rows = np.concatenate([rows, asked])
                else:
                    rows = order[:amount]
                start = perf_counter()
                fit = self.fit(rows)
                seconds.append(perf_counter() - start)
            if amount in AMOUNTS:
                found[amount] = self.accuracy(fit.labeling, rows)
        return found, rows, float(np.mean(seconds))

    def learned(self, make: Callable[[], Any], rows: Labels, spread: bool = False) -> float:
        """ACC of a classifier trained on the first rows."""
        if len(set(self.answers[rows].tolist())) < 2:
            return float("nan")
        if not spread:
            return self.accuracy(make().fit(self.x[rows], self.answers[rows]).predict(self.x), rows)
        y = np.full(len(self.truth), -1)
        y[rows] = self.answers[rows]
        return self.accuracy(make().fit(self.x, y).transduction_, rows)


def measure(pair: Pair, draw: int, dataset: Dataset) -> Iterator[tuple[str, dict[str, Any]]]:
    """ACC by amount of answers, of every method."""
    person = Person(pair, draw, dataset)
    found, asked, seconds = person.asked(uncertain=True)
    yield OURS, {"acc": found, "seconds": seconds}
    yield AT_RANDOM, {"acc": person.asked(uncertain=False)[0]}
    order = person.rng.permutation(len(person.truth))
    linear = lambda: LogisticRegression(C=100, max_iter=1000)  # noqa: E731
    spreading = lambda: LabelSpreading(kernel="knn", n_neighbors=10)  # noqa: E731
    for name, make, rows in (
        (LINEAR_SAME, linear, asked), (LINEAR_RANDOM, linear, order), (SPREADING, spreading, order)
    ):  # fmt: skip
        of = {amount: person.learned(make, rows[:amount], name == SPREADING) for amount in AMOUNTS[1:]}
        yield name, {"acc": of}


# --- what is kept, and the tables ----------------------------------------------------------------


def mean(kept: dict[str, Any], pair: Pair, method: str, amount: int) -> tuple[float, float]:
    """Mean and standard deviation over the draws."""
    rows = [kept[key]["acc"] for draw in range(DRAWS) if (key := entry(pair, draw, method)) in kept]
    values = [row[str(amount)] for row in rows if row.get(str(amount)) is not None]
    return (float(np.nanmean(values)), float(np.nanstd(values))) if values else (np.nan, np.nan)


def tables(kept: dict[str, Any]) -> None:
    for method in METHODS:
        table = Table("pair", *map(str, AMOUNTS), title=f"{method}: ACC by answers", box=None)
        for pair in PAIRS:
            cells = [mean(kept, pair, method, amount) for amount in AMOUNTS]
            shown = ["–" if np.isnan(m) else f"{m:.3f} ± {s:.3f}" for m, s in cells]
            table.add_row(pair.name + (" (rules)" if pair.rules else ""), *shown)
        Console(width=200).print(table)
    for pair in PAIRS:
        seconds = [kept[k]["seconds"] for d in range(DRAWS) if (k := entry(pair, d, OURS)) in kept]
        if seconds:
            print(f"{pair.name}: a refit takes {1000 * np.mean(seconds):.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sets", type=Path, help="folder of the sets that assets/build.py made")
    parser.add_argument("--keep", type=Path, default=Path("answers.json"), help="file of what is done; it is added to")
    parser.add_argument("--only", nargs="*", default=[], help="parts of the names of pairs")
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--table", action="store_true", help="print the tables only")
    parser.add_argument("--plot", type=Path, help="write a picture of what is there")
    options = parser.parse_args()
    kept = read(options.keep)
    for draw in range(0 if options.table or options.plot else options.draws):
        for pair in PAIRS:
            chosen = not options.only or any(part in pair.name for part in options.only)
            if not chosen or all(entry(pair, draw, method) in kept for method in METHODS):
                continue
            dataset = load(pair, draw, options.sets)
            if dataset is None:
                print(f"{pair.name}: not there, see --sets")
                continue
            for method, row in measure(pair, draw, dataset):
                kept[entry(pair, draw, method)] = json.loads(json.dumps(row))
                shown = ", ".join(f"{amount}: {acc:.3f}" for amount, acc in row["acc"].items())
                print(f"{entry(pair, draw, method)}: {shown}", flush=True)
            write_atomically(options.keep, json.dumps(kept, indent=1, ensure_ascii=False).encode())
    tables(kept)
    if options.plot:
        plot(kept, options.plot)


def plot(kept: dict[str, Any], path: Path) -> None:
    """ACC against the number of answers, a panel a pair."""
    from plotly.subplots import make_subplots

    from tests.support.chromium import browser

    pairs = [pair for pair in PAIRS if entry(pair, 0, OURS) in kept]
    titles = [pair.name for pair in pairs]
    columns = 3
    lines = -(-len(pairs) // columns)
    figure = make_subplots(lines, columns, subplot_titles=titles, shared_xaxes=True, vertical_spacing=0.18 / lines)
    colours = dict(zip(METHODS, ("#0b6e99", "#7fb7d0", "#b3541e", "#e0a070", "#8a8a8a"), strict=True))
    for i, pair in enumerate(pairs):
        for method in METHODS:
            amounts = [amount for amount in AMOUNTS if not np.isnan(mean(kept, pair, method, amount)[0])]
            means = [mean(kept, pair, method, amount)[0] for amount in amounts]
            spread = [mean(kept, pair, method, amount)[1] for amount in amounts]
            figure.add_scatter(
                x=amounts, y=means, error_y={"array": spread, "width": 2}, name=method, legendgroup=method,
                showlegend=i == 0, line={"color": colours[method]}, row=i // columns + 1, col=i % columns + 1,
            )  # fmt: skip
    figure.update_yaxes(title_text="ACC", col=1)
    figure.update_xaxes(title_text="answers", row=lines)
    figure.update_layout(
        template="plotly_white", width=1200, height=300 * lines, legend={"orientation": "h", "y": -0.06}, font_size=12,
        margin={"t": 40, "l": 60, "r": 20},
    )  # fmt: skip
    with browser() as chromium:
        page = chromium.new_page(viewport={"width": 1200, "height": 300 * lines})
        page.set_content(figure.to_html(include_plotlyjs=True))
        page.wait_for_selector(".main-svg")
        page.screenshot(path=path)


if __name__ == "__main__":
    main()
