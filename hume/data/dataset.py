"""Datasets and their representation spaces: load, check, align, normalize.

A dataset is a folder:

    card.json        name, source, licence, class names, and how every space was made
    files.txt        N file names, a line each; optional
    images.npz       (N, H, W) or (N, H, W, 3) uint8 under the key "images"; or images.npy
    labels.npy       (N,) integers; optional
    test_rows.npy    (N,) bool, the rows of the test split; optional
    spaces/*.npy     (N, d) floating point, one file a space

Files are data, never code: nothing pickled is loaded. Every check names the file and
the row, so that it can be mended.
"""

import errno
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hume.common.devices import free_bytes
from hume.common.errors import InputError
from hume.data.rows import AS_ROWS, Features, FileArray, StreamedRows, check_finite, spread_over

CHECK_ROWS = 16_384  # rows looked at in one go, so that memory-mapped spaces stay on disk
LARGE_BYTES = 2**30  # files above are neither mapped nor read when they are opened
MAPPED_SHARE = 1 / 8  # of the free memory, and of the address space, that one map may take


@dataclass(frozen=True, eq=False)
class Space:
    """One representation of every sample: features (N, d) with a name and a provenance."""

    name: str
    features: Features  # (N, d), often memory-mapped; of a large file the rows are read when they are asked for
    path: Path | None = None  # where the features lie
    title: str = ""
    kind: str = ""  # self-supervised, pretrained, pixels
    made: str = ""
    licence: str = ""
    streams: dict[str, StreamedRows] = field(default_factory=dict, init=False, repr=False)  # see `streamed`

    @cached_property
    def fingerprint(self) -> str:
        """A short digest of the shape, the type and up to 1,024 rows spread over the space.

        A run keeps it, so that `resume` notices when the file was exchanged.
        """
        digest = hashlib.blake2b(f"{self.features.shape} {self.features.dtype}".encode(), digest_size=16)
        digest.update(np.ascontiguousarray(self.features[spread_over(len(self.features), 1024)]).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples with their spaces, and what is known about them; labels only where somebody gave them."""

    name: str
    spaces: dict[str, Space]
    folder: Path | None = None
    labels: NDArray[np.int64] | None = None  # (N,) in 0..C−1, for display and tests only
    labels_path: Path | None = None
    classes: tuple[str, ...] | None = None
    test_rows: NDArray[np.bool_] | None = None  # (N,)
    card: dict[str, Any] = field(default_factory=dict)

    @property
    def num_samples(self) -> int:
        if self.spaces:
            return len(next(iter(self.spaces.values())).features)
        return 0 if self.images is None else len(self.images)

    @property
    def num_classes(self) -> int | None:
        """The number of classes that the card names; labels are not asked, they are for display."""
        return None if self.classes is None else len(self.classes)

    @property
    def default_pair(self) -> tuple[str, str]:
        """The spaces to start with as φ1 and φ2: the card's choice, else a self-supervised and a pretrained one.

        Where there are no such two, the first two. Raises InputError where the dataset has no space yet.
        """
        if not self.spaces:
            raise InputError(f"{self.name} has no spaces yet: make two from its images on the Data page")
        chosen = self.card.get("default_pair")
        if chosen and set(chosen) <= set(self.spaces):
            return chosen[0], chosen[1]
        kinds = {space.kind: name for name, space in reversed(self.spaces.items())}
        if {"self-supervised", "pretrained"} <= set(kinds):
            return kinds["self-supervised"], kinds["pretrained"]
        first, second = (list(self.spaces) * 2)[:2]
        return first, second

    @cached_property
    def images(self) -> NDArray[np.uint8] | None:
        """The images (N, H, W) or (N, H, W, 3), None where the dataset has none."""
        if self.folder is None:
            return None
        if (self.folder / "images.npy").exists():
            return load_array(self.folder / "images.npy")
        if (self.folder / "images.npz").exists():
            with np.load(self.folder / "images.npz", allow_pickle=False) as archive:
                images: NDArray[np.uint8] = archive["images"]
            return images
        return None

    @cached_property
    def file_names(self) -> list[str] | None:
        """The file that each sample came from, None where the dataset does not say.

        Raises InputError when there is not one name a sample, or when they are not UTF-8.
        """
        if self.folder is None or not (self.folder / "files.txt").exists():
            return None
        path = self.folder / "files.txt"
        try:
            names = path.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise InputError(f"{path} is not UTF-8: save it as UTF-8") from None
        if len(names) != self.num_samples:
            raise InputError(f"{path} has {len(names)} lines: give one for each of the {self.num_samples} rows")
        return names

    def space(self, name: str) -> Space:
        """The space of that name; raises InputError, listing the spaces there are."""
        if name not in self.spaces:
            known = f"choose one of {', '.join(self.spaces)}" if self.spaces else "it has none yet"
            raise InputError(f"{self.name} has no space {name!r}: {known}")
        return self.spaces[name]


# --- loading -------------------------------------------------------------------------------


def load_array(path: Path) -> NDArray[Any]:
    """Memory-map one .npy file; raises InputError when it is missing, pickled, cut short or something else."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path} does not exist: check the path") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder: name a .npy file in it") from None
    except PermissionError:
        raise InputError(f"{path} may not be read: check its permissions") from None
    except (ValueError, EOFError, OSError) as error:
        raise InputError(_what_is_wrong(path, error)) from None
    if not isinstance(array, np.ndarray):
        array.close()
        raise InputError(f"{path} is an archive of arrays: save the features alone with numpy.save")
    return array


def _open_features(path: Path) -> Features:
    """Map a .npy file, or, where it is large, make ready to read its rows; raises InputError as `load_array` does."""
    try:
        if path.stat().st_size > min(LARGE_BYTES, MAPPED_SHARE * free_bytes("cpu")):
            return FileArray.open(path)
    except (ValueError, OSError):
        pass  # what is wrong is said below; a file that is stored by column can only be mapped
    return load_array(path)


def _what_is_wrong(path: Path, error: Exception) -> str:
    """A sentence for a file that numpy.load refused."""
    with path.open("rb") as file:
        magic = file.read(6)
    if path.stat().st_size == 0:
        return f"{path} is empty: write it again"
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return f"{path} is larger than the memory this process may map: {AS_ROWS}"
    if magic != b"\x93NUMPY":
        return f"{path} is not a .npy file: save the features with numpy.save"
    if "object" in str(error).lower() or "pickle" in str(error).lower():
        return f"{path} holds pickled Python objects, which are never loaded: save a plain floating-point array"
    return f"{path} is cut short or damaged ({error}): write it again"


def load_space(path: Path, name: str | None = None, **card: str) -> Space:
    """Load one space from a .npy file and check every row.

    A large file is not read whole for this: its rows are checked whenever they are read.
    Raises InputError for anything but a matrix of finite floating-point numbers, with
    the number of the first bad row.
    """
    features = _open_features(path)
    if features.dtype.kind != "f":
        raise InputError(f"{path} holds {features.dtype} numbers: features must be floating point, as float32")
    if features.ndim != 2 or 0 in features.shape:
        raise InputError(f"{path} has shape {features.shape}: features must be a matrix, a row a sample")
    if isinstance(features, np.ndarray):
        for start in range(0, len(features), CHECK_ROWS):
            with np.errstate(over="ignore"):  # what float32 cannot hold is reported like infinity
                some = torch.from_numpy(features[start : start + CHECK_ROWS].astype(np.float32))
            check_finite(some, str(path), range(start, start + len(some)))
    return Space(name=name or path.stem, features=features, path=path.resolve(), **card)


def load_labels(path: Path, num_samples: int) -> NDArray[np.int64]:
    """Load ground-truth labels (N,) as numbers 0..C−1; raises InputError when they do not fit."""
    labels = load_array(path)
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise InputError(f"{path} holds {labels.dtype} of shape {labels.shape}: labels must be one integer a sample")
    if len(labels) != num_samples:
        raise InputError(f"{path} has {len(labels)} labels for {num_samples} rows: give one a row, in their order")
    if labels.min() < 0:
        raise InputError(f"row {int(labels.argmin())} of {path} is negative: labels must be 0 or more")
    return labels.astype(np.int64)


def dataset_from_files(phi1: Path, phi2: Path, labels: Path | None = None) -> Dataset:
    """A dataset from two .npy files and, where there are any, labels; spaces are named after the files."""
    first, second = load_space(phi1), load_space(phi2)
    if first.name == second.name and first.path != second.path:
        first, second = load_space(phi1, name=f"{phi1.stem}-1"), load_space(phi2, name=f"{phi2.stem}-2")
    _check_rows([first, second])
    known = None if labels is None else load_labels(labels, len(first.features))
    return Dataset(
        name=f"{first.name}+{second.name}",
        spaces={space.name: space for space in (first, second)},
        labels=known,
        labels_path=labels,
    )


def load_dataset(name_or_folder: str | Path, roots: list[Path] | None = None) -> Dataset:
    """Load a dataset by name, from the embedded ones and the home folder's, or by its folder.

    Raises InputError when there is none or when a file in it cannot be used.
    """
    folder = Path(name_or_folder)
    if not folder.is_dir():
        known = {found.name: found for found in dataset_folders(roots)}
        if str(name_or_folder) not in known:
            raise InputError(
                f"there is no dataset {str(name_or_folder)!r}: name a folder or one of {', '.join(sorted(known))}"
            )
        folder = known[str(name_or_folder)]
    folder = folder.resolve()
    card = read_card(folder)
    spaces = {
        path.stem: load_space(path, **_provenance(card, path.stem))
        for path in sorted((folder / "spaces").glob("*.npy"))
    }
    num_samples = _check_rows(list(spaces.values())) if spaces else _num_images(folder)
    labels = load_labels(folder / "labels.npy", num_samples) if (folder / "labels.npy").exists() else None
    test_rows = None
    if (folder / "test_rows.npy").exists():
        test_rows = np.array(load_array(folder / "test_rows.npy"))
        if test_rows.dtype != bool or test_rows.shape != (num_samples,) or not test_rows.any():
            raise InputError(f"{folder / 'test_rows.npy'} must hold {num_samples} booleans, at least one of them true")
    classes = tuple(card["classes"]) if card.get("classes") else None
    if labels is not None and classes is not None and labels.max() >= len(classes):
        raise InputError(f"{folder / 'labels.npy'} has a label {labels.max()}, its card names {len(classes)} classes")
    return Dataset(
        name=folder.name,
        spaces=spaces,
        folder=folder,
        labels=labels,
        classes=classes,
        test_rows=test_rows,
        card=card,
    )


def _num_images(folder: Path) -> int:
    """The rows of a dataset that has no space yet; images stored beside it say how many."""
    images = Dataset(name=folder.name, spaces={}, folder=folder).images
    if images is None or not len(images):
        raise InputError(f"{folder} has no spaces: put one .npy file a space into {folder / 'spaces'}")
    return len(images)


def dataset_folders(roots: list[Path] | None = None) -> list[Path]:
    """The folders of all datasets that can be named: the embedded ones, then those under `roots`."""
    here = Path(__file__).parents[1]
    embedded = next((p for p in (here / "datasets", here.parent / "assets" / "datasets") if p.is_dir()), None)
    places = [place for place in (embedded, *(roots or [])) if place is not None and place.is_dir()]
    folders = [folder for place in places for folder in sorted(place.iterdir()) if (folder / "spaces").is_dir()]
    return [folder for folder in folders if not folder.name.startswith(".")]


def read_card(folder: Path) -> dict[str, Any]:
    """What a dataset's card.json holds, nothing where there is none; raises InputError when it is damaged."""
    path = folder / "card.json"
    if not path.exists():
        return {}
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}): mend it or remove it") from None
    if not isinstance(card, dict):
        raise InputError(f"{path} must hold one JSON object: mend it or remove it")
    return card


def _provenance(card: dict[str, Any], space: str) -> dict[str, str]:
    entry = card.get("spaces", {}).get(space, {})
    return {key: str(entry[key]) for key in ("title", "kind", "made", "licence") if key in entry}


def _check_rows(spaces: list[Space]) -> int:
    """The number of rows that all spaces share."""
    first = spaces[0]
    for other in spaces[1:]:
        if len(other.features) != len(first.features):
            raise InputError(
                f"spaces must have the same rows: {first.path} has {len(first.features)}, "
                f"{other.path} has {len(other.features)}"
            )
    return len(first.features)


# --- the rows as the search sees them --------------------------------------------------------
