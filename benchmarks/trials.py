"""Which search finds labelings that generalize better: `python -m benchmarks.trials FOLDER...`.

    python assets/build.py --only mnist --out data     # the third pair of spaces, not embedded
    python -m benchmarks.trials digits fashion-mnist data/mnist-5000
    python -m benchmarks.trials digits --only base "temperature 0.05" --seeds 20

Every trial changes one setting of the preset `fast`. It is evaluated by the cross-validation score of
the labelings found, the same for all trials: the training objective is not comparable across ridges,
temperatures or splits. Accuracy is printed too, and how balanced the classes are: a labeling with
fewer classes is easier to learn. No default may be chosen by accuracy.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import hume
from hume.data import rows, space_rows
from hume.engine.config import Config
from hume.engine.whitening import RIDGE_SHARE
from hume.evaluation import cross_validation, metrics
from hume.runs import discover, searching

Change = dict[str, Any] | Callable[[Config], dict[str, Any]]


@dataclass(frozen=True)
class Trial:
    """Changes to `fast`: fields of Config, fields of Implicit, the ridge as a share of the variance."""

    config: Change
    solver: dict[str, Any]
    ridge_share: float = RIDGE_SHARE


def of(config: Change | None = None, ridge_share: float = RIDGE_SHARE, **solver: Any) -> Trial:
    return Trial(config or {}, solver, ridge_share)


def split(num_train: float, num_test: float) -> Callable[[Config], dict[str, Any]]:
    """Splits of another size, in shares of the preset's rows."""
    return lambda fast: {
        "num_train": int(num_train * (fast.num_train + fast.num_test)),
        "num_test": int(num_test * (fast.num_train + fast.num_test)),
    }


TRIALS = {
    "base": of(),
    "base, other splits": of({"split_seed": 1}),
    "float32": of({"precision": "float32"}),
    "not centred": of({"centre": False}),
    "householder": of({"encoder": "householder"}),
    "step size 0.003": of({"step_size": 0.003}),
    "step size 0.005": of({"step_size": 0.005}),
    "step size 0.01": of({"step_size": 0.01}),
    "step size 0.02": of({"step_size": 0.02}),
    "step size 0.03": of({"step_size": 0.03}),
    "step size 0.1": of({"step_size": 0.1}),
    "no clipping": of({"clip_norm": None}),
    "temperature 0.03": of({"temperature": 0.03}),
    "temperature 0.05": of({"temperature": 0.05}),
    "temperature 0.07": of({"temperature": 0.07}),
    "temperature 0.15": of({"temperature": 0.15}),
    "patience 25": of({"patience": 25}),
    "patience 50": of({"patience": 50}),
    "patience 150": of({"patience": 150}),
    "min gain 0.001": of({"min_gain": 0.001}),
    "min gain 0.02": of({"min_gain": 0.02}),
    "2 splits an iteration": of({"num_splits": 2}),
    "half the rows a split": of(split(1 / 3, 1 / 6)),
    "more test rows, 1 : 1": of(split(1 / 2, 1 / 2)),
    "fewer test rows, 5 : 1": of(split(5 / 6, 1 / 6)),
    "2 inner steps": of(inner_steps=2),
    "5 inner steps": of(inner_steps=5),
    "ridge 0.1 %": of(ridge_share=0.001),
    "ridge 0.3 %": of(ridge_share=0.003),
    "ridge 3 %": of(ridge_share=0.03),
    "ridge 10 %": of(ridge_share=0.1),
    "truncation 1 %": of(truncation=0.01),
    "truncation 5 %": of(truncation=0.05),
    "truncation 20 %": of(truncation=0.2),
    "the first fast": of({"step_size": 0.01, "patience": 50}, truncation=0.01),
    "the paper's calendar": of({"patience": None, "num_iterations": 300, "anneal_at": (100, 200)}),
}


@dataclass(frozen=True)
class Outcome:
    """The results of one trial's seeds on one pair of spaces."""

    cv_score: NDArray[np.float64]  # (S,)
    evenness: NDArray[np.float64]  # (S,) entropy of the class sizes over log K
    acc: NDArray[np.float64]  # (S,)
    vote_acc: float
    seconds: float  # of the search
    iterations: NDArray[np.int64]  # (S,)
    early: float  # rank correlation of the objective after 100 iterations with cv_score


def run(dataset: hume.Dataset, trial: Trial, num_seeds: int) -> Outcome:
    """Search and evaluate; the evaluation is the same for all trials."""
    fast, solver = hume.preset("fast", num_classes=discover.classes_of(dataset, None), num_samples=dataset.num_samples)
    changes = trial.config(fast) if callable(trial.config) else trial.config
    config = replace(fast, **changes)
    phi1_name, phi2_name = dataset.default_pair
    phi2 = space_rows.as_tensor(dataset.space(phi2_name))
    mean, moment = rows.moments(phi2)
    ridge = trial.ridge_share * float(moment.trace() - mean @ mean)
    start = perf_counter()
    phi1, steps = searching.prepare_search(
        dataset, phi1_name, phi2_name, config, replace(solver, ridge=ridge, **trial.solver), range(num_seeds),
        "transductive", "cpu",
    )  # fmt: skip
    finished = sorted((seed for step in steps for seed in step.finished), key=lambda one: one.seed)
    seconds = perf_counter() - start
    labelings = searching.label_all(phi1, finished)
    cv_score = cross_validation.cross_validation_scores(phi2, torch.from_numpy(labelings), config.num_classes)
    truth = dataset.labels
    assert truth is not None
    vote = hume.majority_vote(labelings, cv_score, config.num_classes)
    return Outcome(
        cv_score=cv_score,
        evenness=np.array([evenness(labeling, config.num_classes) for labeling in labelings]),
        acc=np.array([metrics.clustering_accuracy(truth, labeling) for labeling in labelings]),
        vote_acc=metrics.clustering_accuracy(truth, vote.labeling),
        seconds=seconds,
        iterations=np.array([len(one.objective) for one in finished]),
        early=rank_correlation([-one.objective[80:100].mean() for one in finished], cv_score),
    )


def evenness(labeling: NDArray[np.integer], num_classes: int) -> float:
    """Entropy of the class sizes over its maximum: 1 for equal classes."""
    shares = np.bincount(labeling, minlength=num_classes) / labeling.size
    return float(-(shares * np.log(np.clip(shares, 1e-12, 1))).sum() / np.log(num_classes))


def rank_correlation(first: Any, second: Any) -> float:
    """Spearman's."""
    return float(np.corrcoef(np.argsort(np.argsort(first)), np.argsort(np.argsort(second)))[0, 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", help="names of embedded datasets, or folders")
    parser.add_argument("--only", nargs="+", choices=TRIALS, default=list(TRIALS), metavar="TRIAL")
    parser.add_argument("--seeds", type=int, default=40)
    arguments = parser.parse_args()
    datasets = [hume.load_dataset(name) for name in arguments.datasets]
    table = Table("trial", "pair", "CV score", "best", "even", "ACC", "vote ACC", "iterations", "s", "early", box=None)
    console = Console(width=150)
    for name, dataset in product(arguments.only, datasets):
        out = run(dataset, TRIALS[name], arguments.seeds)
        cells = (
            name,
            dataset.name,
            f"{out.cv_score.mean():.4f} ± {out.cv_score.std():.4f}",
            f"{out.cv_score.max():.4f}",
            f"{out.evenness.mean():.4f}",
            f"{out.acc.mean():.3f} ± {out.acc.std():.3f}",
            f"{out.vote_acc:.3f}",
            f"{out.iterations.mean():.0f}",
            f"{out.seconds:.1f}",
            f"{out.early:+.2f}",
        )
        table.add_row(*cells)
        print(" | ".join(cells), flush=True)
    console.print(table)


if __name__ == "__main__":
    main()
