"""One dataset on disk that can be added to: made whole or not at all, its card changed under a lock.

Beside what `hume.data.dataset` reads, a folder made here holds

    set_aside.csv     what was given and not taken, a line each: name and reason
    originals/        the files as they came, where only a smaller copy of them is in images.npy
    work/             what an unfinished extraction or training has so far
    lock              held while the card is changed

and its card says under "originals" where the files of files.txt lie: "originals" in the folder
itself, or an absolute path; without that key the pictures in images.npy are all there is.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.files import atomically, disk_errors, unfinished, write_atomically
from hume.data.dataset import Dataset, dataset_folders, load_dataset, read_card

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
DIGEST_BYTES = 16


@dataclass(eq=False)
class DatasetFolder:
    """A dataset's folder, which can be given spaces and lose them."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def work(self) -> Path:
        """Where unfinished work on this dataset keeps what it has so far; made when it is asked for."""
        place = self.path / "work"
        place.mkdir(exist_ok=True)
        return place

    def load(self) -> Dataset:
        """The dataset as it is now, with or without spaces."""
        return load_dataset(self.path)

    # --- the card ----------------------------------------------------------------------------

    def card(self) -> dict[str, Any]:
        """What card.json holds now; raises InputError when it is damaged."""
        return read_card(self.path)

    def change_card(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Let a function change the card while nobody else does."""
        with disk_errors(self.path), FileLock(self.path / "lock"):
            self._change_card(change)

    def _change_card(self, change: Callable[[dict[str, Any]], None]) -> None:
        path = self.path / "card.json"
        card = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        change(card)
        write_atomically(path, f"{json.dumps(card, indent=2, ensure_ascii=False)}\n".encode())

    # --- spaces ------------------------------------------------------------------------------

    def space_names(self) -> list[str]:
        """The names of the spaces that are there."""
        return sorted(path.stem for path in (self.path / "spaces").glob("*.npy"))

    def free_space_name(self, wanted: str) -> str:
        """A name for a new space that is no other's and can be a file's."""
        return free_name(wanted, self.space_names(), "space")

    def space_with_key(self, key: str) -> str | None:
        """The space that was made from the same images by the same means, None where there is none."""
        known = self.card().get("spaces", {})
        return next((name for name in self.space_names() if known.get(name, {}).get("key") == key), None)

    def add_space(self, name: str, features: Path | NDArray[Any], entry: dict[str, Any]) -> None:
        """Give the dataset a space: a finished .npy file, which is moved here, or an array (N, d).

        entry: what the card says of it: title, kind, made, licence, key and whatever else is known.
        Raises InputError for a name that cannot be a file's or is taken.
        """
        check_name(name, "space")
        (self.path / "spaces").mkdir(exist_ok=True)
        place = self.path / "spaces" / f"{name}.npy"
        with disk_errors(self.path), FileLock(self.path / "lock"):
            if place.exists():
                raise InputError(f"{self.name} has a space {name!r} already: choose another name")
            if isinstance(features, Path):
                features.replace(place)
            else:
                write_array(place, features)
            self._change_card(lambda card: card.setdefault("spaces", {}).update({name: entry}))

    def drop_space(self, name: str) -> None:
        """Remove a space for good; raises InputError when there is none of that name."""
        with disk_errors(self.path), FileLock(self.path / "lock"):
            if name not in self.space_names():
                raise InputError(f"{self.name} has no space {name!r}: it has {', '.join(self.space_names()) or 'none'}")
            (self.path / "spaces" / f"{name}.npy").unlink()
            (self.path / "encoders" / f"{name}.safetensors").unlink(missing_ok=True)  # which a training left
            self._change_card(lambda card: card.get("spaces", {}).pop(name, None))

    # --- images ------------------------------------------------------------------------------

    @cached_property
    def digest(self) -> str:
        """Stands for the images and their order; what is made from the same images has the same."""
        known = self.card().get("digest")
        return str(known) if known else self._digest_of_images()

    @property
    def images(self) -> NDArray[np.uint8] | None:
        """The stored images (N, H, W) or (N, H, W, 3), without a look at the spaces; None where there are none."""
        return Dataset(name=self.name, spaces={}, folder=self.path).images

    def _digest_of_images(self) -> str:
        images = self.images
        if images is None:
            raise InputError(f"{self.name} has no images: features can only be made from images")
        digest = hashlib.blake2b(f"{images.shape}".encode(), digest_size=DIGEST_BYTES)
        for start in range(0, len(images), 4096):
            digest.update(np.ascontiguousarray(images[start : start + 4096]).tobytes())
        return digest.hexdigest()

    @property
    def originals(self) -> Path | None:
        """The folder that the names in files.txt are relative to, None where images.npy is all there is."""
        place = self.card().get("originals")
        return None if place is None else (self.path / str(place)).resolve()

    # --- the disk ----------------------------------------------------------------------------

    def size(self) -> int:
        """Bytes on disk, originals that were uploaded included."""
        return sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file() and not path.is_symlink())


@contextmanager
def new_dataset(root: Path, name: str) -> Iterator[DatasetFolder]:
    """A folder to fill, which becomes `root/name`, or name-2 and so on, when the block ends well, else is removed.

    Only afterwards `folder.name` is the name that it got. Raises InputError for a name
    that cannot be a folder's, RunError when the disk is full.
    """
    check_name(name, "dataset")
    with disk_errors(root), unfinished(root / name) as part:
        (part / "spaces").mkdir(parents=True)
        folder = DatasetFolder(part)
        yield folder
        taken = [path.name for path in (*root.iterdir(), *dataset_folders())]  # the embedded names stay theirs
        folder.path = part.rename(root / free_name(name, taken, "dataset"))


def free_name(wanted: str, taken: list[str], fallback: str) -> str:
    """A name near the wanted one that can be a file's and is nobody else's, whatever the letters' case."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", wanted).strip("-._")[:70] or fallback
    lower = {name.lower() for name in taken}
    candidates = (stem if i == 1 else f"{stem}-{i}" for i in range(1, len(taken) + 2))
    return next(name for name in candidates if name.lower() not in lower)


def check_name(name: str, what: str) -> None:
    """Raise InputError for a name that cannot be a file's everywhere."""
    if not NAME.fullmatch(name):
        raise InputError(
            f"a {what} cannot be named {name!r}: use at most 80 letters, digits, dots, dashes and underscores"
        )


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Save an array as .npy that is seen whole or not at all."""
    with atomically(path) as part, part.open("xb") as file:
        np.save(file, array, allow_pickle=False)
