"""List the arrays of a file by name, with their probable roles, and read them on demand."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hume.common.devices import fits
from hume.common.errors import InputError
from hume.data.importers.arrays import plain, tables
from hume.data.importers.arrays.stored import LABEL_NAMES, SPLIT_NAMES, Stored, num_bytes, readable, type_name

Role = Literal["space", "labels", "images", "split", "column", "other"]

_PART = re.compile(r"(?<![a-z])(training|train|testing|test|validation|valid|val)(?![a-z])", re.IGNORECASE)
_COORDINATES = re.compile(r"spatial|x_(umap|tsne|draw_graph_\w+)")  # places to look at, no features
_NO_LABELS = re.compile(r"(^|.*_)(files?|filenames?|paths?|names?|ids?|index|urls?|barcodes?|_level_0_)_*")


class ArrayFacts(NamedTuple):
    """One array in a file, with its probable role."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    role: Role


class _Arrays(Mapping[str, NDArray[Any]]):
    """The arrays of a file by name, read on demand."""

    def __init__(self, path: Path, stored: Mapping[str, Stored]):
        self.path, self.stored = path, stored

    def __getitem__(self, name: str) -> NDArray[Any]:
        array = self.stored[name]
        if array.dtype.hasobject:
            raise InputError(f"{name} in {self.path} holds Python objects or pictures: choose an array of numbers")
        if not array.mapped and not fits(num_bytes(array), "cpu"):
            raise InputError(f"{name} in {self.path} is larger than the free memory: save it alone as a .npy file")
        with readable(self.path):
            return array.read()

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)


def read_arrays(path: Path) -> Mapping[str, NDArray[Any]]:
    """The arrays in a file by name, read on demand; a .npy file is memory-mapped.

    Parquet: all floating columns form one matrix named after the file (if there are none, the integer
    columns not named as labels); a column of lists of one length is a matrix; every other column
    is an array of its own. AnnData: X, obsm/<name> and obs/<name>, sparse matrices as dense ones. An idx
    file of images comes with the labels next to it. Arrays whose names differ only in train, val and test, as
    in MNIST's .npz file, are joined, with an additional array "split". Missing text is "".

    Raises InputError for a file that is missing, damaged or of another format, and, when an array is
    read, for one that is pickled or too large.
    """
    path = Path(path)
    return _Arrays(path, _open(path))


def describe_arrays(path: Path) -> list[ArrayFacts]:
    """The arrays in a file with their probable roles, without reading them.

    Of several that may be labels the one with the likeliest name is chosen, or none if no name is likely.

    Raises InputError as `read_arrays` does.
    """
    stored = _open(Path(path))
    row_counts = {array.shape[0] for array in stored.values() if len(array.shape) > 1}
    roles = {name: _role(name, array, row_counts) for name, array in stored.items()}
    labels = [name for name, role in roles.items() if role == "labels"]
    chosen = min(labels, key=_how_like_labels, default="")
    if len(labels) > 1 and _how_like_labels(chosen) == 2:  # numbers of any kind
        chosen = ""
    roles |= dict.fromkeys([name for name in labels if name != chosen], "column")
    return [ArrayFacts(name, array.shape, type_name(array.dtype), roles[name]) for name, array in stored.items()]


def _how_like_labels(name: str) -> int:
    last = name.rpartition("/")[2].lower()
    return 0 if last in LABEL_NAMES else 1 if re.search("label|class|target|type|categor", last) else 2


def _role(name: str, array: Stored, row_counts: set[int]) -> Role:
    shape, dtype = array.shape, array.dtype
    last = name.rpartition("/")[2].lower()
    if dtype.hasobject or not shape or 0 in shape:
        return "other"
    if dtype == np.uint8 and (len(shape) == 3 or (len(shape) == 4 and shape[3] == 3)):
        return "images"
    if len(shape) == 2 and shape[1] > 1 and dtype.kind in "fiu":
        return "column" if _COORDINATES.fullmatch(last) and shape[1] <= 3 else "space"
    if len(shape) > 2 or max(shape[1:], default=1) > 1 or (row_counts and shape[0] not in row_counts):
        return "other"
    if last in SPLIT_NAMES or (dtype.kind == "b" and "test" in last):
        return "split"
    if last in LABEL_NAMES or (dtype.kind in "iuUS" and not _NO_LABELS.fullmatch(last)):
        return "labels"
    return "column" if dtype.kind in "fiubUSM" else "other"


def _open(path: Path) -> dict[str, Stored]:
    readers = {
        ".npy": plain.npy,
        ".npz": plain.npz,
        ".safetensors": plain.safetensors,
        ".parquet": tables.parquet,
        ".pq": tables.parquet,
        ".h5ad": tables.h5ad,
    }
    if path.is_dir():
        raise InputError(f"{path} is a folder: name a file in it")
    if not path.exists():
        raise InputError(f"{path} does not exist: check the path")
    reader = plain.idx if plain.IDX_NAME.fullmatch(path.name) else readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path} is not of a known format: give one of {', '.join(readers)} or an idx file")
    with readable(path):
        return _joined(reader(path))


def _joined(stored: dict[str, Stored]) -> dict[str, Stored]:
    """Join arrays whose names differ only in the split, and add an array "split"."""
    groups: dict[str, dict[str, Stored]] = {}
    for name, array in stored.items():
        match = _PART.search(name)
        if match and array.shape:
            base = (name[: match.start()] + name[match.end() :]).strip("_-/. ") or "array"
            groups.setdefault(base, {})[match[0].lower()] = array
    sizes = {tuple((part, array.shape[0]) for part, array in sorted(group.items())) for group in groups.values()}
    alike = all(
        len({(array.dtype, array.shape[1:]) for array in group.values()}) == 1 and base not in stored
        for base, group in groups.items()
    )
    counts = dict(next(iter(sizes), ()))
    if len(sizes) != 1 or len(counts) < 2 or not alike or "split" in stored:
        return stored
    order = sorted(counts, key=lambda part: (part.startswith("test"), not part.startswith("train")))
    num_rows = sum(counts.values())
    names = np.array(order)
    split = partial(np.repeat, names, [counts[part] for part in order])
    joined = {
        base: Stored(
            (num_rows, *group[order[0]].shape[1:]),
            group[order[0]].dtype,
            partial(_read_joined, [group[k] for k in order]),
        )
        for base, group in groups.items()
    }
    others = {name: array for name, array in stored.items() if not _PART.search(name)}
    return {**joined, "split": Stored((num_rows,), names.dtype, split), **others}


def _read_joined(arrays: list[Stored]) -> NDArray[Any]:
    return np.concatenate([array.read() for array in arrays])
