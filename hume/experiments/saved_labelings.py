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

from hume.common.files import disk_errors, write_atomically
from hume.data.dataset import Dataset
from hume.runs.result import Result


@dataclass(frozen=True, eq=False)
class Found:
    """What some seeds of a method found, as it is on disk."""

    labelings: NDArray[np.int32]  # (S, N)
    cv_score: NDArray[np.float64] | None  # (S,) of searches, None for other methods
    seconds: float
    note: str  # how it was run
    created: str  # UTC, ISO 8601


@dataclass(frozen=True, eq=False)
class Kept(Found):
    """What some seeds of a search found."""

    cv_score: NDArray[np.float64]  # (S,)

    def part(self, seeds: slice) -> "Kept":
        """Some of the seeds, with their share of the time."""
        cv_score = self.cv_score[seeds]
        seconds = self.seconds * len(cv_score) / len(self.cv_score)
        return replace(self, labelings=self.labelings[seeds], cv_score=cv_score, seconds=seconds)


def keep(path: Path, result: Result, note: str) -> Kept:
    """Write a search's labelings and cross-validation scores to a file; raises RunError when it cannot be written."""
    kept = Kept(result.labelings, result.scores.cv_score, result.seconds, note, now())
    write_found(path, kept)
    return kept


def write_found(path: Path, found: Found) -> None:
    """Write what was found to a file, whole or not at all; raises RunError when it cannot be written."""
    arrays: dict[str, NDArray[np.generic]] = {"labelings": np.ascontiguousarray(found.labelings)}
    if found.cv_score is not None:
        arrays["cv_score"] = found.cv_score
    tags = {"seconds": f"{found.seconds:.3f}", "note": found.note, "created": found.created}
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, save(arrays, tags))


def read_found(path: Path, num_samples: int) -> Found | None:
    """Read what `write_found` wrote; None where there is nothing, where it is damaged or of other samples."""
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            tags, names = file.metadata() or {}, set(file.keys())
            labelings = file.get_tensor("labelings")
            cv_score = file.get_tensor("cv_score") if "cv_score" in names else None
        found = Found(labelings, cv_score, float(tags["seconds"]), tags["note"], tags["created"])
    except (OSError, safetensors.SafetensorError, KeyError, ValueError):
        return None
    fits = labelings.ndim == 2 and labelings.shape[1] == num_samples and len(labelings) > 0
    scored = cv_score is None or len(cv_score) == len(labelings)
    return found if fits and scored else None


def read_kept(path: Path, num_samples: int) -> Kept | None:
    """Read what `keep` wrote; None where there is nothing, where it is damaged or of other samples."""
    found = read_found(path, num_samples)
    if found is None or found.cv_score is None:
        return None
    return Kept(found.labelings, found.cv_score, found.seconds, found.note, found.created)


def now() -> str:
    """This moment, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def scored_rows(dataset: Dataset) -> str:
    """What tells apart the rows that scores are computed on: part of the key of everything that holds scores."""
    rows = dataset.test_rows
    return "all" if rows is None else hashlib.blake2b(rows.tobytes(), digest_size=16).hexdigest()


def digest(parts: Sequence[object]) -> str:
    """A folder's name for what is in `parts`, the same for equal parts."""
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()
