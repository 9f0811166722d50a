"""Labelings that stand beside a home's runs: what a search found, in one file, without any ground truth."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors.numpy import save

from hume.baselines.registry import Spread
from hume.files import disk_errors, write_atomically
from hume.results import Result


@dataclass(frozen=True, eq=False)
class Kept:
    """What some seeds found, as it is on disk."""

    labelings: NDArray[np.int32]  # (S, N)
    cv_score: NDArray[np.float64]  # (S,)
    seconds: float
    note: str  # how they were searched
    created: str  # UTC, ISO 8601

    def part(self, seeds: slice) -> "Kept":
        """Some of the seeds, with their share of the time."""
        cv_score = self.cv_score[seeds]
        seconds = self.seconds * len(cv_score) / len(self.cv_score)
        return replace(self, labelings=self.labelings[seeds], cv_score=cv_score, seconds=seconds)


def keep(path: Path, result: Result, note: str) -> Kept:
    """Write a search's labelings and cross-validation scores to a file; raises RunError when it cannot be written."""
    created = datetime.now(UTC).isoformat(timespec="seconds")
    kept = Kept(result.labelings, result.scores.cv_score, result.seconds, note, created)
    arrays: dict[str, NDArray[np.generic]] = {
        "labelings": np.ascontiguousarray(kept.labelings),
        "cv_score": kept.cv_score,
    }
    tags = {"seconds": f"{kept.seconds:.3f}", "note": note, "created": created}
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, save(arrays, tags))
    return kept


def read_kept(path: Path, num_samples: int) -> Kept | None:
    """Read what `keep` wrote; None where there is nothing, where it is damaged or of other samples."""
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            tags = file.metadata() or {}
            labelings, cv_score = file.get_tensor("labelings"), file.get_tensor("cv_score")
        kept = Kept(labelings, cv_score, float(tags["seconds"]), tags["note"], tags["created"])
    except (OSError, safetensors.SafetensorError, KeyError, ValueError):
        return None
    fits = labelings.ndim == 2 and labelings.shape[1] == num_samples and len(labelings) == len(cv_score) > 0
    return kept if fits else None


def digest(parts: Sequence[object]) -> str:
    """A folder's name for what is in `parts`, the same for equal parts."""
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def spread(numbers: "Sequence[float] | NDArray[np.float64] | NDArray[np.int64]") -> Spread:
    """Mean and standard deviation of some numbers."""
    return Spread(mean=float(np.mean(numbers)), std=float(np.std(numbers)), n=len(numbers))
