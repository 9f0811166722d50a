"""Readers of files whose columns are arrays: Parquet, and AnnData with its matrices."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.devices import fits
from hume.common.errors import InputError
from hume.common.optional import library
from hume.data.importers.arrays.stored import SPLIT_NAMES, TEXT_BYTES, Stored, texts
from hume.data.importers.label_text import is_label_name
from hume.data.rows import BLOCK_BYTES

INDEX = re.compile(r"unnamed: 0|_*(index|idx|id|row)(_(level_\d+|id))?_*|\w+_id")


def parquet(path: Path) -> dict[str, Stored]:
    """All columns of numbers as one matrix, lists as a matrix each, and every other column by its name."""
    types = library("pyarrow", "pyarrow").types
    with library("pyarrow.parquet", "pyarrow").ParquetFile(path) as file:
        num_rows, schema = file.metadata.num_rows, file.schema_arrow
        twice = next((name for name in schema.names if schema.names.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"{path} has two columns named {twice}: rename one of them")
        present = sum(file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups))
        if present != num_rows:
            raise ValueError(f"it declares {num_rows:,} rows, it has {present:,}")
        lists = {field.name: _list_width(file, field, types) for field in schema if _is_list(field.type, types)}
    floats = [field.name for field in schema if types.is_floating(field.type) and not _is_known(field.name, schema)]
    whole = [field.name for field in schema if types.is_integer(field.type) and not _is_known(field.name, schema)]
    matrix = floats or ([] if lists else whole)
    matrix = matrix if len(matrix) > 1 else []
    stored = {}
    if matrix:
        name = "features" if path.stem in schema.names else path.stem
        shape = (num_rows, len(matrix))
        stored[name] = Stored(shape, np.dtype(np.float32), partial(_read_columns, path, matrix, shape))
    for field in schema:
        if field.name in lists:
            shape = (num_rows, lists[field.name])
            read = partial(_read_lists, path, field.name, shape)
            stored[field.name] = Stored(shape, np.dtype(np.float32), read)
        elif field.name not in matrix:
            kind = _column_type(field.type, types)
            why = "" if not kind.hasobject else f"holds {field.type}, neither numbers nor text"
            stored[field.name] = Stored((num_rows,), kind, partial(_read_column, path, field.name), why=why)
    return stored


def _is_known(name: str, schema: Any) -> bool:
    """Whether a column's name says that it is no feature: labels, a split or a number of the row."""
    place = name.lower() == "y" and {"x", "X"} & set(schema.names)  # a coordinate
    return bool(INDEX.fullmatch(name.lower())) or name.lower() in SPLIT_NAMES or (is_label_name(name) and not place)


def _is_list(kind: Any, types: Any) -> bool:
    kind = getattr(kind, "storage_type", kind)  # of a tensor of fixed shape
    listed: bool = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return listed and bool(types.is_floating(kind.value_type) or types.is_integer(kind.value_type))


def _list_width(file: Any, field: Any, types: Any) -> int:
    kind = getattr(field.type, "storage_type", field.type)
    if types.is_fixed_size_list(kind):
        return int(kind.list_size)
    for batch in file.iter_batches(batch_size=1024, columns=[field.name]):
        row = next((row for row in batch.column(0) if row.is_valid), None)
        if row is not None:
            return len(row.as_py())
    return 0


def _column_type(kind: Any, types: Any) -> np.dtype[Any]:
    if types.is_floating(kind) or types.is_integer(kind) or types.is_boolean(kind):
        number: np.dtype[Any] = np.dtype(kind.to_pandas_dtype())
        return number
    if types.is_date(kind) or types.is_timestamp(kind):
        return np.dtype("datetime64[us]")
    is_text = types.is_string(kind) or types.is_large_string(kind) or types.is_dictionary(kind)
    return np.dtype(str) if is_text else np.dtype(object)


def _batches(path: Path, columns: list[str], width: int) -> Iterator[tuple[slice, Any]]:
    """Batches of rows of a Parquet file, with their positions."""
    start = 0
    with library("pyarrow.parquet", "pyarrow").ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=max(1, BLOCK_BYTES // (8 * width)), columns=columns):
            yield slice(start, start + len(batch)), batch
            start += len(batch)


def _read_columns(path: Path, names: list[str], shape: tuple[int, int]) -> NDArray[Any]:
    features = np.empty(shape, np.float32)
    for rows, batch in _batches(path, names, len(names)):
        with np.errstate(over="ignore"):  # values beyond float32 are reported as infinite
            for j, name in enumerate(names):
                features[rows, j] = batch.column(name).to_numpy(zero_copy_only=False)
    return features


def _read_lists(path: Path, name: str, shape: tuple[int, int]) -> NDArray[Any]:
    features = np.empty(shape, np.float32)
    for rows, batch in _batches(path, [name], shape[1]):
        lists = getattr(batch.column(0), "storage", batch.column(0))
        lengths = np.array([-1 if values is None else len(values) for values in lists.to_pylist()])
        bad = np.flatnonzero(lengths != shape[1])
        if len(bad):
            row = rows.start + int(bad[0])
            problem = "is empty" if lengths[bad[0]] < 0 else f"has {lengths[bad[0]]} numbers"
            raise InputError(
                f"row {row} of {name} in {path} {problem}, others have {shape[1]}: give equally many in every row"
            )
        with np.errstate(over="ignore"):
            features[rows] = lists.flatten().to_numpy(zero_copy_only=False).reshape(-1, shape[1])
    return features


def _read_column(path: Path, name: str) -> NDArray[Any]:
    column = library("pyarrow.parquet", "pyarrow").read_table(path, columns=[name]).column(0)
    types = library("pyarrow", "pyarrow").types
    truths = types.is_boolean(column.type) and not column.null_count
    if truths or types.is_integer(column.type) or types.is_floating(column.type):
        numbers: NDArray[Any] = column.to_numpy()
        return numbers
    return texts(column.to_pylist())


def h5ad(path: Path) -> dict[str, Stored]:
    """X, obsm/<name> and obs/<name> of an AnnData file."""
    library("anndata", "anndata")
    with library("h5py", "anndata").File(path, "r") as file:
        _own_bytes(file, path)
        stored = {}
        for key in ("X", *(f"obsm/{name}" for name in file.get("obsm", {}))):
            shape = file[key].attrs.get("shape", getattr(file[key], "shape", None)) if key in file else None
            if shape is not None:  # a table in obsm has none
                kind = file[key].dtype if hasattr(file[key], "dtype") else file[key]["data"].dtype
                stored[key] = Stored(tuple(map(int, shape)), kind, partial(_read_h5ad, path, key))
        obs = file["obs"]
        if "_index" not in obs.attrs:
            raise InputError(f"{path} was written by an old version of anndata: open it with a new one and save it")
        num_rows = _num_rows(obs[obs.attrs["_index"]])
        for name in (obs.attrs["_index"], *obs.attrs["column-order"]):
            key = f"obs/{name}"
            stored[key] = Stored((num_rows,), _obs_type(obs[name]), partial(_read_h5ad, path, key))
    return stored


def _num_rows(column: Any) -> int:
    """The length of a column, which is an array, or a group of values with a mask or of codes with categories."""
    part = next((part for part in ("values", "codes") if not hasattr(column, "dtype") and part in column), None)
    return len(column if part is None else column[part])


def _obs_type(column: Any) -> np.dtype[Any]:
    """The type of a column when it is read: numbers with a mask may have gaps, so they come as text."""
    kind = getattr(column, "dtype", np.dtype(object))
    if kind.hasobject and column.attrs.get("encoding-type") == "nullable-boolean":
        return np.dtype(bool)
    return np.dtype(str) if kind.hasobject else kind


def _own_bytes(start: Any, path: Path) -> int:
    """The memory of everything below one object of an HDF5 file.

    Raises InputError for links and for external storage: either may lead to any file of this machine.
    """
    h5py = library("h5py", "anndata")
    waiting, seen, total = [start], set(), 0
    while waiting:
        item = waiting.pop()
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            continue
        seen.add(address)
        categories = item.attrs.get("categories")
        if isinstance(categories, h5py.Reference) and categories:  # old files point to them
            waiting.append(item.file[categories])
        if isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                raise InputError(f"{item.name} in {path} is in another file: save the whole AnnData object again")
            total += (item.size or 0) * (TEXT_BYTES if item.dtype.hasobject else item.dtype.itemsize)
        for key in item if isinstance(item, h5py.Group) else ():
            if not isinstance(item.get(key, getlink=True), h5py.HardLink):
                raise InputError(f"{key} in {path} is a link, which is never followed: save the AnnData object again")
            waiting.append(item[key])
    return total


def _read_h5ad(path: Path, key: str) -> NDArray[Any]:
    with library("h5py", "anndata").File(path, "r") as file:
        if not fits(_own_bytes(file[key], path), "cpu"):
            raise InputError(f"{key} in {path} is larger than the free memory: save it alone as a .npy file")
        content = library("anndata.io", "anndata").read_elem(file[key])
    if hasattr(content, "to_numpy") and getattr(content.dtype, "kind", "O") == "b" and not content.isna().any():
        return np.asarray(content.to_numpy(dtype=bool))
    content = content.toarray() if hasattr(content, "toarray") else np.asarray(content)
    return texts(content.tolist()) if content.dtype.hasobject else content
