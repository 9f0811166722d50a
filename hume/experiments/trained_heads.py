"""Predictions of heads that were trained on a few labels, reliable samples or true ones, as an entry of a cache."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.evaluation.label_sampling import Labels, Picked
from hume.evaluation.metrics import Spread
from hume.experiments.cache import Cache


@dataclass(frozen=True, eq=False)
class Trained:
    """Predictions by S seeds of heads that were trained on n labels a class."""

    per_class: int
    picked: Picked
    reliable: Labels  # (S, N) found classes, trained on reliable samples and all rows
    reliable_plain: Labels  # (S, N) from reliable samples alone
    true: Labels | None  # (S, T) true classes of the T held-out rows; None without ground truth
    true_plain: Labels | None
    seconds: float

    @property
    def num_seeds(self) -> int:
        return len(self.reliable)

    def is_current(self, rejected: Collection[int]) -> bool:
        """Whether the same samples would be picked now that these are rejected."""
        gone = np.array(list(rejected), np.int64)
        return not np.isin(self.picked.rows, gone).any() and bool(np.isin(self.picked.passed_over, gone).all())


@dataclass(frozen=True)
class Point:
    """The scores of heads with n labels a class, over seeds; what needs ground truth is None without it."""

    per_class: int
    num_labeled: int  # reliable samples; fewer than n · K where a class is small
    agreement: Spread  # share of the held-out rows to which the head from reliable samples gives the vote's class
    agreement_plain: Spread  # the same without pseudo-labels
    correct: float | None  # share of the reliable samples that are right
    reliable: Spread | None  # accuracy on the held-out rows
    reliable_plain: Spread | None
    true: Spread | None
    true_plain: Spread | None
    is_current: bool  # the same samples would be picked now
    seconds: float


def save(cache: Cache, trained: Trained, truth_digest: str) -> None:
    """Write predictions to the entry of their number of labels; raises RunError when it cannot be written.

    truth_digest: of the true labels that were trained on.
    """
    arrays = {
        "rows": trained.picked.rows, "classes": trained.picked.classes, "passed_over": trained.picked.passed_over,
        "reliable": trained.reliable, "reliable_plain": trained.reliable_plain,
        "true": trained.true, "true_plain": trained.true_plain,
    }  # fmt: skip
    cache.write(str(trained.per_class), arrays, {"seconds": f"{trained.seconds:.3f}", "truth": truth_digest})


def load(cache: Cache, per_class: int, shape: tuple[int, int, int], truth_digest: str) -> Trained | None:
    """Read what `save` wrote; None where it is missing, damaged or of other samples.

    shape: (N, T, K), samples, held-out rows and found classes. Predictions from true labels that have changed since
    are left out.
    """
    content = cache.read(str(per_class))
    if content is None:
        return None
    arrays, tags = content
    try:
        trained = Trained(
            per_class, Picked(arrays["rows"], arrays["classes"], arrays["passed_over"]), arrays["reliable"],
            arrays["reliable_plain"], arrays.get("true"), arrays.get("true_plain"), float(tags["seconds"]),
        )  # fmt: skip
        is_of_today = tags["truth"] == truth_digest
    except (KeyError, ValueError):
        return None
    if not is_of_today:
        trained = replace(trained, true=None, true_plain=None)
    return trained if _fits(trained, *shape) else None


def _fits(trained: Trained, num_samples: int, num_held_out: int, num_classes: int) -> bool:
    picked, full = trained.picked, trained.reliable
    if full.ndim != 2 or len(full) == 0 or picked.rows.ndim != 1:
        return False
    from_true = [array for array in (trained.true, trained.true_plain) if array is not None]
    return (
        full.shape == trained.reliable_plain.shape == (len(full), num_samples)
        and picked.rows.shape == picked.classes.shape
        and all(_is_below(array, num_classes) for array in (full, trained.reliable_plain, picked.classes))
        and _is_below(picked.rows, num_samples)
        and len(from_true) in (0, 2)
        and all(array.shape == (len(full), num_held_out) for array in from_true)
    )


def _is_below(numbers: NDArray[Any], end: int) -> bool:
    """Whether there are numbers and all are integers in 0..end − 1."""
    return numbers.dtype.kind in "iu" and numbers.size > 0 and numbers.min() >= 0 and bool(numbers.max() < end)
