"""Folders written by `save_to_disk` of Hugging Face's datasets: what their own files say, and that all is inside."""

import re
from pathlib import Path
from typing import TypedDict, TypeVar

from hume.common.errors import InputError
from hume.common.json_files import read_json

T = TypeVar("T")


class _Splits(TypedDict):
    splits: list[str]


class _File(TypedDict):
    filename: str


class _Split(TypedDict):
    _data_files: list[_File]


def is_saved(folder: Path) -> bool:
    """Whether a folder was written by `save_to_disk`."""
    return any((folder / name).is_file() for name in ("dataset_dict.json", "state.json"))


def check_saved(folder: Path) -> None:
    """Raise InputError when a folder written by save_to_disk refers to files outside it, which would be read."""
    top = folder.resolve()
    if "::" in str(top):
        raise InputError(f"{folder} has :: in its path, which has a special meaning: rename it")
    splits = [top]
    if (top / "dataset_dict.json").exists():
        names = _state(top / "dataset_dict.json", top, _Splits)["splits"]
        bad = next((name for name in names if not re.fullmatch(r"\w+([.-]\w+)*", name)), None)
        if bad is not None:
            raise InputError(f"{folder} has a split named {bad!r}: save it again with plain names of splits")
        splits = [top / name for name in names]
    for split in splits:
        _inside(split / "dataset_info.json", top)
        for file in _state(split / "state.json", top, _Split)["_data_files"]:
            _inside(split / file["filename"], top)


def _state(path: Path, folder: Path, kind: type[T]) -> T:
    """A file of a folder written by save_to_disk."""
    try:
        return read_json(_inside(path, folder), kind)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: save the dataset again with save_to_disk") from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} cannot be read ({error}): save the dataset again with save_to_disk") from None


def _inside(path: Path, folder: Path) -> Path:
    """A path, links resolved; raises InputError when it is outside the folder."""
    resolved = path.resolve()
    if not resolved.is_relative_to(folder):
        raise InputError(f"{folder} names {path.name}, which is outside it: save the dataset again with save_to_disk")
    return resolved
