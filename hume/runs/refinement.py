"""The refinement of a search's labelings in both spaces, and the vote of the most likely ones.

refined/whitening.safetensors   mean and transform of both spaces
refined/<seed>.safetensors      labeling, weights, bias; likelihood and steps as tags
refined/final.safetensors       the same of the vote, refined once more: the labeling that the run offers
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import Tensor

from hume.common.errors import RunError
from hume.common.files import regular, write_atomically
from hume.common.once import InUse
from hume.common.progress import Progress, part
from hume.data import space_rows
from hume.data.dataset import Dataset
from hume.data.rows import subset
from hume.engine.config import Config
from hume.engine.joint_rows import JointRows, Whitening
from hume.engine.refinement import JointModel, Refined, check_rows, refine, side_by_side
from hume.engine.semi_supervised import predict
from hume.evaluation import ensemble

VOTING_SHARE = 0.2  # of the seeds, the most likely ones
FINAL = "final"
_KINDS = {"labeling": ("i", 1), "weights": ("f", 2), "bias": ("f", 1), "confidence": ("f", 1), "vote_share": ("f", 1)}


def number_of_voters(num_seeds: int) -> int:
    """How many of the most likely seeds vote."""
    return max(1, round(VOTING_SHARE * num_seeds))


@dataclass(frozen=True, eq=False)
class RefinedLabelings:
    """Labelings of all rows after refinement, in the order of their seeds."""

    labelings: NDArray[np.int32]  # (S, N)
    likelihood: NDArray[np.float64]  # (S,) mean log-likelihood of a searched row, nats
    steps: NDArray[np.int64]  # (S,)
    model: JointModel

    @classmethod
    def joined(cls, parts: Sequence["RefinedLabelings"]) -> "RefinedLabelings":
        """Refined labelings of several batches, in their order."""
        labelings, likelihood, steps = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("labelings", "likelihood", "steps")
        )
        return cls(labelings, likelihood, steps, JointModel.joined([part.model for part in parts]))


@dataclass(frozen=True, eq=False)
class Final:
    """The labeling that a run offers: the vote of the most likely seeds, refined once more."""

    labeling: NDArray[np.int32]  # (N,) in the class numbers of the most likely seed
    confidence: NDArray[np.float32]  # (N,) its posterior
    vote_share: NDArray[np.float64]  # (N,) the share of the voters that agree with it
    likelihood: float
    model: JointModel  # a single mixture


_in_use = InUse[JointRows]()


def _digest(searched: NDArray[np.bool_], whitenings: tuple[Whitening, Whitening] | None) -> bytes:
    digest = hashlib.blake2b(searched.tobytes(), digest_size=16)
    for whitening in whitenings or ():
        for tensor in (whitening.mean, whitening.transform):
            digest.update(f"{tuple(tensor.shape)}".encode() + tensor.cpu().numpy().tobytes())
    return digest.digest()


@dataclass(frozen=True, eq=False)
class Refinement:
    """What is refined: the rows of a dataset's pair of spaces, of which the `searched` ones are fitted to."""

    fitted: JointRows
    every: JointRows
    searched: NDArray[np.bool_]
    config: Config

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        phi1: str,
        phi2: str,
        config: Config,
        searched: NDArray[np.bool_],
        device: str = "cpu",
        whitenings: tuple[Whitening, Whitening] | None = None,
    ) -> "Refinement":
        """Whiten a pair of spaces, as before where `whitenings` are given; runs on the same pair share its rows.

        Raises InputError for too few rows a class and for a space whose rows all have the same direction.
        """
        check_rows(int(searched.sum()), config.num_classes)
        # Two passes over each space: nothing of it is held but its whitened directions.
        first, second = (space_rows.streamed(dataset.space(name), device, unit=True) for name in (phi1, phi2))
        what = (dataset, phi1, phi2, device, _digest(searched, whitenings))
        fitted = _in_use.get(
            (*what, "fitted"), lambda: JointRows.of(subset(first, searched), subset(second, searched), whitenings)
        )
        if searched.all():
            return cls(fitted, fitted, searched, config)
        every = _in_use.get((*what, "every"), lambda: JointRows.of(first, second, fitted.whitenings))
        return cls(fitted, every, searched, config)

    def refine(self, labelings: NDArray[np.integer[Any]], on_progress: Progress | None = None) -> RefinedLabelings:
        """Refine labelings (S, N) of all rows on the searched ones; raises InputError for too few rows a class."""
        parts = [some for _, some in self.batches(labelings, range(len(labelings)), on_progress)]
        return parts[0] if len(parts) == 1 else RefinedLabelings.joined(parts)

    def batches(
        self,
        labelings: NDArray[np.integer[Any]],
        numbers: Sequence[int],
        on_progress: Progress | None = None,
        *,
        done: Collection[int] = (),
    ) -> Iterator[tuple[Sequence[int], RefinedLabelings]]:
        """Refine some of the labelings (S, N), by their numbers, as many at once as are fitted side by side.

        A batch of which every number is `done` is passed over. Of one that is done in part all are refined again: the
        last bits of a labeling depend on those beside it, so that what was interrupted goes on in the same batches.
        """
        size = side_by_side(self.config.num_classes)
        batches = [numbers[start : start + size] for start in range(0, len(numbers), size)]
        left = [some for some in batches if not set(some) <= set(done)]
        for number, some in enumerate(left):
            report = part(on_progress, number / len(left), (number + 1) / len(left))
            fitted = self._fit(labelings[list(some)], report)
            yield (
                some,
                RefinedLabelings(fitted.model.labelings(self.every), fitted.likelihood, fitted.steps, fitted.model),
            )

    def final(self, refined: RefinedLabelings, num_seeds: int) -> Final:
        """Let the most likely labelings vote, a share of the seeds that were searched, and refine the vote."""
        voters = ensemble.rank(refined.likelihood)[: number_of_voters(num_seeds)]
        vote = ensemble.majority_vote(refined.labelings[voters], refined.likelihood[voters], self.config.num_classes)
        fitted = self._fit(vote.labeling[None])
        labeling = fitted.model.labelings(self.every)[0]
        share = (vote.aligned == labeling).mean(0)
        confidence = self.confidence(fitted.model, labeling)
        return Final(labeling, confidence, share, float(fitted.likelihood[0]), fitted.model)

    def confidence(self, model: JointModel, labeling: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """The posterior (N,) of each row's class in a labeling (N,), by a single mixture."""
        confidence = np.empty(len(labeling), np.float32)
        for start, z in self.every.blocks(4096):
            classes = torch.from_numpy(labeling[start : start + len(z)].astype(np.int64)).to(z.device)
            posterior = model.posterior(z)[:, :, 0].gather(1, classes.unsqueeze(1))
            confidence[start : start + len(z)] = posterior[:, 0].cpu().numpy()
        return confidence

    def margin(self, model: JointModel) -> NDArray[np.float32]:
        """(N,) the log odds of the two most probable classes of each row, nats, by a single mixture."""
        return predict(model, self.every).margin

    def _fit(self, labelings: NDArray[np.integer[Any]], on_progress: Progress | None = None) -> Refined:
        labelings = labelings if self.searched.all() else labelings[:, self.searched]
        sizes = self.config.class_sizes
        return refine(
            self.fitted, labelings, self.config.num_classes, priors=sizes or "equal", on_step=part(on_progress, 0, 1)
        )


# --- on disk -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RefinedFiles:
    """The refined labelings in the folder of a run."""

    folder: Path  # <run>/refined

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds whose refinement is on disk, in ascending order."""
        names = [path.stem for path in self.folder.glob("[0-9]*.safetensors")]
        return tuple(sorted(int(name) for name in names if name.isdecimal()))

    def write(self, seeds: Sequence[int], refined: RefinedLabelings) -> None:
        """Write the refinement of every seed."""
        for i, seed in enumerate(seeds):
            tags = {"likelihood": repr(float(refined.likelihood[i])), "steps": str(int(refined.steps[i]))}
            self._write(f"{seed:05d}", {"labeling": refined.labelings[i]}, refined.model.of(slice(i, i + 1)), tags)

    def write_final(self, final: Final) -> None:
        """Write the labeling that the run offers."""
        arrays: dict[str, NDArray[Any]] = {
            "labeling": final.labeling,
            "confidence": final.confidence,
            "vote_share": final.vote_share,
        }
        self._write(FINAL, arrays, final.model, {"likelihood": repr(final.likelihood)})

    def write_whitenings(self, whitenings: tuple[Whitening, Whitening]) -> None:
        """Write what every model needs to label rows: directions are the same on every machine that resumes."""
        arrays = {}
        for name, whitening in zip(("phi1", "phi2"), whitenings, strict=True):
            arrays[f"{name}_mean"], arrays[f"{name}_transform"] = whitening.mean, whitening.transform
        content = save({name: np.ascontiguousarray(tensor.cpu()) for name, tensor in arrays.items()}, {"order": "rows"})
        self.folder.mkdir(exist_ok=True)
        write_atomically(self.folder / "whitening.safetensors", content)

    def whitenings(self, device: str = "cpu") -> tuple[Whitening, Whitening] | None:
        """The whitening of both spaces, None before it is computed."""
        if not (self.folder / "whitening.safetensors").exists():
            return None

        by_rows = self._opened("whitening", lambda file: "order" in (file.metadata() or {}))

        def read(name: str) -> Tensor:
            array = self._read("whitening", name)
            if not by_rows:  # the first files held their matrices column by column, under the shape of rows
                array = np.ascontiguousarray(array.reshape(array.shape[::-1]).T)
            return torch.from_numpy(array).to(device)

        first, second = (Whitening(read(f"{name}_mean"), read(f"{name}_transform")) for name in ("phi1", "phi2"))
        return first, second

    def _write(self, name: str, arrays: dict[str, NDArray[Any]], model: JointModel, tags: dict[str, str]) -> None:
        self.folder.mkdir(exist_ok=True)
        weights, bias = model.weights[..., 0].cpu().numpy(), model.bias[:, 0].cpu().numpy()
        content = {**arrays, "weights": weights, "bias": bias}
        raw = save({key: np.ascontiguousarray(array) for key, array in content.items()}, tags)
        write_atomically(self.folder / f"{name}.safetensors", raw)

    def labelings(self, seeds: Sequence[int]) -> NDArray[np.int32]:
        """The refined labelings (S, N) of some seeds."""
        first = self._read(f"{seeds[0]:05d}", "labeling")
        found = np.empty((len(seeds), len(first)), np.int32)
        for labeling, seed in zip(found, seeds, strict=True):
            read = self._read(f"{seed:05d}", "labeling")
            if read.shape != first.shape:
                raise self._damaged(f"{seed:05d}", f"its labeling has the shape {read.shape}, others {first.shape}")
            labeling[:] = read
        return found

    def likelihood(self, seeds: Sequence[int]) -> NDArray[np.float64]:
        """The log-likelihood (S,) of some seeds' refinement, nats a row."""
        return np.array([self._tag(f"{seed:05d}", "likelihood") for seed in seeds])

    def read(self, seeds: Sequence[int]) -> RefinedLabelings:
        """The refinement of some seeds."""
        names = [f"{seed:05d}" for seed in seeds]
        weights, bias = (self._stacked(names, key) for key in ("weights", "bias"))
        return RefinedLabelings(
            self.labelings(seeds),
            self.likelihood(seeds),
            np.array([self._tag(name, "steps") for name in names], np.int64),
            JointModel(torch.from_numpy(weights), torch.from_numpy(bias)),
        )

    def final(self) -> Final:
        """The labeling that the run offers."""
        weights, bias = (torch.from_numpy(self._read(FINAL, key)).unsqueeze(-1) for key in ("weights", "bias"))
        return Final(
            self._read(FINAL, "labeling"),
            self._read(FINAL, "confidence"),
            self._read(FINAL, "vote_share"),
            self._tag(FINAL, "likelihood"),
            JointModel(weights, bias),
        )

    def _stacked(self, names: Sequence[str], key: str) -> NDArray[Any]:
        arrays = [self._read(name, key) for name in names]
        for name, array in zip(names, arrays, strict=True):
            if array.shape != arrays[0].shape:
                raise self._damaged(name, f"its {key} has the shape {array.shape}, others {arrays[0].shape}")
        return np.stack(arrays, -1)

    def _read(self, name: str, key: str) -> NDArray[Any]:
        array: NDArray[Any] = self._opened(name, lambda file: _array(file, key))
        return array

    def _tag(self, name: str, key: str) -> float:
        value: float = self._opened(name, lambda file: float((file.metadata() or {})[key]))
        return value

    def _opened(self, name: str, read: Callable[[Any], Any]) -> Any:
        try:
            with safetensors.safe_open(regular(self.folder / f"{name}.safetensors"), framework="numpy") as file:
                return read(file)
        except (OSError, safetensors.SafetensorError, KeyError, ValueError) as error:
            raise self._damaged(name, error) from None

    def _damaged(self, name: str, reason: object) -> RunError:
        path = self.folder / f"{name}.safetensors"
        return RunError(f"{path} cannot be read ({reason}): remove the folder {self.folder} and resume the run")


def _array(file: Any, key: str) -> NDArray[Any]:
    """An array of a file; raises ValueError unless it is what its name says."""
    array: NDArray[Any] = file.get_tensor(key)
    if (array.dtype.kind, array.ndim) != _KINDS.get(key, (array.dtype.kind, array.ndim)):
        raise ValueError(f"{key} is {array.dtype} of shape {array.shape}")
    if key == "labeling":
        classes = file.get_slice("bias").get_shape()[0]
        if not array.size or not 0 <= array.min() <= array.max() < classes:
            raise ValueError(f"its labeling is not of {classes} classes")
    return array
