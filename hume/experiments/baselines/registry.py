"""Running a baseline by its key, and scoring what it found."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from hume.common.devices import choose_device
from hume.common.errors import InputError
from hume.common.progress import Progress, part
from hume.data import space_rows
from hume.data.dataset import Dataset
from hume.data.features import Matrix
from hume.data.splits import evaluated_rows
from hume.evaluation import metrics
from hume.evaluation.metrics import Spread, spread
from hume.experiments.baselines.catalogue import BASELINES, Baseline
from hume.experiments.baselines.running import has_split
from hume.experiments.baselines.task import Task

__all__ = ["BASELINES", "AgreementTable", "Baseline", "BaselineRun", "Spread", "agreement_of", "agreement_table",
           "run_baseline", "spread"]  # fmt: skip


@dataclass(frozen=True, eq=False)
class BaselineRun:
    """The labelings of one method."""

    key: str
    labelings: NDArray[np.int64]  # (S, N) classes of all rows, a labeling a seed
    seconds: float  # of all seeds together, without reading the features
    note: str  # how it was run


@dataclass(frozen=True)
class AgreementTable:
    """How well the labelings of a run agree with the ground truth on the evaluated rows; 1 is perfect for all three."""

    acc: Spread  # of the probe, the share of right predictions; else clustering accuracy
    ari: Spread
    nmi: Spread


def run_baseline(
    key: str,
    dataset: Dataset,
    phi1: str,
    phi2: str,
    *,
    num_classes: int,
    seeds: Sequence[int] | None = None,
    quick: bool = False,
    device: str = "cpu",
    on_progress: Progress | None = None,
) -> BaselineRun:
    """Run one method of `BASELINES` on a pair of spaces of a dataset.

    phi1, phi2: names of spaces; a method that uses one of them ignores the other. seeds: the method's default number
    if left out; for k-means each is a restart. `quick` takes smaller budgets, given in the method's `quick`, so that
    all methods together need some minutes on two cores for 10,000 rows. Methods without labels see all rows, as HUME
    does in the transductive setting. The probe is trained on the train rows and predicts all; where there is no split,
    predictions are held-out. device: cpu, cuda or auto; methods of scikit-learn and UMAP always run on the CPU. Raises
    InputError for an unknown key or space, missing labels, spaces that do not fit into memory, a library that is not
    installed, or bad input to the method; RunError where UMAP fails.
    """
    if key not in BASELINES:
        raise InputError(f"there is no baseline {key!r}: choose one of {', '.join(BASELINES)}")
    baseline = BASELINES[key]
    if baseline.needs_labels and dataset.labels is None:
        raise InputError(f"{dataset.name} has no labels: {baseline.title} is trained on them and cannot run")
    names = {"phi1": (phi1,), "phi2": (phi2,), "both": (phi1, phi2)}[baseline.uses]
    device = choose_device(device)
    chosen = range(baseline.quick_seeds if quick else baseline.num_seeds) if seeds is None else seeds
    if len(chosen) == 0:
        raise InputError("there are no seeds: give at least one.")
    task = Task(
        dataset=dataset,
        features=tuple(_features(dataset, name, device) for name in names),
        num_classes=num_classes,
        seeds=chosen,
        settings=baseline.quick_settings if quick else baseline.full_settings,
        device=device,
        on_progress=part(on_progress, 0, 1),
    )
    start = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # k-means, of fewer distinct rows than classes
        found = baseline.run(task)
    return BaselineRun(key, found.labelings, perf_counter() - start, _note(baseline, task, found.note, quick))


def agreement_table(dataset: Dataset, run: BaselineRun) -> AgreementTable | None:
    """Score the labelings of a run on the dataset's evaluated rows; None where there is no ground truth."""
    return agreement_of(dataset, run.labelings, named=BASELINES[run.key].needs_labels)


def agreement_of(dataset: Dataset, labelings: NDArray[np.integer[Any]], *, named: bool) -> AgreementTable | None:
    """Score labelings (S, N) on the dataset's evaluated rows; None where there is no ground truth.

    named: whether the classes are the true ones already, as a probe's are, so that none has to be matched.
    """
    if dataset.labels is None:
        return None
    rows = evaluated_rows(dataset)
    truth, labelings = dataset.labels[rows], labelings[:, rows]
    by_seed = [metrics.agreement(truth, labeling) for labeling in labelings]
    acc = [float((labeling == truth).mean()) for labeling in labelings] if named else [seed.acc for seed in by_seed]
    return AgreementTable(
        acc=spread(acc), ari=spread([seed.ari for seed in by_seed]), nmi=spread([seed.nmi for seed in by_seed])
    )


def _features(dataset: Dataset, name: str, device: str) -> Matrix:
    rows = space_rows.rows(dataset.space(name), device=device)
    if not isinstance(rows, Tensor):
        raise InputError(f"the space {name} of {dataset.name} does not fit into memory: choose a smaller one")
    features: Matrix = rows.cpu().numpy()
    return features


def _note(baseline: Baseline, task: Task, found: str, quick: bool) -> str:
    notes = [baseline.quick if quick else baseline.full]
    if found:
        notes.append(found)
    if task.dataset.test_rows is not None and not baseline.needs_labels:
        notes.append("sees the test rows, without labels")
    if baseline.needs_labels and not has_split(task.dataset):
        notes.append("no split: held-out predictions of 5-fold cross-validation")
    return "; ".join(notes)
