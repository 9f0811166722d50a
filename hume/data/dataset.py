"""Datasets and their representation spaces: load, check, align, normalize.

A dataset is a folder:

    card.json        name, source, licence, class names, and the origin of every space
    files.txt        N file names, one per line; optional
    images.npz       (N, H, W) or (N, H, W, 3) uint8 under the key "images"; or images.npy
    labels.npy       (N,) integers; optional
    columns.csv      a line of names, then N lines of numbers, dates or text, as longitude and latitude; optional
    test_rows.npy    (N,) bool, the rows of the test split; optional
    spaces/*.npy     (N, d) floating point, one file per space

Files are data, never code: nothing pickled is loaded. Every error names the file and
the row.
"""

import hashlib
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.files import regular
from hume.common.once import InUse, once
from hume.data.cards import read_card
from hume.data.columns import Columns, load_columns
from hume.data.features import Features, refuse_not_finite, spread_over
from hume.data.labels import load_labels, numbered
from hume.data.npy_files import load_array, open_features, read_npy

if TYPE_CHECKING:
    from hume.data.rows import StreamedRows

CHECK_ROWS = 16_384  # rows checked at once, so that memory-mapped spaces stay on disk


@dataclass(frozen=True, eq=False)
class Space:
    """One representation of every sample: features (N, d) with name and provenance."""

    name: str
    features: Features  # (N, d), often memory-mapped; rows of a large file are read on demand
    path: Path | None = None  # file of the features
    title: str = ""
    kind: str = ""  # self-supervised, pretrained, pixels
    made: str = ""
    licence: str = ""
    streams: dict[str, "StreamedRows"] = field(default_factory=dict, init=False, repr=False)  # see `streamed`

    @once
    def fingerprint(self) -> str:
        """A digest of the shape, the type and up to 1,024 rows spread over the space.

        A run stores it, so that `resume` detects a replaced file.
        """
        digest = hashlib.blake2b(f"{self.features.shape} {self.features.dtype}".encode(), digest_size=16)
        digest.update(np.ascontiguousarray(self.features[spread_over(len(self.features), 1024)]).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples with their spaces and metadata; labels are optional."""

    name: str
    spaces: dict[str, Space]
    folder: Path | None = None
    labels: NDArray[np.int64] | None = None  # (N,) in 0..C−1, for display and tests only
    labels_path: Path | None = None
    classes: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None  # what labels without named classes were given as: names, or numbers with gaps
    test_rows: NDArray[np.bool_] | None = None  # (N,)
    card: dict[str, Any] = field(default_factory=dict)

    @property
    def num_samples(self) -> int:
        if self.spaces:
            return len(next(iter(self.spaces.values())).features)
        return 0 if self.images is None else len(self.images)

    @property
    def num_classes(self) -> int | None:
        """The number of classes in the card; labels are not used, they are for display."""
        return None if self.classes is None else len(self.classes)

    @property
    def default_pair(self) -> tuple[str, str]:
        """The spaces to start with as φ1 and φ2: the card's choice, else a self-supervised and a pretrained one.

        Otherwise the first two. Raises InputError for a dataset without spaces.
        """
        if not self.spaces:
            raise InputError(f"{self.name} has no spaces yet: create two from its images on the Data page")
        chosen = self.card.get("default_pair")
        if chosen and set(chosen) <= set(self.spaces):
            return chosen[0], chosen[1]
        kinds = {space.kind: name for name, space in reversed(self.spaces.items())}
        if {"self-supervised", "pretrained"} <= set(kinds):
            return kinds["self-supervised"], kinds["pretrained"]
        first, second = (list(self.spaces) * 2)[:2]
        return first, second

    @once
    def images(self) -> NDArray[np.uint8] | None:
        """The images (N, H, W) or (N, H, W, 3); None if the dataset has none."""
        if self.folder is None:
            return None
        if (self.folder / "images.npy").exists():
            return load_array(self.folder / "images.npy")
        if (self.folder / "images.npz").exists():
            path = self.folder / "images.npz"
            try:
                with zipfile.ZipFile(regular(path)) as archive, archive.open("images.npy") as file:
                    return read_npy(file)
            except (
                ValueError,
                KeyError,
                EOFError,
                OSError,
                NotImplementedError,
                zlib.error,
                zipfile.BadZipFile,
            ) as error:
                raise InputError(f"{path} cannot be read ({error}): write it again") from None
        return None

    @once
    def file_names(self) -> list[str] | None:
        """The original file of every sample; None if the dataset does not name them.

        Raises InputError unless there is one name per sample in UTF-8.
        """
        if self.folder is None or not (self.folder / "files.txt").exists():
            return None
        path = self.folder / "files.txt"
        try:
            names = regular(path).read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise InputError(f"{path} is not UTF-8: save it as UTF-8") from None
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror or error}): write it again") from None
        if len(names) != self.num_samples:
            raise InputError(f"{path} has {len(names)} lines: give one for each of the {self.num_samples} rows")
        return names

    @once
    def columns(self) -> Columns:
        """What every sample has beside its class, by name: numbers, dates or text (N,); empty if there is none.

        Raises InputError unless there is one cell for every sample in each; see `load_columns` for the types.
        """
        if self.folder is None or not (self.folder / "columns.csv").exists():
            return {}
        return load_columns(self.folder / "columns.csv", self.num_samples)

    def space(self, name: str) -> Space:
        """The space of this name; raises InputError, listing the known spaces."""
        if name not in self.spaces:
            known = f"choose one of {', '.join(self.spaces)}" if self.spaces else "it has none yet"
            raise InputError(f"{self.name} has no space {name!r}: {known}")
        return self.spaces[name]


# --- loading -------------------------------------------------------------------------------


def load_space(path: Path, name: str | None = None, **card: str) -> Space:
    """Load one space from a .npy file and check every row.

    Rows of a large file are checked only when they are read.
    Raises InputError for anything but a matrix of finite floating-point numbers, with
    the number of the first bad row.
    """
    features = open_features(path)
    if features.dtype.kind != "f":
        raise InputError(f"{path} holds {features.dtype} numbers: features must be floating point, as float32")
    if features.ndim != 2 or 0 in features.shape:
        raise InputError(f"{path} has shape {features.shape}: features must be a matrix with one row per sample")
    if isinstance(features, np.ndarray):
        for start in range(0, len(features), CHECK_ROWS):
            with np.errstate(over="ignore"):  # values beyond float32 are reported as infinite
                rows = features[start : start + CHECK_ROWS].astype(np.float32)
            refuse_not_finite(np.asarray(np.isfinite(rows).all(axis=1)), str(path), range(start, start + len(rows)))
    return Space(name=name or path.stem, features=features, path=path.resolve(), **card)


def dataset_from_files(phi1: Path, phi2: Path, labels: Path | None = None) -> Dataset:
    """A dataset from two .npy files and optional labels; spaces are named after the files."""
    first, second = load_space(phi1), load_space(phi2)
    if first.name == second.name and first.path != second.path:
        first, second = load_space(phi1, name=f"{phi1.stem}-1"), load_space(phi2, name=f"{phi2.stem}-2")
    _check_rows([first, second])
    truth, ids = (None, None) if labels is None else numbered(load_labels(labels, len(first.features)))
    return Dataset(
        name=f"{first.name}+{second.name}",
        spaces={space.name: space for space in (first, second)},
        labels=truth,
        ids=ids,
        labels_path=labels,
    )


_in_use = InUse[Dataset]()


def load_dataset(name_or_folder: str | Path, roots: list[Path] | None = None) -> Dataset:
    """Load a dataset by name, embedded or from `roots`, or by its folder.

    A name goes before a folder of that name where the command is given, which may be what the dataset was imported
    from. While one is in use and none of its files has changed, it is shared: its files are mapped once. Raises
    InputError when it does not exist or a file in it is unusable.
    """
    known = {path.name: path for path in dataset_folders(roots)}
    folder = known.get(str(name_or_folder), Path(name_or_folder))
    if not folder.is_dir():
        raise InputError(
            f"there is no dataset {str(name_or_folder)!r}: name a folder or one of {', '.join(sorted(known))}"
        )
    folder = folder.resolve()
    return _in_use.get(version(folder), lambda: _load(folder))


def version(folder: Path) -> tuple[Any, ...]:
    """What tells whether a dataset's files are still the same ones."""
    found = []
    for path in sorted((*folder.glob("*.*"), *folder.glob("spaces/*.npy"))):
        with suppress(FileNotFoundError):  # being replaced, or a link to nothing
            stat = path.stat()
            found.append((str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return folder, tuple(found)


def _load(folder: Path) -> Dataset:
    card = read_card(folder)
    spaces = {
        path.stem: load_space(path, **_provenance(card, path.stem))
        for path in sorted((folder / "spaces").glob("*.npy"))
    }
    num_samples = _check_rows(list(spaces.values())) if spaces else _num_images(folder)
    test_rows = None
    if (folder / "test_rows.npy").exists():
        test_rows = np.array(load_array(folder / "test_rows.npy"))
        if test_rows.dtype != bool or test_rows.shape != (num_samples,) or not test_rows.any():
            raise InputError(f"{folder / 'test_rows.npy'} must hold {num_samples} booleans, at least one of them true")
    classes = tuple(card["classes"]) if card.get("classes") else None
    labels, ids = None, None
    if (folder / "labels.npy").exists():
        given = load_labels(folder / "labels.npy", num_samples)
        if classes is None:
            labels, ids = numbered(given)
        elif given.dtype.kind == "U":
            raise InputError(f"{folder / 'labels.npy'} holds names, and its card has them, too: write numbers")
        else:
            labels = given.astype(np.int64, copy=False)
            if not 0 <= labels.min() <= labels.max() < len(classes):
                raise InputError(
                    f"{folder / 'labels.npy'} has a label {labels.max()}, its card names {len(classes)} classes"
                )
    return Dataset(
        name=folder.name,
        spaces=spaces,
        folder=folder,
        labels=labels,
        ids=ids,
        classes=classes,
        test_rows=test_rows,
        card=card,
    )


def _num_images(folder: Path) -> int:
    """The number of rows of a dataset without spaces, which is that of its images."""
    images = Dataset(name=folder.name, spaces={}, folder=folder).images
    if images is None or not len(images):
        raise InputError(f"{folder} has no spaces: put one .npy file per space into {folder / 'spaces'}")
    return len(images)


def dataset_folders(roots: list[Path] | None = None) -> list[Path]:
    """The folders of all datasets known by name: the embedded ones, then those under `roots`."""
    here = Path(__file__).parents[1]
    embedded = next((p for p in (here / "datasets", here.parent / "assets" / "datasets") if p.is_dir()), None)
    parents = [parent for parent in (embedded, *(roots or [])) if parent is not None and parent.is_dir()]
    folders = [folder for parent in parents for folder in sorted(parent.iterdir()) if (folder / "spaces").is_dir()]
    return [folder for folder in folders if not folder.name.startswith(".")]


def _provenance(card: dict[str, Any], space: str) -> dict[str, str]:
    entry = card.get("spaces", {}).get(space, {})
    return {key: str(entry[key]) for key in ("title", "kind", "made", "licence") if key in entry}


def _check_rows(spaces: list[Space]) -> int:
    """The common number of rows of all spaces; raises InputError when they differ."""
    first = spaces[0]
    for other in spaces[1:]:
        if len(other.features) != len(first.features):
            raise InputError(
                f"spaces must have the same rows: {first.path} has {len(first.features)}, "
                f"{other.path} has {len(other.features)}"
            )
    return len(first.features)
