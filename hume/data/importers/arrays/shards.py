"""The files of arrays in a folder, as shards of a table and embeddings in parts are written: each series as one."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.data.importers.arrays.stored import Stored
from hume.data.importers.folder_meaning import ordered

ENDINGS = (".npy", ".npz", ".safetensors", ".parquet", ".pq")
BESIDE = re.compile(r"[._].*|readme.*|.*\.(json|crc|md)", re.IGNORECASE)  # what writers of shards put beside them
NUMBER = re.compile(r"[-_. ]*\d+([-_. ]*of[-_. ]*\d+)?")
MOST = 10_000  # files


def series_in(folder: Path) -> dict[str, list[Path]]:
    """The files of arrays in a folder, or in the folders in it, by their name without numbers, in natural order.

    Empty where there are other files or deeper folders.
    """
    found: dict[str, list[Path]] = {}
    for path in folder.iterdir():
        inside = list(path.iterdir()) if path.is_dir() and not BESIDE.fullmatch(path.name) else [path]
        for file in inside:
            if BESIDE.fullmatch(file.name):
                continue
            if file.suffix.lower() not in ENDINGS or not file.is_file() or len(found) > MOST:
                return {}
            name = NUMBER.sub("", file.name.removesuffix(file.suffix)) or file.parent.name
            found.setdefault(name, []).append(file)
    for name, files in found.items():
        by_name = {file.as_posix(): file for file in files}
        found[name] = [by_name[each] for each in ordered(by_name)]
    return dict(sorted(found.items()))


def read_series(folder: Path, read: Callable[[Path], Mapping[str, Stored]]) -> dict[str, Stored]:
    """The arrays of every series of files in a folder, joined; read: the arrays of one file.

    Raises InputError for a folder without such files, and for files of a series with other arrays than its first.
    """
    found = series_in(folder)
    if not found:
        raise InputError(f"{folder} is a folder: name a file in it, or a folder of nothing but files of arrays")
    joined: dict[str, Stored] = {}
    for base, files in found.items():
        parts = [{base if key == file.stem else key: array for key, array in read(file).items()} for file in files]
        for key, first in parts[0].items():
            for file, part in zip(files, parts, strict=True):
                _check(part, parts[0], key, file, files[0])
            name = key if len(found) == 1 or key == base else f"{base}/{key}"
            joined[name] = _in_a_row([part[key] for part in parts], first)
    return joined


def _check(part: Mapping[str, Stored], first: Mapping[str, Stored], key: str, file: Path, of: Path) -> None:
    if part.keys() != first.keys():
        other = sorted(part.keys() ^ first.keys())[0]
        raise InputError(f"{file} and {of} do not have the same arrays ({other}): add them one by one")
    if part[key].shape[1:] != first[key].shape[1:] or part[key].dtype.kind != first[key].dtype.kind:
        raise InputError(f"{key} has {part[key].shape} in {file} and {first[key].shape} in {of}: add them one by one")


def _in_a_row(arrays: list[Stored], first: Stored) -> Stored:
    if len(arrays) == 1 or not first.shape:
        return first
    rows = sum(array.shape[0] for array in arrays)
    return Stored((rows, *first.shape[1:]), first.dtype, partial(_concatenated, arrays), why=first.why)


def _concatenated(arrays: list[Stored]) -> NDArray[Any]:
    return np.concatenate([array.read() for array in arrays])
