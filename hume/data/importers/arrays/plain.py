"""Readers of plain array files: NumPy, safetensors, and idx, the format of MNIST."""

import gzip
import math
import re
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from hume.common.devices import fits
from hume.common.errors import InputError
from hume.common.optional import library
from hume.data.importers.arrays.stored import Stored, readable
from hume.data.npy_files import LARGE_BYTES, load_array, read_npy, read_npy_header

IDX_NAME = re.compile(r".*[-.]idx\d-ubyte(\.gz)?")
MAX_HEADER = 64 * 1024  # of an array, in bytes; a plain one takes 128
IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def npy(path: Path) -> dict[str, Stored]:
    """The one array of a .npy file, named after the file."""
    with path.open("rb") as file:
        shape, dtype = _npy_header(file)
    if dtype.hasobject:
        raise InputError(f"{path} holds pickled Python objects, which are never loaded: save a plain array")
    if path.stat().st_size <= LARGE_BYTES:
        load_array(path)  # raises for damaged files
    return {path.stem: Stored(shape, dtype, partial(load_array, path), mapped=True)}


def npz(path: Path) -> dict[str, Stored]:
    """The arrays of a .npz archive by the names they were saved under."""
    stored = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            if member.endswith(".npy"):
                with archive.open(member) as file:
                    shape, dtype = _npy_header(file)
                key = member.removesuffix(".npy")
                stored[key] = Stored(shape, dtype, partial(_read_npz, path, key))
    if not stored:
        raise InputError(f"{path} has no arrays: write it with numpy.savez")
    if all(array.dtype.hasobject for array in stored.values()):
        raise InputError(f"{path} holds pickled Python objects, which are never loaded: save plain arrays")
    return stored


def _npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    shape, _, dtype = read_npy_header(file, MAX_HEADER)
    return shape, dtype


def _read_npz(path: Path, key: str) -> NDArray[Any]:
    """The member whose header was checked; numpy's own reader may open another one without the ending."""
    with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as file:
        return read_npy(file)


def safetensors(path: Path) -> dict[str, Stored]:
    """The tensors of a file by name."""
    opened = library("safetensors", "safetensors").safe_open
    with opened(path, framework="pt") as file:
        return {
            key: Stored(
                tuple(file.get_slice(key).get_shape()),
                _tensor_type(file.get_slice(key).get_dtype()),
                partial(_read_safetensors, opened, path, key),
            )
            for key in file.keys()  # noqa: SIM118 - a file is no mapping
        }


def _tensor_type(name: str) -> np.dtype[Any]:
    """The numpy type of a tensor after reading; types that numpy lacks become float32."""
    kinds = {"F": "f", "I": "i", "U": "u"}
    if name == "BOOL":
        return np.dtype(bool)
    bits = name[1:]
    return np.dtype(f"{kinds[name[0]]}{int(bits) // 8}") if bits.isdigit() else np.dtype(np.float32)


def _read_safetensors(opened: Callable[..., Any], path: Path, key: str) -> NDArray[Any]:
    with opened(path, framework="pt") as file:
        tensor = file.get_tensor(key)
    if tensor.is_floating_point() and tensor.dtype not in (torch.float16, torch.float64):
        tensor = tensor.float()
    array: NDArray[Any] = tensor.numpy()
    return array


def idx(path: Path) -> dict[str, Stored]:
    """The array of an idx file, gzipped or not; images come with the labels next to them."""
    shape, dtype = _idx_header(path)
    name = "images" if len(shape) == 3 else "labels" if len(shape) == 1 else path.name.split(".")[0]
    stored = {name: Stored(shape, dtype, partial(read_idx, path))}
    labels = labels_beside(path)
    if name == "images" and labels is not None:
        shape, dtype = _idx_header(labels)
        stored["labels"] = Stored(shape, dtype, partial(read_idx, labels))
    return stored


def labels_beside(path: Path) -> Path | None:
    """The file of labels next to an idx file of images, if there is one."""
    zipped = ".gz" if path.suffix == ".gz" else ""
    name = path.name.replace("images", "labels").replace("idx3", "idx1").removesuffix(".gz")
    candidates = (path.with_name(name + end) for end in (zipped, "", ".gz"))
    return next((each for each in candidates if each.name != path.name and each.exists()), None)


def _idx_header(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    with _idx_open(path) as file:
        start = file.read(4)
        if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in IDX_TYPES:
            raise ValueError("it does not begin like an idx file")
        shape = np.frombuffer(file.read(4 * start[3]), ">u4")
        if len(shape) != start[3]:
            raise ValueError("it ends in its header")
    return tuple(shape.tolist()), np.dtype(IDX_TYPES[start[2]])


def _idx_open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path) if path.suffix == ".gz" else path.open("rb"))


def read_idx(path: Path) -> NDArray[Any]:
    """Read the array of an idx file, gzipped or not; raises InputError when it is damaged.

    Source: the format is described with the MNIST files by LeCun, Cortes and Burges.
    """
    with readable(path):
        shape, dtype = _idx_header(path)
        size = math.prod(shape) * dtype.itemsize
        if not fits(size, "cpu"):
            raise InputError(f"{path} is larger than the free memory: save it as a .npy file")
        with _idx_open(path) as file:
            file.read(4 + 4 * len(shape))
            content = file.read(size + 1)
        if len(content) != size:
            raise ValueError(f"its header declares {size} bytes, it has {len(content)}")
        return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
