"""AnnData, for those who label cells: the found labels as columns of obs, for all N observations.

    hume_class            the name of the class that the vote gives
    hume_vote_agreement   the share of seeds that agree with it
    hume_reliable         whether the sample is one of the reliable ones

A dataset whose card names the .h5ad file that it was made from under "h5ad" gets a copy of that file, as long as it is
there and has as many observations; others get a new one with their spaces in obsm. Neither is held in memory.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from hume.common.errors import InputError
from hume.common.progress import Progress
from hume.exchange.export.destination import Sink
from hume.exchange.export.names import plain
from hume.exchange.export.request import ExportRequest

ROWS = 16_384  # of a space written in one go


def write(request: ExportRequest, sink: Sink, on_progress: Progress) -> list[tuple[int, str]]:
    """Write one .h5ad file; no row is set aside."""
    with tempfile.TemporaryDirectory(prefix="hume-") as folder:
        made = Path(folder) / "made.h5ad"
        if not _annotated(request, made):
            _create(request, made, on_progress)
        sink.copy(f"{plain(request.dataset.name) or 'dataset'}.h5ad", made)
    on_progress(1.0)
    return []


def _annotated(request: ExportRequest, target: Path) -> bool:
    """Whether the file that the dataset was made from could be copied and given the columns."""
    source = request.dataset.card.get("h5ad")
    if source is None:
        return False
    try:
        annotate(request, Path(str(source)), target)
    except InputError:  # it is gone, or another file by now
        return False
    return True


def annotate(request: ExportRequest, source: Path, target: Path) -> None:
    """Copy an .h5ad file and give the copy the three columns; all else in it stays byte for byte what it was.

    Raises InputError where the file cannot be read or does not have the N observations of the dataset.
    """
    import h5py
    from anndata.io import read_elem, write_elem

    try:
        with h5py.File(source, "r") as file:
            obs = read_elem(file["obs"])
    except Exception as error:  # a damaged file makes h5py and anndata raise whatever comes to hand
        raise InputError(f"{source} cannot be read as .h5ad ({error}): write it again") from None
    if len(obs) != request.dataset.num_samples:
        raise InputError(
            f"{source} has {len(obs)} observations, {request.dataset.name} has "
            f"{request.dataset.num_samples} samples: name the file that it was made from"
        )
    for name, column in _columns(request).items():
        obs[name] = column
    _as_category(obs, request.choices)
    shutil.copyfile(source, target)
    with h5py.File(target, "r+") as file:
        write_elem(file, "obs", obs)


def _create(request: ExportRequest, target: Path, on_progress: Progress) -> None:
    """A new file: obs with the columns, and each space of the dataset as obsm/X_<name>."""
    import h5py
    from anndata import AnnData

    num_samples = request.dataset.num_samples
    columns = {"obs_names": np.arange(num_samples).astype(str), **_columns(request)}
    if request.dataset.file_names is not None:
        columns["source_file"] = np.array([request.file(row) for row in range(request.dataset.num_samples)], object)
    made = AnnData(obs=columns)
    _as_category(made.obs, request.choices)
    made.uns["hume"] = {"run": request.run, **request.provenance}
    made.write_h5ad(target)
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
    """The three columns (N,); where only the reliable samples are known, the others have no class."""
    num_samples = request.dataset.num_samples
    reliable = np.zeros(num_samples, bool)
    reliable[request.rows] = True
    labeling = np.full(num_samples, -1) if request.labeling is None else request.labeling.copy()
    share = np.full(num_samples, np.nan) if request.vote_share is None else request.vote_share.copy()
    labeling[request.rows], share[request.rows] = request.classes, request.agreement
    known = np.array([*request.choices, None], object)  # −1 is the last
    return {"hume_class": known[labeling], "hume_vote_agreement": share, "hume_reliable": reliable}


def _as_category(obs: Any, choices: list[str]) -> None:
    """Turn the classes of a table into a category that keeps their order."""
    obs["hume_class"] = obs["hume_class"].astype("category").cat.set_categories(choices)
