"""Search a dataset's pair of spaces: what is read or streamed, whether it fits into memory, on which devices."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from hume.common.devices import fits, free_bytes
from hume.common.errors import InputError
from hume.common.progress import Progress, part
from hume.data import space_rows
from hume.data.dataset import Dataset, Space
from hume.data.rows import Rows, subset
from hume.data.splits import Setting, searched_rows
from hume.engine.checkpoint import Checkpoint
from hume.engine.config import Config
from hume.engine.finished_seed import FinishedSeed
from hume.engine.multi_gpu import search_on
from hume.engine.prototypes import label_blocks
from hume.engine.search import Step, search
from hume.engine.solvers import InnerSolver
from hume.runs import cost

LABEL_TYPE = np.int32


def search_all(
    dataset: Dataset,
    phi1: str,
    phi2: str,
    config: Config,
    solver: InnerSolver,
    seeds: Sequence[int],
    setting: Setting,
    device: str,
    on_step: Callable[[Step], None] | None = None,
    *,
    refines: bool = False,
) -> tuple[list[FinishedSeed], NDArray[np.int32]]:
    """Search all seeds in memory: the finished ones, in ascending order, and their labelings (S, N) of all rows."""
    rows, steps = prepare_search(dataset, phi1, phi2, config, solver, seeds, setting, device, refines=refines)
    finished: list[FinishedSeed] = []
    for step in steps:
        finished.extend(step.finished)
        if on_step is not None:
            on_step(step)
    finished.sort(key=lambda seed: seed.seed)
    return finished, label_all(rows, finished)


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
    *,
    refines: bool = False,
    resumed: Checkpoint | None = None,
) -> tuple[Rows, Iterator[Step]]:
    """All rows of φ1 as the search sees them, (N, d1) on the device, and the iterator of the search's steps.

    Spaces whose copies do not fit comfortably into memory stay on disk. Where there are several
    GPUs, `cuda` searches on all of them. resumed: where an earlier search stood. Raises InputError when there is not
    enough memory for the rest of the search, for its scores and, where it `refines`, for its refinement.
    """
    rows = searched_rows(dataset, setting)
    space1, space2 = dataset.space(phi1), dataset.space(phi2)
    for space in (space1, space2):
        space_rows.check_varies(space)
    N, d1, d2 = len(space1.features), space1.features.shape[1], space2.features.shape[1]
    on_disk = not fits(cost.copies(N, d1, d2, searched=int(rows.sum())), device)
    needed = cost.least_bytes(N, d1, d2, config, solver, len(seeds), on_disk=on_disk, refines=refines)
    _check_memory(needed, on_disk, device)
    first, searched = searched_pair(space1, space2, config, rows, device, on_disk=on_disk)
    return first, _search(device, searched, config, solver, seeds, seed_batch, resumed)


def searched_pair(
    phi1: Space, phi2: Space, config: Config, searched: NDArray[np.bool_], device: str, *, on_disk: bool
) -> tuple[Rows, tuple[Rows, Rows]]:
    """All rows of φ1 as the search sees them, and the `searched` rows (N,) of both spaces."""
    if on_disk:
        for space in (phi1, phi2):
            space_rows.check_order(space)
    first = space_rows.rows(phi1, unit=True, centre=config.centre, mean_rows=searched, device=device, on_disk=on_disk)
    second = space_rows.rows(phi2, device=device, on_disk=on_disk)
    return first, (subset(first, searched), subset(second, searched))


def _search(
    device: str,
    pair: tuple[Rows, Rows],
    config: Config,
    solver: InnerSolver,
    seeds: Sequence[int],
    seed_batch: int | None,
    resumed: Checkpoint | None,
) -> Iterator[Step]:
    count = torch.cuda.device_count() if device == "cuda" else 1
    if count > 1:
        gpus = [f"cuda:{number}" for number in range(count)]
        return search_on(gpus, *pair, config, solver=solver, seeds=seeds, seed_batch=seed_batch)
    return search(*pair, config, solver=solver, seeds=seeds, seed_batch=seed_batch, resumed=resumed)


def _check_memory(needed: int, on_disk: bool, device: str) -> None:
    """Raise InputError when a search needs more memory than there is, wherever its spaces are."""
    free = min(free_bytes("cpu"), free_bytes(device))
    if needed > free:
        raise InputError(
            f"this search needs {needed / 2**30:.1f} GiB of memory{', with its spaces on disk' if on_disk else ''}, "
            f"and {free / 2**30:.1f} GiB are free: lower num_train and num_test, the number of classes or of seeds"
        )


SEARCHED = 0.8  # the search's share of the time of a search with its scores


def of_search(on_progress: Progress | None, share: float = SEARCHED) -> Callable[[Step], None]:
    """An `on_step` that reports the progress of a search that is a share of the work: its scores follow."""
    report = part(on_progress, 0, share)
    return lambda step: report(min(1.0, step.progress))


def label_all(phi1: Rows, seeds: Sequence[FinishedSeed]) -> NDArray[np.int32]:
    """The labelings (S, N) of finished seeds on rows phi1 (N, d1) of unit norm, in one pass over them."""
    prototypes = torch.from_numpy(np.stack([seed.prototypes for seed in seeds]))
    labels = np.empty((len(seeds), len(phi1)), LABEL_TYPE)
    start = 0
    for block in label_blocks(phi1, prototypes.to(phi1.device)):
        labels[:, start : start + len(block)] = block.T.cpu().numpy()
        start += len(block)
    return labels
