"""Ablations: the search with one setting changed at a time, Fig. B1 of the paper and its like.

    ablation = Ablation(home, dataset, "simclr", "lite0", num_classes=10)
    for value in SWEEPS["entropy-weight"].values:
        ablation.run("entropy-weight", value)
    ablation.points("entropy-weight")

Labelings are saved in the home, an entry of `ablations` for each value; scores are computed when read, so that ground
truth never reaches the disk.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.once import once
from hume.common.progress import Progress
from hume.data import space_rows
from hume.data.dataset import Dataset
from hume.data.splits import evaluated_rows
from hume.engine.config import Config, preset
from hume.engine.solvers import Implicit
from hume.engine.whitening import Whitening
from hume.evaluation import ensemble, metrics
from hume.evaluation.metrics import Spread, spread
from hume.evaluation.seed_statistics import SeedStatistics, stability
from hume.experiments.cache import Cache
from hume.experiments.saved_labelings import ScoredLabelings, load_scored, pair_key
from hume.experiments.searches import ExperimentSearch

Value: TypeAlias = Any  # a number, of the schedule a tuple of iterations
Settings: TypeAlias = tuple[Config, Implicit]

PAPER_SCHEDULE = (100, 200)
SETTLED = 300  # iterations: after the second annealing the steps are too small to change a labeling


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """One setting and its values; everything else is as in the preset `fast`."""

    key: str
    title: str
    axis: str  # the title of its values
    values: tuple[Value, ...]
    config: Callable[[Config, Implicit, Any], Settings]
    counts_seeds: bool = False  # its values are numbers of seeds, drawn from one search

    def entry(self, value: Value) -> str:
        """The name of a value's entry; all numbers of seeds share one."""
        return f"{self.key}/{'all' if self.counts_seeds else value_name(value)}"


def value_name(value: Value) -> str:
    """A value as text: of the schedule "50-100" or "never"."""
    return "-".join(map(str, value)) or "never" if isinstance(value, tuple) else f"{value:g}"


def _entropy_weight(config: Config, solver: Implicit, value: float) -> Settings:
    paper = replace(config, centre=False, encoder="householder", anneal_at=PAPER_SCHEDULE)
    return replace(paper, entropy_weight=value, num_iterations=SETTLED, patience=None), solver


def _split_size(config: Config, solver: Implicit, value: float) -> Settings:
    num_train, num_test = (max(1, round(value * rows)) for rows in (config.num_train, config.num_test))
    return replace(config, num_train=num_train, num_test=num_test), solver


def _ridge(config: Config, solver: Implicit, value: float) -> Settings:
    return config, replace(solver, ridge=value * cast(float, solver.ridge))


_SWEEPS = (
    Sweep(  # as in the paper, with φ1 not centred, because centring alone keeps classes apart
        key="entropy-weight",
        title="Entropy weight",
        axis="Entropy weight η",
        values=(0, 1, 2, 5, 10),
        config=_entropy_weight,
    ),
    Sweep(
        key="seeds",
        title="Number of seeds",
        axis="Seeds that vote",
        values=(5, 10, 20, 50, 100),
        config=lambda config, solver, _: (config, solver),
        counts_seeds=True,
    ),
    Sweep(
        key="split-size",
        title="Split size",
        axis="Rows an iteration draws",
        values=(0.1, 0.25, 0.5, 0.75, 1),
        config=_split_size,
    ),
    Sweep(
        key="temperature",
        title="Temperature",
        axis="Temperature γ",
        values=(0.01, 0.03, 0.1, 0.3, 1),
        config=lambda config, solver, value: (replace(config, temperature=value), solver),
    ),
    Sweep(
        key="schedule",
        title="Schedule",
        axis="Iterations of annealing",
        values=((), (50, 100), (100, 200), (200, 300)),
        config=lambda config, solver, value: (replace(config, anneal_at=value), solver),
    ),
    Sweep(
        key="ridge",
        title="Ridge",
        axis="Ridge λ, times the preset's",
        values=(0.01, 0.1, 1, 10, 100),
        config=_ridge,
    ),
)
SWEEPS: Mapping[str, Sweep] = MappingProxyType({sweep.key: sweep for sweep in _SWEEPS})


@dataclass(frozen=True)
class Point:
    """One value of a sweep; what needs ground truth is None without it."""

    value: Value
    cv_score: Spread  # over seeds
    acc: Spread | None  # over seeds
    vote: Spread | None  # accuracy of the vote, in the sweep over seeds of groups of so many
    occupied: Spread  # classes that have samples, over seeds
    label_entropy: Spread  # nats, log K for equal classes, 0 for a single one
    stability: float | None  # mean adjusted Rand index of pairs of seeds, in the sweep over seeds of pairs of votes
    seconds: float
    n: int  # seeds

    @property
    def vote_acc(self) -> float | None:
        """Accuracy of the vote."""
        return None if self.vote is None else self.vote.mean


class Ablation:
    """All sweeps that were run on one pair of spaces of a dataset with K classes."""

    def __init__(self, home: Path, dataset: Dataset, phi1: str, phi2: str, *, num_classes: int):
        self.home, self.dataset, self.phi1, self.phi2, self.num_classes = home, dataset, phi1, phi2, num_classes
        self.cache = Cache.keyed(home, "ablations", pair_key(dataset, phi1, phi2, num_classes))

    def run(
        self,
        sweep: str,
        value: Value,
        *,
        num_seeds: int = 20,
        again: bool = False,
        device: str = "cpu",
        on_progress: Progress | None = None,
    ) -> ScoredLabelings:
        """The labelings of seeds 0..n − 1 with one value of a sweep, searched where they are not saved.

        In the sweep over seeds the value is the number of seeds. again: search in any case. Raises InputError for an
        unknown sweep or value and for data that cannot be searched, RunError when the home cannot be written.
        """
        chosen = _sweep(sweep)
        if value not in chosen.values:
            known = ", ".join(map(value_name, chosen.values))
            raise InputError(f"{chosen.title} has no value {value!r}: choose one of {known}")
        num_seeds = int(value) if chosen.counts_seeds else num_seeds
        settings = self.settings(sweep, value)
        search = ExperimentSearch(self.home, self.dataset, self.phi1, self.phi2, *settings, num_seeds)
        note = f"{num_seeds} seeds, {chosen.axis}: {value_name(value)}"
        return search.labelings(
            self.cache, chosen.entry(value), note, again=again, device=device, on_progress=on_progress
        )

    def settings(self, sweep: str, value: Value) -> Settings:
        """Configuration and solver for one value of a sweep."""
        config, solver = preset("fast", num_classes=self.num_classes, num_samples=self.dataset.num_samples)
        base = cast(Implicit, solver)
        if sweep == "ridge":
            base = replace(base, ridge=self._preset_ridge)
        return _sweep(sweep).config(config, base, value)

    @once
    def _preset_ridge(self) -> float:
        """The λ that the preset derives from φ2, as a number to multiply."""
        return Whitening.of(space_rows.rows(self.dataset.space(self.phi2)), None).ridge

    def saved(self, sweep: str, value: Value) -> ScoredLabelings | None:
        """The labelings with one value, in the sweep over seeds the first n; None where there are none, or damaged."""
        chosen = _sweep(sweep)
        num_seeds = int(value) if chosen.counts_seeds else 1
        saved = load_scored(self.cache, chosen.entry(value), self.dataset.num_samples, num_seeds)
        return saved.of_seeds(slice(num_seeds)) if chosen.counts_seeds and saved is not None else saved

    def points(self, sweep: str) -> list[Point]:
        """Every value of a sweep that was run, in the sweep's order, with its scores."""
        chosen, points = _sweep(sweep), []
        for value in chosen.values:
            saved = load_scored(self.cache, chosen.entry(value), self.dataset.num_samples)
            groups = [] if saved is None else _groups(saved, int(value)) if chosen.counts_seeds else [saved]
            if groups:
                points.append(self._point(chosen, value, groups))
        return points

    def _point(self, sweep: Sweep, value: Value, groups: Sequence[ScoredLabelings]) -> Point:
        """Scores of one value from one group of seeds, or from many that each vote."""
        rows, truth = evaluated_rows(self.dataset), self.dataset.labels
        labelings = np.concatenate([group.labelings for group in groups])
        evaluated, cv_score = labelings[:, rows], np.concatenate([group.cv_score for group in groups])
        votes = np.stack([self._vote(group, rows) for group in groups])
        seeds = SeedStatistics(cv_score=cv_score, num_classes=self.num_classes, read=lambda: labelings)
        acc = vote = None
        if truth is not None:
            acc = spread([metrics.clustering_accuracy(truth[rows], labeling) for labeling in evaluated])
            vote = spread([metrics.clustering_accuracy(truth[rows], labeling) for labeling in votes])
        return Point(
            value=value,
            cv_score=spread(cv_score),
            acc=acc,
            vote=vote,
            occupied=spread(seeds.occupied),
            label_entropy=spread(seeds.label_entropy),
            stability=stability(votes if sweep.counts_seeds else evaluated, self.num_classes),
            seconds=groups[0].seconds,
            n=len(groups[0].cv_score),
        )

    def _vote(self, saved: ScoredLabelings, rows: NDArray[np.bool_]) -> NDArray[np.int64]:
        chosen = None if rows.all() else rows
        return ensemble.majority_vote(saved.labelings, saved.cv_score, self.num_classes, chosen).labeling[rows]


def _sweep(key: str) -> Sweep:
    if key not in SWEEPS:
        raise InputError(f"there is no ablation {key!r}: choose one of {', '.join(SWEEPS)}")
    return SWEEPS[key]


def _groups(saved: ScoredLabelings, size: int) -> list[ScoredLabelings]:
    """Disjoint groups of `size` seeds, as many as there are seeds for."""
    starts = range(0, len(saved.cv_score) - size + 1, size)
    return [saved.of_seeds(slice(start, start + size)) for start in starts]
