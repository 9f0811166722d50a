"""Live view of a search: curves, accuracies, typical and changed samples, sampled twice a second."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hume.data import splits
from hume.engine.finished_seed import final_objective
from hume.engine.prototypes import hard_labels
from hume.engine.search import Step
from hume.evaluation import metrics
from hume.evaluation.seed_statistics import typical_samples
from hume.runs.cost import TYPICAL_PATIENCES, iterations
from hume.runs.replay import sample_rows
from hume.runs.run import Run

LOOK_EVERY = 0.5  # seconds between two evaluations of the accuracy, which cost a little
LOOK_ROWS = 2000  # samples that a look takes
NUM_TYPICAL = 12  # pictures a class
NUM_CHANGED = 24  # pictures


@dataclass(frozen=True, eq=False)
class Live:
    """A snapshot of a search under way; NaN where a value is unknown."""

    seeds: tuple[int, ...]  # all requested ones
    iteration: int  # of the batch under way, from 0
    objective: NDArray[np.float32]  # (S, T) Eq. 7 so far, nats
    label_shares: NDArray[np.float32]  # (S, K) the mean task
    accuracy: NDArray[np.float32]  # (S,) on a sample of the rows; all NaN without ground truth
    done: NDArray[np.bool_]  # (S,)
    leader: int | None  # the seed with the lowest objective of those under way, None before the first look
    typical: NDArray[np.int64]  # (K, m) the leader's most typical samples of every class, −1 where it has fewer
    changed: NDArray[np.int64]  # (c, 3) samples that changed class at the last look: row, class before, class now

    @property
    def last_objective(self) -> NDArray[np.float32]:
        """(S,) Eq. 7 now, averaged over the last iterations because single splits are noisy; NaN before the first."""
        return _final_objectives(self.objective)


class LiveRecorder:
    """Records the live view of a run from its steps; `snapshot` returns it."""

    def __init__(self, run: Run):
        config = run.request.config
        self.seeds = run.request.seeds
        self._lock = threading.Lock()
        self._place = {seed: i for i, seed in enumerate(self.seeds)}
        S = len(self.seeds)
        self._iteration = 0
        self._objective = np.full((S, config.num_iterations), np.nan, np.float32)
        self._shares = np.full((S, config.num_classes), np.nan, np.float32)
        self._accuracy = np.full(S, np.nan, np.float32)
        self._done = np.zeros(S, bool)
        self._looked = np.full(S, -np.inf)
        self._elapsed = np.zeros(S, np.int64)  # iterations
        dataset = run.dataset()
        self.num_folds = min(10, int(splits.evaluated_rows(dataset).sum()))
        self._rows = sample_rows(dataset, LOOK_ROWS)
        self._phi1 = run.phi1_rows(dataset)[torch.from_numpy(self._rows)].clone()
        self._truth = None if dataset.labels is None else dataset.labels[self._rows]
        self._leader: int | None = None
        self._labeling: NDArray[np.int64] | None = None  # the leader's, of the sample
        self._typical = np.full((config.num_classes, NUM_TYPICAL), -1, np.int64)
        self._changed = np.empty((0, 3), np.int64)
        finished = run.finished_seeds
        self._config, self._found_before, self._most = config, len(finished), 0.0
        for seed, curve in zip(finished, run.array("objective"), strict=True):
            i = self._place[seed]
            self._objective[i, : len(curve)] = curve
            self._done[i] = True
        if finished:
            self._look(finished, torch.from_numpy(run.prototypes()))

    def record(self, step: Step) -> float:
        """Record a step; returns the share of the search that is done, if seeds end when they usually do."""
        places = [self._place[seed] for seed in step.seeds]
        with self._lock:
            self._iteration = step.iteration
            if step.iteration == 0:
                self._objective[places] = np.nan  # a worker of the cluster may have died and another begun again
            self._objective[places, step.iteration] = step.objective.cpu()
            self._shares[places] = step.label_shares.cpu()
            for seed in step.finished:
                i = self._place[seed.seed]
                self._done[i] = True
                self._objective[i, : len(seed.objective)] = seed.objective  # what a killed search had found, too
            self._elapsed[places] = step.iteration + 1
        if step.finished or monotonic() - self._looked[places].min() >= LOOK_EVERY:
            self._look(step.seeds, step.latest_prototypes())
            self._looked[places] = monotonic()
        return self._share()

    def _share(self) -> float:
        config, elapsed = self._config, self._elapsed[~self._done]
        expected = iterations(config, TYPICAL_PATIENCES)
        longer = np.minimum(config.num_iterations, elapsed + (config.patience or 0))
        under_way = float((elapsed / np.where(elapsed < expected, expected, longer)).sum())
        done = int(self._done.sum()) - self._found_before + under_way
        self._most = max(self._most, done / (len(self.seeds) - self._found_before))
        return self._most

    def end(self) -> None:
        """Release the memory of the search."""
        self._phi1 = self._phi1.new_empty(0)

    def _look(self, seeds: Sequence[int], prototypes: Tensor) -> None:
        """Label the sample by these seeds: their accuracy, and the classes of the best of them."""
        prototypes = prototypes.to(self._phi1.device)
        labelings = hard_labels(self._phi1, prototypes).numpy()
        places = [self._place[seed] for seed in seeds]
        best = int(np.argmin(np.nan_to_num(_final_objectives(self._objective[places]), nan=np.inf)))
        with self._lock:
            if self._truth is not None:
                self._accuracy[places] = [metrics.clustering_accuracy(self._truth, found) for found in labelings]
        if self._leads_elsewhere(places, places[best]):
            return
        labeling = labelings[best].astype(np.int64)
        closeness = (self._phi1 @ prototypes[best].T).max(dim=1).values.numpy()
        if self._labeling is not None:  # so that a class keeps its row when another seed takes the lead
            labeling = metrics.match_classes(labeling, self._labeling, len(self._typical))[labeling]
        chosen = typical_samples(closeness, labeling, len(self._typical), NUM_TYPICAL)
        typical = np.where(chosen < 0, chosen, self._rows[chosen])
        changed = self._changes(seeds[best], labeling, closeness)
        with self._lock:
            self._leader, self._labeling, self._typical, self._changed = seeds[best], labeling, typical, changed

    def _changes(self, leader: int, labeling: NDArray[np.int64], closeness: NDArray[np.float32]) -> NDArray[np.int64]:
        """The samples that changed class in the leader, the most confident first."""
        before = self._labeling
        if before is None or leader != self._leader:
            return np.empty((0, 3), np.int64)
        moved = np.flatnonzero(labeling != before)
        moved = moved[np.argsort(-closeness[moved], kind="stable")[:NUM_CHANGED]]
        return np.column_stack([self._rows[moved], before[moved], labeling[moved]]).astype(np.int64)

    def _leads_elsewhere(self, places: Sequence[int], best: int) -> bool:
        """Whether a seed of another batch that is under way at the same time is better than the best of this."""
        if self._leader is None:
            return False
        leader = self._place[self._leader]
        if leader in places or self._done[leader]:
            return False
        ahead, behind = np.nan_to_num(_final_objectives(self._objective[[leader, best]]), nan=np.inf)
        return bool(ahead < behind)

    def snapshot(self) -> Live:
        """A copy of the current view."""
        with self._lock:
            return Live(
                seeds=self.seeds,
                iteration=self._iteration,
                objective=self._objective[
                    :, : 1 + int(np.flatnonzero(np.isfinite(self._objective).any(0)).max(initial=-1))
                ].copy(),
                label_shares=self._shares.copy(),
                accuracy=self._accuracy.copy(),
                done=self._done.copy(),
                leader=self._leader,
                typical=self._typical,
                changed=self._changed,
            )


def _final_objectives(curves: NDArray[np.float32]) -> NDArray[np.float32]:
    """(S,) Eq. 7 at the last known value of each curve (S, T)."""
    return np.array([final_objective(curve[np.isfinite(curve)]) for curve in curves], np.float32)
