"""The baselines that HUME is compared with: what each does, its settings and what it leaves out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hume.common.devices import choose_device
from hume.common.errors import InputError
from hume.common.progress import Progress, part
from hume.data import space_rows
from hume.data.dataset import Dataset
from hume.data.rows import Matrix
from hume.data.splits import evaluated_rows
from hume.evaluation import metrics
from hume.evaluation.metrics import Spread, spread
from hume.experiments.baselines.kmeans import concatenate, kmeans
from hume.experiments.baselines.linear_probe import cross_validated_probe, linear_probe
from hume.experiments.baselines.scan import scan
from hume.experiments.baselines.spice import spice
from hume.experiments.baselines.temi import temi
from hume.experiments.baselines.turtle import turtle

__all__ = ["BASELINES", "AgreementTable", "Baseline", "BaselineRun", "Spread", "agreement_of", "agreement_table",
           "run_baseline", "spread"]  # fmt: skip

Uses: TypeAlias = Literal["phi1", "phi2", "both"]


@dataclass(frozen=True, kw_only=True)
class _Task:
    """The data and settings of one method's run."""

    dataset: Dataset
    features: tuple[Matrix, ...]  # of one space or two, (N, d) each
    num_classes: int
    seeds: Sequence[int]
    settings: Mapping[str, Any]
    device: str
    on_progress: Progress


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """One method on one choice of spaces."""

    key: str
    title: str
    does: str  # one sentence
    source: str
    left_out: str  # of what was published
    uses: Uses
    num_seeds: int
    quick_seeds: int
    full: str  # the settings of a full run, as text
    quick: str  # and of a quick one
    needs_labels: bool = False
    run: Callable[[_Task], NDArray[np.int64]] = field(repr=False)  # labelings (S, N)
    full_settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    quick_settings: Mapping[str, Any] = field(default_factory=dict, repr=False)


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
    predictions are held-out. device: cpu, cuda or auto; k-means and the probe always run on the CPU. Raises InputError
    for an unknown key or space, missing labels, spaces that do not fit into memory, or bad input to the method.
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
    task = _Task(
        dataset=dataset,
        features=tuple(_features(dataset, name, device) for name in names),
        num_classes=num_classes,
        seeds=chosen,
        settings=baseline.quick_settings if quick else baseline.full_settings,
        device=device,
        on_progress=part(on_progress, 0, 1),
    )
    start = perf_counter()
    labelings = baseline.run(task)
    return BaselineRun(key, labelings, perf_counter() - start, _note(baseline, task, quick))


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


def _note(baseline: Baseline, task: _Task, quick: bool) -> str:
    notes = [baseline.quick if quick else baseline.full]
    if task.dataset.test_rows is not None and not baseline.needs_labels:
        notes.append("sees the test rows, without labels")
    if baseline.needs_labels and not _has_split(task.dataset):
        notes.append("no split: held-out predictions of 5-fold cross-validation")
    return "; ".join(notes)


def _has_split(dataset: Dataset) -> bool:
    return dataset.test_rows is not None and not dataset.test_rows.all()


# --- running a method --------------------------------------------------------------------------


def _one_by_one(task: _Task, label: Callable[[int], NDArray[np.int64]]) -> NDArray[np.int64]:
    """The labelings of all seeds, one after another."""
    labelings = []
    for done, seed in enumerate(task.seeds, 1):
        labelings.append(label(seed))
        task.on_progress(done / len(task.seeds))
    return np.stack(labelings)


def _run_kmeans(task: _Task) -> NDArray[np.int64]:
    rows = task.features[0] if len(task.features) == 1 else concatenate(*task.features)
    return _one_by_one(task, lambda seed: kmeans(rows, task.num_classes, restarts=1, seed=seed).labelings[0])


def _run_turtle(task: _Task) -> NDArray[np.int64]:
    settings = dict(task.settings)
    if "batch_size" in settings:  # with many classes a small batch has no sample of some
        settings["batch_size"] = max(settings["batch_size"], 20 * task.num_classes)

    def label(seed: int) -> NDArray[np.int64]:
        return turtle(task.features, task.num_classes, seed=seed, device=task.device, **settings).labeling

    return _one_by_one(task, label)


def _run_heads(method: Callable[..., Any]) -> Callable[[_Task], NDArray[np.int64]]:
    def run(task: _Task) -> NDArray[np.int64]:
        chosen = method(
            task.features[0],
            task.num_classes,
            seeds=task.seeds,
            device=task.device,
            on_progress=task.on_progress,
            **task.settings,
        )
        labelings: NDArray[np.int64] = chosen.labelings
        return labelings

    return run


def _run_spice(task: _Task) -> NDArray[np.int64]:
    settings = dict(task.settings)
    rows = settings.pop("rows_learned", None)
    if rows is not None:  # the budget of a quick run; large datasets need fewer passes
        settings["num_epochs"] = min(100, max(5, rows // len(task.features[0])))
    return _run_heads(spice)(replace(task, settings=settings))


def _run_probe(task: _Task) -> NDArray[np.int64]:
    rows = task.features[0] if len(task.features) == 1 else concatenate(*task.features)
    labels, test = task.dataset.labels, task.dataset.test_rows
    assert labels is not None  # checked by `run_baseline`
    if test is None or not _has_split(task.dataset):
        on_progress = task.on_progress if len(task.seeds) == 1 else None

        def label(seed: int) -> NDArray[np.int64]:
            return cross_validated_probe(rows, labels, seed=seed, on_progress=on_progress).predictions

        return _one_by_one(task, label)
    return _one_by_one(task, lambda seed: linear_probe(rows[~test], labels[~test], rows, seed=seed).predictions)


# --- the methods -------------------------------------------------------------------------------

_ON: dict[Uses, str] = {"phi1": "φ1", "phi2": "φ2", "both": "φ1 and φ2"}


def _kmeans(key: str, uses: Uses) -> Baseline:
    return Baseline(
        key=key,
        title=f"k-means on {_ON[uses]}",
        does="Clusters the rows, brought to unit length, around one centre a class; every restart counts.",
        source="Table 2 of the paper, which averages over 100 runs; scikit-learn's KMeans, k-means++ starts",
        left_out="nothing",
        uses=uses,
        num_seeds=100,
        quick_seeds=30,
        full="100 restarts by default, as in the paper",
        quick="30 restarts by default instead of 100",
        run=_run_kmeans,
    )


def _turtle(key: str, uses: Uses, *, warm: bool = True) -> Baseline:
    start = "warm" if warm else "cold"
    return Baseline(
        key=key,
        title=f"TURTLE on {_ON[uses]}, {start} start",
        does="Searches for the labeling that linear classifiers fit best in every space, by first-order steps.",
        source="Gadetsky, Jiang and Brbić (ICML 2024)",
        left_out="the choice of step sizes and of the start by cross-validation",
        uses=uses,
        num_seeds=5,
        quick_seeds=5,
        full="6,000 iterations in batches of 10,000, as published",
        quick="1,000 iterations in batches of 512 instead of 6,000 of 10,000",
        run=_run_turtle,
        full_settings={"warm_start": warm},
        quick_settings={"warm_start": warm, "num_iterations": 1000, "batch_size": 512},
    )


def _probe(key: str, uses: Uses) -> Baseline:
    return Baseline(
        key=key,
        title=f"linear probe on {_ON[uses]}",
        does="Fits the true labels by logistic regression and predicts held-out rows: the upper bound.",
        source="Sec. 3.1 and Table 1 of the paper; scikit-learn's LogisticRegression",
        left_out="nothing; the ridge, which the paper does not give, is chosen on a held-out fifth of the train rows",
        uses=uses,
        num_seeds=1,
        quick_seeds=1,
        full="ridge chosen among 4",
        quick="ridge chosen among 4",
        needs_labels=True,
        run=_run_probe,
    )


_SCAN = Baseline(
    key="scan",
    title="SCAN head on φ1",
    does="Trains linear heads that give a sample the class of its nearest neighbours and use all classes evenly.",
    source="Van Gansbeke et al. (ECCV 2020), with the settings of their runs that train the head only",
    left_out="augmented images, and self-labeling, which fine-tunes the network",
    uses="phi1",
    num_seeds=10,
    quick_seeds=5,
    full="10 heads a seed, 2,000 steps of 512 rows: 100 passes over 10,000 rows, as published",
    quick="10 heads a seed, 1,000 steps of 512 rows instead of 2,000",
    run=_run_heads(scan),
    quick_settings={"num_iterations": 1000},
)
_SPICE = Baseline(
    key="spice",
    title="SPICE-Self on φ1",
    does="Trains heads on pseudo-labels: each class is given to the samples nearest to the mean of its surest ones.",
    source="Niu, Shan and Wang (IEEE TIP 2022), with the settings for CIFAR-10",
    left_out="weak and strong augmentation of images, and SPICE-Semi, which retrains the network",
    uses="phi1",
    num_seeds=5,
    quick_seeds=3,
    full="10 heads a seed, 100 epochs of 8 passes, as published",
    quick="3 heads a seed instead of 10, 5 to 100 epochs of 1 pass (20 for 10,000 rows) instead of 100 of 8",
    run=_run_spice,
    quick_settings={"num_heads": 3, "rows_learned": 200_000, "num_repeats": 1},
)
_TEMI = Baseline(
    key="temi",
    title="TEMI on φ1",
    does="Trains heads for mutual information with a neighbour's class, each with a moving average as its teacher.",
    source="Adaloglou et al. (BMVC 2023), with the settings of the repository's example",
    left_out="50 heads a seed, as in the paper, for the example's 16",
    uses="phi1",
    num_seeds=5,
    quick_seeds=3,
    full="16 heads of three layers a seed, 5,000 steps of 1,024 rows: 100 passes over CIFAR-10, as published",
    quick="8 heads of one layer a seed instead of 16 of three, 5,000 steps of the same size on 256 rows, not 1,024",
    run=_run_heads(temi),
    quick_settings={"num_heads": 8, "hidden": (), "batch_size": 256},
)

BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {
        baseline.key: baseline
        for baseline in (
            _probe("probe-phi1", "phi1"),
            _probe("probe-phi2", "phi2"),
            _probe("probe-both", "both"),
            _kmeans("kmeans-phi1", "phi1"),
            _kmeans("kmeans-phi2", "phi2"),
            _kmeans("kmeans-both", "both"),
            _SCAN,
            _SPICE,
            _TEMI,
            _turtle("turtle-phi1", "phi1"),
            _turtle("turtle-phi2", "phi2"),
            _turtle("turtle-both", "both"),
            _turtle("turtle-both-cold", "both", warm=False),
        )
    }
)
