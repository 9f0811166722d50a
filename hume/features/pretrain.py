"""Self-supervised pretraining on a dataset's own pictures: the space φ1 that the paper asks for.

No label is read for training. `pretrain` is a generator of records: whoever draws the loss takes
them, and closing the generator stops the training, which then can be resumed. The k-nearest-
neighbour score in a record is for display, where labels exist; nothing is chosen by it.

Every step draws from a generator of its own, made from the seed and the step's number. So a training
that was interrupted and resumed goes on as if nothing had happened.
"""

import hashlib
import json
import math
import pickle
import re
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from filelock import FileLock, Timeout
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn.utils import convert_conv2d_weight_memory_format

from hume.data.folder import DIGEST_BYTES, DatasetFolder, write_array
from hume.errors import InputError, RunError
from hume.features.encoders import ENCODERS, WIDTHS, EncoderName, make_encoder, save_encoder
from hume.features.views import Pictures, Views
from hume.files import disk_errors, write_atomically
from hume.spaces import Dataset

if TYPE_CHECKING:
    from hume.features.methods import Method

MethodName = Literal["simclr", "moco", "byol"]
Precision = Literal["float32", "bfloat16", "float16"]
METHODS: tuple[MethodName, ...] = get_args(MethodName)
METHOD_TITLES: dict[MethodName, str] = {"simclr": "SimCLR", "moco": "MoCo v2", "byol": "BYOL"}
ENCODER_TITLES: dict[EncoderName, str] = {
    "small": "small residual network",
    "resnet18": "ResNet-18",
    "resnet50": "ResNet-50",
}

FEWEST = 8  # pictures that can be told from each other at all
WARM_UP = 0.1  # share of the steps in which the learning rate rises
RECORDS = 25  # an epoch, at most
PROBES = 50  # k-nearest-neighbour scores a training, at most
PROBE_ROWS = 2_500  # a fifth of them is asked about, the others are the neighbours
NEIGHBORS = 20  # or a tenth of the rows
FEATURE_ROWS = 256  # pictures whose features are computed at once
WEIGHTS, ORDER, VIEWS, PROBE = range(4)  # what a generator is for, so that no two are the same


# --- what is asked for ---------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """How to train; `defaults` chooses what suits the pictures and the machine.

    Raises InputError, quoting the value, for what cannot be trained with.
    """

    method: MethodName = "simclr"
    encoder: EncoderName = "small"
    epochs: int = 40
    batch_size: int = 256
    learning_rate: float = 1.5e-3  # the largest, after the warm-up; AdamW, cosine decay
    weight_decay: float = 1e-4
    temperature: float = 0.2  # of SimCLR and MoCo
    momentum: float = 0.99  # of the slow copy of MoCo and BYOL; BYOL's rises to 1
    queue: int = 4096  # keys that MoCo keeps
    side: int = 64  # larger pictures are reduced to it
    min_scale: float = 0.25  # of views: see hume.features.views.Views
    flip: bool = True
    colour: float = 0.4
    grey: float = 0.2
    blur: float = 0.0
    erase: float = 0.5
    precision: Precision = "float32"
    train_split_only: bool = False  # leave the test split out of the training, for the inductive setting
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("method", METHODS), ("encoder", ENCODERS), ("precision", get_args(Precision))):
            if getattr(self, name) not in known:
                raise InputError(f"there is no {name} {getattr(self, name)!r}: choose one of {', '.join(known)}")
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:  # a NaN is not
                raise InputError(f"{name}={value} is out of range: choose {low:g} to {high:g}")

    @property
    def title(self) -> str:
        return f"{METHOD_TITLES[self.method]} ({ENCODER_TITLES[self.encoder]})"

    @property
    def views(self) -> Views:
        return Views(self.min_scale, self.flip, self.colour, self.grey, self.blur, self.erase)


LIMITS: dict[str, tuple[float, float]] = {
    "epochs": (1, 100_000),
    "batch_size": (FEWEST, 65_536),
    "learning_rate": (1e-8, 10),
    "weight_decay": (0, 10),
    "temperature": (0.01, 10),
    "momentum": (0, 1),
    "queue": (1, 2**20),
    "side": (8, 1024),
    "min_scale": (0.01, 1),
    "colour": (0, 1),
    "grey": (0, 1),
    "blur": (0, 1),
    "erase": (0, 1),
    "seed": (0, 2**63 - 1),
}
CPU_PIXELS = 40 * 10_000 * 28**2  # pictures' pixels in a training: some minutes on two cores
GPU_PICTURES = 200 * 50_000
CPU_SIDE, GPU_SIDE = 64, 224


def defaults(folder: DatasetFolder, device: str = "cpu", **choices: Any) -> PretrainConfig:
    """Settings for a dataset's pictures on a device, with what the reader chose in place of them.

    On a CPU the small network and as many epochs as take about ten minutes on two cores that know
    bfloat16; on a GPU a ResNet-18. Raises InputError for a dataset without images, or a choice out of range.
    """
    on_cpu = torch.device(device).type == "cpu"
    images = _images(folder.load())
    side = min(max(images.shape[1:3]), CPU_SIDE if on_cpu else GPU_SIDE)
    if on_cpu:
        epochs = min(max(round(CPU_PIXELS / (len(images) * side**2)), 10), 200)
    else:
        epochs = min(max(round(GPU_PICTURES / len(images)), 20), 400)
    settings: dict[str, Any] = {
        "encoder": "small" if on_cpu else "resnet18",
        "epochs": epochs,
        "side": max(side, int(LIMITS["side"][0])),
        "blur": 0.5 if side > CPU_SIDE else 0.0,
        "precision": _fast_precision(device),
    }
    return PretrainConfig(**settings | choices)


def _fast_precision(device: str) -> Precision:
    """What the device multiplies fastest; a CPU without bfloat16 instructions is far slower with them."""
    if torch.device(device).type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    known = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return "bfloat16" if known.get("avx512_bf16") or known.get("amx_bf16") else "float32"


# --- what comes out -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Epoch:
    """How far a training is; a record every few steps, and, once it has ended, while features are written."""

    epoch: int  # the one under way or just ended, from 1
    num_epochs: int
    step: int  # steps done, of all epochs
    num_steps: int
    loss: float  # mean since the record before
    knn_score: float | None  # accuracy in 0..1, at the end of some epochs and only where labels exist
    seconds: float  # of training, those before an interruption included
    written: float = 0.0  # share of the rows whose features are on disk
    note: str = ""  # what differs from what was asked for


@dataclass(frozen=True, eq=False)
class Unfinished:
    """A training that was stopped; `pretrain(folder, config, train_rows=train_rows)` goes on with it."""

    key: str
    config: PretrainConfig
    step: int
    num_steps: int
    seconds: float
    train_rows: NDArray[np.int64] | None  # where the caller chose them


def pretrain(
    folder: DatasetFolder, config: PretrainConfig, *, device: str = "cpu", train_rows: ArrayLike | None = None
) -> Generator[Epoch, None, str]:
    """Train an encoder on a dataset's pictures and give the dataset the features of all its rows as a space.

    The generator's value is the space's name; the encoder's weights lie in `encoders/<name>.safetensors`.
    What was made from the same pictures by the same settings is not computed again. A training that
    was stopped goes on where it was, its earlier records first.

    train_rows: numbers of the rows to train on, or a mask (N,); all, unless the settings say otherwise.
    Raises InputError where there are no or too few images or a library is missing; RunError when the
    loss is no longer a number, memory or the disk is full, or the same training is under way.
    """
    dataset = folder.load()
    pictures = Pictures(_images(dataset), config.side, device)
    chosen = None if train_rows is None else _row_numbers(train_rows, len(pictures))
    rows = _training_rows(dataset, config, chosen)
    key = training_key(folder, config, rows)
    known = folder.space_with_key(key)
    if known is not None:
        return known
    place = folder.work / f"pretrain-{key}"
    with _memory_errors(config):
        training = Training(config, pictures, rows, dataset.labels, place)
    with _only_one(place), _memory_errors(config):
        training.restore()
        if chosen is not None:
            write_array(place / "train_rows.npy", chosen)
        yield from training.run()
        features = yield from training.write_features()
        name = _register(folder, training, features, key)
    shutil.rmtree(place, ignore_errors=True)
    return name


def training_key(folder: DatasetFolder, config: PretrainConfig, rows: NDArray[np.int64]) -> str:
    """Stands for a dataset's pictures, the rows trained on, and the settings."""
    digest = hashlib.blake2b(folder.digest.encode(), digest_size=DIGEST_BYTES)
    digest.update(json.dumps(asdict(config), sort_keys=True).encode())
    digest.update(rows.tobytes())
    return digest.hexdigest()


def pending(folder: DatasetFolder) -> list[Unfinished]:
    """The trainings on this dataset that were stopped before their end."""
    found = []
    for state in sorted((folder.path / "work").glob("pretrain-*/state.json")):
        try:
            known = json.loads(state.read_text(encoding="utf-8"))
            config = PretrainConfig(**known.pop("config"))
            rows = state.with_name("train_rows.npy")
            chosen = np.load(rows, allow_pickle=False) if rows.exists() else None
            key = state.parent.name.removeprefix("pretrain-")
            found.append(Unfinished(key=key, config=config, train_rows=chosen, **known))
        except (OSError, KeyError, ValueError, TypeError):  # of another version, or damaged: it cannot be gone on with
            continue
    return found


def discard(folder: DatasetFolder, key: str) -> None:
    """Forget an unfinished training; raises InputError when there is none of that key."""
    place = folder.path / "work" / f"pretrain-{key}"
    if not re.fullmatch("[0-9a-f]+", key) or not place.is_dir():
        raise InputError(f"{folder.name} has no unfinished training {key!r}: it was finished or discarded before")
    with _only_one(place):
        pass
    shutil.rmtree(place)


# --- the training -----------------------------------------------------------------------------------


class Training:
    """A training and all that is needed to go on with it after a stop."""

    def __init__(
        self,
        config: PretrainConfig,
        pictures: Pictures,
        rows: NDArray[np.int64],
        labels: NDArray[np.int64] | None,
        place: Path,
    ):
        self.config, self.pictures, self.rows, self.labels, self.place = config, pictures, rows, labels, place
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
        self.kept_step = -1  # of the checkpoint on disk

    # --- steps ---

    def run(self) -> Iterator[Epoch]:
        """Train to the end, the records of before an interruption first; closing it keeps what has been done."""
        yield from list(self.records)
        self.method.train()
        every, losses = max(1, self.epoch_steps // RECORDS), list[Tensor]()
        order: NDArray[np.int64] | None = None
        while self.step < self.num_steps:
            start = perf_counter()
            epoch, i = divmod(self.step, self.epoch_steps)
            if order is None or i == 0:
                order = self._order(epoch)
            losses.append(self._train(order[i * self.batch_size : (i + 1) * self.batch_size]))
            self.step += 1
            ended = i + 1 == self.epoch_steps
            if ended or (i + 1) % every == 0:
                self._record(epoch + 1, torch.stack(losses).mean().item(), ended)
                losses.clear()
            self.seconds += perf_counter() - start
            if not losses:
                self.records[-1] = replace(self.records[-1], seconds=self.seconds)
                yield from self._show(self.records[-1], ended)

    def _show(self, record: Epoch, ended: bool) -> Iterator[Epoch]:
        """Give a record away; a checkpoint is written at the end of an epoch and when nobody wants more."""
        if ended:
            self.keep()
        try:
            yield record
        except BaseException:
            self.keep()
            raise

    def _order(self, epoch: int) -> NDArray[np.int64]:
        order = torch.randperm(len(self.rows), generator=stream(self.config.seed, ORDER, epoch))
        return np.asarray(self.rows[order.numpy()])

    def _train(self, rows: NDArray[np.int64]) -> Tensor:
        """One step of the optimizer; the loss before it."""
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
                f"the loss was no longer a number after step {self.step} of {self.num_steps}: train again with a "
                f"lower learning rate than {self.config.learning_rate:g}, or in float32"
            )
        probe = ended and (epoch % math.ceil(self.config.epochs / PROBES) == 0 or epoch == self.config.epochs)
        score = self._knn_score() if probe else None
        self.records.append(
            Epoch(epoch, self.config.epochs, self.step, self.num_steps, loss, score, self.seconds, note=self.note)
        )

    def _knn_score(self) -> float | None:
        """The accuracy of the nearest neighbours' commonest label, on a sample; None without labels."""
        if self.labels is None:
            return None
        rows = torch.randperm(len(self.pictures), generator=stream(self.config.seed, PROBE))[:PROBE_ROWS].numpy()
        features = torch.cat([self._features(some, fast=True) for some in np.array_split(rows, len(rows) // 100 + 1)])
        self.method.train()
        return knn_score(features, torch.from_numpy(self.labels[rows]), max(1, len(rows) // 5))

    # --- features ---

    @torch.no_grad()
    def _features(self, rows: NDArray[np.int64] | slice, *, fast: bool = False) -> Tensor:
        """Of whole pictures, in float32 unless it may be fast."""
        self.method.eval()
        images, encoder = self.pictures.batch(rows), self.method.encoder
        features: Tensor = self.method.embed(images, encoder) if fast else encoder(images)
        return features.float().cpu()

    def write_features(self) -> Generator[Epoch, None, Path]:
        """Write the features of all rows to a .npy file, in float16 where every value fits, else in float32."""
        N, d = len(self.pictures), WIDTHS[self.config.encoder]
        path, last = self.place / "features.npy", self.records[-1]
        for dtype in (np.dtype(np.float16), np.dtype(np.float32)):
            with disk_errors(self.place), path.open("wb") as file:
                header = {"descr": dtype.str, "fortran_order": False, "shape": (N, d)}
                np.lib.format.write_array_header_1_0(file, header)
                for start in range(0, N, FEATURE_ROWS):
                    with np.errstate(over="ignore"):
                        block = self._features(slice(start, start + FEATURE_ROWS)).numpy().astype(dtype)
                    if not np.isfinite(block).all():
                        break
                    file.write(block.tobytes())
                    yield replace(last, written=min(1.0, (start + len(block)) / N))
                else:
                    return path
        raise RunError("the trained network's features are not numbers: train again with a lower learning rate")

    # --- the disk ---

    def keep(self) -> None:
        """Write a checkpoint of this step, unless it is there."""
        if self.kept_step == self.step:
            return
        state = {
            "method": self.method.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "records": [asdict(record) for record in self.records],
        }
        part = self.place / "checkpoint.part"
        with disk_errors(self.place):
            with part.open("wb") as file:
                torch.save(state, file)
            part.replace(self.place / "checkpoint.pt")
            self.tell()
        self.kept_step = self.step

    def tell(self) -> None:
        """Write what `pending` reads."""
        known = {
            "config": asdict(self.config),
            "step": self.step,
            "num_steps": self.num_steps,
            "seconds": self.seconds,
        }
        write_atomically(self.place / "state.json", json.dumps(known, indent=2).encode())

    def restore(self) -> None:
        """Go on from the checkpoint where there is one; raises RunError when it cannot be read."""
        path = self.place / "checkpoint.pt"
        if not path.exists():
            with disk_errors(self.place):
                self.tell()
            return
        try:
            state = torch.load(path, map_location=self.pictures.device, weights_only=True)
            self.method.load_state_dict(state["method"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.scaler.load_state_dict(state["scaler"])
            self.records = [Epoch(**record) for record in state["records"]]
            self.step, self.seconds = state["step"], state["seconds"]
        except (OSError, EOFError, RuntimeError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
            raise RunError(f"{path} is damaged ({error}): discard this training and start it again") from None
        self.kept_step = self.step


def make_method(config: PretrainConfig, pictures: Pictures, num_images: int) -> "Method":
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
    """The length of MoCo's queue: few pictures would be in a long one many times."""
    return min(config.queue, max(FEWEST, num_images // 2))


def _note(config: PretrainConfig, num_images: int) -> str:
    """What a training on few images does otherwise than asked."""
    changes = []
    if num_images < config.batch_size:
        changes.append(f"a batch holds all {num_images} images, not {config.batch_size}")
    if config.method == "moco" and _queue(config, num_images) < config.queue:
        changes.append(f"the queue holds {_queue(config, num_images)} keys, not {config.queue}")
    return f"few images: {' and '.join(changes)}" if changes else ""


def stream(seed: int, *place: int) -> torch.Generator:
    """The generator for one purpose and place in a training, independent of all others."""
    state = np.random.SeedSequence(seed, spawn_key=place).generate_state(1)
    return torch.Generator().manual_seed(int(state[0]))


def knn_score(features: Tensor, labels: Tensor, num_queries: int) -> float:
    """The share of the first rows whose label is the commonest among their nearest other rows, by cosine.

    features: (N, d), labels: (N,) integers from 0; the rows after the first `num_queries` are the neighbours.
    """
    unit = F.normalize(features, dim=1)
    similarity = unit[:num_queries] @ unit[num_queries:].T
    neighbors = min(NEIGHBORS, max(1, similarity.shape[1] // 10))
    nearest = similarity.topk(neighbors, dim=1).indices
    votes = F.one_hot(labels[num_queries:][nearest], int(labels.max()) + 1).sum(1)
    return float((votes.argmax(1) == labels[:num_queries]).float().mean())


# --- what surrounds it --------------------------------------------------------------------------------


def _register(folder: DatasetFolder, training: Training, features: Path, key: str) -> str:
    """Give the dataset the new space, keep the encoder beside it; the space's name."""
    config, pictures = training.config, training.pictures
    what = "all" if len(training.rows) == len(pictures) else f"{len(training.rows):,} of the"
    entry = {
        "title": config.title,
        "kind": "self-supervised",
        "made": f"Trained without labels for {config.epochs} epoch{'s' * (config.epochs > 1)} on {what} "
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
    encoder = training.place / "encoder.safetensors"
    with disk_errors(folder.path):
        save_encoder(encoder, training.method.encoder, config.encoder, pictures.channels, max(pictures.size), key=key)
        (folder.path / "encoders").mkdir(exist_ok=True)
        name = folder.free_space_name(f"{config.method}-{config.encoder}")
        folder.add_space(name, features, entry)
        encoder.replace(folder.path / "encoders" / f"{name}.safetensors")
    return name


def _images(dataset: Dataset) -> NDArray[np.uint8]:
    if dataset.images is None:
        raise InputError(f"{dataset.name} has no images: self-supervised training needs them, not features alone")
    return dataset.images


def _training_rows(dataset: Dataset, config: PretrainConfig, chosen: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """The numbers of the rows to train on, in order."""
    rows = np.arange(len(_images(dataset))) if chosen is None else chosen
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
        raise InputError(f"train_rows has {given.min()} to {given.max()}: row numbers go from 0 to {num_images - 1}")
    return np.unique(given).astype(np.int64)


@contextmanager
def _only_one(place: Path) -> Iterator[None]:
    """Hold a training's folder, so that two jobs do not write it at the same time."""
    with disk_errors(place):
        place.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place / "lock", timeout=0, thread_local=False)
    try:
        with disk_errors(place):
            lock.acquire()
    except Timeout:
        raise RunError("the same training is under way already: wait for its end, or stop it first") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _memory_errors(config: PretrainConfig) -> Iterator[None]:
    """Turn an allocation that failed into one sentence."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not re.search("(?i)out of memory|allocate memory", str(error)):
            raise
        raise RunError(
            f"there is not enough memory for batches of {config.batch_size} pictures of {config.side} pixels: "
            "choose a smaller batch_size or side, or a smaller encoder"
        ) from None
