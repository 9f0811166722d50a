"""Predicted time of a training or an extraction on this machine: a few of its pictures are timed.

Any other load on the machine is part of the result. The time is in proportion to the pictures that pass the network; a
forward pass alone takes a third of a step, of which a picture has two views.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import torch

from hume.data.folder import DatasetFolder
from hume.data.originals import Pictures
from hume.features.augmentations import StoredPictures
from hume.features.pretrain_config import FEWEST, PretrainConfig, images_of
from hume.features.training import PROBE_ROWS, PROBES, Training

if TYPE_CHECKING:
    from PIL.Image import Image

    from hume.features.backbones import Backbone

MEASURED = 8  # pictures of a step on a CPU; on a GPU whole batches are timed
STEPS = 2  # that are timed, after a first one
PASSES = 6  # forward passes that a picture's part of a step takes as long as
EXTRACTED = 4  # pictures, after two first ones
PIXEL_SECONDS = 2e-6  # of a pixel of a picture in an epoch, on two idle cores
LONG = 15 * 60.0  # seconds; a shorter training is proposed where one takes longer
SHORT_SIDE, SHORT_EPOCHS = 32, 80


@dataclass(frozen=True)
class TrainingPace:
    """Measured time of a training of any number of epochs: seconds of a picture in a step."""

    picture: float
    num_pictures: int  # of the dataset
    num_rows: int  # trained on
    has_labels: bool

    def seconds(self, config: PretrainConfig) -> float:
        """Seconds of a training with the measured method, network and size of pictures, and of its features."""
        batch = min(config.batch_size, self.num_rows)
        trained = config.epochs * (self.num_rows // batch) * batch
        probes = min(config.epochs, PROBES) * min(PROBE_ROWS, self.num_pictures) if self.has_labels else 0
        return self.picture * (trained + (probes + self.num_pictures) / PASSES)


def short(config: PretrainConfig) -> PretrainConfig:
    """A shorter training: smaller pictures and fewer epochs; on 309 pictures it took minutes in place of hours."""
    return replace(config, side=min(config.side, SHORT_SIDE), epochs=min(config.epochs, SHORT_EPOCHS))


def measure_training(folder: DatasetFolder, config: PretrainConfig, device: str) -> TrainingPace:
    """Time a few steps of a training; nothing is written. Raises InputError for a dataset without enough images."""
    dataset = folder.load()
    pictures = StoredPictures(images_of(dataset), config.side, device)
    rows = len(pictures)
    if config.train_split_only and dataset.test_rows is not None:
        rows = int((~dataset.test_rows).sum())
    on_cpu = torch.device(device).type == "cpu"
    some = np.arange(min(rows, max(FEWEST, MEASURED if on_cpu else config.batch_size)))
    training = Training(replace(config, batch_size=max(FEWEST, len(some))), pictures, some, None, Path())
    training.method.train()
    training.take_step(some)  # includes what is done once
    start = perf_counter()
    for _ in range(STEPS):
        training.take_step(some).item()
    took = (perf_counter() - start) / STEPS / len(some)
    return TrainingPace(took, len(pictures), rows, dataset.labels is not None)


def measure_extraction(folder: DatasetFolder, backbone: "Backbone") -> float:
    """The seconds that the features of all pictures take, from a few of them. Raises InputError as `extract`."""
    from hume.features.extract import features_of

    pictures = Pictures(folder)
    rows = np.linspace(0, len(pictures) - 1, min(len(pictures), EXTRACTED + 2)).astype(int).tolist()
    features_of(_Some(pictures, rows[:2]), backbone)  # includes what is done once
    start = perf_counter()
    features_of(_Some(pictures, rows[2:] or rows), backbone)
    return (perf_counter() - start) / len(rows[2:] or rows) * len(pictures)


@dataclass(frozen=True)
class _Some:
    """Some of a dataset's pictures."""

    pictures: Pictures
    rows: Sequence[int]
    names: list[str] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> "tuple[Image, str | None]":
        return self.pictures[self.rows[row]]


def is_long(seconds: float) -> bool:
    """Whether a training takes so long that a shorter one is proposed."""
    return math.isfinite(seconds) and seconds > LONG


def rough_seconds(folder: DatasetFolder, config: PretrainConfig) -> float:
    """Seconds of a training with the small network on two idle cores, until they are measured."""
    images = folder.images
    return 0.0 if images is None else config.epochs * len(images) * config.side**2 * PIXEL_SECONDS
