"""The results of a finished run, so that pages, reports and the command line show the same numbers.

A refined run has two views: its refined labelings, ranked by their likelihood, of which the most likely fifth votes,
and the searched ones, ranked by their score in φ2, of which all vote, as in the paper. All is computed when first read,
then cached. Classes of all labelings have the numbers of the first-ranked seed, as in the vote; scores are
computed on the evaluated rows, figures and exports on all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common import devices
from hume.common.errors import InputError, RunError
from hume.common.formatting import count
from hume.data import space_rows, splits
from hume.data.rows import StreamedRows, blocks
from hume.evaluation import cross_validation, ensemble, metrics, reliable
from hume.evaluation.approximate_neighbors import Method
from hume.evaluation.metrics import Agreement, Correlation, match_classes
from hume.evaluation.modes import Mode, find_modes, vote_within
from hume.evaluation.neighbors import SomeRows, shared_class
from hume.evaluation.reliable import Order, ReliabilityRanking
from hume.evaluation.seed_statistics import SeedStatistics, compared_rows, typical_samples
from hume.runs.refinement import Final, number_of_voters
from hume.runs.review import Review
from hume.runs.run import Run

RowChoice = Literal["all", "train", "test"]
View = Literal["refined", "searched"]
RELIABLE_COLUMNS = ("row", "file", "class", "class_name", "vote_agreement", "neighbor_agreement", "rank", "kept")
LABEL_COLUMNS = ("row", "file", "class", "class_name", "vote_share")
NUM_NEAR = 10  # nearest neighbours, which judge a labeling in both spaces
MAX_RANKINGS = 8  # cached at once, so that moving a slider does not fill the memory


@dataclass(frozen=True, eq=False)
class SeedFindings:
    """One seed: its score, its likelihood, its rank and its labeling."""

    seed: int
    rank: int  # 1 is the most likely one or, as searched, the best cross-validation score
    cv_score: float
    likelihood: float | None  # nats a row; None as searched
    objective: float  # Eq. 7, nats; NaN for an imported seed
    state: str  # converged, stopped at T, imported
    labeling: NDArray[np.integer[Any]]  # (N,) in the vote's class numbers
    agreement: Agreement | None
    typical: NDArray[np.int64]  # (K, m) the samples closest to each class's prototype, −1 where it has fewer
    confusion: NDArray[np.int64] | None  # (K, K_true) on the evaluated rows


class Findings:
    """The results of one finished run; raises RunError when it is not finished or its data have changed."""

    def __init__(self, run: Run, view: View | None = None, mode: int | None = None):
        """view: the refined labelings where there are some, if None; mode: the vote of one mode's seeds alone.

        Raises InputError for refined labelings or a mode that the run has not.
        """
        self.run = run
        self.values = run.scores()
        if list(run.finished_seeds) != self.values["seeds"]:
            raise RunError(f"the seeds of run {run.name!r} are not those that were scored: resume it")
        refined = self.values.get("refined")
        if view == "refined" and refined is None:
            why = self.values.get("not_refined") or "it was asked for the searched labelings alone"
            raise InputError(f"run {run.name!r} is not refined: {why}")
        self.view: View = view or ("searched" if refined is None else "refined")
        of_seeds = refined if refined is not None and self.view == "refined" else self.values
        self.seeds: tuple[int, ...] = tuple(of_seeds["seeds"])
        self.by_seed: dict[str, list[float] | None] = {key: of_seeds[key] for key in ("cv_score", "acc", "ari", "nmi")}
        self.num_classes = run.request.config.num_classes
        self.dataset = run.dataset()
        self.evaluated = splits.evaluated_rows(self.dataset)
        self.mode = mode
        if mode is not None and not 0 < mode <= len(self.modes):
            found = count(len(self.modes), "labeling")
            raise InputError(f"run {run.name!r} has no mode {mode}: its seeds found {found}, see `modes`")

    # --- seeds and their vote -----------------------------------------------------------

    @cached_property
    def likelihood(self) -> NDArray[np.float64] | None:
        """(S,) mean log-likelihood of a row after refinement, nats; None for the searched labelings."""
        known = self.values.get("likelihood")
        if self.view == "searched" or known is None:
            return None
        return np.array([value for value in known if value is not None])

    @cached_property
    def statistics(self) -> SeedStatistics:
        """Scores, agreement and class sizes of the seeds on the evaluated rows, in the order of `seeds`."""
        accuracy = self.by_seed["acc"]
        return SeedStatistics(
            cv_score=np.array(self.by_seed["cv_score"], np.float64),
            num_classes=self.num_classes,
            read=lambda: self.aligned if self.evaluated.all() else self.aligned[:, self.evaluated],
            accuracy=None if accuracy is None else np.array(accuracy, np.float64),
            likelihood=self.likelihood,
        )

    @cached_property
    def objective(self) -> NDArray[np.float64]:
        """(S,) Eq. 7 at the end of the search, nats; NaN for an imported seed."""
        known = dict(zip(self.values["seeds"], self.values["objective"], strict=True))
        return np.array([np.nan if known[seed] is None else known[seed] for seed in self.seeds])

    @property
    def correlation(self) -> Correlation | None:
        """Of accuracy with what ranks the seeds; None without ground truth or with too few different seeds."""
        values = self.values["correlation" if self.view == "searched" else "likelihood_correlation"]
        return None if values["r"] is None else Correlation(**values)

    @property
    def vote_agreement(self) -> Agreement | None:
        """How well the vote agrees with the ground truth; None where there is none."""
        if self.mode is not None:
            return self.agreement_of(self.vote.labeling)
        values = (
            self.values["vote"] if self.view == "refined" else self.values.get("searched_vote", self.values["vote"])
        )
        return None if values["acc"] is None else Agreement(**values)

    @cached_property
    def states(self) -> list[str]:
        """How every seed ended, in the order of `seeds`."""
        if self.run.request.origin == "authors":
            return ["imported"] * len(self.seeds)
        known = dict(zip(self.run.finished_seeds, self.run.converged(), strict=True))
        return ["converged" if known[seed] else "stopped at T" for seed in self.seeds]

    def labelings(self) -> NDArray[np.int32]:
        """(S, N) the labelings of the seeds, each with class numbers of its own."""
        return self.run.labelings() if self.view == "searched" else self.run.refined.labelings(self.seeds)

    @cached_property
    def aligned(self) -> NDArray[np.integer[Any]]:
        """(S, N) labelings in the same class numbers: the best-scored seed's, of both views where they agree."""
        aligned = ensemble.align(self.labelings(), self.statistics.criterion, self.num_classes, self.evaluated)
        if self.view == "searched":
            return aligned
        first = aligned[self.statistics.order[0]]
        names = match_classes(first, self.searched.vote.labeling, self.num_classes).astype(aligned.dtype)
        return np.asarray(names[aligned])

    @cached_property
    def searched(self) -> "Findings":
        """The view of the searched labelings."""
        return self if self.view == "searched" else Findings(self.run, "searched")

    @cached_property
    def own(self) -> "Findings":
        """This view with the labeling that the run offers, rather than a mode's."""
        return self if self.mode is None else Findings(self.run, self.view)

    @cached_property
    def voters(self) -> NDArray[np.int64]:
        """Positions of the seeds that vote, the first-ranked first: all, or of refined ones the most likely."""
        if self.mode is not None:
            return self.modes[self.mode - 1].members
        order = self.statistics.order
        return order if self.view == "searched" else order[: number_of_voters(len(self.values["seeds"]))]

    @property
    def ballots(self) -> NDArray[np.integer[Any]]:
        """(V, N) the labelings that voted, among which reliable samples are counted."""
        return self.vote.aligned

    @cached_property
    def final(self) -> Final | None:
        """The vote's refinement, which the run offers; None for the searched labelings and for the vote of a mode."""
        return None if self.view == "searched" or self.mode is not None else self.run.refined.final()

    @cached_property
    def vote(self) -> ensemble.Vote:
        """The labeling of this view and its votes: the majority's, the refinement of it, or that of a mode."""
        if self.mode is not None:
            return self.modes[self.mode - 1].vote
        vote = ensemble.vote_of(self.aligned[np.sort(self.voters)], self.num_classes, 0)
        vote = replace(vote, reference=int(self.statistics.order[0]))
        if self.final is None:
            return vote
        matched = match_classes(self.final.labeling, vote.labeling, self.num_classes)
        labeling = matched[self.final.labeling]
        return replace(vote, labeling=labeling, share=self.final.vote_share)

    # --- modes ------------------------------------------------------------------------------

    @cached_property
    def modes(self) -> list[Mode]:
        """The different labelings that the seeds found, the first-ranked first."""
        return find_modes(self.statistics, self.near, self._vote_within)

    def _vote_within(self, members: NDArray[np.int64]) -> ensemble.Vote:
        reference = self.own.vote.labeling
        return vote_within(self.aligned[members], self.statistics.criterion[members], reference, self.num_classes)

    @cached_property
    def judged_rows(self) -> NDArray[np.int64]:
        """Up to 10,000 evaluated rows, on which labelings are compared and judged."""
        return compared_rows(self.evaluated)

    @cached_property
    def near(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(n, k) the nearest neighbours of `judged_rows` among themselves in φ1 and in φ2, as positions in them."""
        spaces = self.phi1, self.dataset.space(self.run.request.phi2).features
        every = np.arange(len(self.judged_rows))
        first, second = (
            reliable.nearest_neighbors(SomeRows(space, self.judged_rows), every, NUM_NEAR) for space in spaces
        )
        return first, second

    @cached_property
    def neighbor_agreement(self) -> NDArray[np.float64]:
        """(S,) share of near samples in the same class, summed over both spaces: 0 to 2, the second judge of a seed."""
        first, second = (shared_class(near, self.statistics.compared) for near in self.near)
        return first + second

    def agreement_of(self, labeling: NDArray[np.integer[Any]]) -> Agreement | None:
        """How well a labeling (N,) agrees with the ground truth on the evaluated rows; None where there is none."""
        truth = self.dataset.labels
        return None if truth is None else metrics.agreement(truth[self.evaluated], labeling[self.evaluated])

    @cached_property
    def top_n(self) -> ensemble.TopNCurve:
        """Accuracy of the vote of the n first-ranked seeds, for every n (Fig. 3a)."""
        criterion, truth = self.statistics.criterion, self.dataset.labels
        return ensemble.top_n_curve(self.aligned, criterion, self.num_classes, truth, self.evaluated)

    @property
    def blind_top_n(self) -> ensemble.TopNCurve:
        """The same without what needs ground truth."""
        return replace(self.top_n, acc=None, ari=None)

    def curve_table(self) -> tuple[list[str], list[tuple[float, ...]]]:
        """The top-n curve as a table's header and rows; ACC and ARI only with ground truth."""
        curve = self.top_n
        columns = {"n": curve.n, "acc": curve.acc, "ari": curve.ari, "consistency": curve.consistency}
        known = {name: column.tolist() for name, column in columns.items() if column is not None}
        return list(known), list(zip(*known.values(), strict=True))

    def label_table(self, review: Review) -> list[tuple[Any, ...]]:
        """The vote's class of every sample, under `LABEL_COLUMNS`."""
        files = self.dataset.file_names or [""] * self.dataset.num_samples
        labels = self.vote.labeling.tolist()
        return [
            (row, files[row], number, review.names.get(number, ""), f"{share:.4f}")
            for row, (number, share) in enumerate(zip(labels, self.vote.share.tolist(), strict=True))
        ]

    def seed(self, seed: int, num_typical: int = 12) -> SeedFindings:
        """Everything about one seed; raises InputError when the run has no such seed."""
        if seed not in self.seeds:
            raise InputError(f"run {self.run.name!r} has no seed {seed}: choose one of its {len(self.seeds)}")
        i = self.seeds.index(seed)
        labeling, seeds = self.aligned[i], self.statistics
        return SeedFindings(
            seed=seed,
            rank=int(seeds.rank[i]),
            cv_score=float(seeds.cv_score[i]),
            likelihood=None if self.likelihood is None else float(self.likelihood[i]),
            objective=float(self.objective[i]),
            state=self.states[i],
            labeling=labeling,
            agreement=None
            if seeds.accuracy is None
            else Agreement(*((self.by_seed[key] or [])[i] for key in ("acc", "ari", "nmi"))),
            typical=self.typical(labeling, num_typical, None if self.likelihood is not None else seed),
            confusion=self.confusion(labeling),
        )

    def typical(self, labeling: NDArray[np.integer[Any]], number: int, seed: int | None = None) -> NDArray[np.int64]:
        """(K, number) the samples of every class closest in φ1 to its mean, or to a seed's prototype; −1 for none."""
        if seed is not None:
            centres = torch.from_numpy(self.run.seed_array(seed, "prototypes"))
        else:
            centres = torch.zeros(self.num_classes, self._phi1.shape[1])
            for rows, block in self._blocks():
                centres.index_add_(0, torch.from_numpy(labeling[rows].astype(np.int64)), block)
            centres = torch.nn.functional.normalize(centres)
        closeness = np.empty(len(labeling))
        for rows, block in self._blocks():
            similar, own = block @ centres.T, torch.from_numpy(labeling[rows].astype(np.int64)).unsqueeze(1)
            # Prototypes have the class numbers of their own seed, in which a row's class is the closest one.
            closeness[rows] = (similar.gather(1, own) if seed is None else similar.amax(1, keepdim=True))[:, 0].numpy()
        return typical_samples(closeness, labeling, self.num_classes, number)

    def _blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """φ1 as the search saw it, block by block."""
        start = 0
        for block in blocks(self._phi1):
            yield slice(start, start + len(block)), block
            start += len(block)

    # --- the ground truth, for display ------------------------------------------------------

    @property
    def true_names(self) -> list[str]:
        """The names of the true classes; numbers where they have none."""
        if self.dataset.classes is not None:
            return list(self.dataset.classes)
        return [] if self.dataset.labels is None else [str(k) for k in range(int(self.dataset.labels.max()) + 1)]

    def confusion(self, labeling: NDArray[np.integer[Any]]) -> NDArray[np.int64] | None:
        """Samples of every pair (found class, true class) on the evaluated rows; None without ground truth."""
        truth = self.dataset.labels
        if truth is None:
            return None
        rows = self.evaluated
        return metrics.contingency_table(labeling[rows], truth[rows], self.num_classes, len(self.true_names))

    @cached_property
    def match(self) -> NDArray[np.int64] | None:
        """(K,) the true class that each found class of the vote is matched to, −1 for none; None without truth."""
        if self.dataset.labels is None:
            return None
        table = metrics.contingency_table(
            self.vote.labeling, self.dataset.labels, self.num_classes, len(self.true_names)
        )
        return metrics.assign_classes(table)

    @cached_property
    def right(self) -> NDArray[np.bool_] | None:
        """(N,) whether the vote's class is matched to the sample's true one; None without ground truth."""
        if self.match is None:
            return None
        right: NDArray[np.bool_] = self.match[self.vote.labeling] == self.dataset.labels
        return right

    # --- samples ----------------------------------------------------------------------------

    @property
    def phi1(self) -> NDArray[np.float32] | StreamedRows:
        """(N, d1) φ1 as the search saw it; on disk where it does not fit into memory."""
        return self._phi1.numpy() if isinstance(self._phi1, Tensor) else self._phi1

    @cached_property
    def _phi1(self) -> Tensor | StreamedRows:
        return self.run.phi1_rows(self.dataset)

    def neighbors(self, row: int, space: Literal["phi1", "phi2"], number: int) -> NDArray[np.int64]:
        """(number,) the nearest neighbours of one sample in φ1 or φ2 by the cosine, nearest first."""
        neighbors: NDArray[np.int64] = reliable.nearest_neighbors(
            self.phi1 if space == "phi1" else self.dataset.space(self.run.request.phi2).features, [row], number
        )[0]
        return neighbors

    @cached_property
    def expected(self) -> NDArray[np.int64]:
        """(N,) held-out predictions of the vote's class by a linear classifier in φ2."""
        return cross_validation.held_out_predictions(
            space_rows.rows(self.dataset.space(self.run.request.phi2)),
            torch.from_numpy(self.vote.labeling),
            self.num_classes,
            num_folds=min(10, self.dataset.num_samples),
        )

    # --- reliable samples ---------------------------------------------------------------------

    def chosen_rows(self, rows: RowChoice) -> NDArray[np.int64]:
        """The numbers of all, the train or the test samples; raises InputError without a test split."""
        if rows not in get_args(RowChoice):
            raise InputError(f"--rows {rows}: choose all, train or test")
        split = self.dataset.test_rows
        if rows == "all":
            return np.arange(self.dataset.num_samples)
        if split is None:
            raise InputError(f"{self.dataset.name} has no test split: use --rows all")
        return np.flatnonzero(split if rows == "test" else ~split)

    def ranking(
        self,
        num_neighbors: int,
        order: Order = "algorithm",
        rows: RowChoice = "all",
        on_progress: Callable[[float], None] | None = None,
        neighbors_method: Method = "auto",
    ) -> ReliabilityRanking:
        """The chosen samples ranked by Algorithm G1; its sample numbers count within `chosen_rows(rows)`."""
        key = (num_neighbors, rows, neighbors_method)
        if key not in self._rankings:
            chosen = self.chosen_rows(rows)
            ranking = reliable.reliability_ranking(
                self.ballots[:, chosen],
                self.phi1 if rows == "all" else SomeRows(self.phi1, chosen),
                self.num_classes,
                labeling=self.vote.labeling[chosen],
                num_neighbors=num_neighbors,
                neighbors_method=neighbors_method,
                device=devices.devices()[0],
                on_progress=on_progress,
            )
            while len(self._rankings) >= MAX_RANKINGS:
                self._rankings.pop(next(iter(self._rankings)), None)
            self._rankings[key] = ranking
        ranking = self._rankings[key]
        return ranking if ranking.order == order else replace(ranking, order=order)

    @cached_property
    def _rankings(self) -> dict[tuple[int, RowChoice, Method], ReliabilityRanking]:
        return {}

    def reliable_samples(
        self, ranking: ReliabilityRanking, per_class: int, rows: RowChoice = "all"
    ) -> tuple[reliable.ReliableSamples, reliable.ReliabilityStatistics | None]:
        """The best samples of every class, with the dataset's own sample numbers, and their statistics."""
        chosen = self.chosen_rows(rows)
        samples = ranking.top(per_class)
        truth = None if self.dataset.labels is None else self.dataset.labels[chosen]
        statistics = reliable.reliability_statistics(samples, truth, ranking.labeling)
        return replace(samples, rows=chosen[samples.rows]), statistics

    def reliable_table(self, samples: reliable.ReliableSamples, review: Review) -> list[tuple[Any, ...]]:
        """The rows of the CSV file under `RELIABLE_COLUMNS`; rejected samples are listed as not kept."""
        files = self.dataset.file_names
        ranks = (metrics.rank_within_class(samples.classes) + 1).tolist()
        columns = zip(
            samples.rows.tolist(),
            samples.classes.tolist(),
            samples.vote_agreement.tolist(),
            samples.neighbor_agreement.tolist(),
            ranks,
            strict=True,
        )
        return [
            (
                row,
                "" if files is None else files[row],
                number,
                review.names.get(number, ""),
                votes,
                neighbors,
                rank,
                "no" if row in review.rejected else "yes",
            )
            for row, number, votes, neighbors, rank in columns
        ]
