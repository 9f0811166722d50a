"""The labeling of a run after a person's answers: the labeling that was found, refined again with them.

Answers mean the class numbers of the labeling that the person saw first: it is kept in `base.safetensors`, so that
later searches of the run do not change what an answer says. `corrected.safetensors` has the latest result, which
follows from the base and the steps of the review alone.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict, TypeVar

import numpy as np
import safetensors
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from sklearn.cluster import KMeans

from hume.common.errors import RunError
from hume.common.files import disk_errors, regular, write_atomically
from hume.common.json_files import checked
from hume.data import splits
from hume.data.dataset import Dataset
from hume.engine.refinement import JointModel, Priors, check_rows
from hume.engine.semi_supervised import Fit, refine_with_answers
from hume.runs.refinement import Refinement
from hume.runs.review_state import NONE, Review
from hume.runs.run import Run

Classes = TypeVar("Classes", np.int32, np.int64)
Source: TypeAlias = Literal["search", "refinement", "answer", "set aside"]
SOURCES: tuple[Source, ...] = ("search", "refinement", "answer", "set aside")


@dataclass(frozen=True, eq=False)
class Corrected:
    """A labeling that follows from what was found and what a person said of it."""

    version: int  # of the review
    labeling: NDArray[np.int32]  # (N,) with the given classes; a row that is set aside keeps its predicted one
    predicted: NDArray[np.int32]  # (N,) the model's classes, also of rows that were answered or audited
    confidence: NDArray[np.float32]  # (N,) the probability of the class, 1 where a person gave it
    margin: NDArray[np.float32]  # (N,) log odds of the two most probable classes, nats
    source: NDArray[np.uint8]  # (N,) positions in SOURCES
    classes: NDArray[np.int64]  # (K',) the class numbers of the model's columns
    model: JointModel

    @property
    def num_classes(self) -> int:
        """The class numbers are below it; those of merged classes have no rows."""
        return int(self.classes.max()) + 1


@dataclass(frozen=True, eq=False)
class Base:
    """The labeling that answers were given about."""

    labeling: NDArray[np.int32]  # (N,)
    num_classes: int
    name: str  # refined, searched, or a mode

    @property
    def fingerprint(self) -> str:
        """Of the labeling: answers about the same one mean the same classes, whatever the run is called."""
        return hashlib.sha256(np.ascontiguousarray(self.labeling, "<i4").tobytes()).hexdigest()[:16]


class _BaseTags(TypedDict):
    classes: int
    name: str


def read_base(run: Run) -> Base | None:
    """The labeling that answers are about, None before the first one."""
    path = run.folder / "base.safetensors"
    if not path.exists():
        return None
    arrays, tags = _read(path)
    try:
        known = checked(tags, _BaseTags, of_text=True)
        return Base(arrays["labeling"], known["classes"], known["name"])
    except (ValueError, KeyError) as error:
        raise RunError(f"{path} cannot be read ({error}): remove it") from None


def keep_base(run: Run, base: Base) -> Base:
    """Keep a labeling as the one that answers are about, unless one is kept; returns the one that is."""
    known = read_base(run)
    if known is not None:
        return known
    with disk_errors(run.folder):
        content = save({"labeling": base.labeling}, {"classes": str(base.num_classes), "name": base.name})
        write_atomically(run.folder / "base.safetensors", content)
    return base


def refinement(run: Run, dataset: Dataset, device: str = "cpu") -> Refinement:
    """The rows of a run's spaces, whitened as its search has them; raises InputError for a constant space."""
    request = run.request
    searched = splits.searched_rows(dataset, request.setting)
    return Refinement.of(
        dataset, request.phi1, request.phi2, request.config, searched, device, run.refined.whitenings(device)
    )


def corrected(run: Run, review: Review, stage: Callable[[], Refinement]) -> Corrected:
    """The labeling of a version of a run's review, from disk or computed from `stage` and kept.

    Raises RunError where no labeling is kept, InputError for too few samples a class.
    """
    path, of_review = run.folder / "corrected.safetensors", key(review)
    if path.exists():
        arrays, tags = _read(path)
        if tags.get("key") == of_review:
            try:
                model = JointModel(*(torch.from_numpy(arrays.pop(name)) for name in ("weights", "bias")))
                return Corrected(review.version, **arrays, model=model)
            except (KeyError, TypeError) as error:
                raise RunError(f"{path} cannot be read ({error}): remove it") from None
    base = read_base(run)
    if base is None:
        raise RunError(
            f"run {run.name!r} has answers but not the labeling that they are about: remove its history.jsonl"
        )
    found = compute(base, review, stage())
    kept = ("labeling", "predicted", "confidence", "margin", "source", "classes")
    arrays = {name: getattr(found, name) for name in kept}
    arrays |= {"weights": found.model.weights.cpu().numpy(), "bias": found.model.bias.cpu().numpy()}
    with disk_errors(run.folder):
        write_atomically(
            path, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, {"key": of_review})
        )
    return found


def compute(base: Base, review: Review, stage: Refinement) -> Corrected:
    """Refine the base with a review's answers: split, merge and add classes, and keep answered rows in theirs."""
    labeling = _before_answers(base, review, stage)
    classes = np.array(review.classes(base.num_classes), np.int64)
    fit = _fit(base, review, stage, labeling, classes)
    predicted = classes[fit.labeling].astype(np.int32)
    answered = {row: k for row, k in (review.answers | review.audited).items() if k != NONE}
    rows, given = np.array(list(answered), np.int64), np.array(list(answered.values()), np.int32)
    final, confidence = predicted.copy(), fit.confidence.copy()
    final[rows], confidence[rows] = given, 1.0
    source = np.where(
        final == merge(base.labeling.copy(), review), SOURCES.index("search"), SOURCES.index("refinement")
    ).astype(np.uint8)
    source[rows] = SOURCES.index("answer")
    source[list(review.set_aside)] = SOURCES.index("set aside")
    return Corrected(review.version, final, predicted, confidence, fit.margin, source, classes, fit.model)


def _before_answers(base: Base, review: Review, stage: Refinement) -> NDArray[np.int32]:
    """The base with the classes of a review: merged ones are one, and split ones two."""
    labeling = base.labeling.copy()
    if review.splits:
        last = review.splits[-1]
        labeling = compute(base, last.before, stage).predicted
        labeling[_part(stage, np.flatnonzero(labeling == last.number))] = last.new
    return merge(labeling, review)


def merge(labeling: NDArray[Classes], review: Review) -> NDArray[Classes]:
    """Rename, in place, the classes that were merged into others."""
    for number, to in review.merged.items():  # in the order of merging, so that chains end where they should
        labeling[labeling == number] = to
    return labeling


def _part(stage: Refinement, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The smaller of the two clusters of some rows."""
    if len(rows) < 2:
        return rows[:0]
    z = stage.every.take(torch.from_numpy(rows)).cpu().numpy()
    side = KMeans(2, n_init=4, random_state=0).fit_predict(z)
    smaller: NDArray[np.int64] = rows[side == np.bincount(side, minlength=2).argmin()]
    return smaller


def _fit(base: Base, review: Review, stage: Refinement, labeling: NDArray[np.int32], classes: NDArray[np.int64]) -> Fit:
    position = np.full(int(classes.max()) + 1, -1, np.int64)
    position[classes] = np.arange(len(classes))
    place = np.full(len(labeling), -1, np.int64)  # of every row among the fitted ones
    place[stage.searched] = np.arange(int(stage.searched.sum()))
    rows, given = np.array(list(review.answers), np.int64), np.array(list(review.answers.values()), np.int64)
    rows, given = rows[place[rows] >= 0], given[place[rows] >= 0]
    sizes = stage.config.class_sizes
    priors: Priors = sizes if sizes is not None and len(sizes) == len(classes) else "equal"
    return refine_with_answers(
        stage.fitted,
        stage.every,
        position[labeling[stage.searched]],
        len(classes),
        place[rows],
        np.where(given == NONE, NONE, position[given]),
        priors=priors,
    )


def check_classes(stage: Refinement, num_classes: int) -> None:
    """Raise InputError when the samples are too few for so many classes."""
    check_rows(int(stage.searched.sum()), num_classes)


def key(review: Review) -> str:
    """Of what the labeling follows from: not of names, rejected and skipped samples, which change no label."""
    said = [list(each.items()) for each in (review.answers, review.audited, review.merged)]
    splits = [(split.number, split.new, key(split.before)) for split in review.splits]
    return hashlib.sha256(json.dumps([said, review.new, splits]).encode()).hexdigest()


def _read(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    try:
        with safetensors.safe_open(regular(path), framework="numpy") as file:
            names = list(file.keys())
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except (OSError, safetensors.SafetensorError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}): remove it") from None
