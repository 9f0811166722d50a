"""What there is in a release, and what became of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hume.data.splits import Setting

Layout = Literal["hume", "turtle"]
Split = Literal["train", "test", "traintest"]


@dataclass(frozen=True)
class SetAside:
    """Something in a release that is not taken, and why in plain words."""

    path: str  # relative to the release
    reason: str


@dataclass(frozen=True)
class Part:
    """One array file: some rows of a space, or of the labels."""

    path: Path
    split: Split
    shape: tuple[int, ...]  # (n, d), (n,) for labels
    dtype: str
    unit: bool = False  # an _l2 file: every row divided by its norm

    @property
    def rows(self) -> int:
        return self.shape[0]


@dataclass(frozen=True)
class ReleaseSpace:
    """One representation space of a dataset, with the files that hold all its rows."""

    name: str
    dims: int
    plain: tuple[tuple[Part, ...], ...]  # ways to put all rows together, the one of fewest files first; as they came
    unit: tuple[tuple[Part, ...], ...]  # the same for the rows of unit norm; at least one of both is there


@dataclass(frozen=True)
class ReleaseDataset:
    """One dataset of a release: N rows, the train rows first, and its spaces."""

    name: str
    num_rows: int  # N
    num_train: int | None  # None where only one split is there, or nothing tells where it ends
    spaces: tuple[ReleaseSpace, ...]
    labels: tuple[Part, ...]  # one after another they are the labels of all rows; empty where these are not there

    @property
    def splits(self) -> dict[str, int]:
        """The rows of train and test split, empty where there are no such two."""
        return {} if self.num_train is None else {"train": self.num_train, "test": self.num_rows - self.num_train}


@dataclass(frozen=True)
class ReleasePair:
    """The tasks found on one dataset with one pair of spaces; `problem` says why they cannot be imported."""

    setting: Setting
    name: str  # as its folder is called
    dataset: str
    folder: Path
    seeds: tuple[int, ...]
    scored: bool  # every seed has a results file
    phi1: str | None
    phi2: str | None
    problem: str | None = None


@dataclass(frozen=True)
class Release:
    """What there is in a folder in the authors' layout; only headers of files were read."""

    folder: Path
    layout: Layout
    datasets: tuple[ReleaseDataset, ...]
    pairs: tuple[ReleasePair, ...]
    set_aside: tuple[SetAside, ...]


@dataclass(frozen=True)
class ReleaseReport:
    """What an import did; whatever of the chosen datasets is in none of the first four was set aside."""

    datasets: tuple[str, ...]  # names, in the home, of datasets that were made or given spaces
    runs: tuple[str, ...]  # names of runs that were made
    known_datasets: tuple[str, ...]  # names of datasets and runs that were there already, and are as they were
    known_runs: tuple[str, ...]
    notes: tuple[str, ...]  # what a reader of the results should know
    set_aside: tuple[SetAside, ...]  # by the scan and by the import
