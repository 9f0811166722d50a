"""Does the question of trust warn where it should? `python -m benchmarks.trust`, about eight minutes.

Every pair of spaces is made of the embedded data: embedded spaces, spaces made of the pictures (sums of rows and
columns, a few large pixels, a histogram of grey values, ...), leading directions only or all but these, noise, and
an irrelevant feature planted into both. 30 seeds of `fast` are searched on each, then `hume.experiments.trust` is
asked, which
sees no label. Beside its verdict stands the truth: r of cross-validation score and accuracy over the seeds without
those that failed. A pair misleads where the 95 % interval of r is below 0, and is good where it is above.

The rule was settled on digits; Fashion-MNIST is held out.

    python -m benchmarks.trust --only digits --pairs "simclr|lite0" "simclr|profiles"
    python -m benchmarks.trust --refined --only digits
"""

import argparse
from collections import Counter
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import hume
from benchmarks import trust_refined
from hume.data.dataset import Dataset, Space
from hume.evaluation import metrics
from hume.evaluation.seed_statistics import SeedStatistics, failed
from hume.experiments.trust import scores_in_phi1, trust
from hume.runs import discover

SEEDS = 30
MADE = ("histogram", "sorted", "2x2", "4x4", "profiles", "rows", "fourier", "edges")
CHANGED = ("lite0 pca2", "lite0 pca4", "lite0 pca8", "lite0 pca16", "lite0 skip10", "noise", "simclr", "simclr noisy1",
           "simclr noisy4")  # fmt: skip
PLANTED = ("brightness0.5", "brightness0.8", "brightness1.2", "2any0.5", "2any0.8", "2any1.2", "5any0.5", "5any0.8",
           "5any1.2")  # fmt: skip
PAIRS = {
    "digits": [
        *(f"{a}|{b}" for a in ("simclr", "lite0", "pixels") for b in ("simclr", "lite0", "pixels") if a != b),
        *(f"simclr|{b}" for b in (*MADE, *CHANGED)),
        *(f"{a}|lite0" for a in ("edges", "profiles", "fourier", "sorted")),
        *(f"simclr {how}|lite0" for how in ("pca16", "skip5", "raw")),
        *(f"lite0|{b}" for b in (*(one for one in MADE if one != "sorted"), "noise")),
        *(f"pixels|{b}" for b in (*(one for one in MADE if one != "sorted"), "lite0 pca2", "lite0 pca4",
                                  "lite0 skip10", "noise")),
        *(f"simclr+{one}|lite0+{one}" for one in PLANTED),
    ],
    "fashion-mnist": [
        *(f"{a}|{b}" for a in ("simclr", "lite0", "vit-s") for b in ("simclr", "lite0", "vit-s") if a != b),
        *(f"simclr|{b}" for b in ("pixels", "histogram", "2x2", "4x4", "profiles", "rows", "fourier", "edges",
                                  "lite0 pca2", "lite0 pca4", "lite0 pca8", "lite0 skip10", "noise", "simclr",
                                  "simclr noisy4")),
        *(f"{a}|lite0" for a in ("edges", "profiles", "pixels", "simclr raw")),
        "simclr raw|vit-s",
        *(f"simclr+{one}|lite0+{one}" for one in ("brightness0.8", "5any1.2")),
    ],
}  # fmt: skip


# --- spaces --------------------------------------------------------------------------------------


def features(dataset: Dataset, name: str) -> NDArray[np.float32]:
    """A space of a dataset by its name in `PAIRS`, (N, d)."""
    base, _, planted = name.partition("+")
    if planted:
        x = _embedded(dataset, base)
        x = x - x.mean(0)
        x = np.concatenate([x / np.linalg.norm(x, axis=1, keepdims=True), _planted(dataset, planted)], axis=1)
    elif base == "noise":
        x = np.random.default_rng(5).standard_normal((dataset.num_samples, 64))
    elif base in MADE or (base == "pixels" and base not in dataset.spaces):
        x = _made(dataset, base)
    else:
        x = _changed(_embedded(dataset, base.split(" ")[0]), base.partition(" ")[2])
    return np.ascontiguousarray(x, dtype=np.float32)


def _embedded(dataset: Dataset, name: str) -> NDArray[np.float32]:
    return np.asarray(dataset.space(name).features).astype(np.float32)


def _pictures(dataset: Dataset) -> NDArray[np.float32]:
    pictures = np.asarray(dataset.images).astype(np.float32)
    return pictures / pictures.max()


def _changed(x: NDArray[np.float32], how: str) -> NDArray[Any]:
    """Leading directions only, 64 without the leading ones, or noise of that many standard deviations on top."""
    if how in ("", "raw"):
        return x
    x = x - x.mean(0)
    if how.startswith("noisy"):
        drawn = np.random.default_rng(0).standard_normal(x.shape).astype(np.float32)
        return x + float(how[5:]) * x.std() * drawn
    directions = np.linalg.svd(x, full_matrices=False)[2]
    kept = slice(int(how[3:])) if how.startswith("pca") else slice(int(how[4:]), int(how[4:]) + 64)
    return x @ directions[kept].T


def _planted(dataset: Dataset, what: str) -> NDArray[np.float32]:
    """A feature that has little or nothing to do with the classes, one-hot: tenths of brightness, or any of 2 or 5."""
    kind, weight = what.rstrip("0123456789."), float(what.lstrip("25").lstrip("abcdefghijklmnopqrstuvwxyz"))
    N = dataset.num_samples
    if kind == "brightness":
        order = np.argsort(np.argsort(_pictures(dataset).reshape(N, -1).mean(1)))
        return weight * np.eye(10, dtype=np.float32)[order * 10 // N]
    values = int(what[0])
    return weight * np.eye(values, dtype=np.float32)[np.random.default_rng(1).integers(values, size=N)]


def _made(dataset: Dataset, name: str) -> NDArray[Any]:
    pictures = _pictures(dataset)
    flat = pictures.reshape(len(pictures), -1)
    if name == "pixels":
        return flat
    if name == "histogram":
        bins = np.linspace(0, 1, 17)
        return np.stack([np.histogram(row, bins)[0] for row in flat]) / flat.shape[1]
    if name == "sorted":
        return np.sort(flat, 1)[:, :: max(1, flat.shape[1] // 64)]
    if name in ("2x2", "4x4"):
        return _tiles(pictures, int(name[0]))
    if name == "rows":
        return pictures.mean(2)
    if name == "profiles":
        return np.concatenate([pictures.mean(1), pictures.mean(2)], 1)
    if name == "fourier":
        return np.log1p(np.abs(np.fft.fft2(pictures))[:, :8, :5].reshape(len(pictures), -1))
    across, down = np.diff(pictures, axis=2)[:, 1:], np.diff(pictures, axis=1)[:, :, 1:]
    strength = np.hypot(across, down)
    direction = np.minimum(((np.arctan2(down, across) % np.pi) / np.pi * 8).astype(int), 7)
    side = 4 if pictures.shape[1] >= 12 else 2
    return np.concatenate([_tiles(strength * (direction == one), side) for one in range(8)], 1)


def _tiles(pictures: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Means over side × side tiles, (N, side²)."""
    size = pictures.shape[1] // side
    cut = pictures[:, : side * size, : side * size]
    return cut.reshape(len(pictures), side, size, side, size).mean((2, 4)).reshape(len(pictures), -1)


# --- searching and judging -----------------------------------------------------------------------


def truth_of(cv_score: NDArray[np.float64], acc: NDArray[np.float64]) -> tuple[metrics.Correlation | None, str]:
    """r over the seeds that did not fail, over all where these are all alike, and what it makes of the pair."""
    kept = ~failed(cv_score)
    result = metrics.correlation(cv_score[kept], acc[kept]) or metrics.correlation(cv_score, acc)
    if result is None:
        return None, "undecided"
    return result, "good" if result.low > 0 else "misleading" if result.high < 0 else "undecided"


def run(dataset: Dataset, pair: str) -> tuple[list[str], str, str]:
    """Search and judge one pair; returns a row of the table, what the pair is and the verdict."""
    start = perf_counter()
    first, second = pair.split("|")
    both = {"phi1": Space("phi1", features(dataset, first)), "phi2": Space("phi2", features(dataset, second))}
    data = Dataset(name=pair, spaces=both, labels=dataset.labels)
    K = discover.classes_of(dataset, None)
    config, solver = hume.preset("fast", num_classes=K, num_samples=dataset.num_samples)
    config = replace(config, centre=not first.endswith(" raw"))
    result = discover.discover(data, phi1="phi1", phi2="phi2", config=config, solver=solver, seeds=range(SEEDS))
    cv_score = result.scores.cv_score
    phi1_score = scores_in_phi1(data, "phi1", result.labelings, K)
    seeds = SeedStatistics(cv_score=cv_score, num_classes=K, read=lambda: result.labelings)
    judgement = trust(seeds, phi1_score=phi1_score)
    assert result.scores.seed_agreement is not None
    assert result.scores.vote_agreement is not None
    r, kind = truth_of(cv_score, np.array([one.acc for one in result.scores.seed_agreement]))
    why = ", ".join(one.key for one in judgement.evidence if one.supports == "against")
    row = [
        dataset.name, pair, f"{cv_score.mean():.3f} ± {cv_score.std():.3f}", f"{result.scores.vote_agreement.acc:.3f}",
        "–" if r is None else f"{r.r:+.2f} [{r.low:+.2f}, {r.high:+.2f}]", kind, judgement.verdict, why,
        f"{perf_counter() - start:.1f}",
    ]  # fmt: skip
    return row, kind, judgement.verdict


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[*PAIRS, "earth"], default=[*PAIRS, "earth"])
    parser.add_argument("--pairs", nargs="+", help="these pairs alone")
    parser.add_argument("--refined", action="store_true", help="the labelings of refined runs, see trust_refined")
    parser.add_argument("--precision", nargs="+", choices=("float32", "bfloat16"), default=["float32", "bfloat16"])
    parser.add_argument("--keep", type=Path, help="folder for the searches of --refined")
    arguments = parser.parse_args()
    if arguments.refined:
        trust_refined.main(arguments.only, arguments.precision, arguments.keep)
        return
    table = Table("data", "φ1|φ2", "CV score", "vote ACC", "r", "truly", "verdict", "because of", "s", box=None)
    counts: Counter[tuple[str, str, str]] = Counter()
    for name in arguments.only:
        dataset = hume.load_dataset(name)
        for pair in arguments.pairs or PAIRS.get(name, []):
            row, kind, verdict = run(dataset, pair)
            counts[name, kind, verdict] += 1
            table.add_row(*row)
            print(" | ".join(row), flush=True)
    console = Console(width=170)
    console.print(table)
    for (name, kind, verdict), amount in sorted(counts.items()):
        console.print(f"{name}: {amount} {kind}: {verdict}")


if __name__ == "__main__":
    main()
