"""Reliable samples as a labeled set for semi-supervised training: .npy files of row numbers and of found labels.

The file names are those of USB (github.com/microsoft/Semi-supervised-learning, semilearn/datasets/utils.py), which
reads both files of rows or neither, as int64 from 0 in the order of its own data, class by class. TorchSSL
(github.com/TorchSSL/TorchSSL), FixMatch (github.com/kekmodel/FixMatch-pytorch) and LAMDA-SSL
(github.com/YGZWQZD/LAMDA-SSL) take the same rows as arrays. All but the last read the labels from their own data:
therefore the found ones are included, and the note in the archive begins with this.
"""

import io
import operator
import zipfile
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.runs.review import JOINERS

FOUND = "found_labels.npy"
CLASSES = "classes.txt"
README = "README.txt"

_EARLIEST = (1980, 1, 1, 0, 0, 0)  # date in a zip archive

IntArray = NDArray[np.integer[Any]]

_NOTE = """\
{num_labels} reliable samples of {num_classes} found classes, {counts} a class, out of {num_samples}.

THE LABELS WERE FOUND WITHOUT LABELS AND ARE NOT THE TRUTH. Classes have their own numbers: class 0
need not be class 0 of the data. A library that gets only the rows trains on the labels of its own
data, so replace these first:

    rows = np.load("{labeled}")
    targets[rows] = np.load("{found}")

{labeled}
    the labeled rows, counted from 0 in the order of the data; class by class, most reliable first
{unlabeled}
    all other rows but those set aside as no samples of the data, in ascending order
{found}
    the found class of each labeled row
{classes}
    number and name of each class

USB (microsoft/Semi-supervised-learning): put both *_idx.npy files into its data/<dataset>/labeled_idx/
    and set num_labels: {num_labels}, num_classes: {num_classes}, seed: {seed}, lb_imb_ratio: 1, ulb_imb_ratio: 1.
    Its later versions draw their own rows anyway and overwrite these files: keep a copy,
    and pass both arrays to split_ssl_data as lb_index and ulb_index; num_labels must then be a multiple
    of num_classes.
TorchSSL: pass the labeled rows as index to get_ssl_dset; num_labels must be a multiple of num_classes.
FixMatch-pytorch (kekmodel): use the labeled rows in x_u_split instead of those it draws.
LAMDA-SSL: labeled_X = X[labeled rows], labeled_y = the found classes, unlabeled_X = X[other rows].
"""


def labeled_index(
    rows: IntArray,
    classes: IntArray,
    *,
    num_samples: int,
    num_classes: int,
    names: Sequence[str] | None = None,
    seed: int = 0,
    set_aside: Collection[int] = (),
) -> dict[str, bytes]:
    """Write R samples with found classes as the input files of semi-supervised libraries: file name -> content.

    rows: (R,) row numbers in 0..num_samples − 1, each once, best first, without rejected ones; classes: (R,) the
    found class of each in 0..num_classes − 1; names: one a class, "class 3" if it is empty or there are none; seed: of
    the training run that reads the files, included in their names; set_aside: rows that are in neither list. Rows are
    sorted by class, stably. Raises InputError for anything else.
    """
    rows, classes = checked(rows, classes, num_samples, num_classes)
    named = _names(names, num_classes)
    seed = operator.index(seed)
    if seed < 0:
        raise InputError(f"seed is {seed}: give 0 or more")
    by_class = np.argsort(classes, kind="stable")
    rows, classes = rows[by_class], classes[by_class]
    others = np.setdiff1d(
        np.arange(num_samples, dtype=np.int64), np.concatenate([rows, np.array([*set_aside], np.int64)])
    )
    labeled, unlabeled = (f"{kind}_labels{len(rows)}_1_seed{seed}_idx.npy" for kind in ("lb", "ulb"))
    counts = np.bincount(classes, minlength=num_classes)
    note = _NOTE.format(
        num_labels=len(rows),
        num_classes=num_classes,
        num_samples=num_samples,
        counts=f"{counts.min()}" if counts.min() == counts.max() else f"{counts.min()} to {counts.max()}",
        labeled=labeled,
        unlabeled=unlabeled,
        found=FOUND,
        classes=CLASSES,
        seed=seed,
    )
    return {
        README: note.encode(),
        labeled: _npy(rows),
        unlabeled: _npy(others),
        FOUND: _npy(classes),
        CLASSES: "".join(f"{k}\t{name}\n" for k, name in enumerate(named)).encode(),
    }


def labeled_zip(
    rows: IntArray,
    classes: IntArray,
    *,
    num_samples: int,
    num_classes: int,
    names: Sequence[str] | None = None,
    seed: int = 0,
    set_aside: Collection[int] = (),
) -> bytes:
    """The files of `labeled_index` as one zip archive, byte for byte reproducible.

    Arguments and errors are those of `labeled_index`.
    """
    files = labeled_index(
        rows, classes, num_samples=num_samples, num_classes=num_classes, names=names, seed=seed, set_aside=set_aside
    )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, file in files.items():
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, wherever this runs
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, file)
    return content.getvalue()


def checked(
    rows: IntArray, classes: IntArray, num_samples: int, num_classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and classes (R,) as int64; raises InputError if they are not a labeled set."""
    rows, classes = np.asarray(rows), np.asarray(classes)
    if rows.ndim != 1 or rows.shape != classes.shape or rows.dtype.kind not in "iu" or classes.dtype.kind not in "iu":
        raise InputError(
            f"rows are {rows.dtype} of shape {rows.shape} and classes {classes.dtype} of shape {classes.shape}: "
            "give one integer of each a sample"
        )
    if rows.size == 0:
        raise InputError("there is no sample to export: accept at least one")
    if rows.min() < 0 or rows.max() >= num_samples:
        raise InputError(f"rows range from {rows.min()} to {rows.max()}: the data have rows 0 to {num_samples - 1}")
    if classes.min() < 0 or classes.max() >= num_classes:
        raise InputError(f"classes range from {classes.min()} to {classes.max()}: give 0 to {num_classes - 1}")
    if np.unique(rows).size != rows.size:
        raise InputError("a row occurs twice: give each sample once")
    return rows.astype(np.int64), classes.astype(np.int64)


def _names(names: Sequence[str] | None, num_classes: int) -> list[str]:
    """One line of text a class."""
    if names is not None and len(names) != num_classes:
        raise InputError(f"there are {len(names)} names for {num_classes} classes: give one a class, or none")
    lines = [one_line(name) for name in names or [""] * num_classes]
    return [line or f"class {k}" for k, line in enumerate(lines)]


def one_line(text: str) -> str:
    """The visible characters of a text on one line; may be empty."""
    return " ".join("".join(char if char.isprintable() or char in JOINERS else " " for char in text).split())


def _npy(array: NDArray[np.int64]) -> bytes:
    content = io.BytesIO()
    np.save(content, array.astype("<i8"), allow_pickle=False)
    return content.getvalue()
