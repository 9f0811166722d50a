"""Records of the contents of a release and of its import."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hume.data.splits import Setting

Layout = Literal["hume", "turtle"]
Split = Literal["train", "test", "traintest"]


@dataclass(frozen=True)
class SetAside:
    """A file or folder of a release that is not imported, and the reason."""

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
    """One representation space of a dataset, with the files of all its rows."""

    name: str
    dims: int
    plain: tuple[tuple[Part, ...], ...]  # ways to cover all rows, the one of fewest files first; without normalization
    unit: tuple[tuple[Part, ...], ...]  # the same for the rows of unit norm; at least one of both exists


@dataclass(frozen=True)
class ReleaseDataset:
    """One dataset of a release: N rows, the train rows first, and its spaces."""

    name: str
    num_rows: int  # N
    num_train: int | None  # None if there is only one split, or its end is unknown
    spaces: tuple[ReleaseSpace, ...]
    labels: tuple[Part, ...]  # concatenated, the labels of all rows; empty if missing

    @property
    def splits(self) -> dict[str, int]:
        """The number of rows of train and test split, empty without a split."""
        return {} if self.num_train is None else {"train": self.num_train, "test": self.num_rows - self.num_train}


@dataclass(frozen=True)
class ReleasePair:
    """The tasks of one dataset and one pair of spaces; `problem` is why they cannot be imported."""

    setting: Setting
    name: str  # of its folder
    dataset: str
    folder: Path
    seeds: tuple[int, ...]
    scored: bool  # every seed has a results file
    phi1: str | None
    phi2: str | None
    problem: str | None = None


@dataclass(frozen=True)
class Release:
    """The contents of a folder in the authors' layout, from names and headers of files."""

    folder: Path
    layout: Layout
    datasets: tuple[ReleaseDataset, ...]
    pairs: tuple[ReleasePair, ...]
    set_aside: tuple[SetAside, ...]


@dataclass(frozen=True)
class ReleaseReport:
    """The result of an import; all parts of the chosen datasets that are in none of the first four were set aside."""

    datasets: tuple[str, ...]  # names, in the home, of datasets that were created or got new spaces
    runs: tuple[str, ...]  # names of runs that were created
    known_datasets: tuple[str, ...]  # names of datasets and runs that existed already, and are unchanged
    known_runs: tuple[str, ...]
    notes: tuple[str, ...]  # limits of the results
    set_aside: tuple[SetAside, ...]  # by the scan and by the import
