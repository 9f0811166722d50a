"""What a search has found, and how good it is: scores of all seeds, the vote, the correlation.

Ground truth is optional everywhere. Where it is missing, what needs it is None.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume import crossval, ensemble, estimate, scores, spaces, task
from hume.errors import InputError
from hume.inner import InnerSolver
from hume.parallel import search_on
from hume.rows import Rows, fits, free_bytes
from hume.search import Config, FinishedSeed, PresetName, Setting, Step, search
from hume.search import preset as preset_named
from hume.spaces import Dataset, Space

LABEL_TYPE = np.int32


@dataclass(frozen=True, eq=False)
class Scores:
    """Every seed's generalization, the vote, and how both agree with the ground truth."""

    cv_score: NDArray[np.float64]  # (S,) cross-validation accuracy on φ2, 0 to 1
    vote: ensemble.Vote
    vote_agreement: scores.Agreement | None
    seed_agreement: tuple[scores.Agreement, ...] | None  # a seed each
    correlation: scores.Correlation | None  # of cv_score with accuracy over the seeds (Fig. 1)


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """One search: what was asked, what was found, how it scores, how long it took and where."""

    config: Config
    solver: InnerSolver
    setting: Setting
    evaluated: NDArray[np.bool_]  # (N,) rows that the scores are computed on
    seeds: tuple[int, ...]
    prototypes: NDArray[np.float32]  # (S, K, d1)
    labelings: NDArray[np.int32]  # (S, N)
    objective: NDArray[np.float64]  # (S,) Eq. 7 at the end, nats, lower is better
    scores: Scores
    seconds: float
    device: str


def searched_rows(dataset: Dataset, setting: Setting) -> NDArray[np.bool_]:
    """The rows (N,) the search may see: the train split, or all rows in the transductive setting."""
    if setting == "transductive" or dataset.test_rows is None:
        return np.ones(dataset.num_samples, bool)
    return ~dataset.test_rows


def evaluated_rows(dataset: Dataset) -> NDArray[np.bool_]:
    """The rows (N,) that scores are computed on: the test split, all rows where there is none."""
    return np.ones(dataset.num_samples, bool) if dataset.test_rows is None else dataset.test_rows


def label_all(phi1: Rows, found: Sequence[FinishedSeed]) -> NDArray[np.int32]:
    """The labelings (S, N) of finished seeds on rows phi1 (N, d1) of unit norm, in one pass over them."""
    prototypes = torch.from_numpy(np.stack([seed.prototypes for seed in found]))
    labels = np.empty((len(found), len(phi1)), LABEL_TYPE)
    start = 0
    for block in task.label_blocks(phi1, prototypes.to(phi1.device)):
        labels[:, start : start + len(block)] = block.T.cpu().numpy()
        start += len(block)
    return labels


def score_labelings(
    dataset: Dataset,
    phi2: str,
    labelings: NDArray[np.int32],
    num_classes: int,
    *,
    device: str = "cpu",
    cv_score: NDArray[np.float64] | None = None,
    on_fold: Callable[[int], None] | None = None,
) -> Scores:
    """Score labelings (S, N) on a dataset's evaluated rows; `cv_score` is computed when not given."""
    rows = evaluated_rows(dataset)
    if cv_score is None:
        features = features_of(dataset.space(phi2), rows, device)
        seen = torch.from_numpy(labelings if rows.all() else labelings[:, rows])
        cv_score = crossval.cross_validation_scores(
            features, seen, num_classes, num_folds=min(10, len(features)), on_fold=on_fold
        )
    vote = ensemble.majority_vote(labelings, cv_score, num_classes, None if rows.all() else rows)
    if dataset.labels is None:
        return Scores(cv_score, vote, None, None, None)
    truth = dataset.labels[rows]
    by_seed = tuple(scores.agreement(truth, labeling[rows]) for labeling in labelings)
    return Scores(
        cv_score=cv_score,
        vote=vote,
        vote_agreement=scores.agreement(truth, vote.labeling[rows]),
        seed_agreement=by_seed,
        correlation=scores.correlation(cv_score, np.array([agreement.acc for agreement in by_seed])),
    )


def summary(result: Scores) -> dict[str, Any]:
    """The scores as plain numbers for JSON; what needs ground truth is None without it."""
    vote, correlation = result.vote_agreement, result.correlation
    return {
        "cv_score": result.cv_score.tolist(),
        "acc": None if result.seed_agreement is None else [agreement.acc for agreement in result.seed_agreement],
        "ari": None if result.seed_agreement is None else [agreement.ari for agreement in result.seed_agreement],
        "nmi": None if result.seed_agreement is None else [agreement.nmi for agreement in result.seed_agreement],
        "vote": {"acc": None, "ari": None, "nmi": None} if vote is None else asdict(vote),
        "correlation": {"r": None, "p": None, "low": None, "high": None, "n": None}
        if correlation is None
        else asdict(correlation),
    }


def choose_device(name: str) -> str:
    """Turn auto, cpu or cuda into a device that is there; raises InputError when it is not."""
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"there is no device {name!r}: choose auto, cpu or cuda")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError("this machine has no CUDA device that torch can use: choose auto or cpu")
    return "cuda" if available and name != "cpu" else "cpu"


def devices() -> list[str]:
    """The devices that this machine can search on, the fastest first."""
    return ["cuda", "cpu"] if torch.cuda.is_available() else ["cpu"]


def discover(
    dataset: Dataset,
    *,
    phi1: str | None = None,
    phi2: str | None = None,
    num_classes: int | None = None,
    seeds: Sequence[int] = range(100),
    preset: PresetName = "fast",
    setting: Setting = "transductive",
    config: Config | None = None,
    solver: InnerSolver | None = None,
    device: str = "auto",
    on_step: Callable[[Step], None] | None = None,
) -> Result:
    """Search a dataset for its human labeling, score what was found and let it vote, all in memory.

    phi1, phi2 name two of the dataset's spaces, its default pair if left out; num_classes
    is taken from the dataset when it knows; `config` and `solver` replace the preset's.
    `on_step` sees every iteration. `Store` does the same on disk.
    Raises InputError for data that cannot be searched.
    """
    start = perf_counter()
    device = choose_device(device)
    if len(seeds) == 0:
        raise InputError("a search needs at least 1 seed: name the seeds to start from")
    first, second = phi1 or dataset.default_pair[0], phi2 or dataset.default_pair[1]
    rows = searched_rows(dataset, setting)
    if config is None or solver is None:
        chosen = preset_named(
            preset,
            num_classes=classes_of(dataset, num_classes),
            num_samples=int(rows.sum()),
            setting=setting,
        )
        config, solver = config or chosen[0], solver or chosen[1]
    phi1_rows, steps = prepare_search(dataset, first, second, config, solver, seeds, setting, device)
    found: list[FinishedSeed] = []
    for step in steps:
        found.extend(step.finished)
        if on_step is not None:
            on_step(step)
    found.sort(key=lambda seed: seed.seed)
    labelings = label_all(phi1_rows, found)
    return Result(
        config=config,
        solver=solver,
        setting=setting,
        evaluated=evaluated_rows(dataset),
        seeds=tuple(seed.seed for seed in found),
        prototypes=np.stack([seed.prototypes for seed in found]),
        labelings=labelings,
        objective=np.array([seed.final_objective for seed in found]),
        scores=score_labelings(dataset, second, labelings, config.num_classes, device=device),
        seconds=perf_counter() - start,
        device=device,
    )


def classes_of(dataset: Dataset, asked: int | None) -> int:
    """The number of classes to search for; raises InputError when neither the caller nor the dataset tells."""
    number = asked if asked is not None else dataset.num_classes
    if number is None:
        raise InputError(f"{dataset.name} does not say how many classes it has: give num_classes")
    return number


def prepare_search(
    dataset: Dataset,
    phi1: str,
    phi2: str,
    config: Config,
    solver: InnerSolver,
    seeds: Sequence[int],
    setting: Setting,
    device: str,
    seed_batch: int | None = None,
) -> tuple[Rows, Iterator[Step]]:
    """All rows of φ1 as the search sees them, (N, d1) on the device, and the search itself, not yet begun.

    Spaces whose copies do not fit comfortably into memory stay on disk. Where there are several
    GPUs, `cuda` searches on all of them. Raises InputError when there is not enough memory for the rest.
    """
    rows = searched_rows(dataset, setting)
    one, other = dataset.space(phi1), dataset.space(phi2)
    N, d1, d2 = len(one.features), one.features.shape[1], other.features.shape[1]
    on_disk = not fits(estimate.copies(N, d1, d2, searched=int(rows.sum())), device)
    _check_memory(estimate.least_bytes(N, d1, d2, config, solver, len(seeds), on_disk=on_disk), on_disk, device)
    if not on_disk:
        first, searched = in_memory(one, other, config, rows, device)
        return first, _search(device, searched, config, solver, seeds, seed_batch)
    for space in (one, other):
        spaces.check_order(space)
    streamed = spaces.streamed_unit_rows(one, centre=config.centre, mean_rows=rows, device=device)
    second = spaces.streamed(other, device)
    return streamed, _search(device, (streamed.subset(rows), second.subset(rows)), config, solver, seeds, seed_batch)


def in_memory(
    phi1: Space, phi2: Space, config: Config, searched: NDArray[np.bool_], device: str
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """All rows of φ1 as the search sees them, and the `searched` rows (N,) of both spaces, on a device."""
    first = spaces.unit_rows(phi1, centre=config.centre, mean_rows=searched).to(device)
    second = spaces.as_tensor(phi2, device)
    if searched.all():
        return first, (first, second)
    seen = torch.from_numpy(searched).to(device)
    return first, (first[seen], second[seen])


def _search(
    device: str,
    pair: tuple[Rows, Rows],
    config: Config,
    solver: InnerSolver,
    seeds: Sequence[int],
    seed_batch: int | None,
) -> Iterator[Step]:
    count = torch.cuda.device_count() if device == "cuda" else 1
    if count > 1:
        gpus = [f"cuda:{number}" for number in range(count)]
        return search_on(gpus, *pair, config, solver=solver, seeds=seeds, seed_batch=seed_batch)
    return search(*pair, config, solver=solver, seeds=seeds, seed_batch=seed_batch)


def _check_memory(needed: int, on_disk: bool, device: str) -> None:
    """Raise InputError when a search needs more memory than there is, wherever its spaces are."""
    free = min(free_bytes("cpu"), free_bytes(device))
    if needed > free:
        raise InputError(
            f"this search needs {needed / 2**30:.1f} GiB of memory{' beside its spaces on disk' if on_disk else ''}, "
            f"{free / 2**30:.1f} GiB are free: lower num_train and num_test, ask for fewer classes or fewer seeds"
        )


def features_of(space: Space, rows: NDArray[np.bool_], device: str) -> Rows:
    """The features (n, d) of some rows of a space: on a device, or on disk where they do not fit into memory twice."""
    if not spaces.fits_in_memory(space, device):
        return spaces.streamed(space, device).subset(rows)
    if not rows.all() and isinstance(space.features, np.ndarray):  # a few rows of many are not worth a copy of all
        return spaces.as_tensor(replace(space, features=space.features[rows]), device)
    features = spaces.as_tensor(space)
    return (features if rows.all() else features[torch.from_numpy(rows)]).to(device)
