"""Does the verdict on a refined run's labeling warn where it should? `python -m benchmarks.trust --refined`.

100 seeds of `fast` are searched and refined on each pair, and the verdict is asked at the first 10, 30 and 100 of them,
which sees no label. Beside it stand the rank correlation of likelihood and accuracy over the seeds, and the accuracy
of the voters' labeling and of the average seed. A pair misleads where the 95 % interval of that correlation is below
0, and is good where it is above.

The rule was settled on the pairs of digits, good and bad: φ2 permuted, noise, or φ1 once more. The others are held out.
With `--keep FOLDER` searches are kept there and not repeated.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import rankdata

import hume
from hume.data.dataset import Dataset
from hume.data.features import spread_over
from hume.engine.config import Precision
from hume.evaluation import ensemble, metrics
from hume.evaluation.neighbors import nearest_neighbors, shared_class, shared_neighbors
from hume.evaluation.seed_statistics import MOST_ROWS, SeedStatistics
from hume.experiments.negative_controls import NEGATIVE_CONTROLS
from hume.experiments.trust import Measured, Trust, scores_in_phi1, trust_in_labeling
from hume.runs import result
from hume.runs.discover import discover
from hume.runs.findings import NUM_NEAR
from hume.runs.refinement import Refinement, number_of_voters

SEEDS = 100
ASKED = (10, 30, 100)
SETTLED_ON = "digits"
BAD = {"same": "only-phi1", "perm": "shuffled", "noise": "noise"}  # what takes the place of φ2
PAIRS = (
    *(("digits", pair) for pair in ("simclr+lite0", "pixels+lite0", "simclr+noise", "simclr+perm", "simclr+same")),
    *(("fashion-mnist", pair) for pair in ("simclr+lite0", "simclr+vit-s")),
    ("earth", "simclr+lite0"),
)
Arrays = dict[str, NDArray[Any]]


def pair_of(dataset: Dataset, pair: str) -> Dataset:
    """Two spaces of a dataset, or one and a negative control, as phi1 and phi2."""
    first, second = pair.split("+")
    if second in BAD:
        spaces = NEGATIVE_CONTROLS[BAD[second]].change(dataset.space(first), dataset.space("lite0"))
    else:
        spaces = dataset.space(first), dataset.space(second)
    both = {name: replace(space, name=name) for name, space in zip(("phi1", "phi2"), spaces, strict=True)}
    return Dataset(name=dataset.name, spaces=both, labels=dataset.labels)


def _classes(data: Dataset) -> int:
    assert data.labels is not None
    return int(data.labels.max()) + 1


def searched(data: Dataset, precision: Precision, path: Path | None) -> Arrays:
    """Labelings of a search and their refinement, with likelihood and scores; read where they were kept."""
    if path is not None and path.exists():
        with np.load(path) as kept:
            return {name: kept[name] for name in kept.files}
    K = _classes(data)
    config, solver = hume.preset("fast", num_classes=K, num_samples=data.num_samples)
    config = replace(config, precision=precision)
    found = discover(data, phi1="phi1", phi2="phi2", config=config, solver=solver, seeds=range(SEEDS), refine="none")
    stage = Refinement.of(data, "phi1", "phi2", config, np.ones(data.num_samples, bool))
    refined = stage.refine(found.labelings)
    arrays: Arrays = {
        "labelings": found.labelings,
        "cv": found.scores.cv_score,
        "refined": refined.labelings,
        "ll": refined.likelihood,
        "cv2": result.score_labelings(data, "phi2", refined.labelings, K).cv_score,
        "cv1": scores_in_phi1(data, "phi1", refined.labelings, K),
    }
    if path is not None:
        np.savez(path, **cast(Any, arrays))
    return arrays


def judge(data: Dataset, arrays: Arrays, near: Sequence[NDArray[np.int64]], number: int) -> Trust:
    """The verdict on the first seeds."""
    labelings, likelihood = arrays["refined"][:number], arrays["ll"][:number]
    seeds = SeedStatistics(
        cv_score=arrays["cv2"][:number],
        num_classes=_classes(data),
        read=lambda: labelings,
        likelihood=likelihood,
    )
    agreement = sum(shared_class(each, seeds.compared) for each in near)
    measured = Measured(arrays["cv1"][:number], np.asarray(agreement), shared_neighbors(near[0], near[1]))
    voters = ensemble.rank(likelihood)[: number_of_voters(number)]
    return trust_in_labeling(seeds, voters, measured, searched_score=arrays["cv"][:number])


def lines(data: Dataset, pair: str, precision: str, arrays: Arrays) -> list[tuple[list[str], str, str]]:
    """A row of the table, what the pair is and the verdict, for each number of seeds."""
    assert data.labels is not None
    some = spread_over(data.num_samples, MOST_ROWS)
    near = [
        nearest_neighbors(np.asarray(space.features, np.float32)[some], np.arange(len(some)), NUM_NEAR)
        for space in data.spaces.values()
    ]
    accuracy = np.array([metrics.clustering_accuracy(data.labels, each) for each in arrays["refined"]])
    rows = []
    for number in ASKED:
        if number > len(accuracy):
            continue
        judged = judge(data, arrays, near, number)
        likelihood, right = arrays["ll"][:number], accuracy[:number]
        ranks = metrics.correlation(rankdata(np.round(likelihood, 9)), rankdata(right))
        kind = "undecided" if ranks is None or ranks.low <= 0 <= ranks.high else "good" if ranks.r > 0 else "misleading"
        voters = ensemble.rank(likelihood)[: number_of_voters(number)]
        vote = ensemble.majority_vote(arrays["refined"][voters], likelihood[voters], _classes(data))
        why = ", ".join(each.kind for each in judged.evidence if each.supports in ("against", "doubt"))
        row = [
            data.name, pair, precision, str(number),
            "–" if ranks is None else f"{ranks.r:+.2f} [{ranks.low:+.2f}, {ranks.high:+.2f}]",
            f"{metrics.clustering_accuracy(data.labels, vote.labeling):.3f}", f"{right.mean():.3f}",
            kind, judged.verdict, why,
        ]  # fmt: skip
        rows.append((row, kind, judged.verdict))
    return rows


def main(only: Sequence[str], precisions: Sequence[Precision], keep: Path | None) -> None:
    """Search, judge and print the table."""
    header = ("data", "φ1+φ2", "precision", "seeds", "Spearman of likelihood and ACC", "vote", "seeds' ACC", "truly",
              "verdict", "because of")  # fmt: skip
    table, counts = Table(*header, box=None), Counter[tuple[str, str, str]]()
    for precision in precisions:
        for name, pair in PAIRS:
            if name not in only:
                continue
            data = pair_of(hume.load_dataset(name), pair)
            path = None if keep is None else keep / f"s-{name}-{pair}-{precision}-{SEEDS}.npz"
            for row, kind, verdict in lines(data, pair, precision, searched(data, precision, path)):
                counts["settled on" if name == SETTLED_ON else "held out", kind, verdict] += 1
                table.add_row(*row)
                print(" | ".join(row), flush=True)
    console = Console(width=200)
    console.print(table)
    for (which, kind, verdict), amount in sorted(counts.items()):
        console.print(f"{which}: {amount} {kind}: {verdict}")
