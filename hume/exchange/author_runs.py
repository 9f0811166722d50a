"""Export and import of runs in the layout of the authors' released tasks."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hume.common.errors import InputError, RunError
from hume.common.files import write_atomically
from hume.data import space_rows, splits
from hume.data.dataset import Dataset, load_space
from hume.data.splits import Setting
from hume.engine.config import Config
from hume.engine.finished_seed import FinishedSeed
from hume.engine.solvers import Unrolled
from hume.exchange.author_files import AuthorTask, read_tasks, write_tasks
from hume.runs import result, searching
from hume.runs.run import Run
from hume.runs.store import Store

SAME_ROWS = 1e-5
SETTINGS: tuple[Setting, ...] = ("transductive", "inductive")


def export_run(run: Run, folder: Path) -> list[Path]:
    """Write a run's prototypes and scores in the authors' layout; returns the files written.

    Their evaluation labels the rows of a φ1 file by argmax φ1 W1ᵀ. Centring cannot be
    folded into orthonormal prototypes, so `phi1.npy`, the rows that the search used,
    is added whenever they differ from the run's file.
    Raises RunError when the run is unfinished or the folder cannot be written.
    """
    scores, seeds, dataset = run.cv_score(), run.finished_seeds, run.dataset()
    tasks = [
        AuthorTask(seed=seed, prototypes=prototypes, cv_score=float(score))
        for seed, prototypes, score in zip(seeds, run.array("prototypes"), scores, strict=True)
    ]
    written = write_tasks(folder, tasks)
    given = space_rows.as_tensor(dataset.space(run.request.phi1))
    rows = run.phi1_rows(dataset)
    searched = rows if isinstance(rows, torch.Tensor) else rows.to_memory()
    if not torch.allclose(given, searched, rtol=0, atol=1e-6):
        buffer = io.BytesIO()
        np.save(buffer, searched.numpy())
        try:
            write_atomically(folder / "phi1.npy", buffer.getvalue())
        except OSError as error:
            raise RunError(f"cannot write {folder / 'phi1.npy'} ({error.strerror}): choose another folder") from None
        written.append(folder / "phi1.npy")
    return written


def import_tasks(
    store: Store,
    folder: Path,
    dataset: Dataset,
    *,
    phi1: str,
    phi2: str,
    name: str | None = None,
    setting: Setting | None = None,
    centre: bool | None = None,
) -> Run:
    """Import a folder of the authors' tasks as a finished run on a dataset.

    The dataset's φ1 must be the space the tasks were searched on; a `phi1.npy` in the folder
    verifies this, and determines whether φ1 was centred and in which setting, unless `centre`
    and `setting` are given; without either, φ1 is not centred and the run is transductive.
    Scores are the files' CV_Score if every seed has one, computed otherwise.
    Raises InputError when dataset and tasks do not match, RunError for unreadable files.
    """
    tasks = read_tasks(folder)
    K, d1 = tasks[0].prototypes.shape
    space = dataset.space(phi1)
    if space.features.shape[1] != d1:
        raise InputError(
            f"the tasks in {folder} are for a φ1 of {d1} dimensions, {dataset.name}'s {phi1} has "
            f"{space.features.shape[1]}: choose the space they were searched on"
        )
    if centre is None:
        settings = SETTINGS if setting is None else (setting,)
        centre, setting = _was_centred(folder / "phi1.npy", dataset, phi1, settings)
    run = store.create(
        dataset,
        phi1=phi1,
        phi2=phi2,
        config=Config(num_classes=K, centre=centre),
        solver=Unrolled(),
        setting=setting or SETTINGS[0],
        seeds=[task.seed for task in tasks],
        name=name,
        origin="authors",
    )
    empty = np.zeros(0, np.float32)
    finished = [FinishedSeed(task.seed, task.prototypes, empty, empty, converged=True) for task in tasks]
    for seed, labeling in zip(finished, searching.label_all(run.phi1_rows(dataset), finished), strict=True):
        run.write_seed(seed, labeling, 0.0)
    known = [task.cv_score for task in tasks]
    cv_score: NDArray[np.float64] | None = None
    if all(score is not None for score in known):
        cv_score = np.array(known, np.float64)
    scored = result.score_labelings(dataset, phi2, run.labelings(), K, cv_score=cv_score)
    run.write_scores(scored, {"search_seconds": 0.0, "score_seconds": 0.0}, "cpu")
    return run


def _was_centred(path: Path, dataset: Dataset, phi1: str, settings: Sequence[Setting]) -> tuple[bool, Setting]:
    """Whether the rows in an exported phi1.npy are centred, and the setting whose rows give the mean."""
    if not path.exists():
        return False, settings[0]
    searched = space_rows.as_tensor(load_space(path))
    for centre in (False, True):
        for setting in settings:
            ours = space_rows.unit_rows(
                dataset.space(phi1), centre=centre, mean_rows=splits.searched_rows(dataset, setting)
            )
            if ours.shape == searched.shape and torch.allclose(ours, searched, rtol=0, atol=SAME_ROWS):
                return centre, setting
    raise InputError(f"{path} has other rows than {dataset.name}'s {phi1}: choose the space the tasks were searched on")
