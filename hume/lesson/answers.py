"""Twenty questions to a class about the labels of a run: in two batches, after each of which the labels are refitted.

    asked = TwentyQuestions(found)
    while (row := asked.next(asked.read(home))) is not None:
        asked.answer(home, row, number=2)
    outcome = asked.outcome(asked.read(home), with_truth=True)

Answers are saved in `<home>/lessons/answers/<dataset>-<labeling>.json`, apart from the run's own review: they survive a
reload and a restart, are the same in every tab, and belong to one labeling, whose class numbers they mean.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from hume.common.errors import InputError, RunError
from hume.common.json_files import read_json
from hume.common.once import once
from hume.data.features import Matrix
from hume.evaluation import asking, metrics
from hume.experiments.baselines.kmeans import concatenate
from hume.lesson import saved
from hume.runs import corrected
from hume.runs.answering import BATCH, Change
from hume.runs.corrected import Base, Corrected
from hume.runs.findings import Findings
from hume.runs.review_state import Review

QUESTIONS = 20
EXAMPLES = 3  # of every class
DRAWS = 20  # of as many random samples with their true labels
WEAK = 100.0  # the inverse of the penalty on a linear classifier's weights
SPANNED = 1e-6  # of the largest squared length: directions below it are rounding
KEPT = 8  # fits, so that undoing one's last answers is as fast as giving them


@dataclass(frozen=True)
class Answer:
    """What the class said of one picture."""

    row: int
    number: int | None  # of the found class; None: the class cannot tell
    by_computer: bool = False  # by people's labels, in place of the class


Answers: TypeAlias = tuple[Answer, ...]  # in the order of the questions

_WrittenAnswer = TypedDict("_WrittenAnswer", {"row": int, "class": int | None, "by_computer": bool})


class _Written(TypedDict):
    """The file of the answers."""

    answers: list[_WrittenAnswer]


@dataclass(frozen=True, eq=False)
class Accuracies:
    """Shares of the samples labeled as people do, for display. The found classes are named once, before any answer."""

    before: float
    after: float
    alone: NDArray[np.float64]  # (DRAWS,) of linear classifiers that know as many random true labels and nothing else
    same: int  # answers that are people's label


@dataclass(frozen=True, eq=False)
class Outcome:
    """What answers change."""

    num_samples: int
    num_answers: int  # that name a class
    by_computer: int  # of them
    change: Change
    accuracies: Accuracies | None  # None where people's labels are missing or not to be shown

    def examples(self, flows: int, each: int) -> list[tuple[int, int, int]]:
        """(row, class before, class after) of the surest changes between the classes that most changes are between."""
        moved, found = self.change, []
        for before, after, _ in moved.flows[:flows]:
            rows = moved.rows[(moved.before == before) & (moved.after == after)][:each]
            found += [(int(row), before, after) for row in rows]
        return found


class TwentyQuestions:
    """The questions about the labeling that a run found, and what the answers to them change.

    Answers of the run's own review are left out; a labeling that is not refined is refined first. Raises RunError for
    a damaged file or run, InputError for data whose labelings cannot be refined.
    """

    def __init__(self, found: Findings):
        self.found = found if found.review is None else found.corrected_by(Review())
        self.number = min(QUESTIONS, found.dataset.num_samples)
        self._fit = lru_cache(KEPT)(self._refit)
        self._batch = lru_cache(KEPT)(self._ask)
        self.outcome = lru_cache(KEPT)(self._outcome)

    @once
    def base(self) -> Base:
        """The labeling that the questions are about."""
        found = self.found
        base = Base(found.found_vote.labeling.astype(np.int32), found.num_found, found.view)
        if found.final is not None:
            return base
        return Base(corrected.compute(base, Review(), found.stage).predicted, found.num_found, "refined")

    # --- what the class does ----------------------------------------------------------------

    def read(self, home: Path) -> Answers:
        """The answers so far; raises RunError for a damaged file."""
        path = self._path(home)
        try:
            values = read_json(path, _Written)
            given = tuple(Answer(one["row"], one["class"], one["by_computer"]) for one in values["answers"])
            rows = {one.row for one in given if 0 <= one.row < self.found.dataset.num_samples}
            classes = {one.number for one in given} - {None, *range(self.found.num_found)}
            if classes or len(rows) != len(given):
                raise ValueError("not answers about these pictures")
        except FileNotFoundError:
            return ()
        except ValueError as error:
            raise RunError(f"{path} cannot be read ({error}): remove it to begin the questions anew") from None
        return given[: self.number]

    def next(self, given: Answers) -> int | None:
        """The picture to ask about next; None when all are answered."""
        start = 0
        while start < self.number:
            batch = self._batch(given[:start])
            if len(given) - start < len(batch):
                rows = {one.row for one in given}
                return next(row for row in batch if row not in rows)
            start += len(batch)
        return None

    def answer(self, home: Path, row: int, number: int | None) -> Answers:
        """The picture that is asked about is of a found class, or with None the class cannot tell.

        Raises InputError for another picture and for an unknown class; like every change RunError when the home
        cannot be written.
        """
        if number is not None and not 0 <= number < self.found.num_found:
            raise InputError(f"there is no class {number}: they are 0 to {self.found.num_found - 1}")

        def add(given: Answers) -> Answers:
            if row != self.next(given):
                raise InputError(f"picture {row} is not asked about now: the page is older than the answers")
            return (*given, Answer(row, number))

        return self._change(home, add)

    def undo(self, home: Path) -> Answers:
        """Take back the last answer."""
        return self._change(home, lambda given: given[:-1])

    def start_over(self, home: Path) -> Answers:
        """Take back all answers, for the next class; a damaged file too."""
        saved.remove(self._path(home))
        return self.read(home)

    def let_the_computer_answer(self, home: Path) -> Answers:
        """Answer the questions that are left by people's labels; raises InputError where there are none."""
        truth, names = self._truth, self._names
        given = self.read(home)
        while (row := self.next(given)) is not None:
            (matched,) = np.nonzero(names == truth[row])
            given = (*given, Answer(row, int(matched[0]) if len(matched) else None, by_computer=True))
        complete = given
        return self._change(home, lambda now: complete if complete[: len(now)] == now else now)

    def _path(self, home: Path) -> Path:
        return home / "lessons" / "answers" / f"{self.found.dataset.name}-{self.base.fingerprint}.json"

    def _change(self, home: Path, make: Callable[[Answers], Answers]) -> Answers:
        def values(given: Answers) -> dict[str, Any]:
            return {"answers": [{"row": one.row, "class": one.number, "by_computer": one.by_computer} for one in given]}

        return saved.change(self._path(home), lambda: self.read(home), make, values)

    @once
    def typical(self) -> NDArray[np.int64]:
        """(K, EXAMPLES) samples that stand for every found class, −1 for none."""
        return self.found.typical(self.base.labeling, EXAMPLES)

    def likely(self, row: int) -> list[int]:
        """The found classes, those that a picture is most probably of first."""
        g = self._fit(()).model.logits(self.found.stage.every.take(torch.tensor([row])))[0, :, 0]
        return [int(k) for k in g.argsort(descending=True)]

    # --- what the answers do ----------------------------------------------------------------

    def change(self, given: Answers) -> Change:
        """The labels that the answers change, those that are surest now first."""
        before, fit = self.base.labeling, self._fit(given)
        rows = np.flatnonzero(fit.labeling != before) if _named(given) else np.zeros(0, np.int64)
        rows = rows[np.argsort(-fit.margin[rows], kind="stable")]
        return Change(rows, before[rows].astype(np.int64), fit.labeling[rows].astype(np.int64))

    def _outcome(self, given: Answers, with_truth: bool) -> Outcome:
        """What the answers change, with people's labels or without."""
        named = _named(given)
        known = with_truth and named and self.found.dataset.labels is not None
        return Outcome(
            num_samples=self.found.dataset.num_samples,
            num_answers=len(named),
            by_computer=sum(one.by_computer for one in given if one.number is not None),
            change=self.change(given),
            accuracies=self._accuracies(given) if known else None,
        )

    def _refit(self, given: Answers) -> Corrected:
        return corrected.compute(self.base, Review(answers=_named(given)), self.found.stage)

    def _ask(self, given: Answers) -> list[int]:
        """The next questions, before the labels are refitted."""
        free = np.ones(self.found.dataset.num_samples, np.bool_)
        free[[one.row for one in given]] = False
        number = min(BATCH, self.number - len(given))
        batch = asking.questions(self.found.stage.every, self._fit(given).margin, np.flatnonzero(free), number)
        return [int(row) for row in batch]

    # --- people's labels, for display -------------------------------------------------------

    @property
    def _truth(self) -> NDArray[np.int64]:
        labels = self.found.dataset.labels
        if labels is None:
            raise InputError(f"{self.found.dataset.name} has no labels to answer by: let the class answer")
        return labels.astype(np.int64)

    @once
    def _names(self) -> NDArray[np.int64]:
        """(K,) the true class that every found class is matched to before any answer, −1 for none."""
        rows, K = self.found.evaluated, self.base.num_classes
        true = len(self.found.true_names)
        return metrics.assign_classes(metrics.contingency_table(self.base.labeling[rows], self._truth[rows], K, true))

    def _accuracies(self, given: Answers) -> Accuracies:
        truth, names, rows = self._truth, self._names, self.found.evaluated
        named = _named(given)
        return Accuracies(
            before=float((names[self.base.labeling] == truth)[rows].mean()),
            after=float((names[self._fit(given).labeling] == truth)[rows].mean()),
            alone=self._alone(len(named)),
            same=sum(int(names[number]) == truth[row] for row, number in named.items()),
        )

    def _alone(self, number: int) -> NDArray[np.float64]:
        """(DRAWS,) accuracies of linear classifiers on both spaces, trained on so many random samples alone.

        Rows of unit length and hardly a penalty: with whitened rows, or scikit-learn's usual penalty, twenty labels are
        worth a fifth to a third less, and the comparison would flatter the search.
        """
        found, rows = self.found, self.found.judged_rows
        truth, request = self._truth[rows], found.run.request
        x = concatenate(*(found.dataset.space(name).features[rows] for name in (request.phi1, request.phi2)))
        accuracy = []
        for draw in range(DRAWS):
            known = np.random.default_rng(draw).choice(len(rows), min(number, len(rows)), replace=False)
            right = learned(x[known], truth[known], x) == truth
            right[known] = True
            accuracy.append(right.mean())
        return np.array(accuracy)


def learned(x: Matrix, labels: NDArray[np.int64], every: Matrix) -> NDArray[np.int64]:
    """What a logistic regression that knows the labels (m,) of a few rows x (m, d) says of all rows (n, d)."""
    if (labels == labels[0]).all():
        return np.full(len(every), labels[0])
    # The weights lie in the span of the few rows: in its coordinates the same classifier is fitted in milliseconds.
    squares, directions = np.linalg.eigh(x @ x.T)
    spanned = squares > SPANNED * squares[-1]
    basis = x.T @ (directions[:, spanned] / np.sqrt(squares[spanned]))
    classifier = LogisticRegression(C=WEAK, solver="newton-cholesky").fit(x @ basis, labels)
    return np.asarray(classifier.predict(every @ basis), np.int64)


def _named(given: Answers) -> dict[int, int]:
    return {one.row: one.number for one in given if one.number is not None}
