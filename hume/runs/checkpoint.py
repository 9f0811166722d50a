"""Where a run's search stood last, so that after a kill it goes on as if it had not been killed.

    <run>/search.safetensors   the batch of seeds under way, and the frames of its trajectories

It is written at the first iteration of every batch, then every few seconds, and removed with the last seed. One that
is damaged, or of other settings, is passed over: the missing seeds are then searched from their starts.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import safetensors
from safetensors.torch import save
from torch import Tensor

from hume.common.files import regular, write_atomically
from hume.engine.checkpoint import Checkpoint, joined, part
from hume.engine.search import Step
from hume.runs.trajectory import Recorder

FILE = "search.safetensors"
EVERY = 10.0  # seconds
MOST_SHARE = 0.05  # of the search's time that writing may take


@dataclass(frozen=True, eq=False)
class Stand:
    """What is known of an earlier search of a run."""

    batch_size: int | None = None  # None where nothing is known
    checkpoint: Checkpoint | None = None  # None between two batches
    frames: Mapping[str, Tensor] = field(default_factory=dict)


class Saver:
    """Write the state of a run's search while it goes on; a disk that fails ends the writing, not the search."""

    def __init__(self, folder: Path, recorder: Recorder | None):
        self._path, self._recorder, self._digest = folder / FILE, recorder, _digest(folder)
        self._due = 0.0

    def save(self, step: Step) -> None:
        """Write the state after a step of the search if it is due; called before the next step."""
        if step.checkpoint is None or (step.iteration > 0 and monotonic() < self._due):
            return
        begun, checkpoint = monotonic(), step.checkpoint()
        frames = {} if self._recorder is None else self._recorder.state()
        with suppress(OSError):
            write_atomically(self._path, _content(checkpoint, frames, self._digest), flush=False)
        spent = monotonic() - begun
        self._due = monotonic() + max(EVERY, spent / MOST_SHARE)


def read(folder: Path, device: str, missing: Collection[int]) -> Stand:
    """Where the search of a run stood, of whose seeds these are missing."""
    try:
        with safetensors.safe_open(regular(folder / FILE), framework="pt", device=device) as file:
            tags = json.loads(file.metadata()["search"])
            if tags["digest"] != _digest(folder):
                return Stand()
            size, seeds = int(tags["batch_size"]), tuple(tags["seeds"])
            if not set(seeds) & set(missing):
                return Stand(size)
            tensors = {name: file.get_tensor(name).permute(order) for name, order in tags["orders"].items()}
    except (OSError, safetensors.SafetensorError, ValueError, KeyError, TypeError, RuntimeError):
        return Stand()
    return Stand(size, Checkpoint(seeds, size, int(tags["iteration"]), part(tensors, "batch")), part(tensors, "frames"))


def remove(folder: Path) -> None:
    """Forget where a search stood, once all its seeds are there."""
    with suppress(OSError):  # what is no file stays
        (folder / FILE).unlink()


def _content(checkpoint: Checkpoint, frames: dict[str, Tensor], digest: str) -> bytes:
    tensors = joined(batch=checkpoint.state, frames=frames)
    # A product's last bits depend on the order in which numbers lie in memory, so that is kept, too.
    laid = {name: _outer_first(tensor) for name, tensor in tensors.items()}
    orders = {name: sorted(range(len(dims)), key=dims.__getitem__) for name, dims in laid.items()}
    tags = {
        "digest": digest,
        "seeds": checkpoint.seeds,
        "batch_size": checkpoint.batch_size,
        "iteration": checkpoint.iteration,
        "orders": orders,
    }
    stored = {name: tensor.permute(laid[name]).cpu().contiguous() for name, tensor in tensors.items()}
    return save(stored, {"search": json.dumps(tags)})


def _outer_first(tensor: Tensor) -> list[int]:
    """Its dimensions in the order in which they lie in memory."""
    return sorted(range(tensor.dim()), key=tensor.stride, reverse=True)


def _digest(folder: Path) -> str:
    """Of the run's request: another choice of class sizes is another search."""
    return hashlib.blake2b((folder / "run.json").read_bytes(), digest_size=16).hexdigest()
