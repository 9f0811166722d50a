"""Planted errors in labels, and classes that were not seen: `python -m benchmarks.suspects`.

One label in twenty is replaced by another class, drawn at random, in five draws: how many of those listed first are
wrong? Errors that the data came with count as right labels, so that no list can be perfect. Then every class is left
out once: which of its samples, and which new ones of the other classes, are marked as far from all that was seen?
"""

import argparse

import numpy as np

import hume
from hume.common.formatting import number
from hume.data.dataset import Space

PAIRS = (
    ("digits", "simclr", "lite0"),
    ("fashion-mnist", "simclr", "lite0"),
    ("fashion-mnist", "simclr", "vit-s"),
    ("earth", "simclr", "lite0"),
)
DRAWS = 5
SHARE = 20  # one label in so many is wrong


def measure(name: str, phi1: str, phi2: str, draw: int) -> tuple[float, float, float]:
    """Right errors among as many as there are, among the first tenth of that, and the errors that are listed at all."""
    dataset, rng = hume.load_dataset(name), np.random.default_rng(draw)
    truth = dataset.labels
    assert truth is not None
    wrong = np.zeros(len(truth), bool)
    wrong[rng.choice(len(truth), len(truth) // SHARE, replace=False)] = True
    num_classes = int(truth.max()) + 1
    labels = np.where(wrong, (truth + rng.integers(1, num_classes, len(truth))) % num_classes, truth)
    found = hume.suspect_labels(dataset.space(phi1), dataset.space(phi2), labels)
    hits = wrong[found.rows]
    planted = int(wrong.sum())
    return float(hits[:planted].mean()), float(hits[: planted // 10].mean()), float(hits.sum() / planted)


def left_out(name: str, phi1: str, phi2: str) -> tuple[float, float]:
    """The share of new samples of known classes, and of a class that was left out, that are marked far."""
    dataset, rng = hume.load_dataset(name), np.random.default_rng(0)
    truth, spaces = dataset.labels, (dataset.space(phi1), dataset.space(phi2))
    assert truth is not None
    new = rng.random(len(truth)) < 1 / 5
    marked = []
    for k in range(int(truth.max()) + 1):
        kept, known, unknown = ~new & (truth != k), new & (truth != k), truth == k

        def of(rows: np.ndarray) -> list[Space]:
            return [Space(space.name, space.features[rows]) for space in spaces]

        seen = hume.Seen.of(*of(kept), truth[kept])
        marked.append([(seen.distance(*of(rows)) > seen.far).mean() for rows in (known, unknown)])
    few, many = np.mean(marked, 0)
    return float(few), float(many)


if __name__ == "__main__":
    argparse.ArgumentParser(description="Find planted errors in labels, and strangers.").parse_args()
    print("| pair | errors | precision at that number | of the first tenth | errors listed |")
    print("| --- | --- | --- | --- | --- |")
    for name, phi1, phi2 in PAIRS:
        drawn = np.array([measure(name, phi1, phi2, draw) for draw in range(DRAWS)])
        cells = [f"{number(mean, 3)} ± {number(std, 3)}" for mean, std in zip(drawn.mean(0), drawn.std(0), strict=True)]
        num_errors = hume.load_dataset(name).num_samples // SHARE
        print(f"| {name} {phi1} + {phi2} | {num_errors:,} | {' | '.join(cells)} |", flush=True)
    print("| pair | new samples of known classes marked far | samples of a class that was left out |")
    print("| --- | --- | --- |")
    for name, phi1, phi2 in PAIRS:
        few, many = left_out(name, phi1, phi2)
        print(f"| {name} {phi1} + {phi2} | {number(few, 3)} | {number(many, 3)} |", flush=True)
