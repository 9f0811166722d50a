"""AnnData, for labeling cells: the found labels as columns of obs, for all N observations.

    hume_class            the name of the class that the vote assigns
    hume_vote_agreement   the share of seeds that agree with it
    hume_reliable         whether the sample is one of the reliable ones

If the dataset's card has the .h5ad file that it was imported from under "h5ad", the export is a copy of that file, if
it exists and has as many observations; otherwise a new file with the spaces in obsm. Neither is held in memory.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.progress import Progress
from hume.data.columns import Column, parse
from hume.exchange.export.destination import Sink
from hume.exchange.export.names import plain
from hume.exchange.export.request import ExportRequest

ROWS = 16_384  # of a space written at once


def write(request: ExportRequest, sink: Sink, on_progress: Progress) -> list[tuple[int, str]]:
    """Write one .h5ad file; no row is set aside."""
    with tempfile.TemporaryDirectory(prefix="hume-") as folder:
        created = Path(folder) / "made.h5ad"
        if not _annotated(request, created):
            _create(request, created, on_progress)
        sink.copy(f"{plain(request.dataset.name) or 'dataset'}.h5ad", created)
    on_progress(1.0)
    return []


def _annotated(request: ExportRequest, target: Path) -> bool:
    """Whether the file that the dataset was imported from could be copied and annotated."""
    source = request.dataset.card.get("h5ad")
    if source is None:
        return False
    try:
        annotate(request, Path(str(source)), target)
    except InputError:  # it is missing, or another file now
        return False
    return True


def annotate(request: ExportRequest, source: Path, target: Path) -> None:
    """Copy an .h5ad file and add the three columns to the copy; all else in it is unchanged, byte for byte.

    Observations are matched by their names, so that the file may have been sorted since; by their position only where
    the dataset does not know their names. Raises InputError if the file cannot be read or does not have the N
    observations of the dataset.
    """
    import anndata
    import h5py
    from anndata.io import read_elem, write_elem

    try:
        with h5py.File(source, "r") as file:
            obs = read_elem(file["obs"])
    except Exception as error:  # on a damaged file h5py and anndata raise many types
        raise InputError(f"{source} cannot be read as .h5ad ({error}): write it again") from None
    if len(obs) != request.dataset.num_samples:
        raise InputError(
            f"{source} has {len(obs)} observations, {request.dataset.name} has "
            f"{request.dataset.num_samples} samples: choose the file that it was imported from"
        )
    rows = _rows_of(request, source, [str(name) for name in obs.index])
    for name, column in _columns(request).items():
        obs[name] = column[rows]
    _as_category(obs, request.choices)
    shutil.copyfile(source, target)
    with h5py.File(target, "r+") as file, anndata.settings.override(allow_write_nullable_strings=True):
        write_elem(file, "obs", obs)


def _known_names(request: ExportRequest) -> Column | None:
    """The names (N,) of the observations in the file that the dataset was imported from, if they were kept."""
    return request.dataset.columns.get(request.dataset.card.get("h5ad_names", "_index"))


def _rows_of(request: ExportRequest, source: Path, names: list[str]) -> NDArray[np.int64]:
    """The dataset's row (N,) of every observation of a file, by its name."""
    stored = _known_names(request)
    positions = np.arange(len(names))
    if stored is None:
        return positions
    known, given = stored.tolist(), parse(names).tolist()  # both as a column is read: 7 for "007"
    if known == given:
        return positions
    rows = dict(zip(known, positions.tolist(), strict=True))
    if len(rows) < len(known) or set(rows) != set(given):
        raise InputError(
            f"{source} has other observations than {request.dataset.name}, by their names: choose the file that it was "
            "imported from"
        )
    return np.array([rows[name] for name in given])


def _create(request: ExportRequest, target: Path, on_progress: Progress) -> None:
    """Write a new file: obs with the columns, and each space of the dataset as obsm/X_<name>."""
    import h5py
    from anndata import AnnData

    num_samples = request.dataset.num_samples
    names = _known_names(request)
    names = np.arange(num_samples) if names is None or names.dtype.kind != "O" else names
    columns = _columns(request)
    if request.dataset.file_names is not None:
        columns["source_file"] = np.array([request.file(row) for row in range(request.dataset.num_samples)], object)
    created = AnnData(obs=columns)
    created.obs_names = names.astype(str)
    _as_category(created.obs, request.choices)
    created.uns["hume"] = {"run": request.run, **request.provenance}
    created.write_h5ad(target)
    spaces = request.dataset.spaces
    total, done = sum(space.features.shape[1] for space in spaces.values()) * num_samples, 0
    with h5py.File(target, "r+") as file:
        for name, space in spaces.items():
            shape = (num_samples, int(space.features.shape[1]))
            stored = file["obsm"].create_dataset(f"X_{name}", shape, np.float32)
            stored.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
            for start in range(0, num_samples, ROWS):
                some = np.asarray(space.features[start : start + ROWS], np.float32)
                stored[start : start + ROWS] = some
                done += some.size
                on_progress(done / total)


def _columns(request: ExportRequest) -> dict[str, Any]:
    """The three columns (N,); if only the reliable samples are known, the others have no class."""
    num_samples = request.dataset.num_samples
    reliable = np.zeros(num_samples, bool)
    reliable[request.rows] = True
    labeling = np.full(num_samples, -1) if request.labeling is None else request.labeling.copy()
    share = np.full(num_samples, np.nan) if request.vote_share is None else request.vote_share.copy()
    labeling[request.rows], share[request.rows] = request.classes, request.agreement
    classes = np.array([*request.choices, None], object)  # −1 is the last
    return {"hume_class": classes[labeling], "hume_vote_agreement": share, "hume_reliable": reliable}


def _as_category(obs: Any, choices: list[str]) -> None:
    """Convert the classes of a table to a category in their order."""
    obs["hume_class"] = obs["hume_class"].astype("category").cat.set_categories(choices)
