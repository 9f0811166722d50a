"""Rows of a space as the search reads them: tensors, streams, unit length."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common.devices import fits
from hume.common.errors import InputError
from hume.data.dataset import Space
from hume.data.rows import AS_ROWS, FileArray, Rows, StreamedRows, norms


def features_of(space: Space, rows: NDArray[np.bool_], device: str) -> Rows:
    """The features (n, d) of some rows of a space: on a device, or on disk where they do not fit into memory twice."""
    if not fits_in_memory(space, device):
        return streamed(space, device).subset(rows)
    if not rows.all() and isinstance(space.features, np.ndarray):  # a few rows of many are not worth a copy of all
        return as_tensor(replace(space, features=space.features[rows]), device)
    features = as_tensor(space)
    return (features if rows.all() else features[torch.from_numpy(rows)]).to(device)


def as_tensor(space: Space, device: torch.device | str = "cpu") -> Tensor:
    """The features (N, d) as float32 on a device; raises InputError for a bad row of a large file."""
    if isinstance(space.features, FileArray):
        return streamed(space).to_memory().to(device)
    return torch.from_numpy(np.array(space.features, dtype=np.float32, order="C")).to(device)


def unit_rows(space: Space, *, centre: bool, mean_rows: NDArray[np.bool_] | None = None) -> Tensor:
    """φ̂1 = φ1/‖φ1‖ (Eq. 3), (N, d1) float32; with `centre`, φ1 loses its mean row first.

    Features behind a ReLU share a large common part that would fill most of the
    temperature's range; without it prototypes tell rows apart from the start. The mean is
    that of `mean_rows`, the rows the search may see; all rows by default.
    Raises InputError for a row without a direction: zero, or equal to the mean.
    """
    rows, place = as_tensor(space), _place(space)
    norm = norms(rows, place, "is all zeros")
    if centre:
        seen = rows if mean_rows is None else rows[torch.from_numpy(mean_rows)]
        rows -= seen.mean(0)
        norm = norms(rows, place, "equals the mean row")
    return rows.div_(norm)


def streamed(space: Space, device: torch.device | str = "cpu") -> StreamedRows:
    """`as_tensor` for a space larger than memory: its rows, read when they are asked for.

    The same for every call, so that moments, which a search and its scores both need, are taken once.
    """
    rows = StreamedRows(features=space.features, place=_place(space), device=torch.device(device))
    return space.streams.setdefault(str(device), rows)


def fits_in_memory(space: Space, device: torch.device | str = "cpu") -> bool:
    """Whether a space can be held as float32, with a copy on the way."""
    num_samples, dim = space.features.shape
    return fits(2 * 4 * num_samples * dim, device)


def streamed_unit_rows(
    space: Space, *, centre: bool, mean_rows: NDArray[np.bool_] | None = None, device: torch.device | str = "cpu"
) -> StreamedRows:
    """`unit_rows` for a space larger than memory; with `centre` one pass over the file takes the mean.

    A row without a direction is found when it is read; raises InputError then.
    """
    rows = streamed(space, device)
    if not centre:
        return replace(rows, unit=True)
    seen = rows if mean_rows is None else rows.subset(mean_rows)
    return replace(rows, unit=True, mean=seen.mean_row())


def check_pair(phi1: Space, phi2: Space, *, centre: bool, mean_rows: NDArray[np.bool_] | None = None) -> None:
    """Raise InputError for the first row that a search on two spaces would refuse, in bounded memory.

    That is a row of φ1 that `unit_rows` refuses, or one of either that is not finite.
    """
    for _ in streamed_unit_rows(phi1, centre=centre, mean_rows=mean_rows).blocks():
        pass
    if isinstance(phi2.features, FileArray):  # others were checked when they were loaded
        for _ in streamed(phi2).blocks():
            pass


def check_order(space: Space) -> None:
    """Raise InputError for a file that is stored by column: single rows cannot be read from it in any good time."""
    if isinstance(space.features, np.memmap) and not space.features.flags.c_contiguous:
        raise InputError(f"{_place(space)} is stored by column and too large to be read whole: {AS_ROWS}")


def _place(space: Space) -> str:
    return str(space.path or space.name)
