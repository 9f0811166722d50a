"""A few labels to learn from, reliable samples or true ones, and what was learned from them, kept in a file."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors.numpy import save

from hume.common.files import disk_errors, write_atomically
from hume.common.formatting import count, percent
from hume.evaluation.label_sampling import Labels, Picked, draw_labels, pick
from hume.evaluation.metrics import Spread

__all__ = ["Picked", "Point", "Trained", "draw_labels", "in_words", "pick", "read_trained", "write_trained"]


@dataclass(frozen=True, eq=False)
class Trained:
    """What S seeds of the heads predict that had n labels a class."""

    per_class: int
    picked: Picked
    reliable: Labels  # (S, N) found classes, learned from reliable samples and all rows
    reliable_plain: Labels  # (S, N) from reliable samples alone
    true: Labels | None  # (S, T) true classes of the T rows held out; None without ground truth
    true_plain: Labels | None
    seconds: float
    created: str  # UTC, ISO 8601

    @property
    def num_seeds(self) -> int:
        return len(self.reliable)

    def is_current(self, rejected: Collection[int]) -> bool:
        """Whether the same samples would be picked now that these are rejected."""
        gone = np.array(list(rejected), np.int64)
        return not np.isin(self.picked.rows, gone).any() and bool(np.isin(self.picked.passed_over, gone).all())


@dataclass(frozen=True)
class Point:
    """How good the heads are with n labels a class, over seeds; what needs ground truth is None without it."""

    per_class: int
    num_labeled: int  # reliable samples; fewer than n · K where a class is small
    agreement: Spread  # share of rows held out to which the head from reliable samples gives the vote's class
    agreement_plain: Spread  # the same without pseudo-labels
    correct: float | None  # share of the reliable samples that are right
    reliable: Spread | None  # accuracy on the rows held out
    reliable_plain: Spread | None
    true: Spread | None
    true_plain: Spread | None
    is_current: bool  # the same samples would be picked now
    seconds: float


def in_words(points: Sequence[Point], vote_accuracy: float | None, truth: bool) -> str:
    """What these labels are worth, in a sentence or two; without `truth`, how near the vote they lead.

    points: by ascending number of labels; vote_accuracy: of the run's vote on the rows held out.
    """
    if not points:
        return "No classifier was trained on these samples yet."
    first, *others = dict.fromkeys((points[0], points[-1]))
    if not truth or first.reliable is None:
        words = (
            f"With {count(first.per_class, 'reliable sample')} a class, a classifier gives {_shown(first.agreement)} "
        )
        words += "of the samples that it did not learn from the class that the vote gives them"
        return words + "".join(f"; with {each.per_class}, {_shown(each.agreement)}" for each in others) + "."
    words = f"With {count(first.per_class, 'label')} a class, a classifier is right on {_shown(first.reliable)} of the "
    words += "samples that it did not learn from where reliable samples are its labels"
    words += "" if first.true is None else f", and on {_shown(first.true)} where random true labels are"
    for each in others:
        words += f"; with {each.per_class}, on {_shown(each.reliable)}"
        words += "" if each.true is None else f" and on {_shown(each.true)}"
    words += "."
    return (
        words if vote_accuracy is None else f"{words} HUME's vote itself is right on {percent(vote_accuracy)} of them."
    )


def _shown(found: Spread | None) -> str:
    if found is None:
        return "–"
    return percent(found.mean) + (f" ± {100 * found.std:.1f}" if found.n > 1 else "")


def write_trained(path: Path, trained: Trained, truth_digest: str) -> None:
    """Write what was learned to a file, whole or not at all; raises RunError when it cannot be written.

    truth_digest: tells later whether the labels are still those that were learned from.
    """
    arrays: dict[str, NDArray[Any] | None] = {
        "rows": trained.picked.rows, "classes": trained.picked.classes, "passed_over": trained.picked.passed_over,
        "reliable": trained.reliable, "reliable_plain": trained.reliable_plain,
        "true": trained.true, "true_plain": trained.true_plain,
    }  # fmt: skip
    tags = {"seconds": f"{trained.seconds:.3f}", "created": trained.created, "truth": truth_digest}
    known = {name: np.ascontiguousarray(array) for name, array in arrays.items() if array is not None}
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, save(known, tags))


def read_trained(path: Path, shape: tuple[int, int, int], truth_digest: str) -> Trained | None:
    """Read what `write_trained` wrote; None where there is nothing, where it is damaged or of other samples.

    shape: (N, T, K), samples, rows held out and found classes. What was learned from other labels than those of today
    is left out.
    """
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            tags, arrays = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        picked = Picked(arrays["rows"], arrays["classes"], arrays["passed_over"])
        seconds, created, truth = float(tags["seconds"]), tags["created"], tags["truth"]
        found = Trained(
            int(path.stem), picked, arrays["reliable"], arrays["reliable_plain"], arrays.get("true"),
            arrays.get("true_plain"), seconds, created,
        )  # fmt: skip
    except (OSError, safetensors.SafetensorError, KeyError, ValueError):
        return None
    if truth != truth_digest:
        found = replace(found, true=None, true_plain=None)
    return found if _fits(found, *shape) else None


def _fits(found: Trained, num_samples: int, num_held_out: int, num_classes: int) -> bool:
    picked, full = found.picked, found.reliable
    if full.ndim != 2 or len(full) == 0 or picked.rows.ndim != 1:
        return False
    told = [array.shape == (len(full), num_held_out) for array in (found.true, found.true_plain) if array is not None]
    return (
        full.shape == found.reliable_plain.shape == (len(full), num_samples)
        and picked.rows.shape == picked.classes.shape
        and all(_is_below(array, num_classes) for array in (full, found.reliable_plain, picked.classes))
        and _is_below(picked.rows, num_samples)
        and len(told) in (0, 2)
        and all(told)
    )


def _is_below(numbers: NDArray[Any], end: int) -> bool:
    """Whether there are numbers and all are integers in 0..end − 1."""
    return numbers.dtype.kind in "iu" and numbers.size > 0 and numbers.min() >= 0 and bool(numbers.max() < end)
