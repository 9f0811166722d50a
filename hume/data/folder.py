"""A dataset's folder on disk: created atomically, its card changed under a lock.

In addition to what `hume.data.dataset` reads, it holds

    set_aside.csv     files that were not used: name and reason, one per line
    originals/        the original files, where images.npy has only smaller copies
    work/             checkpoints of unfinished extractions and trainings
    lock              held while the card is changed

and its card names under "originals" the folder of the files in files.txt: "originals" in the folder
itself, or an absolute path; without that key there are only the pictures in images.npy.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.files import atomically, disk_errors, unfinished, write_atomically
from hume.common.once import once
from hume.data.cards import read_card
from hume.data.dataset import Dataset, dataset_folders, load_dataset

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
DIGEST_BYTES = 16


@dataclass(eq=False)
class DatasetFolder:
    """A dataset's folder, to add spaces to and remove them from."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def work(self) -> Path:
        """The folder for checkpoints of unfinished work on this dataset, created on first use."""
        path = self.path / "work"
        path.mkdir(exist_ok=True)
        return path

    def load(self) -> Dataset:
        """Load the dataset in its current state, with or without spaces."""
        return load_dataset(self.path)

    # --- the card ----------------------------------------------------------------------------

    def card(self) -> dict[str, Any]:
        """Read card.json; raises InputError when it is damaged."""
        return read_card(self.path)

    def change_card(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the card with a function, under the lock."""
        with disk_errors(self.path), FileLock(self.path / "lock"):
            self._change_card(change)

    def _change_card(self, change: Callable[[dict[str, Any]], None]) -> None:
        card = self.card()
        change(card)
        write_atomically(self.path / "card.json", f"{json.dumps(card, indent=2, ensure_ascii=False)}\n".encode())

    # --- spaces ------------------------------------------------------------------------------

    def space_names(self) -> list[str]:
        """The names of the spaces."""
        return sorted(path.stem for path in (self.path / "spaces").glob("*.npy"))

    def free_space_name(self, wanted: str) -> str:
        """An unused name for a new space that is valid as a file name."""
        return free_name(wanted, self.space_names(), "space")

    def space_with_key(self, key: str) -> str | None:
        """The space computed from the same images in the same way; None if there is none."""
        entries = self.card().get("spaces", {})
        return next((name for name in self.space_names() if entries.get(name, {}).get("key") == key), None)

    def add_space(self, name: str, features: Path | NDArray[Any], entry: dict[str, Any]) -> None:
        """Add a space to the dataset: a finished .npy file, which is moved here, or an array (N, d).

        entry: its entry in the card: title, kind, made, licence, key and more.
        Raises InputError for a name that is invalid or taken.
        """
        check_name(name, "space")
        (self.path / "spaces").mkdir(exist_ok=True)
        path = self.path / "spaces" / f"{name}.npy"
        with disk_errors(self.path), FileLock(self.path / "lock"):
            if path.exists():
                raise InputError(f"{self.name} already has a space {name!r}: choose another name")
            with unfinished(path) as part:
                made = features if isinstance(features, Path) else part
                if not isinstance(features, Path):
                    write_array(made, features)
                # The entry first: a space that a kill left without one would be computed again, beside it.
                self._change_card(lambda card: card.setdefault("spaces", {}).update({name: entry}))
                made.replace(path)

    def drop_space(self, name: str) -> None:
        """Remove a space permanently; raises InputError for an unknown name."""
        with disk_errors(self.path), FileLock(self.path / "lock"):
            if name not in self.space_names():
                raise InputError(f"{self.name} has no space {name!r}: it has {', '.join(self.space_names()) or 'none'}")
            (self.path / "spaces" / f"{name}.npy").unlink()
            (self.path / "encoders" / f"{name}.safetensors").unlink(missing_ok=True)  # of a trained space
            self._change_card(lambda card: card.get("spaces", {}).pop(name, None))

    # --- images ------------------------------------------------------------------------------

    @once
    def digest(self) -> str:
        """A digest of the images and their order."""
        stored = self.card().get("digest")
        return str(stored) if stored else self._digest_of_images()

    @property
    def images(self) -> NDArray[np.uint8] | None:
        """The stored images (N, H, W) or (N, H, W, 3), without loading the spaces; None if there are none."""
        return Dataset(name=self.name, spaces={}, folder=self.path).images

    def _digest_of_images(self) -> str:
        images = self.images
        if images is None:
            raise InputError(f"{self.name} has no images: features can only be computed from images")
        digest = hashlib.blake2b(f"{images.shape}".encode(), digest_size=DIGEST_BYTES)
        for start in range(0, len(images), 4096):
            digest.update(np.ascontiguousarray(images[start : start + 4096]).tobytes())
        return digest.hexdigest()

    @property
    def originals(self) -> Path | None:
        """The folder that the names in files.txt are relative to; None if there are no originals."""
        path = self.card().get("originals")
        return None if path is None else (self.path / str(path)).resolve()

    # --- the disk ----------------------------------------------------------------------------

    def size(self) -> int:
        """Bytes on disk, including uploaded originals."""
        return sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file() and not path.is_symlink())


@contextmanager
def new_dataset(root: Path, name: str) -> Iterator[DatasetFolder]:
    """Create a dataset: a folder that becomes `root/name`, or name-2 and so on, if the block succeeds, else is removed.

    `folder.name` is final only afterwards. Raises InputError for a name
    that is invalid for a folder, RunError when the disk is full.
    """
    check_name(name, "dataset")
    with disk_errors(root), unfinished(root / name) as path:
        (path / "spaces").mkdir(parents=True)
        folder = DatasetFolder(path)
        yield folder
        taken = [other.name for other in (*root.iterdir(), *dataset_folders())]  # embedded names stay reserved
        folder.path = path.rename(root / free_name(name, taken, "dataset"))


def free_name(wanted: str, taken: list[str], fallback: str) -> str:
    """An unused name close to the wanted one that is valid as a file name, ignoring case."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", wanted).strip("-._")[:70] or fallback
    lower = {name.lower() for name in taken}
    candidates = (stem if i == 1 else f"{stem}-{i}" for i in range(1, len(taken) + 2))
    return next(name for name in candidates if name.lower() not in lower)


def check_name(name: str, what: str) -> None:
    """Raise InputError for a name that is not a valid file name on every system."""
    if not NAME.fullmatch(name):
        raise InputError(
            f"a {what} cannot be named {name!r}: use at most 80 letters, digits, dots, dashes and underscores"
        )


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array atomically as .npy."""
    with atomically(path) as part, part.open("xb") as file:
        np.save(file, array, allow_pickle=False)
