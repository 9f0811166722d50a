"""Semi-supervised learning from reliable samples, compared with as many true labels (Table 4).

    heads = SemiSupervised(Findings(run))
    heads.run()
    heads.points()

Linear heads are trained on frozen features of one space, by default φ1 of the run: on the labeled rows alone, and on
all rows by FixMatch (`hume.experiments.fixmatch`). They are trained on the train rows and evaluated on the test rows;
where the dataset has no split, a random fifth is held out. Reliable samples are ranked among the rows to train on. The
search, and the networks of the spaces, may have seen the held-out rows too, without labels.

Predictions are cached in the home, an entry of `students` for each number of labels; labels are not, and scores are
computed when read. Ground truth never reaches a head that is trained on reliable samples.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.once import once
from hume.common.progress import Progress, part
from hume.data import space_rows
from hume.evaluation import reliable
from hume.evaluation.ensemble import count_winners
from hume.evaluation.label_sampling import Labels, SampleNumbers, draw_labels, pick
from hume.evaluation.metrics import Spread, spread
from hume.evaluation.neighbors import SomeRows
from hume.evaluation.reliable import Order, ReliabilityRanking
from hume.experiments import trained_heads
from hume.experiments.cache import Cache
from hume.experiments.fixmatch import FixMatch, Heads, LabeledSet, predict, train_heads
from hume.experiments.trained_heads import Point, Trained
from hume.runs.findings import Findings
from hume.runs.review_state import Review

__all__ = ["AMOUNTS", "NUM_SEEDS", "SemiSupervised"]

HEAD_COLUMNS = ("row", "file", "class", "class_name", "vote_share")
AMOUNTS = (1, 4, 10, 25, 100, 400)  # labels a class; the paper has 1, 4, 25, 100 and 400
NUM_SEEDS = 10
HELD_OUT = 5  # one row of so many is held out where there is no test split
RANKED, PLAIN = 0.1, 0.35  # progress when neighbours are counted, and when heads on labels alone are trained


class SemiSupervised:
    """Heads on one space of a finished run's dataset, for every number of labels a class that was trained.

    num_neighbors, order: of Algorithm G1, as for `reliability_ranking`. Raises InputError for an unknown space.
    """

    def __init__(
        self,
        findings: Findings,
        space: str | None = None,
        *,
        num_neighbors: int | None = None,
        order: Order = "algorithm",
    ):
        self.findings, self.order = findings, order
        self.num_neighbors = findings.default_neighbors if num_neighbors is None else num_neighbors
        self.dataset, self.num_classes = findings.dataset, findings.num_classes
        self.space = self.dataset.space(space or findings.run.request.phi1)
        self.config = FixMatch()

    @once
    def cache(self) -> Cache:
        """The cache of predictions, keyed by labelings, spaces, split and settings."""
        run, vote, digest = self.findings.run, self.findings.vote, hashlib.blake2b(digest_size=16)
        parts = (self.learning,) if self.findings.counted.all() else (self.learning, self.held_out)
        for array in (vote.labeling, vote.share, *parts):
            digest.update(np.ascontiguousarray(array).tobytes())
        prints = (self.space.fingerprint, *run.request.fingerprints)
        settings = (self.num_neighbors, self.order, self.num_classes, asdict(self.config))
        return Cache.keyed(run.home, "students", (digest.hexdigest(), prints, settings))

    @property
    def is_split(self) -> bool:
        """Whether the dataset has a test split."""
        return self.dataset.test_rows is not None and not self.dataset.test_rows.all()

    @once
    def held_out(self) -> NDArray[np.bool_]:
        """(N,) the rows to evaluate on: the test rows, a random fifth where there is no split."""
        if self.is_split and self.dataset.test_rows is not None:
            return self.dataset.test_rows & self.findings.counted
        held_out = np.zeros(self.dataset.num_samples, bool)
        held_out[np.random.default_rng(0).permutation(held_out.size)[: max(1, held_out.size // HELD_OUT)]] = True
        return held_out & self.findings.counted

    @once
    def learning(self) -> NDArray[np.bool_]:
        """(N,) the rows to train on: all others but those that are set aside as no samples of the dataset."""
        return ~self.held_out & self.findings.counted

    @property
    def amounts(self) -> list[int]:
        """The numbers of labels a class for which there are enough rows."""
        most = max(1, int(self.learning.sum()) // self.num_classes)
        return [n for n in AMOUNTS if n <= most]

    # --- training ---------------------------------------------------------------------------

    def run(
        self,
        amounts: Sequence[int] | None = None,
        *,
        rejected: Collection[int] = (),
        seeds: Sequence[int] = range(NUM_SEEDS),
        device: str = "cpu",
        on_progress: Progress | None = None,
    ) -> list[Trained]:
        """Train heads with each number of labels a class and cache their predictions, replacing earlier ones.

        rejected: sample numbers that are excluded from the reliable ones; the next best replace them. Without ground
        truth there are no heads from true labels. Raises InputError for numbers below 1, no seed, or a space that does
        not fit into memory, RunError when the home cannot be written.
        """
        start, amounts = perf_counter(), list(dict.fromkeys(self.amounts if amounts is None else amounts))
        if not amounts or min(amounts) < 1 or len(seeds) == 0:
            raise InputError("labels a class must be 1 or more, and there must be a seed: give at least one of each")
        numbers, truth = np.flatnonzero(self.learning), self.dataset.labels
        ranking = self._ranking(numbers, device, part(on_progress, 0, RANKED))
        picked = [pick(ranking, numbers, n, rejected) for n in amounts]
        sets = [self._labeled(np.tile(one.rows, (len(seeds), 1)), one.classes, self.num_classes) for one in picked]
        if truth is not None:
            for n in amounts:
                drawn = np.stack([draw_labels(truth, numbers, n, seed) for seed in seeds])
                sets.append(self._labeled(drawn, truth[drawn], int(truth.max()) + 1))
        features = self._features(device)
        plain, full = self._heads(features, sets, seeds, on_progress)
        held_out = features[torch.from_numpy(np.flatnonzero(self.held_out)).to(features.device)]
        results = []
        for i, (n, one) in enumerate(zip(amounts, picked, strict=True)):
            of_truth = None if truth is None else len(amounts) + i
            trained = Trained(
                per_class=n, picked=one,
                reliable=_predicted(full[i], features), reliable_plain=_predicted(plain[i], features),
                true=None if of_truth is None else _predicted(full[of_truth], held_out),
                true_plain=None if of_truth is None else _predicted(plain[of_truth], held_out),
                seconds=(perf_counter() - start) / len(amounts),
            )  # fmt: skip
            trained_heads.save(self.cache, trained, self._truth_digest)
            results.append(trained)
        return results

    def _heads(
        self, features: torch.Tensor, sets: Sequence[LabeledSet], seeds: Sequence[int], on_progress: Progress | None
    ) -> list[list[Heads]]:
        """Heads of every set trained on the labeled rows alone, and on all train rows."""
        train = features[torch.from_numpy(np.flatnonzero(self.learning)).to(features.device)]
        alone = replace(self.config, consistency_weight=0.0)
        return [
            train_heads(train, sets, config, seeds=seeds, on_progress=part(on_progress, *share))
            for config, share in ((alone, (RANKED, PLAIN)), (self.config, (PLAIN, 1.0)))
        ]

    def _ranking(self, numbers: SampleNumbers, device: str, on_progress: Progress) -> ReliabilityRanking:
        return reliable.reliability_ranking(
            self.findings.ballots[:, numbers], SomeRows(self.findings.phi1, numbers), self.num_classes,
            labeling=self.findings.vote.labeling[numbers],
            num_neighbors=self.num_neighbors, order=self.order, device=device, on_progress=on_progress,
        )  # fmt: skip

    def _features(self, device: str) -> torch.Tensor:
        """All rows (N, d): centred by the train rows, of one length, coordinates about 1 in size."""
        rows = space_rows.rows(self.space, unit=True, centre=True, mean_rows=self.learning, device=device)
        if not isinstance(rows, torch.Tensor):
            raise InputError(f"the space {self.space.name} does not fit into memory: choose a smaller one")
        return rows.mul_(rows.shape[1] ** 0.5)

    def _labeled(self, rows: SampleNumbers, classes: SampleNumbers, num_classes: int) -> LabeledSet:
        """Sample numbers (S, L) as positions among the train rows, with their classes (L,) or (S, L)."""
        positions = np.cumsum(self.learning) - 1
        return LabeledSet(positions[rows], np.broadcast_to(classes, rows.shape).astype(np.int64), num_classes)

    # --- scores -----------------------------------------------------------------------------

    def saved(self, per_class: int) -> Trained | None:
        """The predictions from n labels a class; None where they are missing or damaged."""
        shape = (self.dataset.num_samples, int(self.held_out.sum()), self.num_classes)
        return trained_heads.load(self.cache, per_class, shape, self._truth_digest)

    def missing(
        self, rejected: Collection[int] = (), amounts: Sequence[int] | None = None, num_seeds: int = 1
    ) -> list[int]:
        """The numbers of labels a class to train: missing, with fewer seeds, or out of date.

        That is, other samples would be picked now that these are rejected, or the true labels are new or changed.
        """
        known = [(n, self.saved(n)) for n in (self.amounts if amounts is None else amounts)]
        return [
            n for n, saved in known
            if saved is None or saved.num_seeds < num_seeds or not saved.is_current(rejected)
            or (saved.true is None and self.dataset.labels is not None)
        ]  # fmt: skip

    def points(self, rejected: Collection[int] = ()) -> list[Point]:
        """The scores of the heads for every number of labels a class that was trained."""
        known = (self.saved(n) for n in self.cache.numbers())
        return [self._point(saved, rejected) for saved in known if saved is not None]

    @property
    def vote_accuracy(self) -> float | None:
        """Accuracy of the run's vote on the held-out rows; None without ground truth."""
        right = self.findings.right
        return None if right is None else float(right[self.held_out].mean())

    def label_table(self, trained: Trained, review: Review) -> list[tuple[Any, ...]]:
        """The majority class over seeds of the head from reliable samples, for every sample, under `HEAD_COLUMNS`."""
        labels, votes = count_winners(trained.reliable, self.num_classes)
        files = self.dataset.file_names or [""] * self.dataset.num_samples
        shares = (votes / trained.num_seeds).tolist()
        return [
            (row, files[row], number, review.names.get(number, ""), f"{share:.4f}")
            for row, (number, share) in enumerate(zip(labels.tolist(), shares, strict=True))
        ]

    def _point(self, trained: Trained, rejected: Collection[int]) -> Point:
        test, truth, match = self.held_out, self.dataset.labels, self.findings.match
        vote = self.findings.vote.labeling[test]
        full, plain = trained.reliable[:, test], trained.reliable_plain[:, test]

        def accuracy(labels: Labels | None, matched: bool = False) -> Spread | None:
            if labels is None or truth is None or match is None:
                return None
            return _share(match[labels] if matched else labels, truth[test])

        correct = None
        if truth is not None and match is not None:
            correct = float((match[trained.picked.classes] == truth[trained.picked.rows]).mean())
        return Point(
            per_class=trained.per_class,
            num_labeled=len(trained.picked.rows),
            agreement=_share(full, vote),
            agreement_plain=_share(plain, vote),
            correct=correct,
            reliable=accuracy(full, matched=True),
            reliable_plain=accuracy(plain, matched=True),
            true=accuracy(trained.true),
            true_plain=accuracy(trained.true_plain),
            is_current=trained.is_current(rejected),
            seconds=trained.seconds,
        )

    @property
    def _truth_digest(self) -> str:
        truth = self.dataset.labels
        return "" if truth is None else hashlib.blake2b(truth.tobytes(), digest_size=16).hexdigest()


def _share(labels: Labels, reference: NDArray[np.integer[Any]]) -> Spread:
    return spread((labels == reference).mean(axis=1))


def _predicted(heads: Heads, features: torch.Tensor) -> Labels:
    predicted: Labels = predict(heads, features).astype(np.min_scalar_type(heads.weights.shape[-1]))
    return predicted
