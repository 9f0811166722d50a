"""Import of one dataset of a release into a dataset's folder of the home, a new or an existing one."""

import uuid
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.files import disk_errors
from hume.data.cards import read_card
from hume.data.dataset import dataset_folders, load_space
from hume.data.features import unit_length
from hume.data.folder import DatasetFolder, free_name, new_dataset, write_array
from hume.data.splits import Setting
from hume.exchange.releases.arrays import Joined
from hume.exchange.releases.records import Release, ReleaseDataset, ReleasePair, ReleaseSpace
from hume.runs.store import Store

SAME_DIRECTION = 2e-3  # between two rows of unit norm; float16 puts them up to about 5e-4 apart
CODES = {"hume": "HUME (github.com/mlbio-epfl/hume)", "turtle": "TURTLE (github.com/mlbio-epfl/turtle)"}


@dataclass(frozen=True)
class View:
    """A space of a release in the home: its name there, and the rows that its tasks label."""

    plain: str
    unit: str | None  # the space of unit norm, if its directions differ
    centred: frozenset[Setting]  # the settings whose mean row is the difference of both

    def seen(self, setting: Setting) -> tuple[str, bool]:
        """The space of φ1 in this setting, and whether its mean row is subtracted."""
        if setting in self.centred:
            return self.plain, True
        return self.unit or self.plain, False


@dataclass
class Placed:
    """A dataset in the home, with the views of its imported spaces."""

    folder: Path
    views: dict[str, View]
    changed: bool


@dataclass
class Placing:
    """The dataset to import, with callbacks for progress and for files set aside."""

    release: Release
    data: ReleaseDataset
    pairs: list[ReleasePair]
    advance: Callable[[int], None]
    leave: Callable[[Path, str], None]
    notes: list[str]
    folder: DatasetFolder | None = None
    by_key: dict[str, str] = field(default_factory=dict)  # spaces of the folder
    changed: bool = False

    @property
    def entry(self) -> dict[str, Any]:
        """The entry of a card about the release of its dataset."""
        return {
            "layout": self.release.layout,
            "dataset": self.data.name,
            "rows": self.data.num_rows,
            "train_rows": self.data.num_train,
        }


def place_dataset(work: Placing, store: Store) -> Placed:
    """Import a dataset into the home: as a new one, or by adding the missing spaces to that of an earlier import.

    Raises InputError when none of its spaces is usable, RunError when the home cannot be written.
    """
    root = store.dataset_roots[0]
    arrays = {space.name: _best(work, space) for space in work.data.spaces}
    keys = {array.fingerprint for both in arrays.values() for array in both if array is not None}
    with ExitStack() as stack:
        folders = dataset_folders([root])
        known = next((path for path in folders if path.parent == root and _is_same(path, work, keys)), None)
        if known is None:
            work.folder = stack.enter_context(new_dataset(root, free_name(work.data.name, [], "dataset")))
        else:
            work.folder = DatasetFolder(known)
            work.by_key = _keys(_card(known))
        try:
            views = {name: view for name, both in arrays.items() if (view := _view(work, name, *both)) is not None}
        finally:
            with suppress(OSError):
                work.folder.work.rmdir()
        if not work.by_key:
            raise InputError(f"none of its spaces is usable: fix the files of {work.data.name} that were set aside")
        _add_the_rest(work, work.folder, views)
    return Placed(work.folder.path, views, work.changed)


def _is_same(path: Path, work: Placing, keys: set[str]) -> bool:
    """Whether a folder of the home was imported from this dataset: by its card, and by a common space."""
    card = _card(path)
    return card.get("release") == work.entry and bool(set(_keys(card)) & keys)


def _card(path: Path) -> dict[str, Any]:
    """Read a card without its dataset, which may be large or damaged."""
    try:
        return read_card(path)
    except InputError:
        return {}


def _keys(card: dict[str, Any]) -> dict[str, str]:
    return {entry["key"]: name for name, entry in card.get("spaces", {}).items() if "key" in entry}


# --- spaces ----------------------------------------------------------------------------------


def _best(work: Placing, space: ReleaseSpace) -> tuple[Joined | None, Joined | None]:
    """The rows without and with unit norm, from one file if its rows are in the dataset's order."""
    chosen = []
    for ways in (space.plain, space.unit):
        arrays = [Joined(way) for way in ways]
        if len(arrays) == 2:
            whole, split = arrays
            some = whole.sample()
            if not np.array_equal(whole[some], split[some]):
                work.leave(whole.parts[0].path, "its rows are not those of the train file, then those of the test file")
                arrays = [split]
        chosen.append(arrays[0] if arrays else None)
    return chosen[0], chosen[1]


def _view(work: Placing, name: str, plain: Joined | None, unit: Joined | None) -> View | None:
    """Add a space to the folder, twice if the directions of its unit rows differ; None if its files are unusable."""
    taken = None if plain is None else _place(work, name, plain)
    if plain is None or taken is None:
        alone = None if unit is None else _place(work, name, unit)
        return None if alone is None else View(alone, None, frozenset())
    if unit is None:
        return View(taken, None, frozenset())
    same, centred = _relation(plain, unit, work.data.num_train)
    asked = {pair.setting for pair in work.pairs if pair.phi1 == name} or set(get_args(Setting))
    if same or asked <= centred:
        less = "" if same else " less their mean row"
        for part in unit.parts:
            work.leave(
                part.path, f"its rows are those of {name}{less}, divided by their norms: runs do this themselves"
            )
        return View(taken, None, frozenset() if same else centred)
    second = _place(work, f"{name}_l2", unit)
    if second is None:
        return None
    work.notes.append(f"{work.data.name}: {name} and its _l2 files differ in directions, so both are imported")
    return View(taken, second, centred)


def _relation(plain: Joined, unit: Joined, num_train: int | None) -> tuple[bool, frozenset[Setting]]:
    """Whether the rows of unit norm are the plain rows normalized; else the settings in which they were centred."""
    if plain.shape != unit.shape:
        return False, frozenset()
    some = plain.sample()
    rows, wanted = plain[some].astype(np.float64), unit[some].astype(np.float64)
    if _same_directions(rows, wanted):
        return True, frozenset()
    centred: set[Setting] = set()
    for setting in get_args(Setting):
        stop = num_train if num_train is not None and setting == "inductive" else len(plain)
        if _same_directions(rows - plain.mean(stop), wanted):
            centred.add(setting)
    return False, frozenset(centred)


def _same_directions(rows: NDArray[np.float64], unit: NDArray[np.float64]) -> bool:
    return bool((np.linalg.norm(unit_length(rows) - unit, axis=1) <= SAME_DIRECTION).all())


def _place(work: Placing, name: str, array: Joined) -> str | None:
    """Add a space to the folder, unless it has it; returns its name there, None if its files are unusable."""
    assert work.folder is not None
    key = array.fingerprint
    if key in work.by_key:
        work.advance(array.size)
        return work.by_key[key]
    try:
        for part in array.parts:
            load_space(part.path)
    except InputError as error:
        for part in array.parts:
            work.leave(part.path, str(error))
        return None
    path, own = work.folder.work / f"{uuid.uuid4().hex}.npy", work.folder.free_space_name(name)
    try:
        with disk_errors(work.folder.path):
            array.write(path, work.advance)
        work.folder.add_space(own, path, _entry(work, name, array, key))
    finally:
        path.unlink(missing_ok=True)
    work.by_key[key], work.changed = own, True
    return own


def _entry(work: Placing, name: str, array: Joined, key: str) -> dict[str, Any]:
    files = " and ".join(part.path.name for part in array.parts)
    made = f"Read from {files} in the folder {name} of a release in the layout of {CODES[work.release.layout]}."
    return {"title": name, "kind": "imported", "made": made, "licence": "", "key": key}


# --- labels, split, card ---------------------------------------------------------------------


def _add_the_rest(work: Placing, folder: DatasetFolder, views: dict[str, View]) -> None:
    """Labels, the mark of test rows and the card."""
    data = work.data
    with disk_errors(folder.path):
        if data.num_train is not None and not (folder.path / "test_rows.npy").exists():
            write_array(folder.path / "test_rows.npy", np.arange(data.num_rows) >= data.num_train)
        labels = _labels(work)
        if labels is not None and not (folder.path / "labels.npy").exists():
            write_array(folder.path / "labels.npy", labels)
    if labels is None:
        work.notes.append(f"{data.name} has no labels for all its rows: its accuracy is unknown")
    pairs = [
        [views[pair.phi1].seen(pair.setting)[0], views[pair.phi2].plain]
        for pair in work.pairs
        if pair.phi1 in views and pair.phi2 in views
    ]

    def change(card: dict[str, Any]) -> None:
        card.setdefault("name", data.name)
        card.setdefault("summary", f"{data.num_rows:,} samples of a release in the layout of the authors' code.")
        card.setdefault("source", f"A release in the layout of {CODES[work.release.layout]}.")
        card["release"] = work.entry
        if pairs:
            card.setdefault("default_pair", pairs[0])

    folder.change_card(change)


def _labels(work: Placing) -> NDArray[np.int64] | None:
    """The labels of all rows, (N,); None if there are none, or some are invalid."""
    if not work.data.labels:
        return None
    values = np.concatenate(list(Joined(work.data.labels).blocks()))
    labels = values.astype(np.int64)
    if not np.isfinite(values).all() or not np.array_equal(labels, values) or labels.min() < 0:
        for part in work.data.labels:
            work.leave(part.path, "some labels are not whole numbers of 0 or more")
        return None
    return labels
