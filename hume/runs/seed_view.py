"""The seeds of a finished run, what ranks them, and the labeling that their vote finds.

A refined run has two views: its refined labelings, ranked by their likelihood, of which the most likely fifth votes,
and the searched ones, ranked by their score in φ2, of which all vote, as in the paper. All is computed when first read,
then cached. Classes of all labelings have the numbers of the first-ranked seed, as in the vote.
"""

from dataclasses import replace
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hume.common.errors import InputError, RunError
from hume.common.formatting import count
from hume.common.once import once
from hume.data import splits
from hume.data.dataset import Dataset
from hume.data.rows import StreamedRows
from hume.evaluation import ensemble, reliable
from hume.evaluation.metrics import Correlation, match_classes
from hume.evaluation.modes import Mode, find_modes, vote_within
from hume.evaluation.neighbors import RowSource, SomeRows, shared_class
from hume.evaluation.seed_statistics import SeedStatistics, compared_rows
from hume.runs import history, review
from hume.runs.refinement import Final, number_of_voters
from hume.runs.request import View
from hume.runs.review_state import Review
from hume.runs.run import Run

Seeds: TypeAlias = Literal["refined", "searched"]
SpaceOf: TypeAlias = Literal["phi1", "phi2"]
NUM_NEAR = 10  # nearest neighbours, which judge a labeling in both spaces


class SeedView:
    """The seeds of one finished run; raises RunError when it is not finished or its data have changed."""

    def __init__(self, run: Run, view: View | None = None, mode: int | None = None):
        """view: else the labeling with a person's answers where there are some, else the refined ones where there are.

        mode: the vote of one mode's seeds alone. Raises InputError for a view or a mode that the run has not.
        """
        self.run = run
        self.values = run.scored()
        refined = self.values.get("refined")
        if view == "refined" and refined is None:
            why = self.values.get("not_refined") or "it was asked for the searched labelings alone"
            raise InputError(f"run {run.name!r} is not refined: {why}")
        self.review = _corrections(run, view, mode)
        self.view: Seeds = "searched" if refined is None or view == "searched" else "refined"
        of_seeds = refined if refined is not None and self.view == "refined" else self.values
        self.seeds: tuple[int, ...] = tuple(of_seeds["seeds"])
        self.by_seed: dict[str, list[float] | None] = {key: of_seeds[key] for key in ("cv_score", "acc", "ari", "nmi")}
        self.num_found = run.request.config.num_classes
        self.dataset = run.dataset()
        _check_rows(self.review, run, self.dataset)
        self.evaluated = splits.evaluated_rows(self.dataset)
        self.mode = mode
        if mode is not None and not 0 < mode <= len(self.modes):
            found = count(len(self.modes), "labeling")
            raise InputError(f"run {run.name!r} has no mode {mode}: its seeds found {found}, see `modes`")

    # --- seeds and their vote -----------------------------------------------------------

    @once
    def likelihood(self) -> NDArray[np.float64] | None:
        """(S,) mean log-likelihood of a row after refinement, nats; None for the searched labelings."""
        known = self.values.get("likelihood")
        if self.view == "searched" or known is None:
            return None
        return np.array([value for value in known if value is not None])

    @once
    def statistics(self) -> SeedStatistics:
        """Scores, agreement and class sizes of the seeds on the evaluated rows, in the order of `seeds`."""
        accuracy = self.by_seed["acc"]
        return SeedStatistics(
            cv_score=np.array(self.by_seed["cv_score"], np.float64),
            num_classes=self.num_found,
            read=lambda: self.aligned if self.evaluated.all() else self.aligned[:, self.evaluated],
            accuracy=None if accuracy is None else np.array(accuracy, np.float64),
            likelihood=self.likelihood,
        )

    @once
    def objective(self) -> NDArray[np.float64]:
        """(S,) Eq. 7 at the end of the search, nats; NaN for an imported seed."""
        known = dict(zip(self.values["seeds"], self.values["objective"], strict=True))
        return np.array([np.nan if known[seed] is None else known[seed] for seed in self.seeds])

    @property
    def correlation(self) -> Correlation | None:
        """Of accuracy with what ranks the seeds; None without ground truth or with too few different seeds."""
        values = self.values["correlation" if self.view == "searched" else "likelihood_correlation"]
        return None if values["r"] is None else Correlation(**values)

    @once
    def states(self) -> list[str]:
        """How every seed ended, in the order of `seeds`."""
        if self.run.request.origin == "authors":
            return ["imported"] * len(self.seeds)
        known = dict(zip(self.run.finished_seeds, self.run.converged(), strict=True))
        return ["converged" if known[seed] else "stopped at T" for seed in self.seeds]

    def labelings(self) -> NDArray[np.int32]:
        """(S, N) the labelings of the seeds, each with class numbers of its own."""
        return self.run.labelings() if self.view == "searched" else self.run.refined.labelings(self.seeds)

    @once
    def aligned(self) -> NDArray[np.integer[Any]]:
        """(S, N) labelings in the same class numbers: the best-scored seed's, of both views where they agree."""
        aligned = ensemble.align(self.labelings(), self.statistics.criterion, self.num_found, self.evaluated)
        if self.view == "searched":
            return aligned
        first = aligned[self.statistics.order[0]]
        names = match_classes(first, self.searched.found_vote.labeling, self.num_found).astype(aligned.dtype)
        return np.asarray(names[aligned])

    @once
    def searched(self) -> Self:
        """The view of the searched labelings."""
        if self.own is not self:
            return self.own.searched
        return self if self.view == "searched" else type(self)(self.run, "searched")

    @once
    def own(self) -> Self:
        """This view with the labeling that the seeds found, rather than a mode's or one with a person's answers."""
        return self if self.mode is None and self.review is None else type(self)(self.run, self.view)

    @once
    def voters(self) -> NDArray[np.int64]:
        """Positions of the seeds that vote, the first-ranked first: all, or of refined ones the most likely."""
        if self.mode is not None:
            return self.modes[self.mode - 1].members
        order = self.statistics.order
        return order if self.view == "searched" else order[: number_of_voters(len(self.values["seeds"]))]

    @once
    def final(self) -> Final | None:
        """The vote's refinement, which the run offers; None for the searched labelings and for the vote of a mode."""
        return None if self.view == "searched" or self.mode is not None else self.run.refined.final()

    @once
    def found_vote(self) -> ensemble.Vote:
        """The labeling that the seeds found and its votes: the majority's, the refinement of it, or that of a mode."""
        if self.mode is not None:
            return self.modes[self.mode - 1].vote
        vote = ensemble.vote_of(self.aligned[np.sort(self.voters)], self.num_found, 0)
        vote = replace(vote, reference=int(self.statistics.order[0]))
        if self.final is None:
            return vote
        matched = match_classes(self.final.labeling, vote.labeling, self.num_found)
        labeling = matched[self.final.labeling]
        return replace(vote, labeling=labeling, share=self.final.vote_share)

    def space(self, which: SpaceOf) -> RowSource:
        """The rows (N, d) of φ1 as the search saw them, or of φ2."""
        if which == "phi1":
            return self.phi1
        features: RowSource = self.dataset.space(self.run.request.phi2).features
        return features

    # --- modes ------------------------------------------------------------------------------

    @once
    def modes(self) -> list[Mode]:
        """The different labelings that the seeds found, the first-ranked first."""
        return find_modes(self.statistics, self.near, self._vote_within)

    def _vote_within(self, members: NDArray[np.int64]) -> ensemble.Vote:
        reference = self.own.found_vote.labeling
        return vote_within(self.aligned[members], self.statistics.criterion[members], reference, self.num_found)

    @once
    def judged_rows(self) -> NDArray[np.int64]:
        """Up to 10,000 evaluated rows, on which labelings are compared and judged."""
        return compared_rows(self.evaluated)

    @once
    def near(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(n, k) the nearest neighbours of `judged_rows` among themselves in φ1 and in φ2, as positions in them."""
        spaces = self.space("phi1"), self.space("phi2")
        every = np.arange(len(self.judged_rows))
        first, second = (
            reliable.nearest_neighbors(SomeRows(space, self.judged_rows), every, NUM_NEAR) for space in spaces
        )
        return first, second

    @once
    def neighbor_agreement(self) -> NDArray[np.float64]:
        """(S,) share of near samples in the same class, summed over both spaces: 0 to 2, the second judge of a seed."""
        first, second = (shared_class(near, self.statistics.compared) for near in self.near)
        return first + second

    @property
    def phi1(self) -> NDArray[np.float32] | StreamedRows:
        """(N, d1) φ1 as the search saw it; on disk where it does not fit into memory."""
        return self._phi1.numpy() if isinstance(self._phi1, Tensor) else self._phi1

    @once
    def _phi1(self) -> Tensor | StreamedRows:
        return self.run.phi1_rows(self.dataset)


def _check_rows(review: Review | None, run: Run, dataset: Dataset) -> None:
    """Raise RunError for answers about samples that the dataset has not."""
    last = max((*review.answers, *review.audited), default=-1) if review is not None else -1
    if last >= dataset.num_samples:
        path = run.folder / history.FILE
        raise RunError(f"{path} is about sample {last}, {dataset.name} has {dataset.num_samples:,}: remove it")


def _corrections(run: Run, view: View | None, mode: int | None) -> Review | None:
    """The review whose answers correct the labeling that is asked for, if any."""
    if view in ("refined", "searched") or mode is not None:
        return None
    given = review.read(run)
    if view == "corrected" and not given.corrects:
        raise InputError(f"run {run.name!r} has no answers: give some on the page Answer or import them by `answers`")
    return given if given.corrects else None
