"""Parse the authors' names of files and folders: dataset, split, pair of spaces."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hume.exchange.releases.records import Split

JOINTS = "_-+"


@dataclass(frozen=True)
class Reading:
    """One way to parse a file's name."""

    dataset: str
    split: Split
    unit: bool


def readings(stem: str) -> list[Reading]:
    """All ways to parse the name of an array file without its .npy, the longest name of a split first.

    `stl10traintest` may be both splits of stl10 or the test split of stl10train; a name that
    ends with no split has no reading.
    """
    stem = stem.removesuffix("_targets")
    unit = stem.endswith("_l2")
    stem = stem.removesuffix("_l2")
    if stem.endswith("_val") and stem != "_val":  # TURTLE's name of the test split
        return [Reading(stem.removesuffix("_val"), "test", unit)]
    result = []
    splits: tuple[Split, ...] = ("traintest", "train", "test")
    for split in splits:
        dataset = stem.removesuffix(split).rstrip("_")
        if stem.endswith(split) and dataset:
            result.append(Reading(dataset, split, unit))
    return result


def choose_reading(candidates: list[Reading], known: Iterable[str]) -> Reading | None:
    """The reading with a known dataset, the first without one, None if several are known."""
    confirmed = [reading for reading in candidates if reading.dataset in set(known)]
    if len(confirmed) > 1:
        return None
    return (confirmed or candidates)[0]


def pairs_meant(pair: str, spaces: Iterable[str]) -> list[tuple[str, str]]:
    """The pairs (φ1, φ2) of these spaces that a folder's name can mean, sorted; one if it is unambiguous.

    The name is both spaces' names joined, `mocov2_dino`; if no two names match exactly, prefixes
    match too, `moco_dino`, and case is ignored.
    """
    names = list(spaces)
    exact = {(a, b) for a in names for b in names for joint in JOINTS if pair == f"{a}{joint}{b}"}
    return sorted(exact or set(_near(pair, names)))


def _near(pair: str, names: list[str]) -> Iterator[tuple[str, str]]:
    for i, letter in enumerate(pair):
        if letter in JOINTS:
            for first in _meant(pair[:i], names):
                for second in _meant(pair[i + 1 :], names):
                    yield first, second


def _meant(part: str, names: list[str]) -> list[str]:
    lower = part.lower()
    same = [name for name in names if name.lower() == lower]
    return same or [n for n in names if lower and (n.lower().startswith(lower) or lower.startswith(n.lower()))]
