"""Read the rows of a space for the search: as a tensor or a stream, of unit length or not."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common.devices import fits
from hume.common.errors import InputError
from hume.data.dataset import Space
from hume.data.npy_files import AS_ROWS, FileArray
from hume.data.rows import Rows, StreamedRows, norms, subset

CHECKED_AT_ONCE = 1024  # rows
SAME = 1e-6  # difference, relative to the largest value, that is rounding


def rows(
    space: Space,
    which: NDArray[np.bool_] | None = None,
    *,
    unit: bool = False,
    centre: bool = False,
    mean_rows: NDArray[np.bool_] | None = None,
    device: torch.device | str = "cpu",
    on_disk: bool | None = None,
) -> Rows:
    """Rows (n, d) of a space as float32: a tensor on the device, or `StreamedRows` if two copies do not fit.

    which: (N,) mask of the rows, all by default. unit, centre, mean_rows: as for `unit_rows`; without `unit` rows
    are not centred. on_disk: stream or not, by the free memory if None. Raises InputError for a bad row.
    """
    N, d = space.features.shape
    if not fits(2 * 4 * N * d, device) if on_disk is None else on_disk:
        stream = streamed(space, device, unit=unit, centre=centre, mean_rows=mean_rows)
        return stream if which is None else subset(stream, which)
    if which is not None and not unit and isinstance(space.features, np.ndarray) and not which.all():
        # copy only these rows
        return as_tensor(replace(space, features=space.features[which]), device)
    features = unit_rows(space, centre=centre, mean_rows=mean_rows) if unit else as_tensor(space)
    return (features if which is None else subset(features, which)).to(device)


def as_tensor(space: Space, device: torch.device | str = "cpu") -> Tensor:
    """The features (N, d) as float32 on a device; raises InputError for a bad row of a large file."""
    if isinstance(space.features, FileArray):
        return streamed(space).to_memory().to(device)
    return torch.from_numpy(np.array(space.features, dtype=np.float32, order="C")).to(device)


def unit_rows(space: Space, *, centre: bool, mean_rows: NDArray[np.bool_] | None = None) -> Tensor:
    """φ̂1 = φ1/‖φ1‖ (Eq. 3), (N, d1) float32; with `centre`, φ1 loses its mean row first.

    Features behind a ReLU share a large common part that would fill most of the
    temperature's range; without it prototypes separate rows from the start. The mean is
    that of `mean_rows`, the rows that the search uses; all rows by default.
    Raises InputError for a row without a direction: zero, or equal to the mean.
    """
    rows, source = as_tensor(space), _source(space)
    norm = norms(rows, source, "is all zeros")
    if centre:
        rows -= (rows if mean_rows is None else subset(rows, mean_rows)).mean(0)
        norm = norms(rows, source, "equals the mean row")
    return rows.div_(norm)


def streamed(
    space: Space,
    device: torch.device | str = "cpu",
    *,
    unit: bool = False,
    centre: bool = False,
    mean_rows: NDArray[np.bool_] | None = None,
) -> StreamedRows:
    """`as_tensor`, or with `unit` `unit_rows`, for a space larger than memory, with rows read on demand.

    Without `unit` all calls return the same object, so that moments, which a search and its scores need, are computed
    once; with `unit` and `centre` one pass over the file computes the mean. Raises InputError for a bad row when it
    is read.
    """
    created = StreamedRows(features=space.features, source=_source(space), device=torch.device(device))
    stream = space.streams.setdefault(str(device), created)
    if not unit:
        return stream
    averaged = stream if mean_rows is None else subset(stream, mean_rows)
    return replace(stream, unit=True, mean=averaged.mean_row() if centre else None)


def check_pair(phi1: Space, phi2: Space, *, centre: bool, mean_rows: NDArray[np.bool_] | None = None) -> None:
    """Raise InputError for the first row that a search on two spaces would reject, in bounded memory.

    That is a row of φ1 that `unit_rows` rejects, or one of either space that is not finite; a space whose rows are all
    the same is rejected too.
    """
    check_varies(phi1)
    check_varies(phi2)
    for _ in streamed(phi1, unit=True, centre=centre, mean_rows=mean_rows).blocks():
        pass
    if isinstance(phi2.features, FileArray):  # others are checked when they are loaded
        for _ in streamed(phi2).blocks():
            pass


def check_varies(space: Space) -> None:
    """Raise InputError when all rows are the same: φ1 would give all one class, which φ2 predicts perfectly."""
    first = np.asarray(space.features[:1], np.float64)
    room = SAME * np.abs(first).max()
    for start in range(0, len(space.features), CHECKED_AT_ONCE):
        if (np.abs(np.asarray(space.features[start : start + CHECKED_AT_ONCE], np.float64) - first) > room).any():
            return
    raise InputError(f"all rows of {_source(space)} are the same, so that it tells no samples apart: compute it again")


def check_order(space: Space) -> None:
    """Raise InputError for a file stored by column, from which reading single rows is too slow."""
    if isinstance(space.features, np.memmap) and not space.features.flags.c_contiguous:
        raise InputError(f"{_source(space)} is stored by column and too large to be read whole: {AS_ROWS}")


def _source(space: Space) -> str:
    return str(space.path or space.name)
