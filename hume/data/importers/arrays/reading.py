"""List the arrays of a file by name, with their probable roles, and read them on demand."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hume.common.devices import fits
from hume.common.errors import InputError
from hume.data.importers.arrays import plain, shards, tables
from hume.data.importers.arrays.stored import LABEL_NAMES, SPLIT_NAMES, Stored, num_bytes, readable, type_name
from hume.data.importers.label_text import is_label_name

Role = Literal["space", "labels", "images", "split", "column", "other"]

_PART = re.compile(r"(?<![a-z])(training|train|testing|test|validation|valid|val)(?![a-z])", re.IGNORECASE)
_COORDINATES = re.compile(r"spatial|x_(umap|tsne|draw_graph_\w+)")  # places to look at, no features
READERS = {
    ".npy": plain.npy,
    ".npz": plain.npz,
    ".safetensors": plain.safetensors,
    ".parquet": tables.parquet,
    ".pq": tables.parquet,
    ".h5ad": tables.h5ad,
}
_NO_LABELS = re.compile(r"file|path|url")


class ArrayFacts(NamedTuple):
    """One array in a file, with its probable role; why: it is of no use, as "has 4 axes"."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    role: Role
    why: str = ""


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

    Parquet: all floating columns but those named as labels or as a split form one matrix named after the file (if
    there are none, the integer columns); a column of lists of one length is a matrix; every other column is an array
    of its own. AnnData: X, obsm/<name> and obs/<name>, sparse matrices as dense ones. An idx
    file of images comes with the labels next to it. Arrays whose names differ only in train, val and test, as
    in MNIST's .npz file, are joined, with an additional array "split"; files of a folder whose names differ only in
    numbers, see `shards`. Missing text is "". Trailing axes of length 1 are dropped, and channels that come before
    the pixels of pictures are put behind them.

    Raises InputError for a file that is missing, damaged or of another format, and, when an array is
    read, for one that is pickled or too large.
    """
    path = Path(path)
    return _Arrays(path, _open(path))


def describe_arrays(path: Path, *, labels: str | None = None, split: str | None = None) -> list[ArrayFacts]:
    """The arrays in a file with their probable roles, without reading them.

    labels, split: the arrays of these roles, where they are known. Labels are told by their name alone; of several
    that may be labels the one with the likeliest name is chosen.

    Raises InputError as `read_arrays` does, and for names that the file does not have.
    """
    stored = _open(Path(path))
    requested: tuple[tuple[str | None, Role], ...] = ((labels, "labels"), (split, "split"))
    chosen = {_named(name, stored, path): role for name, role in requested if name is not None}
    row_counts = {array.shape[0] for array in stored.values() if len(array.shape) > 1 and not array.why}
    found = {name: _role(name, array, row_counts, stored) for name, array in stored.items()}
    for role in set(chosen.values()):
        found = {name: ("column", why) if its == role else (its, why) for name, (its, why) in found.items()}
    found |= {name: (role, "") for name, role in chosen.items()}
    guessed = [name for name, (role, _) in found.items() if role == "labels"]
    likeliest = min(guessed, key=lambda name: _last(name) not in LABEL_NAMES, default="")
    found |= {name: ("column", "") for name in guessed if name != likeliest}
    return [ArrayFacts(name, array.shape, type_name(array.dtype), *found[name]) for name, array in stored.items()]


def _named(name: str, stored: Mapping[str, Stored], path: Path) -> str:
    """The array of a name, or of one whose last part it is, as cell_type of obs/cell_type."""
    found = [each for each in stored if name in (each, each.rpartition("/")[2])]
    if len(found) != 1:
        raise InputError(f"{path} has no column {name!r}: choose one of {', '.join(list(stored)[:20])}")
    return found[0]


def _last(name: str) -> str:
    return name.rpartition("/")[2].lower()


def _role(name: str, array: Stored, row_counts: set[int], stored: Mapping[str, Stored]) -> tuple[Role, str]:
    """The probable role of an array, and why it has none."""
    shape, dtype, last = array.shape, array.dtype, _last(name)
    if array.why or dtype.hasobject:
        return "other", array.why or "holds Python objects, which are never loaded: save numbers or text"
    if not shape or 0 in shape:
        return "other", "is a single value" if not shape else "is empty"
    if dtype == np.uint8 and (len(shape) == 3 or (len(shape) == 4 and shape[3] == 3)):
        return "images", ""
    if len(shape) > 2:
        return "other", f"has {len(shape)} axes: give features as a matrix, pictures as uint8 (N, H, W) or (N, H, W, 3)"
    if len(shape) == 2 and shape[1] > 1:
        return _role_of_matrix(shape, dtype, last)
    if row_counts and shape[0] not in row_counts:
        return (
            "other",
            f"has {shape[0]:,} rows, other arrays have {', '.join(f'{n:,}' for n in sorted(row_counts)[:3])}",
        )
    if last in SPLIT_NAMES or (dtype.kind == "b" and "test" in last):
        return "split", ""
    if dtype.kind in "fiuUS" and is_label_name(last) and not _NO_LABELS.search(last) and not _is_place(name, stored):
        return "labels", ""
    return ("column", "") if dtype.kind in "fiubUSM" else ("other", f"holds {type_name(dtype)}")


def _role_of_matrix(shape: tuple[int, ...], dtype: np.dtype[Any], last: str) -> tuple[Role, str]:
    if last in LABEL_NAMES:
        return "other", f"is named as labels and has {shape[1]:,} columns: give one label per row"
    if dtype.kind == "b":
        return "other", "holds true and false: save it as numbers if these are features"
    if dtype.kind not in "fiu":
        return "other", f"holds {type_name(dtype)} in {shape[1]:,} columns"
    return "column" if _COORDINATES.fullmatch(last) and shape[1] <= 3 else "space", ""


def _is_place(name: str, stored: Mapping[str, Stored]) -> bool:
    """Whether a column y stands beside a column x: the two are coordinates."""
    above, slash, last = name.rpartition("/")
    beside = stored.get(f"{above}{slash}{'x' if last == 'y' else 'X'}")
    return last.lower() == "y" and beside is not None and len(beside.shape) == 1


def _open(path: Path) -> dict[str, Stored]:
    if not path.exists():
        raise InputError(f"{path} does not exist: check the path")
    with readable(path):
        stored = shards.read_series(path, _file) if path.is_dir() else _file(path)
        return {name: _plain(array) for name, array in _joined(dict(stored)).items()}


def _file(path: Path) -> Mapping[str, Stored]:
    reader = plain.idx if plain.IDX_NAME.fullmatch(path.name) else READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path} is not of a known format: give one of {', '.join(READERS)} or an idx file")
    with readable(path):
        return reader(path)


def _plain(array: Stored) -> Stored:
    """An array without trailing axes of length 1, and with the channels of pictures behind their pixels."""
    shape = array.shape
    while len(shape) > 2 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) == 4 and array.dtype == np.uint8 and shape[1] in (1, 3) and shape[3] != 3:
        last = shape[2:] if shape[1] == 1 else (*shape[2:], 3)
        return replace(array, shape=(shape[0], *last), read=lambda: _channels_last(array.read().reshape(shape)))
    return array if shape == array.shape else replace(array, shape=shape, read=lambda: array.read().reshape(shape))


def _channels_last(pictures: NDArray[Any]) -> NDArray[Any]:
    return pictures[:, 0] if pictures.shape[1] == 1 else np.moveaxis(pictures, 1, 3)


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
