"""The picture of every row of a dataset: its original file, or its stored copy."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hume.common.errors import InputError
from hume.common.once import once
from hume.data.folder import DatasetFolder
from hume.data.grey_range import grey_range
from hume.data.image_files import PictureError, open_picture
from hume.data.thumbnails import brightened, full_white, sample_images


class Pictures:
    """Every row's picture at the best available quality: `pictures[row]` is (picture, problem).

    picture: mode "L" or "RGB"; the original file, or the picture in images.npy where the dataset has no
    originals. problem: None, or one sentence when the original can no longer be read and the stored
    picture is used. at_least: see `open_picture`. Thread-safe.
    Raises InputError for a dataset without images, IndexError for a row out of range.
    """

    def __init__(self, folder: DatasetFolder, *, at_least: int | None = None) -> None:
        dataset = folder.load()
        images = sample_images(dataset)
        if images is None:
            raise InputError(f"{folder.name} has no images: features can only be computed from images")
        self.images: NDArray[np.uint8] = images
        self.root: Path | None = folder.originals
        self.names: list[str] | None = None if self.root is None else dataset.file_names
        self.at_least = at_least
        self.span = grey_range(dataset)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[Image.Image, str | None]:
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        if self.root is None or self.names is None:
            return self.stored(row), None
        try:
            return self._original(self.root, self.names[row]), None
        except PictureError as error:
            return self.stored(row), f"{error}: the small copy stored with the dataset is used instead"

    def stored(self, row: int) -> Image.Image:
        """The picture in images.npy, its values stretched to black and white where they are few."""
        return Image.fromarray(np.ascontiguousarray(brightened(self.images[row], self._white)))

    @once
    def _white(self) -> int:
        return full_white(self.images)

    def _original(self, root: Path, name: str) -> Image.Image:
        try:
            path = (root / name).resolve()
        except (OSError, RuntimeError, ValueError):  # a link to itself, or an invalid file name
            raise PictureError(name, "cannot be found") from None
        if not path.is_relative_to(root):
            raise PictureError(name, "is outside the folder of the originals")
        return open_picture(path, name, at_least=self.at_least, span=self.span)
