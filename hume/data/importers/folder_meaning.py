"""What the sub-folders of pictures mean: classes, a train and test split, or nothing; judged by names alone.

Every picture comes in, whatever its folder: one beside the class folders is of the class `NO_FOLDER`, one beside the
train and test folders is a train picture.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from hume.common.errors import InputError

Meaning = Literal["classes", "split", "nothing"]
Split = Literal["train", "test"]
Place = tuple[str | None, Split | None]  # the label and the split of a picture

MEANINGS: tuple[Meaning, ...] = get_args(Meaning)
TRAIN = frozenset({"train", "training"})
TEST = frozenset({"test", "testing"})
VALIDATION = frozenset({"val", "valid", "validation"})
NO_FOLDER = "no folder"
MOST_LOOSE = 0.1  # share of the pictures beside class folders; with more the folders are not the classes
FEWEST_A_CLASS = 2  # pictures, on average
DATE = re.compile(r"(19|20)\d\d([-_. ]?\d\d){0,2}")  # albums are sorted by date, which is no class


@dataclass(frozen=True)
class Outcome:
    """What comes in under one meaning of the folders; all pictures do."""

    meaning: Meaning
    classes: dict[str, int]  # pictures of every class, in order; empty without labels
    splits: dict[Split, int]  # pictures of either side; empty without a split


def outcomes(names: Sequence[str]) -> list[Outcome]:
    """What every meaning that folders of these pictures can have leads to, the default first."""
    usual = judge(names)
    possible = sorted(_possible(names), key=lambda meaning: meaning != usual)
    return [_outcome(meaning, places(names, meaning)) for meaning in possible]


def check(names: Sequence[str], meaning: Meaning) -> None:
    """Raise InputError for a meaning that the folders of these pictures cannot have."""
    possible = _possible(names)
    if meaning not in possible:
        why = {"classes": "there are no sub-folders", "split": "there are no train and test folders"}.get(meaning, "")
        raise InputError(f"the folders cannot be {meaning!r}: {why}; choose {' or '.join(possible)}")


def judge(names: Sequence[str]) -> Meaning:
    """The meaning that the folders of these pictures most likely have.

    A split where train and test folders hold most pictures; classes where there are two folders or more with several
    pictures on average, next to none beside them, and their names are no dates.
    """
    folders = _below(names, _common(names))
    splits = _splits(folders)
    if splits:
        inside = sum(splits.get(folder or "") is not None for folder, _ in folders)
        if 2 * inside >= len(names):
            return "split"
    return "classes" if _are_classes([folder for folder, _ in folders]) else "nothing"


def places(names: Sequence[str], meaning: Meaning) -> list[Place]:
    """The label and the split of every picture under a meaning of the folders.

    Folders that all pictures have in common count for nothing; everything below a class folder is of that class.
    """
    folders = _below(names, _common(names))
    if meaning == "nothing":
        return [(None, None)] * len(names)
    if meaning == "classes":
        own = [folder for folder, _ in folders]
        return [(label, None) for label in _labels(own)]
    splits = _splits(folders)
    parts: list[Split] = [splits.get(folder or "") or "train" for folder, _ in folders]
    inner = [rest.partition("/")[0] if "/" in rest else None for _, rest in folders]
    inner = [label if splits.get(folder or "") else None for (folder, _), label in zip(folders, inner, strict=True)]
    labels = _labels(inner) if _are_classes(inner) or _all_in_folders(inner) else [None] * len(names)
    return list(zip(labels, parts, strict=True))


def split_of(name: str, *, has_test: bool) -> Split | None:
    """The split that a name stands for; None for any other name.

    Validation is the test split where there is no other.
    """
    name = name.strip().casefold()
    if name in TRAIN or (name in VALIDATION and has_test):
        return "train"
    return "test" if name in TEST | VALIDATION else None


def ordered(labels: Iterable[str]) -> list[str]:
    """Labels in natural order: by value if all are numbers, else by name, with 2 before 10."""
    labels = list(labels)
    try:
        values = {label: float(label) for label in labels}
    except ValueError:
        values = {}
    if values and all(map(math.isfinite, values.values())):
        return sorted(labels, key=lambda label: (values[label], label))
    return sorted(labels, key=lambda label: (_natural(label), label))


def _common(names: Sequence[str]) -> str:
    """The folders that all names begin with, as "a/b/"."""
    shared = ""
    while names:
        first, slash, _ = names[0][len(shared) :].partition("/")
        longer = f"{shared}{first}/"
        if not slash or not all(name.startswith(longer) for name in names):
            break
        shared = longer
    return shared


def _below(names: Sequence[str], prefix: str) -> list[tuple[str | None, str]]:
    """The first folder of every name after a prefix, None without one, and the rest of the name."""
    found: list[tuple[str | None, str]] = []
    for name in names:
        first, slash, rest = name[len(prefix) :].partition("/")
        found.append((first, rest) if slash else (None, first))
    return found


def _splits(folders: list[tuple[str | None, str]]) -> dict[str, Split | None]:
    """The splits that folders stand for; empty unless both sides are there."""
    tops = {folder for folder, _ in folders if folder is not None}
    has_test = any(top.strip().casefold() in TEST for top in tops)
    splits = {top: split_of(top, has_test=has_test) for top in tops}
    return splits if {"train", "test"} <= set(splits.values()) else {}


def _possible(names: Sequence[str]) -> list[Meaning]:
    folders = _below(names, _common(names))
    has_folders = any(folder is not None for folder, _ in folders)
    return [*(("classes",) if has_folders else ()), *(("split",) if _splits(folders) else ()), "nothing"]


def _are_classes(folders: list[str | None]) -> bool:
    """Whether folders are likely classes, by their number, their sizes and their names."""
    sizes = Counter(folder for folder in folders if folder is not None)
    inside = sizes.total()
    return (
        len(sizes) >= 2
        and inside >= FEWEST_A_CLASS * len(sizes)
        and len(folders) - inside <= MOST_LOOSE * len(folders)
        and not all(DATE.fullmatch(folder) for folder in sizes)
    )


def _all_in_folders(folders: list[str | None]) -> bool:
    return bool(folders) and None not in folders


def _labels(folders: list[str | None]) -> list[str | None]:
    """Folders as labels, in one Unicode form; the pictures without one are a class of their own."""
    rest, taken = NO_FOLDER, set(folders)
    while rest in taken:
        rest += "_"
    return [rest if folder is None else unicodedata.normalize("NFC", folder) for folder in folders]


def _outcome(meaning: Meaning, found: list[Place]) -> Outcome:
    classes = Counter(label for label, _ in found if label is not None)
    splits = Counter(split for _, split in found if split is not None)
    sides: tuple[Split, ...] = get_args(Split)
    return Outcome(
        meaning, {label: classes[label] for label in ordered(classes)}, {s: splits[s] for s in sides if splits[s]}
    )


def _natural(text: str) -> list[tuple[int, int | str]]:
    """A key that sorts numbers inside names by value."""
    pieces = re.split(r"(\d{1,18})", text.casefold())
    return [(0, int(piece)) if piece.isdecimal() else (1, piece) for piece in pieces if piece]
