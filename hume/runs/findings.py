"""The results of a finished run, so that pages, reports and the command line show the same numbers.

Everything is computed when first read, then cached. Classes of all labelings have the
numbers of the best-scored seed, as in the vote; scores are computed on the evaluated rows,
figures and exports on all.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common import devices
from hume.common.errors import InputError, RunError
from hume.data import space_rows, splits
from hume.data.rows import StreamedRows, blocks
from hume.evaluation import cross_validation, ensemble, metrics, reliable
from hume.evaluation.approximate_neighbors import Method
from hume.evaluation.metrics import Agreement, Correlation
from hume.evaluation.neighbors import SomeRows
from hume.evaluation.reliable import Order, ReliabilityRanking
from hume.evaluation.seed_statistics import SeedStatistics, typical_samples
from hume.runs.review import Review
from hume.runs.run import Run

RowChoice = Literal["all", "train", "test"]
RELIABLE_COLUMNS = ("row", "file", "class", "class_name", "vote_agreement", "neighbor_agreement", "rank", "kept")
LABEL_COLUMNS = ("row", "file", "class", "class_name", "vote_share")
MAX_RANKINGS = 8  # cached at once, so that moving a slider does not fill the memory


@dataclass(frozen=True, eq=False)
class SeedFindings:
    """One seed: its score, its rank and its labeling."""

    seed: int
    rank: int  # 1 is the best cross-validation score
    cv_score: float
    objective: float  # Eq. 7, nats; NaN for an imported seed
    state: str  # converged, stopped at T, imported
    labeling: NDArray[np.integer[Any]]  # (N,) in the vote's class numbers
    agreement: Agreement | None
    typical: NDArray[np.int64]  # (K, m) the samples closest to each class's prototype, −1 where it has fewer
    confusion: NDArray[np.int64] | None  # (K, K_true) on the evaluated rows


class Findings:
    """The results of one finished run; raises RunError when it is not finished or its data have changed."""

    def __init__(self, run: Run):
        self.run = run
        self.values = run.scores()
        self.seeds = run.finished_seeds
        if list(self.seeds) != self.values["seeds"]:
            raise RunError(f"the seeds of run {run.name!r} are not those that were scored: resume it")
        self.num_classes = run.request.config.num_classes
        self.dataset = run.dataset()
        self.evaluated = splits.evaluated_rows(self.dataset)

    # --- seeds and their vote -----------------------------------------------------------

    @cached_property
    def statistics(self) -> SeedStatistics:
        """Scores, agreement and class sizes of the seeds on the evaluated rows, in the order of `seeds`."""
        return SeedStatistics(
            cv_score=np.array(self.values["cv_score"], np.float64),
            num_classes=self.num_classes,
            read=lambda: self.aligned if self.evaluated.all() else self.aligned[:, self.evaluated],
            accuracy=None if self.values["acc"] is None else np.array(self.values["acc"], np.float64),
        )

    @cached_property
    def objective(self) -> NDArray[np.float64]:
        """(S,) Eq. 7 at the end, nats; NaN for an imported seed."""
        return np.array([np.nan if value is None else value for value in self.values["objective"]])

    @property
    def correlation(self) -> Correlation | None:
        """Of score and accuracy over the seeds; None without ground truth or with too few different seeds."""
        values = self.values["correlation"]
        return None if values["r"] is None else Correlation(**values)

    @property
    def vote_agreement(self) -> Agreement | None:
        """How well the vote agrees with the ground truth; None where there is none."""
        values = self.values["vote"]
        return None if values["acc"] is None else Agreement(**values)

    @cached_property
    def states(self) -> list[str]:
        """How every seed ended, in the order of `seeds`."""
        if self.run.request.origin == "authors":
            return ["imported"] * len(self.seeds)
        return ["converged" if ended else "stopped at T" for ended in self.run.converged()]

    @cached_property
    def aligned(self) -> NDArray[np.integer[Any]]:
        """(S, N) labelings in the class numbers of the best-scored seed."""
        return ensemble.align(self.run.labelings(), self.statistics.cv_score, self.num_classes, self.evaluated)

    @cached_property
    def vote(self) -> ensemble.Vote:
        """The majority vote of all seeds."""
        return ensemble.vote_of(self.aligned, self.num_classes, int(self.statistics.order[0]))

    @cached_property
    def top_n(self) -> ensemble.TopNCurve:
        """Accuracy of the vote of the n best seeds, for every n (Fig. 3a)."""
        scores, truth = self.statistics.cv_score, self.dataset.labels
        return ensemble.top_n_curve(self.aligned, scores, self.num_classes, truth, self.evaluated)

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
            objective=float(self.objective[i]),
            state=self.states[i],
            labeling=labeling,
            agreement=None
            if seeds.accuracy is None
            else Agreement(*(self.values[key][i] for key in ("acc", "ari", "nmi"))),
            typical=self._typical(self.run.seed_array(seed, "prototypes"), labeling, num_typical),
            confusion=self.confusion(labeling),
        )

    def _typical(
        self, prototypes: NDArray[np.float32], labeling: NDArray[np.integer[Any]], number: int
    ) -> NDArray[np.int64]:
        # (N,) the largest inner product with a prototype
        closeness = np.concatenate([(block.numpy() @ prototypes.T).max(axis=1) for block in blocks(self._phi1)])
        return typical_samples(closeness, labeling, self.num_classes, number)

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
                self.aligned[:, chosen],
                self.phi1 if rows == "all" else SomeRows(self.phi1, chosen),
                self.num_classes,
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
