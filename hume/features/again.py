"""A dataset's spaces for other pictures, computed as they were for its own: the same networks, training and derivation.

What made a space stands in the dataset's card; its key says whether the network at hand is the one that made it.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from hume.common.errors import InputError
from hume.common.progress import Progress, part
from hume.data.dataset import Dataset, Space
from hume.data.folder import DatasetFolder
from hume.data.grey_range import grey_range
from hume.data.image_files import PictureError, open_picture
from hume.data.importers.folder_listing import Entry
from hume.data.originals import Pictures
from hume.data.thumbnails import brightened, full_white, sample_images
from hume.features.augmentations import StoredPictures
from hume.features.backbones import KNOWN, Backbone, load_backbone
from hume.features.derive import derived_rows
from hume.features.encoders import load_encoder
from hume.features.extract import THREADS, features_key, features_of
from hume.features.recipe import Recipe

Weights = Mapping[str, Path]  # files of weights, by the names of spaces
AS_RECORDED: Weights = MappingProxyType({})
ROWS = 256  # pictures that are read, or computed by a trained network, at once


class OtherPictures:
    """New pictures, and each as a dataset would have had it: its original, or as small as its stored ones."""

    def __init__(self, dataset: Dataset, source: Sequence[Entry] | DatasetFolder):
        """source: files, or another dataset with images; raises InputError where either dataset has none."""
        assert dataset.folder is not None
        images = sample_images(dataset)
        if images is None:
            raise InputError(f"{dataset.name} has no images, so that its spaces cannot be computed for new ones")
        self.shape: tuple[int, ...] = images.shape[1:]
        self.white = None if DatasetFolder(dataset.folder).originals is not None else full_white(images)
        self.span = grey_range(dataset)
        self.source: Pictures | Sequence[Entry]
        self.names: list[str] | None
        if isinstance(source, DatasetFolder):
            self.source, self.names = Pictures(source), source.load().file_names
        else:
            self.source, self.names = source, [entry.name for entry in source]

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, row: int) -> tuple[Image.Image, str | None]:
        """The picture that a pretrained network sees, and no problem: unreadable files are set aside before."""
        if self.white is None:
            return self._picture(row, None), None
        return Image.fromarray(brightened(self.stored(row), self.white)), None

    def stored(self, row: int) -> NDArray[np.uint8]:
        """The picture at the size and in the colours of the dataset's stored ones."""
        height, width = self.shape[:2]
        picture = self._picture(row, max(height, width) + 1)
        picture = picture.convert("L" if len(self.shape) == 2 else "RGB")
        if picture.size != (width, height):
            scale = min(picture.width / width, picture.height / height)
            left, top = (picture.width - scale * width) / 2, (picture.height - scale * height) / 2
            box = (left, top, picture.width - left, picture.height - top)
            picture = picture.resize((width, height), Image.Resampling.BICUBIC, box=box)
        return np.asarray(picture)

    def _picture(self, row: int, at_least: int | None) -> Image.Image:
        if not isinstance(self.source, Pictures):
            entry = self.source[row]
            return open_picture(entry.path, entry.name, at_least=at_least, span=self.span)
        if self.source.root is not None:
            return self.source[row][0]
        return Image.fromarray(np.ascontiguousarray(self.source.images[row]))


def readable(
    entries: Sequence[Entry], on_progress: Progress | None = None
) -> tuple[list[Entry], list[tuple[str, str]]]:
    """The files that can be decoded, and the others, each with a reason."""
    good, aside = [], []
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(entries), ROWS):
            some = entries[start : start + ROWS]
            for entry, reason in zip(some, pool.map(_why_unreadable, some), strict=True):
                if reason is None:
                    good.append(entry)
                else:
                    aside.append((entry.name, reason))
            if on_progress is not None:
                on_progress((start + len(some)) / len(entries))
    return good, aside


def _why_unreadable(entry: Entry) -> str | None:
    try:
        open_picture(entry.path, entry.name, at_least=1)
    except PictureError as error:
        return error.reason
    return None


def check_known(dataset: Dataset, name: str) -> None:
    """Raise InputError where a space cannot be computed for other pictures, saying why."""
    entry = _entry(dataset, name)
    if "backbone" in entry or "recipe" in entry:
        for parent in entry.get("recipe", {}).get("spaces", ()):
            check_known(dataset, parent)
    elif "training" not in entry or not _encoder_file(dataset, name).exists():
        raise InputError(
            f"the space {name} of {dataset.name} cannot be computed for new pictures: the network that made it is not "
            "kept with the dataset"
        )
    if dataset.images is None:
        raise InputError(f"{dataset.name} has no images, so that its space {name} cannot be computed for new ones")


def space_of(
    dataset: Dataset,
    name: str,
    pictures: OtherPictures,
    *,
    weights: Weights = AS_RECORDED,
    device: str = "cpu",
    on_progress: Progress | None = None,
) -> Space:
    """A space of a dataset for other pictures, (M, d).

    weights: of pretrained networks whose files are not where they were. Raises InputError as `check_known`, and where
    the network at hand is not the one that made the space.
    """
    check_known(dataset, name)
    entry = _entry(dataset, name)
    if "backbone" in entry:
        backbone = _backbone(dataset, name, entry, weights, device)
        return Space(name, features_of(pictures, backbone, on_progress=on_progress))
    if "training" in entry:
        return Space(name, _trained(dataset, name, entry, pictures, device, on_progress))
    recipe = Recipe(**(entry["recipe"] | {"spaces": tuple(entry["recipe"]["spaces"])}))
    number = len(recipe.spaces)
    parents = [
        space_of(
            dataset,
            parent,
            pictures,
            weights=weights,
            device=device,
            on_progress=part(on_progress, i / number, (i + 1) / number),
        )
        for i, parent in enumerate(recipe.spaces)
    ]
    return Space(name, derived_rows(recipe, dataset, parents, entry["key"]))


def with_captions(dataset: Dataset) -> list[str]:
    """The spaces of a dataset in which words have a place: those of networks that were trained on captions."""
    return [name for name in dataset.spaces if _has_captions(_entry(dataset, name))]


def embedded_words(dataset: Dataset, name: str, texts: Sequence[str], *, device: str = "cpu") -> NDArray[np.float32]:
    """Texts as unit rows (W, d) of a space that a network trained on captions made.

    Every text is embedded as it is and as "a photo of a …", and the mean of both is taken. Raises InputError for a
    space of another kind, and where the network at hand is not the one that made the space.
    """
    entry = _entry(dataset, name)
    if not _has_captions(entry):
        raise InputError(
            f"words have no place in the space {name} of {dataset.name}: only a network that was trained on captions, "
            "such as clip-vitb32, makes a space for both"
        )
    encode = _backbone(dataset, name, entry, AS_RECORDED, device, words=True).words
    assert encode is not None  # load_backbone raises otherwise
    normalize = torch.nn.functional.normalize
    ways = [normalize(encode([way.format(text) for text in texts])) for way in ("{}", "a photo of a {}.")]
    return np.asarray(normalize(ways[0] + ways[1]).numpy(), np.float32)


def _has_captions(entry: dict[str, Any]) -> bool:
    network = str(entry.get("backbone", ""))
    known = KNOWN.get(network)
    return bool(entry.get("captions")) or (known.model if known else network).startswith("open_clip:")


def _entry(dataset: Dataset, name: str) -> dict[str, Any]:
    dataset.space(name)
    entry: dict[str, Any] = dataset.card.get("spaces", {}).get(name, {})
    return entry if entry.get("key") else {}


def _encoder_file(dataset: Dataset, name: str) -> Path:
    assert dataset.folder is not None
    return dataset.folder / "encoders" / f"{name}.safetensors"


def _backbone(
    dataset: Dataset, name: str, entry: dict[str, Any], given: Weights, device: str, words: bool = False
) -> Backbone:
    assert dataset.folder is not None
    weights = given.get(name) or (Path(entry["weights"]) if entry.get("weights") else None)
    load = partial(load_backbone, entry["backbone"], weights=weights, device=device, words=words)
    backbone = load()
    if backbone.side != entry["side"]:
        backbone = load(size=entry["side"])
    folder = DatasetFolder(dataset.folder)
    if entry["key"] not in [features_key(folder, backbone, precision) for precision in ("float32", "float16")]:
        raise InputError(
            f"the network {entry['backbone']} on this machine is not the one that made {name} of {dataset.name}: its "
            "weights or its preprocessing differ"
        )
    return backbone


def _trained(
    dataset: Dataset,
    name: str,
    entry: dict[str, Any],
    pictures: OtherPictures,
    device: str,
    on_progress: Progress | None,
) -> NDArray[np.float32]:
    encoder, parts = load_encoder(_encoder_file(dataset, name), entry["key"]).to(device), []
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(pictures), ROWS):
            rows = range(start, min(start + ROWS, len(pictures)))
            images = np.stack(list(pool.map(pictures.stored, rows)))
            with torch.inference_mode():
                batch = StoredPictures(images, entry["training"]["side"], device).batch(slice(None))
                parts.append(encoder(batch).float().cpu().numpy())
            if on_progress is not None:
                on_progress(rows.stop / len(pictures))
    return np.concatenate(parts)
