"""Loss of accuracy by unequal classes, and gain by true or estimated class sizes: `python -m benchmarks.class_sizes`.

    python -m benchmarks.class_sizes digits fashion-mnist --seeds 10
    python -m benchmarks.class_sizes digits --counts          # does the sweep over K report a wrong K as clear?

Subsets of embedded datasets whose class sizes fall geometrically, the largest 1, 3 or 10 times the smallest; which
class is large is drawn at random. The search is run with equal sizes, with the true ones and with estimated ones.
Ground truth is used to draw the subsets and to score them only.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hume
from hume.data.dataset import Dataset, Space
from hume.evaluation import metrics
from hume.experiments.class_sizes import estimate_sizes
from hume.experiments.number_of_classes import NumberOfClasses, suggest
from hume.reporting import experiment_sentences

RATIOS = {1: (0,), 3: (0, 1), 10: (0, 1)}  # largest class to smallest, and the draws of which class is large
COUNTS = range(4, 13)


def unequal_subset(dataset: Dataset, ratio: float, draw: int, largest: int) -> Dataset:
    """Samples whose class sizes fall geometrically from `largest`, or what the smallest class has, by `ratio`."""
    truth = dataset.labels
    assert truth is not None
    rng, K = np.random.default_rng(draw), int(truth.max()) + 1
    most = min(largest, int(np.bincount(truth).min()))
    sizes = np.round(most * ratio ** (-np.arange(K) / (K - 1))).astype(int)
    order = rng.permutation(K)
    chosen = [rng.choice(np.flatnonzero(truth == c), size, replace=False) for c, size in zip(order, sizes, strict=True)]
    rows = np.sort(np.concatenate(chosen))
    spaces = {name: Space(name, np.asarray(dataset.space(name).features)[rows]) for name in dataset.default_pair}
    return Dataset(dataset.name, spaces, labels=truth[rows], classes=dataset.classes)


def size_error(truth: NDArray[np.int64], labeling: NDArray[np.integer], num_classes: int) -> float:
    """Total variation of found and true class sizes after matching, 0 to 1."""
    matched = metrics.match_classes(labeling, truth, num_classes)[labeling]
    sizes = (np.bincount(some, minlength=num_classes) / len(truth) for some in (matched, truth))
    return float(np.abs(np.subtract(*sizes)).sum() / 2)


def compare(data: Dataset, start: str, seeds: int) -> None:
    """Print a row for each of equal, true and estimated sizes."""
    truth = data.labels
    assert truth is not None
    K = int(truth.max()) + 1
    estimate = estimate_sizes(data, *data.default_pair, K, seeds=range(seeds))
    true = tuple((np.sort(np.bincount(truth))[::-1] / len(truth)).tolist())
    config, solver = hume.preset("fast", num_classes=K, num_samples=data.num_samples)
    for name, sizes in (("equal", None), ("true", true), ("estimated", estimate.sizes)):
        sized = replace(config, class_sizes=sizes)
        result = hume.discover(data, config=sized, solver=solver, seeds=range(seeds), device="cpu")
        vote, scores = result.scores.vote.labeling, result.scores
        assert scores.vote_agreement is not None
        assert scores.seed_agreement is not None
        acc = np.array([seed.acc for seed in scores.seed_agreement])
        missed = np.abs(np.subtract(sizes or (1 / K,) * K, true)).sum() / 2
        row(
            start, name, f"{missed:.3f}", f"{scores.vote_agreement.acc:.3f}", f"{scores.vote_agreement.ari:.3f}",
            f"{acc.mean():.3f} ± {acc.std():.3f}", f"{size_error(truth, vote, K):.3f}", f"{result.seconds:.0f}",
        )  # fmt: skip
    gains = " ".join(f"{step.information.mean():.3f}" for step in estimate.steps)
    print(f"{start} | {experiment_sentences.class_sizes(estimate)} Steps: {gains}", flush=True)


def sweep(data: Dataset, start: str, seeds: int) -> None:
    """Print the conclusion of the sweep over the number of classes, and its numbers."""
    with TemporaryDirectory() as home:
        count = NumberOfClasses(Path(home), data, *data.default_pair)
        for K in COUNTS:
            count.run(K, num_seeds=seeds)
        points = count.points()
    for point in points:
        stable = point.stability or 0.0
        row(start, str(point.num_classes), f"{point.corrected.mean:.3f}", f"{stable:.3f}", f"{point.merit:.3f}")
    print(f"{start} | {experiment_sentences.number_of_classes(suggest(points))}", flush=True)


def row(*cells: Any) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="*", default=["digits", "fashion-mnist"])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--largest", type=int, default=500, help="samples of the largest class, at most")
    parser.add_argument("--counts", action="store_true", help="sweep the number of classes instead")
    arguments = parser.parse_args()
    if arguments.counts:
        row("dataset, ratio, draw", "K", "above chance", "stability", "merit")
    else:
        row("dataset, ratio, draw", "sizes asked", "their error", "vote ACC", "ARI", "seeds' ACC", "size error", "s")
    for name in arguments.datasets:
        dataset = hume.load_dataset(name)
        for ratio, draws in RATIOS.items():
            for draw in draws:
                data = unequal_subset(dataset, ratio, draw, arguments.largest)
                start = f"{name} {ratio}:1, {draw}"
                (sweep if arguments.counts else compare)(data, start, arguments.seeds)


if __name__ == "__main__":
    main()
