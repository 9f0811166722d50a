"""A person answers about a run's labeling: what to ask, what an answer changes, and how many labels are right."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.once import once
from hume.evaluation import asking, audit
from hume.evaluation.audit import Audit
from hume.runs import corrected, review
from hume.runs.corrected import Base, Corrected
from hume.runs.findings import Findings
from hume.runs.review import Rows
from hume.runs.review_state import Review, unfold

BATCH = 10  # questions, between which the labeling is not refitted


@dataclass(frozen=True, eq=False)
class Change:
    """What moved between two labelings of the same samples."""

    rows: NDArray[np.int64]  # (M,) the samples whose class changed, those that are surest now first
    before: NDArray[np.int64]  # (M,)
    after: NDArray[np.int64]  # (M,)

    @property
    def flows(self) -> list[tuple[int, int, int]]:
        """(class before, class after, samples), the largest first."""
        pairs, counts = np.unique(np.stack([self.before, self.after], 1), axis=0, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return [(int(pairs[i, 0]), int(pairs[i, 1]), int(counts[i])) for i in order]


class Answering:
    """Ask about the labeling of a finished run and correct it by the answers; each is a step that can be undone.

    found: the labeling to start from, which is kept with the first answer: later answers are about its classes.
    Errors are InputError for an answer that cannot be given and RunError for a damaged run.
    """

    def __init__(self, found: Findings):
        self.found = found if found.review is not None else found.corrected_by(review.read(found.run))
        self.run = found.run

    @property
    def review(self) -> Review:
        """What the person decided so far, as it is on disk now."""
        return review.read(self.run)

    def now(self) -> Findings:
        """The results with all answers so far."""
        given = self.review
        known = self.found.review.version if self.found.review is not None else None
        if (given.corrects and given.version != known) or (not given.corrects and known is not None):
            self.found = self.found.corrected_by(given)
        return self.found

    # --- questions --------------------------------------------------------------------------

    def questions(
        self, number: int = BATCH, *, of_class: int | None = None, among: Iterable[int] | None = None
    ) -> NDArray[np.int64]:
        """The samples to ask about next, the least certain first; of a class or a selection where one is given."""
        found, given = self.now(), self.review
        asked = np.zeros(found.dataset.num_samples, np.bool_)
        drawn = [row for row, _, _ in given.drawn]
        asked[[*given.answers, *given.skipped, *drawn]] = True
        candidates = np.flatnonzero(~asked)
        if of_class is not None:
            candidates = candidates[found.vote.labeling[candidates] == of_class]
        if among is not None:
            candidates = np.intersect1d(candidates, np.fromiter(among, np.int64))
        return asking.questions(found.stage.every, self._model(found).margin, candidates, number)

    def likely(self, row: int, found: Findings | None = None) -> list[int]:
        """The classes of one sample, the most probable first; by an earlier labeling where one is given."""
        found = found or self.now()
        g = self._model(found).model.logits(found.stage.every.take(torch.tensor([row])))[0, :, 0]
        classes = np.asarray(found.classes)
        return [int(k) for k in classes[g.argsort(descending=True).cpu().numpy()]]

    def _model(self, found: Findings) -> Corrected:
        """The labeling's classifier, also of a labeling that was found without one."""
        return found.corrected if found.corrected is not None else self._without_answers

    @once
    def _without_answers(self) -> Corrected:
        return corrected.compute(corrected.read_base(self.run) or self._shown, Review(), self.found.stage)

    # --- answers ----------------------------------------------------------------------------

    def answer(self, rows: Rows, number: int) -> Change:
        """The rows are of a class."""
        return self._apply(rows, lambda numbers: review.answer(self.run, numbers, number))

    def set_aside(self, rows: Rows) -> Change:
        """The rows are no samples of this dataset."""
        return self._apply(rows, lambda numbers: review.set_aside(self.run, numbers))

    def new_class(self, rows: Rows, name: str = "") -> Change:
        """The rows are of a class that was not found."""
        self._check_one_more()
        return self._apply(rows, lambda numbers: review.new_class(self.run, numbers, name))

    def clear(self, rows: Rows) -> Change:
        """Take back the answers on rows."""
        return self._apply(rows, lambda numbers: review.clear(self.run, numbers))

    def merge(self, number: int, other: int) -> Change:
        """Two classes are one, which keeps the first's number."""
        return self._apply((), lambda _: review.merge(self.run, number, other))

    def split(self, number: int) -> Change:
        """A class is two."""
        self._check_one_more()
        if (self.now().vote.labeling == number).sum() < 2:
            raise InputError(f"class {number} has fewer than two samples: there is nothing to split")
        return self._apply((), lambda _: review.split(self.run, number))

    def undo(self) -> Change:
        """Take back the last step."""
        return self._apply((), lambda _: review.undo(self.run))

    def restore(self, version: int) -> Change:
        """Make an earlier version the current one."""
        return self._apply((), lambda _: review.restore(self.run, version))

    def _apply(self, rows: Rows, step: Callable[[list[int]], Review]) -> Change:
        numbers = [int(row) for row in rows]
        N = self.found.dataset.num_samples
        unknown = [row for row in numbers if not 0 <= row < N]
        if unknown:
            raise InputError(f"there is no sample {unknown[0]}: they are 0 to {N - 1}")
        corrected.check_classes(self.found.stage, self.found.num_found)  # before anything is kept
        self.keep_base()
        before = self.now().vote.labeling
        step(numbers)
        return change(before, self.now())

    def keep_base(self) -> Base:
        """Keep the labeling that answers are about, and return it."""
        return corrected.keep_base(self.run, self._shown)

    @property
    def _shown(self) -> Base:
        """The labeling that the seeds found, as it is shown."""
        found = self.found
        name = found.view if found.mode is None else f"mode {found.mode}"
        return Base(found.found_vote.labeling.astype(np.int32), found.num_found, name)

    def _check_one_more(self) -> None:
        corrected.check_classes(self.found.stage, len(self.now().classes) + 1)

    # --- the audit --------------------------------------------------------------------------

    def draw_audit(self, number: int = audit.NUMBER, seed: int | None = None) -> Review:
        """Draw samples at random, in the classes' proportions, among those without an answer; replaces an audit."""
        found, given = self.now(), self.review
        free = np.ones(found.dataset.num_samples, np.bool_)
        free[list(given.answers)] = False
        self.keep_base()
        drawn = audit.draw(found.vote.labeling, np.flatnonzero(free), number, given.version if seed is None else seed)
        return review.draw_audit(self.run, drawn)

    def audit(self, row: int, number: int) -> Review:
        """An audited sample is of a class, or NONE of them."""
        return review.audit(self.run, row, number)

    def estimate(self) -> Audit | None:
        """The accuracy of the labels that nobody gave, by the audit; None before one of its samples is answered."""
        return estimate(self.now(), self.review)


def estimate(found: Findings, given: Review) -> Audit | None:
    """The accuracy of a labeling on samples without an answer, by the audited ones; None before there are some.

    None, too, for another labeling than the one that the audit is about.
    """
    if found.mode is not None or (found.review is None and given.corrects):
        return None
    known = [(row, weight) for row, _, weight in given.drawn if row in given.audited]
    if not known:
        return None
    rows = np.array([row for row, _ in known])
    predicted = found.vote.labeling if found.corrected is None else found.corrected.predicted
    said = np.array([given.audited[int(row)] for row in rows])
    return audit.estimate(predicted[rows] == said, predicted[rows], np.array([weight for _, weight in known]))


def change(before: NDArray[np.integer[Any]], found: Findings) -> Change:
    """What moved since a labeling (N,)."""
    after = found.vote.labeling
    rows = np.flatnonzero(before != after)
    sure = np.zeros(len(after)) if found.corrected is None else found.corrected.margin
    rows = rows[np.argsort(-sure[rows], kind="stable")]
    return Change(rows, before[rows].astype(np.int64), after[rows].astype(np.int64))


def milestones(given: Review, every: int = BATCH) -> list[Review]:
    """The review before the first answer, after every so many, and now."""
    reached: dict[int, Review] = {}  # by the batches of answers
    for before in unfold(given.steps):
        reached.setdefault(len(before.answers) // every, before)
    *kept, last = reached.values()
    return [*kept, last] if len(last.answers) == len(given.answers) else [*kept, last, given]


def accuracy_after(found: Findings, given: Review) -> float | None:
    """The share of correct labels after the answers of a review; None without ground truth."""
    base = corrected.read_base(found.run)
    if base is None:
        return None if found.vote_agreement is None else found.vote_agreement.acc
    labeling = corrected.compute(base, given, found.stage).labeling if given.corrects else base.labeling
    agreement = found.agreement_of(labeling)
    return None if agreement is None else agreement.acc
