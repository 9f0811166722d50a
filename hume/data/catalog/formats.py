"""Readers of CIFAR, STL-10, SVHN and MNIST-like datasets, from the plain files that their authors publish."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hume.common.devices import fits
from hume.common.errors import HumeError, InputError
from hume.common.optional import library
from hume.data.importers.arrays import read_idx

DEBIAN = Path("/usr/share/datasets")  # where Debian's dataset packages install their files
DIGITS = tuple("0123456789")
CIFAR_FOLDERS = {"10": "cifar-10-batches-bin", "100": "cifar-100-binary"}


@dataclass(frozen=True, eq=False)
class Pixels:
    """Images (N, H, W) or (N, H, W, 3) with labels, classes and split."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    classes: tuple[str, ...] | None
    test_rows: NDArray[np.bool_] | None


class MissingError(HumeError):
    """Files are missing."""


def _existing(data_folder: Path, folders: Iterable[str | Path], names: Iterable[str]) -> list[Path]:
    """The files of these names in the first folder that has them all."""
    names = list(names)
    for folder in (data_folder, *(data_folder / folder for folder in folders)):
        paths = [folder / name for name in names]
        if all(path.is_file() for path in paths):
            for path in paths:
                if not path.resolve().is_relative_to(data_folder.resolve()):
                    raise InputError(f"{path} is a link that leads out of {data_folder}: copy the file into it")
            return paths
    raise MissingError(f"{names[0]} is not in {data_folder}")


def _bytes(path: Path, row: int) -> NDArray[np.uint8]:
    """The rows (n, row) of a file of bytes."""
    if not fits(2 * path.stat().st_size, "cpu"):
        raise InputError(f"{path} is larger than the free memory: use a machine with more")
    content = np.fromfile(path, np.uint8)
    if not len(content) or len(content) % row:
        raise InputError(
            f"{path} has {len(content):,} bytes, no multiple of {row:,}: it is cut short, download it again"
        )
    return content.reshape(-1, row)


def _lines(path: Path) -> tuple[str, ...]:
    return tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())


def _labels(numbers: NDArray[Any], classes: tuple[str, ...], path: Path, first: int = 0) -> NDArray[np.int64]:
    """Shift labels that start at `first` to 0..C−1, checked."""
    labels = numbers.astype(np.int64) - first
    bad = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if len(bad):
        raise InputError(
            f"row {bad[0]} of {path} has the label {numbers[bad[0]]}: the file is damaged, download it again"
        )
    return labels


def _split(num_train: int, num_test: int) -> NDArray[np.bool_]:
    return np.repeat([False, True], [num_train, num_test])


def cifar(data_folder: Path, kind: Literal["10", "100", "100-20"]) -> Pixels:
    """CIFAR's binary version: a row is one label (of CIFAR-100 the coarse, then the fine) and 3 × 32 × 32 bytes."""
    short = kind.partition("-")[0]
    files = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin", "batches.meta.txt"]
    if short == "100":
        files = ["train.bin", "test.bin", "coarse_label_names.txt" if kind == "100-20" else "fine_label_names.txt"]
    try:
        *paths, names = _existing(data_folder, [CIFAR_FOLDERS[short]], files)
    except MissingError as missing:
        python = data_folder / ("cifar-10-batches-py" if short == "10" else "cifar-100-python")
        if python.is_dir():
            raise MissingError(f"{python} is CIFAR's pickled version, which is never loaded") from None
        raise missing from None
    classes, column = _lines(names), int(kind == "100")
    skip = 1 if short == "10" else 2
    batches = [_bytes(path, skip + 3 * 32 * 32) for path in paths]
    labels = [_labels(batch[:, column], classes, path) for batch, path in zip(batches, paths, strict=True)]
    images = np.concatenate([batch[:, skip:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) for batch in batches])
    num_test = len(batches[-1])
    return Pixels(images, np.concatenate(labels), classes, _split(len(images) - num_test, num_test))


def stl10(data_folder: Path) -> Pixels:
    """STL-10's binary files: images as 3 × 96 × 96 bytes, column by column, labels from 1."""
    files = ("train_X.bin", "test_X.bin", "train_y.bin", "test_y.bin", "class_names.txt")
    *paths, names = _existing(data_folder, ["stl10_binary"], files)
    images, classes = [_stl10_images(path) for path in paths[:2]], _lines(names)
    labels = [_labels(_bytes(path, 1)[:, 0], classes, path, first=1) for path in paths[2:]]
    for path, pixels, truth in zip(paths[:2], images, labels, strict=True):
        if len(pixels) != len(truth):
            raise InputError(f"{path} has {len(pixels):,} images for {len(truth):,} labels: download both files again")
    return Pixels(np.concatenate(images), np.concatenate(labels), classes, _split(*map(len, images)))


def stl10_unlabeled(data_folder: Path) -> Pixels:
    """The unlabeled images of STL-10."""
    (path,) = _existing(data_folder, ["stl10_binary"], ["unlabeled_X.bin"])
    return Pixels(_stl10_images(path), None, None, None)


def _stl10_images(path: Path) -> NDArray[np.uint8]:
    return np.ascontiguousarray(_bytes(path, 3 * 96 * 96).reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1))


def mnist(data_folder: Path, folder: str, classes: tuple[str, ...], debian: str = "") -> Pixels:
    """The four idx files of an MNIST-like dataset, gzipped or not."""
    names = [f"{split}-{kind}-ubyte" for kind in ("images-idx3", "labels-idx1") for split in ("train", "t10k")]
    folders: list[str | Path] = [f"{folder}/raw", *([DEBIAN / debian] if debian else [])]
    try:
        paths = _existing(data_folder, folders, names)
    except MissingError:
        paths = _existing(data_folder, folders, [f"{name}.gz" for name in names])
    images, labels = [read_idx(path) for path in paths[:2]], [read_idx(path) for path in paths[2:]]
    for path, pixels, truth in zip(paths[:2], images, labels, strict=True):
        if pixels.ndim != 3 or truth.shape != (len(pixels),):
            raise InputError(f"{path} has shape {pixels.shape}, its labels {truth.shape}: download both files again")
    numbers = np.concatenate([_labels(truth, classes, path) for truth, path in zip(labels, paths[2:], strict=True)])
    return Pixels(np.concatenate(images), numbers, classes, _split(*map(len, images)))


def svhn(data_folder: Path) -> Pixels:
    """SVHN's cropped digits: MATLAB files of (32, 32, 3, N), with labels where 10 is the digit 0."""
    paths = _existing(data_folder, ["SVHN", "svhn"], ["train_32x32.mat", "test_32x32.mat"])
    read = library("scipy.io", "scipy", "this dataset").loadmat
    images, labels = [], []
    for path in paths:
        try:
            content = read(path, variable_names=["X", "y"])
            images.append(np.ascontiguousarray(content["X"].transpose(3, 0, 1, 2), np.uint8))
            labels.append(_labels(content["y"].ravel() % 10, DIGITS, path))
        except HumeError:
            raise
        except Exception as error:  # on damaged MATLAB files scipy raises arbitrary exceptions
            raise InputError(f"{path} is damaged ({' '.join(str(error).split())[:100]}): download it again") from None
    return Pixels(np.concatenate(images), np.concatenate(labels), DIGITS, _split(*map(len, images)))
