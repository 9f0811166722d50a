"""Datasets whose files torchvision's classes find and download."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hume.common.errors import HumeError, InputError
from hume.common.optional import library
from hume.data.catalog.formats import MissingError
from hume.data.importers.folder_listing import Entry, Listing, split_of


def files_of(data_folder: Path, name: str, splits: dict[str, dict[str, Any]]) -> Listing:
    """The files behind one of torchvision's datasets; splits: part of the split -> what selects it."""
    entries: list[Entry] = []
    aside: list[tuple[str, str]] = []
    classes: list[str] = []
    for split, options in splits.items():
        try:
            part = _torchvision(name)(root=str(data_folder), download=False, **options)
        except HumeError:
            raise
        except (RuntimeError, OSError):
            raise MissingError(f"{name} is not in {data_folder}, or not all of it") from None
        except Exception as error:
            reason = " ".join(str(error).split())[:100]
            raise InputError(f"what {data_folder} holds of {name} is damaged ({reason}): get it again") from None
        paths, labels = _paths_and_labels(part)
        classes = classes or _class_names(part, labels)
        for path, label in zip(paths, labels, strict=True):
            if path.resolve().is_relative_to(data_folder):
                place = path.relative_to(data_folder).as_posix()
                entries.append(Entry(place, path, classes[label], split_of(split, has_test="test" in splits)))
            else:
                aside.append((str(path), "lies outside the folder of the files"))
    return Listing(entries, aside, classes, data_folder)


def _paths_and_labels(part: Any) -> tuple[list[Path], list[int]]:
    """What torchvision's datasets of files keep, under one of four names."""
    samples = getattr(part, "_samples", None) or getattr(part, "samples", None)
    if samples is not None:
        return [Path(path) for path, _ in samples], [int(label) for _, label in samples]
    files = getattr(part, "_image_files", None) or getattr(part, "_images", None)
    if files is None:
        raise InputError(f"this version of torchvision keeps {type(part).__name__} in an unknown way: use 0.28")
    return [Path(path) for path in files], [int(label) for label in part._labels]


def _class_names(part: Any, labels: list[int]) -> list[str]:
    known = getattr(part, "classes", None) or range(max(labels, default=-1) + 1)
    return [name if isinstance(name, str) else name[0] if isinstance(name, tuple) else str(name) for name in known]


def fetch_archive(data_folder: Path, url: str, md5: str) -> None:
    """Download an archive, check it and unpack it."""
    _torchvision().download_and_extract_archive(url, str(data_folder), md5=md5)


def fetch_class(data_folder: Path, name: str, options: Iterable[dict[str, Any]] = ({},)) -> None:
    """Let a class of torchvision download its files, once for each of the options."""
    for each in options:
        _torchvision(name)(root=str(data_folder), download=True, **each)


def _torchvision(name: str = "") -> Any:
    module = library("torchvision.datasets", "torchvision", "this dataset")
    return getattr(module, name) if name else module.utils
