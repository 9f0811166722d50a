"""The results of a finished run, so that pages, reports and the command line show the same numbers.

The labeling is that of `hume.runs.labeling_view`. All is computed when first read, then cached; scores are computed on
the evaluated rows, figures and exports on all.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.common import devices
from hume.common.errors import InputError
from hume.common.once import once
from hume.data import space_rows
from hume.data.rows import blocks
from hume.evaluation import cross_validation, metrics, reliable
from hume.evaluation.approximate_neighbors import Method
from hume.evaluation.metrics import Agreement
from hume.evaluation.neighbors import SomeRows
from hume.evaluation.reliable import Order, ReliabilityRanking
from hume.evaluation.seed_statistics import typical_samples
from hume.runs.labeling_view import LabelingView
from hume.runs.review_state import Review
from hume.runs.seed_view import Seeds, SpaceOf

RowChoice = Literal["all", "train", "test"]
RELIABLE_COLUMNS = (
    "row", "file", "class", "class_name", "vote_agreement", "neighbor_agreement", "rank", "kept", "source"
)  # fmt: skip
LABEL_COLUMNS = ("row", "file", "class", "class_name", "vote_share", "probability", "source")
MAX_RANKINGS = 8  # cached at once, so that moving a slider does not fill the memory

__all__ = ["LABEL_COLUMNS", "RELIABLE_COLUMNS", "Findings", "RowChoice", "SeedFindings", "Seeds"]


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


class Findings(LabelingView):
    """The results of one finished run; raises RunError when it is not finished or its data have changed."""

    # --- seeds and tables ---------------------------------------------------------------------

    def curve_table(self) -> tuple[list[str], list[tuple[float, ...]]]:
        """The top-n curve as a table's header and rows; ACC and ARI only with ground truth."""
        curve = self.top_n
        columns = {"n": curve.n, "acc": curve.acc, "ari": curve.ari, "consistency": curve.consistency}
        known = {name: column.tolist() for name, column in columns.items() if column is not None}
        return list(known), list(zip(*known.values(), strict=True))

    def label_table(self, review: Review) -> list[tuple[Any, ...]]:
        """The vote's class of every sample, under `LABEL_COLUMNS`."""
        files = self.dataset.file_names or [""] * self.dataset.num_samples
        known = self.confidence
        probability = [""] * len(files) if known is None else [f"{value:.4f}" for value in known.tolist()]
        columns = zip(self.vote.labeling.tolist(), self.vote.share.tolist(), probability, self.source, strict=True)
        return [
            (row, files[row], "", "", "", "", source)
            if source == "set aside"
            else (row, files[row], number, review.names.get(number, ""), f"{share:.4f}", sure, source)
            for row, (number, share, sure, source) in enumerate(columns)
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

    # --- samples ----------------------------------------------------------------------------

    def neighbors(self, row: int, space: SpaceOf, number: int) -> NDArray[np.int64]:
        """(number,) the nearest neighbours of one sample in φ1 or φ2 by the cosine, nearest first."""
        neighbors: NDArray[np.int64] = reliable.nearest_neighbors(self.space(space), [row], number)[0]
        return neighbors

    @once
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
        """The numbers of all, train or test samples that are not set aside; raises InputError without a test split."""
        if rows not in get_args(RowChoice):
            raise InputError(f"--rows {rows}: choose all, train or test")
        split, kept = self.dataset.test_rows, self.counted
        if rows == "all":
            return np.flatnonzero(kept)
        if split is None:
            raise InputError(f"{self.dataset.name} has no test split: use --rows all")
        return np.flatnonzero(kept & (split if rows == "test" else ~split))

    @property
    def default_neighbors(self) -> int:
        """The number of neighbours of Algorithm G1 unless another is asked for."""
        return reliable.default_neighbors(self.dataset.num_samples, len(self.classes))

    def ranking(
        self,
        num_neighbors: int | None = None,
        order: Order = "algorithm",
        rows: RowChoice = "all",
        on_progress: Callable[[float], None] | None = None,
        neighbors_method: Method = "auto",
    ) -> ReliabilityRanking:
        """The chosen samples ranked by Algorithm G1; its sample numbers count within `chosen_rows(rows)`.

        num_neighbors: by default what the size of the whole dataset allows, at most 500.
        """
        num_neighbors = self.default_neighbors if num_neighbors is None else num_neighbors
        key = (num_neighbors, rows, neighbors_method)
        with self._rankings_lock:
            if key not in self._rankings:
                chosen = self.chosen_rows(rows)
                ranking = reliable.reliability_ranking(
                    self.ballots[:, chosen],
                    self.phi1 if len(chosen) == self.dataset.num_samples else SomeRows(self.phi1, chosen),
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

    def known_ranking(self) -> ReliabilityRanking | None:
        """The last computed ranking of all samples; None before there is one."""
        every = [ranking for (_, rows, _), ranking in self._rankings.items() if rows == "all"]
        return every[-1] if every else None

    @once
    def _rankings_lock(self) -> threading.Lock:
        """Held while one is computed, which other tabs then read."""
        return threading.Lock()

    @once
    def _rankings(self) -> dict[tuple[int, RowChoice, Method], ReliabilityRanking]:
        return {}

    def reliable_samples(
        self,
        ranking: ReliabilityRanking,
        per_class: int | None,
        rows: RowChoice = "all",
        among: Iterable[int] | None = None,
    ) -> tuple[reliable.ReliableSamples, reliable.ReliabilityStatistics | None]:
        """The best samples of every class, with the dataset's own sample numbers, and their statistics.

        per_class: None for all. among: the samples to take from, as of a selection. Raises InputError where it has none
        of the chosen rows.
        """
        chosen, given = self.chosen_rows(rows), None
        if among is not None:
            given = np.isin(chosen, np.fromiter(among, np.int64))
            if not given.any():
                raise InputError("the selection has none of these samples: choose another, or all samples")
        samples = ranking.top(len(chosen) if per_class is None else per_class, given)
        truth = None if self.dataset.labels is None else self.dataset.labels[chosen]
        statistics = reliable.reliability_statistics(samples, truth, ranking.labeling)
        return replace(samples, rows=chosen[samples.rows]), statistics

    def reliable_table(self, samples: reliable.ReliableSamples, review: Review) -> list[tuple[Any, ...]]:
        """The rows of the CSV file under `RELIABLE_COLUMNS`; rejected samples are listed as not kept."""
        files, source = self.dataset.file_names, self.source
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
                source[row],
            )
            for row, number, votes, neighbors, rank in columns
        ]
