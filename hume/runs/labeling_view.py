"""The labeling that a finished run shows: its seeds' or, where a person answered, the one that follows from that."""

import copy
from contextlib import suppress
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import RunError
from hume.common.once import once
from hume.engine.refinement import JointModel
from hume.evaluation import ensemble, metrics
from hume.evaluation.metrics import Agreement, match_classes
from hume.runs import corrected, review
from hume.runs.corrected import SOURCES, Corrected
from hume.runs.refinement import Refinement
from hume.runs.request import View
from hume.runs.review_state import Review
from hume.runs.run import Run
from hume.runs.seed_view import SeedView


def is_refined(run: Run) -> bool:
    """Whether a run has refined labelings to show."""
    return run.state == "finished" and run.scores().get("refined") is not None


def views(run: Run) -> list[View]:
    """The labelings that a run has to show, the one shown unless another is chosen first."""
    if run.state != "finished":
        return ["searched"]
    answered: list[View] = []
    with suppress(RunError):  # a damaged review: whoever reads it reports it
        answered = ["corrected"] if review.read(run).corrects else []
    refined: list[View] = ["refined"] if is_refined(run) else []
    return [*answered, *refined, "searched"]


# What answers change.
OF_LABELING = ("corrected", "classifier", "margin", "vote", "match", "right", "expected", "_rankings")


class LabelingView(SeedView):
    """The labeling of one finished run, beside the ground truth where there is one."""

    origin: Self | None = None  # the results that answers corrected

    # --- the labeling -----------------------------------------------------------------------

    def corrected_by(self, review: Review) -> Self:
        """The same results with the labeling that a review's answers lead to; what does not change is shared."""
        for name in ("found_vote", "_phi1", "own"):  # which every labeling needs: computed once, before it is copied
            getattr(self, name)
        other = copy.copy(self)
        other.origin = self.origin or self
        other.__dict__ = {name: value for name, value in self.__dict__.items() if name not in OF_LABELING}
        other.review = review if review.corrects else None
        return other

    @once
    def stage(self) -> Refinement:
        """The rows in which labelings are refined."""
        if self.origin is not None:
            return self.origin.stage
        return corrected.refinement(self.run, self.dataset)

    @once
    def corrected(self) -> Corrected | None:
        """The labeling with a person's answers; None without any."""
        return None if self.review is None else corrected.corrected(self.run, self.review, lambda: self.stage)

    @property
    def set_aside(self) -> frozenset[int]:
        """The rows that a person set aside as no samples of the dataset."""
        return frozenset() if self.review is None else self.review.set_aside

    @property
    def counted(self) -> NDArray[np.bool_]:
        """(N,) the rows that are not set aside."""
        counted = np.ones(self.dataset.num_samples, np.bool_)
        counted[list(self.set_aside)] = False
        return counted

    @once
    def classifier(self) -> tuple[JointModel, NDArray[np.int64]] | None:
        """The classifier in both spaces and the numbers of its classes; None for a labeling that was only searched."""
        if self.corrected is not None:
            return self.corrected.model, self.corrected.classes
        if self.final is None:
            return None
        return self.final.model, match_classes(self.final.labeling, self.found_vote.labeling, self.num_found)

    @property
    def num_classes(self) -> int:
        """The numbers of classes are below it; those that were merged into others have no samples."""
        return self.num_found if self.corrected is None else self.corrected.num_classes

    @property
    def classes(self) -> list[int]:
        """The numbers of the classes."""
        return list(range(self.num_found)) if self.corrected is None else self.corrected.classes.tolist()

    @once
    def vote(self) -> ensemble.Vote:
        """The labeling and how the seeds voted on it, in its class numbers."""
        found, now = self.found_vote, self.corrected
        if now is None or self.review is None:
            return found
        base = corrected.read_base(self.run)
        assert base is not None
        names = corrected.merge(match_classes(found.labeling, base.labeling, self.num_found), self.review)
        aligned = names[found.aligned]
        return ensemble.Vote(
            labeling=now.labeling.astype(np.int64),
            share=(aligned == now.labeling).mean(0),
            reference=found.reference,
            aligned=aligned,
            num_classes=self.num_classes,
        )

    @property
    def confidence(self) -> NDArray[np.float32] | None:
        """(N,) the probability of each sample's class; None where there is no classifier in both spaces."""
        if self.corrected is not None:
            return self.corrected.confidence
        return None if self.final is None else self.final.confidence

    @once
    def margin(self) -> NDArray[np.float32] | None:
        """(N,) the log odds of each sample's two most probable classes, nats; None where there is no classifier."""
        if self.corrected is not None:
            return self.corrected.margin
        return None if self.final is None else self.stage.margin(self.final.model)

    @property
    def source(self) -> list[str]:
        """Where each sample's class is from: see `hume.runs.corrected.SOURCES`."""
        if self.corrected is None:
            return ["search"] * self.dataset.num_samples
        return [SOURCES[code] for code in self.corrected.source.tolist()]

    @property
    def vote_agreement(self) -> Agreement | None:
        """How well the vote agrees with the ground truth; None where there is none."""
        if self.mode is not None or self.review is not None:
            return self.agreement_of(self.vote.labeling)
        values = (
            self.values["vote"] if self.view == "refined" else self.values.get("searched_vote", self.values["vote"])
        )
        return None if values["acc"] is None else Agreement(**values)

    @property
    def ballots(self) -> NDArray[np.integer[Any]]:
        """(V, N) the labelings that voted, among which reliable samples are counted."""
        return self.vote.aligned

    def agreement_of(self, labeling: NDArray[np.integer[Any]]) -> Agreement | None:
        """How well a labeling (N,) agrees with the ground truth on the evaluated rows; None where there is none."""
        truth = self.dataset.labels
        return None if truth is None else metrics.agreement(truth[self.evaluated], labeling[self.evaluated])

    @once
    def top_n(self) -> ensemble.TopNCurve:
        """Accuracy of the vote of the n first-ranked seeds, for every n (Fig. 3a)."""
        criterion, truth = self.statistics.criterion, self.dataset.labels
        return ensemble.top_n_curve(self.aligned, criterion, self.num_found, truth, self.evaluated)

    @property
    def blind_top_n(self) -> ensemble.TopNCurve:
        """The same without what needs ground truth."""
        return replace(self.top_n, acc=None, ari=None)

    # --- the ground truth, for display ------------------------------------------------------

    @property
    def true_names(self) -> list[str]:
        """The names of the true classes; numbers where they have none."""
        names = self.dataset.classes or self.dataset.ids
        if names is not None:
            return list(names)
        return [] if self.dataset.labels is None else [str(k) for k in range(int(self.dataset.labels.max()) + 1)]

    def confusion(self, labeling: NDArray[np.integer[Any]]) -> NDArray[np.int64] | None:
        """Samples of every pair (found class, true class) on the evaluated rows; None without ground truth."""
        truth = self.dataset.labels
        if truth is None:
            return None
        rows = self.evaluated
        return metrics.contingency_table(labeling[rows], truth[rows], self.num_classes, len(self.true_names))

    @once
    def match(self) -> NDArray[np.int64] | None:
        """(K,) the true class that each found class of the vote is matched to, −1 for none; None without truth."""
        if self.dataset.labels is None:
            return None
        table = metrics.contingency_table(
            self.vote.labeling, self.dataset.labels, self.num_classes, len(self.true_names)
        )
        return metrics.assign_classes(table)

    @once
    def right(self) -> NDArray[np.bool_] | None:
        """(N,) whether the vote's class is matched to the sample's true one; None without ground truth."""
        if self.match is None:
            return None
        right: NDArray[np.bool_] = self.match[self.vote.labeling] == self.dataset.labels
        return right
