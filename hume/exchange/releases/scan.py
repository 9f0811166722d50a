"""Scan a folder in the authors' layout, from names and headers alone."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from hume.common.errors import InputError
from hume.data.npy_files import load_array
from hume.data.splits import Setting
from hume.exchange.releases.names import Reading, choose_reading, pairs_meant, readings
from hume.exchange.releases.records import (
    Layout,
    Part,
    Release,
    ReleaseDataset,
    ReleasePair,
    ReleaseSpace,
    SetAside,
    Split,
)

TASK = re.compile(r"linear_task_([0-9]+)\.pt")
SCORE = re.compile(r"results_([0-9]+)\.pickle")
SNAPSHOT = re.compile(r"linear_task_[0-9]+_[0-9]+\.pt")
CHECKPOINTS = ("task_checkpoints", "turtle_tasks")
NOT_ORTHONORMAL = (
    "TURTLE's tasks are linear maps with a bias, averaged over its spaces, not orthonormal prototypes: run TURTLE on "
    "the imported spaces instead"
)


def scan_release(folder: Path) -> Release:
    """List the datasets, spaces, labels and tasks of a folder in the authors' layout.

    The folder is the one with `data` and `tasks`, or `data` itself. Only names and headers are
    read, so it is fast for any size. Unusable files are in `set_aside`, with the reason: files
    that are not arrays, hold Python objects or are truncated, have other rows than the rest, have
    a name without a split, or are links that lead out of the folder. A space is listed if its
    files have all rows of its dataset: train and test rows if two spaces have both, else those of
    one split.
    Raises InputError for a path that is not a folder, or has neither `representations` nor `tasks`.
    """
    root = Path(folder).expanduser().resolve()
    if not root.is_dir():
        raise InputError(f"{folder} is not a folder: choose the one with data and tasks")
    return _Scan(root).release()


@dataclass
class _Scan:
    root: Path
    set_aside: list[SetAside] = field(default_factory=list)
    # space, or "" for labels, and the readings of a file's name, with the array in it
    arrays: list[tuple[str, list[Reading], Part]] = field(default_factory=list)
    tasks: list[tuple[Setting, str, str, Path]] = field(default_factory=list)
    turtle: bool = False

    def release(self) -> Release:
        tops = [self.root, self.root / "data"]
        if not any((top / name).is_dir() for top in tops for name in ("representations", "tasks", *CHECKPOINTS)):
            raise InputError(f"{self.root} has neither representations nor tasks: choose the folder of a release")
        self._top(self.root)
        files = self._read_names()
        datasets = [self._dataset(name, files[name]) for name in sorted(files)]
        found = {dataset.name: dataset for dataset in datasets if dataset is not None}
        pairs = tuple(self._pair(*task, found.get(task[2])) for task in self.tasks)
        layout: Layout = "turtle" if self.turtle else "hume"
        aside = tuple(sorted(self.set_aside, key=lambda one: one.path))
        return Release(self.root, layout, tuple(found.values()), pairs, aside)

    # --- files and folders ---------------------------------------------------------------

    def _leave(self, path: Path, reason: str) -> None:
        self.set_aside.append(SetAside(path.relative_to(self.root).as_posix(), reason))

    def _inside(self, folder: Path) -> Iterator[tuple[Path, bool]]:
        """The entries of a folder, and whether each is a folder; links out of the release are set aside."""
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            return self._leave(folder, f"it cannot be read ({error.strerror})")
        for entry in entries:
            path = Path(entry.path)
            if entry.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(self.root):
                self._leave(path, "it is a link that leads out of the folder")
            elif not entry.is_dir() and not entry.is_file():
                self._leave(path, "it is neither a file nor a folder")
            else:
                yield path, entry.is_dir()

    def _folders(self, folder: Path, files_are: str) -> Iterator[Path]:
        for path, is_folder in self._inside(folder):
            if is_folder:
                yield path
            else:
                self._leave(path, files_are)

    def _top(self, folder: Path) -> None:
        for path in self._folders(folder, "it is not part of the layout"):
            if path.name == "data" and folder == self.root:
                self._top(path)
            elif path.name == "representations":
                for space in self._folders(path, "it is not in a space's folder"):
                    self._arrays_in(space, space.name)
            elif path.name == "labels":
                self._arrays_in(path, "")
            elif path.name == "tasks":
                self._task_folders(path)
            elif path.name in CHECKPOINTS:
                self._checkpoints(path)
            else:
                self._leave(path, "it is not part of the layout")

    def _arrays_in(self, folder: Path, space: str) -> None:
        for path, is_folder in self._inside(folder):
            found = [] if is_folder or path.suffix != ".npy" else readings(path.stem)
            if not found:
                self._leave(path, "it is not a .npy file whose name ends with train, test, traintest or _val")
                continue
            try:
                array = load_array(path)
            except InputError as error:
                self._leave(path, str(error))
                continue
            problem = _what_is_wrong(array.dtype.kind, array.shape, labels=not space)
            if problem:
                self._leave(path, f"it holds {array.dtype} of shape {array.shape}: {problem}")
                continue
            part = Part(path, found[0].split, array.shape, str(array.dtype), found[0].unit)
            self.arrays.append((space, found, part))
            self.turtle |= path.stem.endswith("_val")

    def _checkpoints(self, folder: Path) -> None:
        self.turtle = True
        for path, is_folder in self._inside(folder):
            if is_folder:
                self._checkpoints(path)
            else:
                self._leave(path, NOT_ORTHONORMAL if path.suffix == ".pt" else "it is not part of the layout")

    def _task_folders(self, folder: Path) -> None:
        for setting_folder in self._folders(folder, "it is not in a setting's folder"):
            setting = next((known for known in get_args(Setting) if known == setting_folder.name), None)
            if setting is None:
                self._leave(setting_folder, "it is neither inductive nor transductive")
                continue
            for pair in self._folders(setting_folder, "it is not in a pair's folder"):
                for dataset in self._folders(pair, "it is not in a dataset's folder"):
                    self.tasks.append((setting, pair.name, dataset.name, dataset))

    # --- datasets and pairs --------------------------------------------------------------

    def _read_names(self) -> dict[str, dict[str, list[Part]]]:
        """The parts of every dataset and space, "" for labels; ambiguous names are resolved."""
        known = {found[0].dataset for _, found, _ in self.arrays if len(found) == 1} | {task[2] for task in self.tasks}
        files: dict[str, dict[str, list[Part]]] = defaultdict(lambda: defaultdict(list))
        for space, found, part in self.arrays:
            chosen = choose_reading(found, known)
            if chosen is None:
                meant = " or ".join(f"the {one.split} rows of {one.dataset}" for one in found)
                self._leave(part.path, f"its name can mean {meant}: rename the files of one of them")
                continue
            same = files[chosen.dataset][space]
            part = Part(part.path, chosen.split, part.shape, part.dtype, chosen.unit)
            if any((other.split, other.unit) == (part.split, part.unit) for other in same):
                self._leave(part.path, "another file holds the same rows")
            else:
                same.append(part)
        return files

    def _dataset(self, name: str, files: dict[str, list[Part]]) -> ReleaseDataset | None:
        rows = _rows_of_splits([part for parts in files.values() for part in parts])
        files = {space: list(self._of_that_size(parts, rows)) for space, parts in files.items()}
        labels, named = files.pop("", []), sorted(files)
        choice = _choose_splits({space: files[space] for space in named}, rows)
        spaces = [self._space(space, files[space], choice) for space in named] if choice else []
        taken = tuple(space for space in spaces if space is not None)
        whole = _covers(labels, choice) if choice else []
        used = {part.path for way in whole for part in way}
        for part in labels:
            if part.path not in used:
                self._leave(part.path, "it does not have the labels of all rows of a dataset")
        if not taken:
            return None
        two = choice == ("train", "test")
        num_rows = sum(rows[split] for split in choice)
        return ReleaseDataset(name, num_rows, rows["train"] if two else None, taken, whole[-1] if whole else ())

    def _of_that_size(self, parts: list[Part], rows: dict[Split, int]) -> Iterator[Part]:
        for part in parts:
            if part.rows == rows.get(part.split):
                yield part
            else:
                self._leave(part.path, f"it has {part.rows} rows where the other files have {rows.get(part.split)}")

    def _space(self, name: str, parts: list[Part], choice: tuple[Split, ...]) -> ReleaseSpace | None:
        ways = {unit: _covers([part for part in parts if part.unit is unit], choice) for unit in (False, True)}
        used = {part.path for unit in ways for way in ways[unit] for part in way}
        for part in parts:
            if part.path not in used:
                self._leave(part.path, f"the other files of its space lack some of the {' and '.join(choice)} rows")
        first = next((way[0] for way in ways[False] + ways[True]), None)
        return ReleaseSpace(name, first.shape[1], tuple(ways[False]), tuple(ways[True])) if first else None

    def _pair(
        self, setting: Setting, pair: str, name: str, folder: Path, dataset: ReleaseDataset | None
    ) -> ReleasePair:
        seeds, scored, outside = set(), set(), len(self.set_aside)
        for path, is_folder in self._inside(folder):
            task, score = TASK.fullmatch(path.name), SCORE.fullmatch(path.name)
            if task and not is_folder:
                seeds.add(int(task[1]))
            elif score and not is_folder:
                scored.add(int(score[1]))
            elif SNAPSHOT.fullmatch(path.name):
                self._leave(path, "it is a checkpoint of an unfinished search")
            else:
                self._leave(path, "it is neither a linear_task_*.pt nor a results_*.pickle")
        for seed in sorted(scored - seeds):
            self._leave(folder / f"results_{seed}.pickle", "there is no task of its seed")
        links = [one for one in self.set_aside[outside:] if "link" in one.reason]
        names = [space.name for space in dataset.spaces] if dataset else []
        meant = pairs_meant(pair, names)
        problem = None
        if not seeds:
            problem = "it holds no linear_task_*.pt"
        elif links:
            problem = f"{links[0].path} is a link that leads out of the folder"
        elif dataset is None:
            problem = f"there are no representations of {name}"
        elif not meant:
            problem = f"its name does not match two spaces of {name}: there are {', '.join(names)}"
        elif len(meant) > 1:
            problem = f"it can mean {' or '.join(' and '.join(both) for both in meant)}: rename it"
        first, second = meant[0] if problem is None else (None, None)
        return ReleasePair(
            setting, pair, name, folder, tuple(sorted(seeds)), seeds <= scored, first, second, problem
        )  # fmt: skip


def _what_is_wrong(kind: str, shape: tuple[int, ...], *, labels: bool) -> str | None:
    if labels:
        return None if kind in "iuf" and len(shape) == 1 and shape[0] else "labels are one integer a row"
    return None if kind == "f" and len(shape) == 2 and 0 not in shape else "features are a floating-point row a sample"


def _rows_of_splits(parts: Sequence[Part]) -> dict[Split, int]:
    """The number of rows of train, test and both, by most files; the third follows from two."""
    rows: dict[Split, int] = {
        split: Counter(part.rows for part in parts if part.split == split).most_common(1)[0][0]
        for split in {part.split for part in parts}
    }
    one_from_other: tuple[tuple[Split, Split], ...] = (("train", "test"), ("test", "train"))
    for split, other in one_from_other:
        if split not in rows and rows.get("traintest", 0) > rows.get(other, rows.get("traintest", 0)):
            rows[split] = rows["traintest"] - rows[other]
    if "train" in rows and "test" in rows:
        rows["traintest"] = rows["train"] + rows["test"]
    return rows


def _covers(parts: Sequence[Part], choice: tuple[Split, ...]) -> list[tuple[Part, ...]]:
    """The ways to cover all rows of a choice of splits with these parts, the one of fewest files first."""
    by_split = {part.split: part for part in parts}
    ways: list[tuple[Split, ...]] = [("traintest",), choice] if choice == ("train", "test") else [choice]
    return [
        tuple(by_split[split] for split in way)
        for way in ways
        if set(way) <= set(by_split) and len({by_split[split].shape[1:] for split in way}) == 1
    ]


def _choose_splits(files: dict[str, list[Part]], rows: dict[Split, int]) -> tuple[Split, ...]:
    """The splits of the dataset: the first choice that two spaces have, else one, else none."""
    both: tuple[Split, ...] = ("train", "test") if {"train", "test"} <= set(rows) else ("traintest",)
    choices: list[tuple[Split, ...]] = [both, ("test",), ("train",)]
    for least in (2, 1):
        for choice in choices:
            spaces = [
                name
                for name, parts in files.items()
                if any(_covers([part for part in parts if part.unit is unit], choice) for unit in (False, True))
            ]
            if len(spaces) >= least:
                return choice
    return ()
