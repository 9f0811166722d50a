"""What every method finds on every pair of spaces, in three draws: `python -m benchmarks.quality`.

    python assets/build.py --only mnist --out data     # two sets that are not embedded
    python assets/build.py --only emoji --out data
    python -m benchmarks.quality --sets data --keep quality.json      # 79 minutes of one thread
    python -m benchmarks.quality --keep quality.json --table              # the tables of what is there

A draw is another set of 100 random starts and, of an uneven pair, another subset. Whatever a method has to choose, it
chooses without labels: HUME how even classes are kept, which seeds vote and what is offered; of the others the mean
over their seeds is shown, or for a refined one the vote of the most likely fifth. Rules and defaults were chosen on
the pairs marked "rules"; the others were looked at once, at the end. Ground truth draws the uneven subsets and scores.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import entropy, spearmanr

import hume
from benchmarks.class_sizes import unequal_subset
from hume.common.files import write_atomically
from hume.data.dataset import Dataset
from hume.evaluation import metrics
from hume.evaluation.metrics import Correlation
from hume.experiments.baselines.registry import run_baseline
from hume.experiments.refined_methods import refinement_of

NUM_SEEDS = 100
DRAWS = 3
BASELINES = ("kmeans-both", "gmm-both", "spectral-both", "diffusion-both", "umap-kmeans", "umap-hdbscan")
SLOW = ("temi", "turtle-both")  # of the first draw alone
REFINED = ("kmeans-both",)  # followed by the same refinement


@dataclass(frozen=True)
class Pair:
    """Two spaces of a dataset, as it is or as a subset whose largest class is `ratio` times the smallest."""

    dataset: str
    phi1: str
    phi2: str
    ratio: int = 1
    rules: bool = False  # whether rules and defaults were chosen on it

    @property
    def name(self) -> str:
        return f"{self.dataset} {self.phi1} + {self.phi2}" + (f", {self.ratio}:1" if self.ratio > 1 else "")


PAIRS = (
    Pair("digits", "simclr", "lite0", rules=True),
    Pair("digits", "pixels", "lite0", rules=True),
    Pair("digits", "simclr", "lite0", 3, rules=True),
    Pair("digits", "simclr", "lite0", 10, rules=True),
    Pair("fashion-mnist", "simclr", "lite0", rules=True),
    Pair("fashion-mnist", "simclr", "lite0", 3, rules=True),
    Pair("fashion-mnist", "simclr", "lite0", 10, rules=True),
    Pair("fashion-mnist", "simclr", "vit-s", rules=True),
    Pair("earth", "simclr", "lite0"),
    Pair("mnist-5000", "simclr", "lite0"),
    Pair("mnist-5000", "simclr", "lite0", 10),
    Pair("emoji", "simclr", "lite0"),
)


@dataclass(frozen=True)
class Row:
    """One method on one draw of one pair."""

    acc: float
    ari: float
    nmi: float
    seconds: float
    note: str = ""


def load(pair: Pair, draw: int, sets: Path | None) -> Dataset | None:
    """The data of a draw; None where a set that is not embedded is not there."""
    if pair.dataset in ("digits", "fashion-mnist", "earth"):
        dataset = hume.load_dataset(pair.dataset)
    elif sets is None or not (sets / pair.dataset).exists():
        return None
    else:
        dataset = hume.load_dataset(sets / pair.dataset)
    return dataset if pair.ratio == 1 else unequal_subset(dataset, pair.ratio, draw, dataset.num_samples)


def measure(pair: Pair, draw: int, dataset: Dataset) -> Iterator[tuple[str, Callable[[], Row]]]:
    """The methods of a draw, each to be run or left."""
    truth = dataset.labels
    assert truth is not None
    K = int(truth.max()) + 1

    def scored(labelings: NDArray[Any], seconds: float, note: str = "") -> Row:
        found = [metrics.agreement(truth, labeling) for labeling in labelings]
        acc, ari, nmi = (float(np.mean([getattr(each, name) for each in found])) for name in ("acc", "ari", "nmi"))
        return Row(acc, ari, nmi, seconds, note)

    seeds = range(NUM_SEEDS * draw, NUM_SEEDS * (draw + 1))
    as_in_paper: list[tuple[NDArray[Any], float, Correlation | None]] = []  # of HUME's search, where it is the same

    def of_hume() -> Row:
        start = perf_counter()
        result = hume.discover(dataset, phi1=pair.phi1, phi2=pair.phi2, num_classes=K, seeds=seeds, device="cpu")
        assert result.refined is not None
        assert result.final is not None
        assert result.evenness is not None
        acc = [metrics.clustering_accuracy(truth, labeling) for labeling in result.refined.labelings]
        rank = spearmanr(result.refined.likelihood, acc).statistic
        eta = result.evenness.ways[result.evenness.chosen].entropy_weight
        if result.evenness.chosen == 0:
            as_in_paper.append((result.scores.vote.labeling, perf_counter() - start, result.scores.correlation))
        return scored(result.final.labeling[None], perf_counter() - start, f"η = {eta:g}, ρ = {rank:.2f}")

    def of_paper() -> Row:
        start = perf_counter()
        if not as_in_paper:
            result = hume.discover(
                dataset, phi1=pair.phi1, phi2=pair.phi2, num_classes=K, seeds=seeds, refine="none", device="cpu"
            )
            found = result.scores
            as_in_paper.append((found.vote.labeling, perf_counter() - start, found.correlation))
        labeling, seconds, correlation = as_in_paper[0]
        return scored(labeling[None], seconds, "" if correlation is None else f"r = {correlation.r:.2f}")

    def of_baseline(key: str, refined: bool) -> Row:
        start = perf_counter()
        seeds = range(10 * draw, 10 * draw + 10) if refined else None
        run = run_baseline(key, dataset, pair.phi1, pair.phi2, num_classes=K, seeds=seeds, quick=True)
        if not refined:
            return scored(run.labelings, perf_counter() - start)
        stage = refinement_of(dataset, pair.phi1, pair.phi2, K)
        final = stage.final(stage.refine(run.labelings.astype(np.int32)), len(run.labelings))
        return scored(final.labeling[None], perf_counter() - start)

    yield "HUME", of_hume
    yield "HUME, as in the paper", of_paper
    for key in (*BASELINES, *(SLOW if draw == 0 else ())):
        yield key, lambda key=key: of_baseline(key, False)  # type: ignore[misc]
    for key in REFINED:
        yield f"{key}, refined", lambda key=key: of_baseline(key, True)  # type: ignore[misc]


# --- what is kept, and the tables ----------------------------------------------------------------


def read(path: Path) -> dict[str, dict[str, Any]]:
    """The rows that are there, by pair, draw and method."""
    kept: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return kept


def tables(kept: dict[str, dict[str, Any]], sets: Path | None) -> None:
    """ACC, ARI and NMI, mean and spread over the draws, and seconds; a line a pair."""
    names = ["HUME", "HUME, as in the paper", *BASELINES, *SLOW, *(f"{key}, refined" for key in REFINED)]
    for key, title, form in (
        ("acc", "ACC", ".3f"),
        ("ari", "ARI", ".3f"),
        ("nmi", "NMI", ".3f"),
        ("seconds", "s", ".0f"),
    ):
        table = Table("pair", "N", "K", "evenness", *names, title=title, box=None)
        for pair in PAIRS:
            data = load(pair, 0, sets)
            if data is None or data.labels is None:
                continue
            sizes = np.bincount(data.labels)
            cells = [_cell([kept.get(entry(pair, draw, name)) for draw in range(DRAWS)], key, form) for name in names]
            shown = (f"{data.num_samples:,}", str(len(sizes)), f"{entropy(sizes) / np.log(len(sizes)):.2f}")
            table.add_row(pair.name + (" (rules)" if pair.rules else ""), *shown, *cells)
        Console(width=260).print(table)
    for pair in PAIRS:
        notes = {name: [kept[k]["note"] for k in _keys(pair, name) if k in kept] for name in names[:2]}
        print(pair.name, notes)


def entry(pair: Pair, draw: int, method: str) -> str:
    """The name under which a method's row on one draw of a pair is kept."""
    return f"{pair.name} | {draw} | {method}"


def _keys(pair: Pair, method: str) -> list[str]:
    return [entry(pair, draw, method) for draw in range(DRAWS)]


def _cell(rows: list[dict[str, Any] | None], key: str, form: str) -> str:
    known = [row[key] for row in rows if row is not None]
    if not known:
        return "–"
    spread = f" ± {np.std(known):.3f}" if len(known) > 1 and form == ".3f" else ""
    return f"{np.mean(known):{form}}{spread}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sets", type=Path, help="folder of the sets that assets/build.py made")
    parser.add_argument("--keep", type=Path, default=Path("quality.json"), help="file of what is done; it is added to")
    parser.add_argument("--only", nargs="*", default=[], help="parts of the names of pairs")
    parser.add_argument("--methods", nargs="*", default=[], help="parts of the names of methods")
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--table", action="store_true", help="print the tables only")
    options = parser.parse_args()
    kept = read(options.keep)
    for draw in range(0 if options.table else options.draws):
        for pair in PAIRS:
            if options.only and not any(part in pair.name for part in options.only):
                continue
            dataset = load(pair, draw, options.sets)
            if dataset is None:
                print(f"{pair.name}: not there, see --sets")
                continue
            for method, run in measure(pair, draw, dataset):
                key = entry(pair, draw, method)
                if key in kept or (options.methods and not any(part in method for part in options.methods)):
                    continue
                kept[key] = asdict(run())
                write_atomically(options.keep, json.dumps(kept, indent=1, ensure_ascii=False).encode())
                print(
                    f"{key}: ACC {kept[key]['acc']:.3f}, {kept[key]['seconds']:.0f} s {kept[key]['note']}", flush=True
                )
    tables(kept, options.sets)


if __name__ == "__main__":
    main()
