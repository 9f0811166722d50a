"""Public datasets of image files: their files, labels and splits."""

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from hume.common.errors import HumeError, InputError
from hume.common.optional import library
from hume.data.catalog.formats import MissingError
from hume.data.importers.folder_listing import Entry, Listing
from hume.data.importers.folder_meaning import split_of

Labelled = tuple[list[str], list[tuple[Path, int]]]  # the classes, and every file with its label


def files_of(data_folder: Path, name: str, splits: dict[str, dict[str, Any]], read: Callable[..., Labelled]) -> Listing:
    """List the files of a dataset with `read`; splits: name of a split to the arguments that select it."""
    entries: list[Entry] = []
    aside: list[tuple[str, str]] = []
    classes: list[str] = []
    for split, options in splits.items():
        try:
            own, files = read(data_folder, **options)
        except HumeError:
            raise
        except (RuntimeError, OSError):
            raise MissingError(f"{name} is not in {data_folder}, or is incomplete") from None
        except Exception as error:
            reason = " ".join(str(error).split())[:100]
            raise InputError(
                f"the files of {name} in {data_folder} are damaged ({reason}): download them again"
            ) from None
        classes = classes or own
        for path, label in files:
            if path.resolve().is_relative_to(data_folder):
                relative = path.relative_to(data_folder).as_posix()
                entries.append(Entry(relative, path, classes[label], split_of(split, has_test="test" in splits)))
            else:
                aside.append((str(path), "is outside the data folder"))
    return Listing(entries, aside, classes, data_folder)


def with_torchvision(data_folder: Path, name: str, **options: Any) -> Labelled:
    """The files that a dataset class of torchvision loads."""
    dataset = _torchvision(name)(root=str(data_folder), download=False, loader=Path, **options)
    classes = [known if isinstance(known, str) else known[0] for known in dataset.classes]
    return classes, [dataset[row] for row in range(len(dataset))]


def oxford_pets(data_folder: Path, split: str) -> Labelled:
    """Pictures named after their breed, in lists of `Birman_1 1 1 1`: the name, the breed from 1, and others."""
    folder = data_folder / "oxford-iiit-pet"
    lines = (folder / "annotations" / f"{split}.txt").read_text(encoding="utf-8").splitlines()
    files = [(name, int(label) - 1) for name, label, _, _ in map(str.split, lines)]
    breeds = {label: name.rpartition("_")[0].replace("_", " ").title() for name, label in files}
    return [breeds[label] for label in sorted(breeds)], [
        (folder / "images" / f"{name}.jpg", label) for name, label in files
    ]


def gtsrb(data_folder: Path, split: str) -> Labelled:
    """Traffic signs: one folder per class for training, a table of file names and classes for testing."""
    folder = data_folder / "gtsrb"
    if split == "train":
        paths = sorted((folder / "GTSRB" / "Training").glob("*/*.ppm"))
        files = [(path, int(path.parent.name)) for path in paths]
    else:
        with (folder / "GT-final_test.csv").open(encoding="utf-8", newline="") as table:
            rows = list(csv.DictReader(table, delimiter=";", skipinitialspace=True))
        files = [(folder / "GTSRB" / "Final_Test" / "Images" / row["Filename"], int(row["ClassId"])) for row in rows]
    if not files:
        raise MissingError(f"the {split} images of GTSRB are not in {folder}")
    return [str(label) for label in range(max(label for _, label in files) + 1)], files


def fetch_archive(data_folder: Path, url: str, md5: str) -> None:
    """Download, verify and unpack an archive."""
    _torchvision().download_and_extract_archive(url, str(data_folder), md5=md5)


def fetch_class(data_folder: Path, name: str, options: Iterable[dict[str, Any]] = ({},)) -> None:
    """Download the files of a torchvision dataset, once for each set of arguments."""
    for arguments in options:
        _torchvision(name)(root=str(data_folder), download=True, **arguments)


def _torchvision(name: str = "") -> Any:
    module = library("torchvision.datasets", "torchvision", "this dataset")
    return getattr(module, name) if name else module.utils
