"""Ground-truth labels in a .npy file."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.data.importers.label_text import cleaned
from hume.data.npy_files import load_array


def load_labels(path: Path, num_samples: int) -> NDArray[np.int64] | NDArray[np.str_]:
    """Load ground-truth labels (N,), whole numbers or names.

    Raises InputError when they do not fit, and when some are missing, which are empty text, NaN and negative numbers
    among others as in every import, see `hume.data.importers.label_text.cleaned`.
    """
    labels = load_array(path)
    whole = labels.dtype.kind in "iuU" or (
        labels.dtype.kind == "f"
        and bool((np.isnan(labels) | (np.isfinite(labels) & (labels == np.round(labels)))).all())
    )
    if not whole or labels.ndim != 1:
        raise InputError(
            f"{path} holds {labels.dtype} of shape {labels.shape}: labels must be one integer or name per sample"
        )
    if len(labels) != num_samples:
        raise InputError(f"{path} has {len(labels)} labels for {num_samples} rows: give one per row, in order")
    values, numbers = np.unique(labels, return_inverse=True)
    known = cleaned(values.tolist())
    missing = np.array([label is None for label in known])[numbers]
    if missing.any():
        more = f" (and {int(missing.sum()) - 1:,} more)" if missing.sum() > 1 else ""
        raise InputError(
            f"row {int(missing.argmax())}{more} of {path} has no label ({labels[missing][0]}): label every row, or "
            "leave the labels out"
        )
    return np.array(known)[numbers] if labels.dtype.kind == "U" else labels.astype(np.int64)


def numbered(labels: NDArray[np.int64] | NDArray[np.str_]) -> tuple[NDArray[np.int64], tuple[str, ...] | None]:
    """Labels as 0..C−1, and what was given: names, or numbers where these have gaps, as ids of a catalogue have."""
    values, numbers = np.unique(labels, return_inverse=True)
    if labels.dtype.kind == "i" and values[0] >= 0 and values[-1] < len(values):
        return labels.astype(np.int64, copy=False), None
    return numbers.astype(np.int64), tuple(map(str, values.tolist()))
