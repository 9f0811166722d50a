"""A self-supervised training: its steps, checkpoints and records, and the features at its end."""

import json
import math
import pickle
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils import convert_conv2d_weight_memory_format

from hume.common.errors import RunError
from hume.common.files import atomically, disk_errors, regular, write_atomically
from hume.data.feature_files import float_blocks, write_features, write_npy_header
from hume.data.npy_files import open_features
from hume.features.augmentations import StoredPictures
from hume.features.encoders import WIDTHS, make_encoder
from hume.features.pretrain_config import FEWEST, PretrainConfig

if TYPE_CHECKING:
    from hume.features.methods import Method

WARM_UP = 0.1  # fraction of the steps in which the learning rate rises
SILENT = 5.0  # seconds without a record, at most, so that a training can be stopped
SAVED_EVERY = 60.0  # seconds between two checkpoints, at most
RECORDS = 25  # per epoch, at most
PROBES = 50  # k-nearest-neighbour scores per training, at most
PROBE_ROWS = 2_500  # a fifth of them are queries, the others neighbours
NEIGHBORS = 20  # or a tenth of the rows
FEATURE_ROWS = 256  # pictures whose features are computed at once
WEIGHTS, ORDER, VIEWS, PROBE = range(4)  # the purpose of a generator, so that no two are equal


@dataclass(frozen=True)
class Epoch:
    """The progress of a training: a record every few steps and, after its end, while features are written."""

    epoch: int  # the current one or the one just ended, from 1
    num_epochs: int
    step: int  # steps done, of all epochs
    num_steps: int
    loss: float  # mean since the last record
    knn_score: float | None  # accuracy in 0..1, after some epochs and only where labels exist
    seconds: float  # of training, including those before an interruption
    written: float = 0.0  # fraction of the rows whose features are on disk
    note: str = ""  # deviations from the settings


@dataclass(frozen=True)
class State:
    """How far a training is; its file is read without loading the networks."""

    config: PretrainConfig
    step: int
    num_steps: int
    seconds: float


class Training:
    """A training and all that is needed to resume it."""

    def __init__(
        self,
        config: PretrainConfig,
        pictures: StoredPictures,
        rows: NDArray[np.int64],
        labels: NDArray[np.int64] | None,
        folder: Path,
    ):
        self.config, self.pictures, self.rows, self.labels, self.folder = config, pictures, rows, labels, folder
        self.batch_size = min(config.batch_size, len(rows))
        self.epoch_steps = len(rows) // self.batch_size
        self.num_steps = config.epochs * self.epoch_steps
        self.note = _note(config, len(rows))
        device = torch.device(pictures.device)
        self.method = make_method(config, pictures, len(rows)).to(device)
        convert_conv2d_weight_memory_format(self.method, torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.method.parameter_groups(config.weight_decay), lr=config.learning_rate)
        self.scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "float16")
        self.step, self.seconds, self.records = 0, 0.0, list[Epoch]()
        self.saved_step, self.saved_at = -1, perf_counter()  # of the checkpoint on disk

    # --- steps ---

    def run(self) -> Iterator[Epoch]:
        """Train to the end, yielding earlier records first; closing the generator saves a checkpoint."""
        yield from list(self.records)
        self.method.train()
        every, losses, reported = max(1, self.epoch_steps // RECORDS), list[Tensor](), perf_counter()
        order: NDArray[np.int64] | None = None
        while self.step < self.num_steps:
            start = perf_counter()
            epoch, i = divmod(self.step, self.epoch_steps)
            if order is None or i == 0:
                order = self._order(epoch)
            losses.append(self.take_step(order[i * self.batch_size : (i + 1) * self.batch_size]))
            self.step += 1
            ended = i + 1 == self.epoch_steps
            if ended or (i + 1) % every == 0 or perf_counter() - reported > SILENT:
                self._record(epoch + 1, torch.stack(losses).mean().item(), ended)
                losses.clear()
                reported = perf_counter()
            self.seconds += perf_counter() - start
            if not losses:
                self.records[-1] = replace(self.records[-1], seconds=self.seconds)
                yield from self._yield(self.records[-1], ended)

    def _yield(self, record: Epoch, ended: bool) -> Iterator[Epoch]:
        """Yield a record; save a checkpoint after an epoch, every minute, and when the generator is closed."""
        if ended or perf_counter() - self.saved_at > SAVED_EVERY:
            self.save_checkpoint()
        try:
            yield record
        except BaseException:
            self.save_checkpoint()
            raise

    def _order(self, epoch: int) -> NDArray[np.int64]:
        order = torch.randperm(len(self.rows), generator=stream(self.config.seed, ORDER, epoch))
        return np.asarray(self.rows[order.numpy()])

    def take_step(self, rows: NDArray[np.int64]) -> Tensor:
        """Take one step of the optimizer; returns the loss before it."""
        from lightly.utils.scheduler import cosine_warmup_schedule

        rate, warm_up = self.config.learning_rate, math.ceil(WARM_UP * self.num_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = cosine_warmup_schedule(self.step, self.num_steps, rate, 0.0, warm_up, 0.0)
        images, generator = self.pictures.batch(rows), stream(self.config.seed, VIEWS, self.step)
        view1, view2 = (self.config.views(images, generator) for _ in range(2))
        loss = self.method.loss(view1, view2)
        self.optimizer.zero_grad()
        torch.autograd.backward(self.scaler.scale(loss))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.method.after_step((self.step + 1) / self.num_steps)
        return loss.detach()

    def _record(self, epoch: int, loss: float, ended: bool) -> None:
        if not math.isfinite(loss):
            raise RunError(
                f"the loss is not finite after step {self.step} of {self.num_steps}: train again with a "
                f"lower learning rate than {self.config.learning_rate:g}, or in float32"
            )
        probe = ended and (epoch % math.ceil(self.config.epochs / PROBES) == 0 or epoch == self.config.epochs)
        score = self._knn_score() if probe else None
        self.records.append(
            Epoch(epoch, self.config.epochs, self.step, self.num_steps, loss, score, self.seconds, note=self.note)
        )

    def _knn_score(self) -> float | None:
        """The k-nearest-neighbour accuracy on a sample; None without labels."""
        if self.labels is None:
            return None
        rows = torch.randperm(len(self.pictures), generator=stream(self.config.seed, PROBE))[:PROBE_ROWS].numpy()
        features = torch.cat([self._features(chunk, fast=True) for chunk in np.array_split(rows, len(rows) // 100 + 1)])
        self.method.train()
        return knn_score(features, torch.from_numpy(self.labels[rows]), max(1, len(rows) // 5))

    # --- features ---

    @torch.no_grad()
    def _features(self, rows: NDArray[np.int64] | slice, *, fast: bool = False) -> Tensor:
        """Features of whole pictures, in float32, or in the training's precision where `fast`."""
        self.method.eval()
        images, encoder = self.pictures.batch(rows), self.method.encoder
        features: Tensor = self.method.embed(images, encoder) if fast else encoder(images)
        return features.float().cpu()

    def write_features(self) -> Generator[Epoch, None, Path]:
        """Write the features of all rows to a .npy file, see `hume.data.feature_files.write_features`."""
        N, d = len(self.pictures), WIDTHS[self.config.encoder]
        path, exact, last = self.folder / "features.npy", self.folder / "exact.npy", self.records[-1]
        with disk_errors(self.folder), exact.open("wb") as file:
            write_npy_header(file, (N, d), np.dtype(np.float32))
            for start in range(0, N, FEATURE_ROWS):
                block = self._features(slice(start, start + FEATURE_ROWS)).numpy().astype(np.float32, copy=False)
                if not np.isfinite(block).all():
                    raise RunError(
                        "the trained network's features are not finite: train again with a lower learning rate"
                    )
                file.write(block.tobytes())
                yield replace(last, written=min(1.0, (start + len(block)) / N))
        with disk_errors(self.folder):
            rows = open_features(exact)
            write_features(path, (N, d), lambda: float_blocks(rows, "the features"))
        return path

    # --- the disk ---

    def save_checkpoint(self) -> None:
        """Save a checkpoint of this step, unless it exists."""
        if self.saved_step == self.step:
            return
        state = {
            "method": self.method.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "records": [asdict(record) for record in self.records],
        }
        with disk_errors(self.folder):
            with atomically(self.folder / "checkpoint.pt") as part, part.open("xb") as file:
                torch.save(state, file)
            self._write_state()
        self.saved_step, self.saved_at = self.step, perf_counter()

    def _write_state(self) -> None:
        """Write the file that `pending` reads."""
        known = State(self.config, self.step, self.num_steps, self.seconds)
        write_atomically(self.folder / "state.json", json.dumps(asdict(known), indent=2).encode())

    def restore(self) -> None:
        """Resume from the checkpoint if there is one; raises RunError when it cannot be read."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            with disk_errors(self.folder):
                self._write_state()
            return
        try:
            state = torch.load(regular(path), map_location=self.pictures.device, weights_only=True)
            self.method.load_state_dict(state["method"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.scaler.load_state_dict(state["scaler"])
            self.records = [Epoch(**record) for record in state["records"]]
            self.step, self.seconds = state["step"], state["seconds"]
        except (OSError, EOFError, RuntimeError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
            raise RunError(f"{path} is damaged ({error}): discard this training and start it again") from None
        self.saved_step = self.step


def make_method(config: PretrainConfig, pictures: StoredPictures, num_images: int) -> "Method":
    """The method with an untrained encoder, all of its weights drawn from the seed."""
    from hume.features import methods

    generator = stream(config.seed, WEIGHTS)
    encoder = make_encoder(config.encoder, pictures.channels, max(pictures.size), generator)
    common = (encoder, WIDTHS[config.encoder], generator, getattr(torch, config.precision))
    if config.method == "simclr":
        return methods.SimCLR(*common, temperature=config.temperature)
    if config.method == "byol":
        return methods.BYOL(*common, momentum=config.momentum)
    queue = _queue(config, num_images)
    return methods.MoCo(*common, temperature=config.temperature, momentum=config.momentum, queue=queue)


def _queue(config: PretrainConfig, num_images: int) -> int:
    """The length of MoCo's queue: a long one would hold few pictures many times."""
    return min(config.queue, max(FEWEST, num_images // 2))


def _note(config: PretrainConfig, num_images: int) -> str:
    """How a training on few images deviates from its settings."""
    changes = []
    if num_images < config.batch_size:
        changes.append(f"a batch holds all {num_images} images, not {config.batch_size}")
    if config.method == "moco" and _queue(config, num_images) < config.queue:
        changes.append(f"the queue holds {_queue(config, num_images)} keys, not {config.queue}")
    return f"few images: {' and '.join(changes)}" if changes else ""


def stream(seed: int, *key: int) -> torch.Generator:
    """The generator for one purpose and step of a training, independent of all others."""
    state = np.random.SeedSequence(seed, spawn_key=key).generate_state(1)
    return torch.Generator().manual_seed(int(state[0]))


def knn_score(features: Tensor, labels: Tensor, num_queries: int) -> float:
    """Accuracy of the most common label among the nearest neighbours, by cosine, for the first rows.

    features: (N, d), labels: (N,) integers from 0; the rows after the first `num_queries` are the neighbours.
    """
    unit = F.normalize(features, dim=1)
    similarity = unit[:num_queries] @ unit[num_queries:].T
    neighbors = min(NEIGHBORS, max(1, similarity.shape[1] // 10))
    nearest = similarity.topk(neighbors, dim=1).indices
    votes = F.one_hot(labels[num_queries:][nearest], int(labels.max()) + 1).sum(1)
    return float((votes.argmax(1) == labels[:num_queries]).float().mean())
