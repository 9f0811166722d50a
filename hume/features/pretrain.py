"""Self-supervised pretraining on a dataset's own pictures: the paper's space φ1.

No label is used for training. `pretrain` is a generator of records, for the caller to draw the loss;
closing it stops the training, which then can be resumed. The k-nearest-neighbour
score in a record is for display only, where labels exist.

Every step has its own random generator, derived from the seed and the step's number, so a resumed
training gives the same result as an uninterrupted one.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import ArrayLike, NDArray

from hume.common.errors import InputError, RunError
from hume.common.files import disk_errors, regular
from hume.common.json_files import read_json
from hume.data.dataset import Dataset
from hume.data.folder import DIGEST_BYTES, DatasetFolder, write_array
from hume.features.augmentations import StoredPictures
from hume.features.encoders import WIDTHS, save_encoder
from hume.features.pretrain_config import (
    ENCODER_TITLES,
    FEWEST,
    METHOD_TITLES,
    METHODS,
    PretrainConfig,
    defaults,
    images_of,
)
from hume.features.training import Epoch, State, Training

__all__ = [
    "ENCODER_TITLES",
    "FEWEST",
    "METHODS",
    "METHOD_TITLES",
    "Epoch",
    "PretrainConfig",
    "Unfinished",
    "defaults",
    "discard",
    "pending",
    "pretrain",
    "training_key",
]


@dataclass(frozen=True, eq=False)
class Unfinished:
    """A stopped training; `pretrain(folder, config, train_rows=train_rows)` resumes it."""

    key: str
    config: PretrainConfig
    step: int
    num_steps: int
    seconds: float
    train_rows: NDArray[np.int64] | None  # if the caller chose them


def pretrain(
    folder: DatasetFolder, config: PretrainConfig, *, device: str = "cpu", train_rows: ArrayLike | None = None
) -> Generator[Epoch, None, str]:
    """Train an encoder on a dataset's pictures and add the features of all its rows to it as a space.

    The generator's value is the space's name; the encoder's weights are in `encoders/<name>.safetensors`.
    A space trained on the same pictures with the same settings is reused. A stopped training
    is resumed, its earlier records first.

    train_rows: numbers of the rows to train on, or a mask (N,); by default as the settings say.
    Raises InputError for missing or too few images or a missing library; RunError when the
    loss is not finite, memory or the disk is full, or the same training is running.
    """
    dataset = folder.load()
    pictures = StoredPictures(images_of(dataset), config.side, device)
    chosen = None if train_rows is None else _row_numbers(train_rows, len(pictures))
    rows = _training_rows(dataset, config, chosen)
    key = training_key(folder, config, rows)
    existing = folder.space_with_key(key)
    if existing is not None:
        return existing
    work_folder = folder.work / f"pretrain-{key}"
    with _memory_errors(config):
        training = Training(config, pictures, rows, dataset.labels, work_folder)
    with _training_lock(work_folder), _memory_errors(config):
        training.restore()
        if chosen is not None:
            write_array(work_folder / "train_rows.npy", chosen)
        yield from training.run()
        features = yield from training.write_features()
        name = _register(folder, training, features, key)
    shutil.rmtree(work_folder, ignore_errors=True)
    return name


def training_key(folder: DatasetFolder, config: PretrainConfig, rows: NDArray[np.int64]) -> str:
    """A digest of a dataset's pictures, the rows trained on, and the settings."""
    digest = hashlib.blake2b(folder.digest.encode(), digest_size=DIGEST_BYTES)
    digest.update(json.dumps(asdict(config), sort_keys=True).encode())
    digest.update(rows.tobytes())
    return digest.hexdigest()


def pending(folder: DatasetFolder) -> list[Unfinished]:
    """The unfinished trainings on this dataset."""
    unfinished = []
    for state in sorted((folder.path / "work").glob("pretrain-*/state.json")):
        try:
            known = read_json(state, State)
            rows = state.with_name("train_rows.npy")
            chosen = np.load(regular(rows), allow_pickle=False) if rows.exists() else None
            key = state.parent.name.removeprefix("pretrain-")
            unfinished.append(Unfinished(key, known.config, known.step, known.num_steps, known.seconds, chosen))
        except (OSError, ValueError):  # of another version, or damaged: it cannot be resumed
            continue
    return unfinished


def discard(folder: DatasetFolder, key: str) -> None:
    """Remove an unfinished training; raises InputError for an unknown key."""
    work_folder = folder.path / "work" / f"pretrain-{key}"
    if not re.fullmatch("[0-9a-f]+", key) or not work_folder.is_dir():
        raise InputError(f"{folder.name} has no unfinished training {key!r}: it is finished or discarded")
    with _training_lock(work_folder):
        pass
    shutil.rmtree(work_folder)


def _register(folder: DatasetFolder, training: Training, features: Path, key: str) -> str:
    """Add the new space and the encoder to the dataset; returns the space's name."""
    config, pictures = training.config, training.pictures
    fraction = "all" if len(training.rows) == len(pictures) else f"{len(training.rows):,} of the"
    entry = {
        "title": config.title,
        "kind": "self-supervised",
        "made": f"Trained without labels for {config.epochs} epoch{'s' * (config.epochs > 1)} on {fraction} "
        f"{len(pictures):,} images of this dataset; pooled features, {WIDTHS[config.encoder]:,} dimensions.",
        "licence": str(folder.card().get("licence", "")),
        "key": key,
        "training": asdict(config)
        | {
            "seconds": round(training.seconds, 1),
            "device": str(pictures.device),
            "loss": [round(record.loss, 4) for record in training.records if record.step % training.epoch_steps == 0],
        },
    }
    encoder = training.folder / "encoder.safetensors"
    with disk_errors(folder.path):
        save_encoder(encoder, training.method.encoder, config.encoder, pictures.channels, max(pictures.size), key=key)
        (folder.path / "encoders").mkdir(exist_ok=True)
        name = folder.free_space_name(f"{config.method}-{config.encoder}")
        folder.add_space(name, features, entry)
        encoder.replace(folder.path / "encoders" / f"{name}.safetensors")
    return name


def _training_rows(dataset: Dataset, config: PretrainConfig, chosen: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """The numbers of the rows to train on, in order."""
    rows = np.arange(len(images_of(dataset))) if chosen is None else chosen
    if chosen is None and config.train_split_only:
        if dataset.test_rows is None:
            raise InputError(f"{dataset.name} has no test split: train on all rows, without train_split_only")
        rows = np.flatnonzero(~dataset.test_rows)
    if len(rows) < FEWEST:
        raise InputError(f"{dataset.name} has {len(rows)} images to train on: give at least {FEWEST}")
    return rows.astype(np.int64)


def _row_numbers(rows: ArrayLike, num_images: int) -> NDArray[np.int64]:
    given = np.asarray(rows)
    if given.dtype == bool and given.shape == (num_images,):
        return np.flatnonzero(given).astype(np.int64)
    if given.ndim != 1 or given.dtype.kind not in "iu" or not given.size:
        raise InputError(
            f"train_rows is {given.dtype} of shape {given.shape}: give row numbers or a mask ({num_images},)"
        )
    if given.min() < 0 or given.max() >= num_images:
        raise InputError(f"train_rows has {given.min()} to {given.max()}: give row numbers from 0 to {num_images - 1}")
    return np.unique(given).astype(np.int64)


@contextmanager
def _training_lock(folder: Path) -> Iterator[None]:
    """Hold a training's lock, so that no two jobs write its folder at the same time."""
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock", timeout=0, thread_local=False)
    try:
        with disk_errors(folder):
            lock.acquire()
    except Timeout:
        raise RunError("the same training is already running: wait for it or stop it first") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _memory_errors(config: PretrainConfig) -> Iterator[None]:
    """Turn a failed allocation into a RunError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not re.search("(?i)out of memory|allocate memory", str(error)):
            raise
        raise RunError(
            f"there is not enough memory for batches of {config.batch_size} pictures of {config.side} pixels: "
            "choose a smaller batch_size or side, or a smaller encoder"
        ) from None
