"""The guesses of a class before it sees a result: pictures sorted into groups, and how many kinds there are.

    place(home, dataset, row=17, group=2)
    guesses = read(home, dataset)

Saved in `<home>/lessons/<dataset>.json`, so that they survive a reload and a restart and are the same in every tab.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from hume.common.errors import InputError, RunError
from hume.common.json_files import read_json
from hume.data.dataset import Dataset
from hume.lesson import saved

WALL = 36  # pictures that are sorted
USUAL_GROUPS = 5
MOST_GROUPS = 20
MOST_HANDS = 1000
LONGEST_NAME = 40  # characters


@dataclass(frozen=True)
class Guesses:
    """Guesses so far about some pictures of a dataset."""

    rows: tuple[int, ...]  # the pictures, in the order they are shown
    names: tuple[str, ...] = ("",) * USUAL_GROUPS  # of the groups, empty for a group that has none
    placed: dict[int, int] = field(default_factory=dict)  # row -> group, only the sorted ones
    hands: dict[int, int] = field(default_factory=dict)  # number of kinds -> how many people think so

    def name(self, group: int) -> str:
        """The name of a group, else its number from 1."""
        return self.names[group] or f"Group {group + 1}"

    @property
    def shown_names(self) -> list[str]:
        """The names of all groups."""
        return [self.name(group) for group in range(len(self.names))]

    @property
    def usual_kinds(self) -> int | None:
        """The number of kinds that most people think there are, the smallest of several; None without a hand."""
        return min(self.hands, key=lambda kinds: (-self.hands[kinds], kinds)) if self.hands else None


def wall(dataset: Dataset, number: int = WALL) -> tuple[int, ...]:
    """Rows of a dataset to sort, drawn uniformly, without labels, with a fixed seed."""
    drawn = np.random.default_rng(0).choice(dataset.num_samples, min(number, dataset.num_samples), replace=False)
    return tuple(drawn.tolist())


def read(home: Path, dataset: Dataset) -> Guesses:
    """The guesses so far about a dataset; raises RunError for a damaged file."""
    path = _path(home, dataset)
    try:
        guesses = read_json(path, Guesses)
    except FileNotFoundError:
        return Guesses(wall(dataset))
    except ValueError as error:
        raise RunError(f"{path} cannot be read ({error}): remove it to start the lesson again") from None
    shown, groups = set(guesses.rows), len(guesses.names)
    whole = groups >= 2 and all(row in shown and 0 <= group < groups for row, group in guesses.placed.items())
    # Another dataset of that name has other pictures, to which the guesses do not apply.
    return guesses if whole and guesses.rows == wall(dataset) else Guesses(wall(dataset))


def place(home: Path, dataset: Dataset, row: int, group: int | None) -> Guesses:
    """Put a picture into a group, or back among the unsorted; raises InputError for an unknown row or group.

    Like every change it raises RunError when the home cannot be written.
    """

    def change(guesses: Guesses) -> Guesses:
        if row not in guesses.rows or (group is not None and not 0 <= group < len(guesses.names)):
            raise InputError(f"picture {row} cannot be put into group {group}: the page is older than the groups")
        others = {other: number for other, number in guesses.placed.items() if other != row}
        return replace(guesses, placed=others if group is None else {**others, row: group})

    return _change(home, dataset, change)


def set_groups(home: Path, dataset: Dataset, number: int) -> Guesses:
    """Set the number of groups; pictures of removed groups are unsorted again. Raises InputError outside 2 to 20."""
    if not 2 <= number <= MOST_GROUPS:
        raise InputError(f"pictures can be sorted into 2 to {MOST_GROUPS} groups, not {number}")

    def change(guesses: Guesses) -> Guesses:
        names = (*guesses.names, *[""] * number)[:number]
        return replace(guesses, names=names, placed={r: g for r, g in guesses.placed.items() if g < number})

    return _change(home, dataset, change)


def name_group(home: Path, dataset: Dataset, group: int, name: str) -> Guesses:
    """Name a group, an empty name restores its number; longer names are cut to 40 characters."""
    text = " ".join("".join(c if c.isprintable() else " " for c in name).split())[:LONGEST_NAME]

    def change(guesses: Guesses) -> Guesses:
        if not 0 <= group < len(guesses.names):
            raise InputError(f"there is no group {group + 1}: there are {len(guesses.names)}")
        return replace(guesses, names=(*guesses.names[:group], text, *guesses.names[group + 1 :]))

    return _change(home, dataset, change)


def raise_hands(home: Path, dataset: Dataset, kinds: int, number: int) -> Guesses:
    """Save how many people think that there are so many kinds; 0 removes the entry."""
    if kinds < 1 or not 0 <= number <= MOST_HANDS:
        raise InputError(f"{number} hands for {kinds} kinds cannot be saved: enter 0 to {MOST_HANDS} hands")

    def change(guesses: Guesses) -> Guesses:
        hands = {other: count for other, count in guesses.hands.items() if other != kinds}
        return replace(guesses, hands=dict(sorted({**hands, **({kinds: number} if number else {})}.items())))

    return _change(home, dataset, change)


def start_over(home: Path, dataset: Dataset) -> Guesses:
    """Delete all guesses, for the next class; a damaged file too."""
    saved.remove(_path(home, dataset))
    return read(home, dataset)


def _path(home: Path, dataset: Dataset) -> Path:
    return home / "lessons" / f"{dataset.name}.json"


def _change(home: Path, dataset: Dataset, change: Callable[[Guesses], Guesses]) -> Guesses:
    def values(guesses: Guesses) -> dict[str, Any]:
        return {"rows": guesses.rows, "names": guesses.names, "placed": guesses.placed, "hands": guesses.hands}

    return saved.change(_path(home, dataset), lambda: read(home, dataset), change, values)
