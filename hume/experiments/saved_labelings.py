"""The saved labelings of one method on a pair of spaces, without ground truth."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.data.dataset import Dataset
from hume.experiments.cache import Cache


@dataclass(frozen=True, eq=False)
class Joint:
    """What a refinement of labelings in both spaces adds to them."""

    likelihood: NDArray[np.float64]  # (S,) mean log-likelihood of a row, nats
    final: NDArray[np.int32]  # (N,) the vote of the most likely fifth, refined once more
    final_likelihood: float


@dataclass(frozen=True, eq=False)
class SavedLabelings:
    """The labelings of seeds 0..S − 1 of a method, or of those of them that were refined."""

    labelings: NDArray[np.int32]  # (S, N)
    cv_score: NDArray[np.float64] | None  # (S,) of searches, None for other methods
    seconds: float
    note: str  # how it was run
    joint: Joint | None = None  # of refined labelings


@dataclass(frozen=True, eq=False)
class ScoredLabelings(SavedLabelings):
    """The labelings of a search."""

    cv_score: NDArray[np.float64]  # (S,)

    def of_seeds(self, seeds: slice) -> "ScoredLabelings":
        """Some of the seeds, with their share of the time."""
        cv_score = self.cv_score[seeds]
        seconds = self.seconds * len(cv_score) / len(self.cv_score)
        return replace(self, labelings=self.labelings[seeds], cv_score=cv_score, seconds=seconds)


def save(cache: Cache, entry: str, saved: SavedLabelings) -> None:
    """Write labelings to an entry; raises RunError when it cannot be written."""
    arrays: dict[str, NDArray[Any] | None] = {"labelings": saved.labelings, "cv_score": saved.cv_score}
    tags = {"seconds": f"{saved.seconds:.3f}", "note": saved.note}
    if saved.joint is not None:
        arrays |= {"likelihood": saved.joint.likelihood, "final": saved.joint.final}
        tags["final_likelihood"] = repr(saved.joint.final_likelihood)
    cache.write(entry, arrays, tags)


def load(cache: Cache, entry: str, num_samples: int) -> SavedLabelings | None:
    """Read what `save` wrote; None where it is missing, damaged or of other samples."""
    content = cache.read(entry)
    if content is None:
        return None
    arrays, tags = content
    try:
        labelings, cv_score = arrays["labelings"], arrays.get("cv_score")
        seconds, note = float(tags["seconds"]), tags["note"]
        joint = None
        if "final" in arrays:
            joint = Joint(arrays["likelihood"], arrays["final"], float(tags["final_likelihood"]))
    except (KeyError, ValueError):
        return None
    fits = labelings.ndim == 2 and labelings.shape[1] == num_samples and len(labelings) > 0
    if not fits or (cv_score is not None and len(cv_score) != len(labelings)):
        return None
    if joint is not None and joint.final.shape != labelings.shape[1:]:
        return None
    if cv_score is None:
        return SavedLabelings(labelings, None, seconds, note, joint)
    return ScoredLabelings(labelings, cv_score, seconds, note, joint)


def load_scored(cache: Cache, entry: str, num_samples: int, num_seeds: int = 1) -> ScoredLabelings | None:
    """Read what `save` wrote of a search; None, too, where it has fewer than `num_seeds` seeds."""
    saved = load(cache, entry, num_samples)
    return saved if isinstance(saved, ScoredLabelings) and len(saved.cv_score) >= num_seeds else None


def pair_key(dataset: Dataset, phi1: str, phi2: str, *settings: Any) -> tuple[Any, ...]:
    """The cache key of searches and scores on a pair of spaces: both fingerprints, the settings, the scored rows."""
    return (dataset.space(phi1).fingerprint, dataset.space(phi2).fingerprint, *settings, scored_rows(dataset))


def scored_rows(dataset: Dataset) -> str:
    """A digest of the rows that scores are computed on."""
    rows = dataset.test_rows
    return "all" if rows is None else hashlib.blake2b(rows.tobytes(), digest_size=16).hexdigest()
