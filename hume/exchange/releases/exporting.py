"""Export of runs as a release in the layout of the authors' code."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hume.common.errors import InputError, RunError
from hume.data.dataset import Dataset
from hume.data.features import Features
from hume.data.npy_files import FileArray
from hume.data.rows import Rows
from hume.exchange.author_files import AuthorTask, write_tasks
from hume.exchange.releases.arrays import BLOCK_BYTES, write_rows
from hume.exchange.releases.names import choose_reading, pairs_meant, readings
from hume.runs.run import Run


def export_release(runs: Sequence[Run], folder: Path) -> list[Path]:
    """Write finished runs with their data in the authors' layout; returns the files written.

        data/representations/{space}/{dataset}{split}[_l2].npy
        data/labels/{dataset}{split}_targets.npy, where the dataset has labels
        tasks/{setting}/{φ1}_{φ2}/{dataset}/linear_task_{seed}.pt, results_{seed}.pickle

    split is train, test and traintest, the train rows followed by the test rows; `traintest` alone
    where the dataset has no split. So an import has the rows in that order, which is their own
    unless test rows are between train rows. The `_l2` files of a φ1 are the rows that the search
    used, of unit norm and without their mean if the run centred φ1: with them the authors' code
    computes the same labelings, argmax φ1 W1ᵀ. `scan_release` and `import_release` restore spaces,
    labels, labelings and scores, and whether φ1 was centred; pictures, names of files and classes,
    and objectives are not part of this layout.

    Raises InputError, before anything is written, for a folder that is not empty and for runs that
    do not fit into one release: none at all, the same pair, dataset and setting twice, one φ1
    with and without its mean, or ambiguous names; RunError for a run that is not finished, data
    that changed, or a folder that cannot be written.
    """
    folder = Path(folder)
    plans = [_Plan.of(run) for run in runs]
    _check(plans)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not an empty folder: choose a new one")
    datasets = {plan.dataset.name: plan.dataset for plan in plans}
    spaces = {(plan.dataset.name, name): plan.dataset for plan in plans for name in plan.pair}
    views = {(plan.dataset.name, plan.pair[0]): plan for plan in plans}
    written: list[Path] = []
    try:
        for (_, name), dataset in spaces.items():
            features = dataset.space(name).features
            written += _write_space(folder, dataset, name, "", features, features.dtype)
        for (_, name), plan in views.items():
            seen = plan.run.phi1_rows(plan.dataset)
            written += _write_space(folder, plan.dataset, name, "_l2", seen, np.dtype(np.float32))
        for dataset in datasets.values():
            written += _write_labels(folder, dataset)
        for plan in plans:
            written += write_tasks(folder / plan.task_folder, plan.tasks())
    except OSError as error:
        raise RunError(f"cannot write {folder} ({error.strerror}): make room or choose another folder") from None
    return written


@dataclass(frozen=True, eq=False)
class _Plan:
    """One run and its target folder."""

    run: Run
    dataset: Dataset
    cv_score: NDArray[np.float64]

    @classmethod
    def of(cls, run: Run) -> "_Plan":
        return cls(run, run.dataset(), run.cv_score())

    @property
    def pair(self) -> tuple[str, str]:
        return self.run.request.phi1, self.run.request.phi2

    @property
    def task_folder(self) -> Path:
        return Path("tasks", self.run.request.setting, "_".join(self.pair), self.dataset.name)

    @property
    def view(self) -> str | None:
        """The rows whose mean is subtracted from φ1, None for none."""
        if not self.run.request.config.centre:
            return None
        return "all rows" if self.dataset.test_rows is None else self.run.request.setting

    def tasks(self) -> list[AuthorTask]:
        seeds = zip(self.run.finished_seeds, self.run.array("prototypes"), self.cv_score, strict=True)
        return [AuthorTask(seed, prototypes, float(score)) for seed, prototypes, score in seeds]


def _check(plans: list[_Plan]) -> None:
    """Raise InputError for runs that one release cannot hold."""
    if not plans:
        raise InputError("a release needs at least one finished run: choose one")
    folders: dict[Path, _Plan] = {}
    same: dict[tuple[str, ...], tuple[object, str]] = {}
    for plan in plans:
        name, (phi1, phi2) = plan.run.name, plan.pair
        other = folders.setdefault(plan.task_folder, plan)
        if other is not plan:
            raise InputError(f"runs {other.run.name!r} and {name!r} have the same data and setting: export one of them")
        facts: list[tuple[tuple[str, ...], object, str]] = [
            ((plan.dataset.name, "rows"), _rows_key(plan.dataset), "are from different datasets of one name"),
            ((plan.dataset.name, "space", phi1), plan.run.request.fingerprints[0], "have different spaces of one name"),
            ((plan.dataset.name, "space", phi2), plan.run.request.fingerprints[1], "have different spaces of one name"),
            ((plan.dataset.name, "view", phi1), plan.view, f"centre {phi1} differently"),
        ]
        for key, fact, difference in facts:
            first, whose = same.setdefault(key, (fact, name))
            if first != fact:
                raise InputError(f"runs {whose!r} and {name!r} {difference}: export them into two folders")
    _check_names(plans)


def _rows_key(dataset: Dataset) -> object:
    return dataset.num_samples, None if dataset.test_rows is None else dataset.test_rows.tobytes()


def _check_names(plans: list[_Plan]) -> None:
    """Raise InputError for names that would be parsed differently."""
    known = {plan.dataset.name for plan in plans}
    for plan in plans:
        name, spaces = plan.dataset.name, {space for other in plans for space in other.pair}
        for split in _orders(plan.dataset):
            reading = choose_reading(readings(f"{name}{split}"), known)
            if reading is None or (reading.dataset, reading.split) != (name, split):
                raise InputError(
                    f"the files of dataset {name!r} would be read as another dataset's: copy it to another name"
                )
        if pairs_meant("_".join(plan.pair), spaces) != [plan.pair]:
            raise InputError(f"{'_'.join(plan.pair)!r} can mean other spaces as well: export these runs separately")


# --- arrays ----------------------------------------------------------------------------------


def _orders(dataset: Dataset) -> dict[str, NDArray[np.int64]]:
    """The rows of every exported split of a dataset."""
    if dataset.test_rows is None:
        return {"traintest": np.arange(dataset.num_samples)}
    train, test = np.flatnonzero(~dataset.test_rows), np.flatnonzero(dataset.test_rows)
    splits = {"train": train, "test": test, "traintest": np.concatenate([train, test])}
    return {split: rows for split, rows in splits.items() if len(rows)}


def _write_space(
    folder: Path, dataset: Dataset, name: str, ending: str, rows: Features | Rows, dtype: np.dtype[Any]
) -> Iterator[Path]:
    target = folder / "data" / "representations" / name
    target.mkdir(parents=True, exist_ok=True)
    width = rows.shape[1]
    size = max(1, BLOCK_BYTES // (width * dtype.itemsize))
    for split, order in _orders(dataset).items():
        chunks = (order[start : start + size] for start in range(0, len(order), size))
        path = target / f"{dataset.name}{split}{ending}.npy"
        yield write_rows(path, (len(order), width), dtype, (_take(rows, chunk) for chunk in chunks))


def _take(rows: Features | Rows, chunk: NDArray[np.int64]) -> NDArray[Any]:
    if isinstance(rows, np.ndarray | FileArray):
        return np.asarray(rows[chunk])
    taken: NDArray[Any] = rows[torch.from_numpy(chunk)].numpy()
    return taken


def _write_labels(folder: Path, dataset: Dataset) -> Iterator[Path]:
    if dataset.labels is None:
        return
    target = folder / "data" / "labels"
    target.mkdir(parents=True, exist_ok=True)
    for split, order in _orders(dataset).items():
        path = target / f"{dataset.name}{split}_targets.npy"
        yield write_rows(path, (len(order),), dataset.labels.dtype, [dataset.labels[order]])
