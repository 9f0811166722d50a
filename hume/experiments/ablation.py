"""What happens when one setting is turned: a family of searches each, Fig. B1 of the paper and its like.

    ablation = Ablation(home, dataset, "simclr", "lite0", num_classes=10)
    for value in FAMILIES["entropy-weight"].values:
        ablation.run("entropy-weight", value)
    ablation.points("entropy-weight")

Labelings are kept in the home, scores are computed when they are looked at: ground truth never reaches the disk.

    <home>/ablations/<digest of spaces, K, rows>/<family>/<value>.safetensors     labelings (S, N), scores (S,)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.progress import Progress, part
from hume.data import space_rows
from hume.data.dataset import Dataset
from hume.data.splits import evaluated_rows
from hume.engine.config import Config, preset
from hume.engine.inner import Implicit
from hume.engine.whitening import Whitening
from hume.evaluation import ensemble, metrics
from hume.evaluation.metrics import Spread, spread
from hume.evaluation.seed_statistics import SeedStatistics, stability
from hume.experiments.saved_labelings import Kept, digest, keep, read_kept, scored_rows
from hume.runs.discover import discover, of_search

Value: TypeAlias = Any  # a number, of the schedule a tuple of iterations
Settings: TypeAlias = tuple[Config, Implicit]

PAPER_SCHEDULE = (100, 200)
SETTLED = 300  # iterations: after the second annealing the steps are too small to change a labeling


@dataclass(frozen=True, kw_only=True)
class Family:
    """One setting and the values that it takes; everything else stays as in the preset `fast` unless `says` tells."""

    key: str
    title: str
    says: str  # one sentence
    axis: str  # what its values are
    values: tuple[Value, ...]
    words: Callable[[Any], str]  # for a value
    config: Callable[[Config, Implicit, Any], Settings]
    counts_seeds: bool = False  # its values are numbers of seeds, drawn from one search


def _entropy_weight(config: Config, solver: Implicit, value: float) -> Settings:
    paper = replace(config, centre=False, encoder="householder", anneal_at=PAPER_SCHEDULE)
    return replace(paper, entropy_weight=value, num_iterations=SETTLED, patience=None), solver


def _split_size(config: Config, solver: Implicit, value: float) -> Settings:
    num_train, num_test = (max(1, round(value * rows)) for rows in (config.num_train, config.num_test))
    return replace(config, num_train=num_train, num_test=num_test), solver


def _ridge(config: Config, solver: Implicit, value: float) -> Settings:
    return config, replace(solver, ridge=value * cast(float, solver.ridge))


def _schedule_in_words(value: tuple[int, ...]) -> str:
    return "never" if not value else " and ".join(str(iteration) for iteration in value)


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        family.key: family
        for family in (
            Family(
                key="entropy-weight",
                title="Entropy weight",
                says="Without the entropy term nearly all samples end in one class: made as in the paper, with φ1 not "
                "centred, Householder prototypes and its schedule, because centring alone keeps classes apart.",
                axis="Entropy weight η",
                values=(0, 1, 2, 5, 10),
                words=lambda value: f"{value:g}",
                config=_entropy_weight,
            ),
            Family(
                key="seeds",
                title="Number of seeds",
                says="How many seeds the vote needs: the seeds of one search in groups of n, each with its own vote.",
                axis="Seeds that vote",
                values=(5, 10, 20, 50, 100),
                words=lambda value: f"{value:g}",
                config=lambda config, solver, _: (config, solver),
                counts_seeds=True,
            ),
            Family(
                key="split-size",
                title="Split size",
                says="How many rows an iteration needs: shares of those the preset draws, two thirds of them to train.",
                axis="Rows an iteration draws",
                values=(0.1, 0.25, 0.5, 0.75, 1),
                words=lambda value: f"{100 * value:g} %",
                config=_split_size,
            ),
            Family(
                key="temperature",
                title="Temperature",
                says="How hard the labels are while they are searched: a low temperature of the sparsemax gives every "
                "sample one class from the start.",
                axis="Temperature γ",
                values=(0.01, 0.03, 0.1, 0.3, 1),
                words=lambda value: f"{value:g}",
                config=lambda config, solver, value: (replace(config, temperature=value), solver),
            ),
            Family(
                key="schedule",
                title="Schedule",
                says="Whether it helps to divide temperature and step size by 10 at two iterations, as the paper does "
                "at 100 and 200.",
                axis="Iterations of annealing",
                values=((), (50, 100), (100, 200), (200, 300)),
                words=_schedule_in_words,
                config=lambda config, solver, value: (replace(config, anneal_at=value), solver),
            ),
            Family(
                key="ridge",
                title="Ridge",
                says="How strongly the classifier in φ2 is held back while labels are searched, as a multiple of the "
                "preset's λ; scores are computed with the same ridge for all.",
                axis="Ridge λ, times the preset's",
                values=(0.01, 0.1, 1, 10, 100),
                words=lambda value: f"{value:g} ×",
                config=_ridge,
            ),
        )
    }
)


@dataclass(frozen=True)
class Point:
    """One value of a family; what needs ground truth is None without it."""

    value: Value
    words: str
    cv_score: Spread  # over seeds
    acc: Spread | None  # over seeds
    vote: Spread | None  # accuracy of the vote, in the family of seeds over groups of so many
    occupied: Spread  # classes that have samples, over seeds
    label_entropy: Spread  # nats, log K for equal classes, 0 for a single one
    stability: float | None  # mean adjusted Rand index of pairs of seeds, in the family of seeds of pairs of votes
    seconds: float
    n: int  # seeds

    @property
    def vote_acc(self) -> float | None:
        """Accuracy of the vote."""
        return None if self.vote is None else self.vote.mean


class Ablation:
    """All families on one pair of spaces of a dataset with K classes, as far as they were run."""

    def __init__(self, home: Path, dataset: Dataset, phi1: str, phi2: str, *, num_classes: int):
        self.dataset, self.phi1, self.phi2, self.num_classes = dataset, phi1, phi2, num_classes
        prints = (dataset.space(phi1).fingerprint, dataset.space(phi2).fingerprint)
        parts = (*prints, num_classes, scored_rows(dataset))
        self.folder = home / "ablations" / digest(parts)

    def run(
        self,
        family: str,
        value: Value,
        *,
        seeds: Sequence[int] = range(20),
        device: str = "cpu",
        on_progress: Progress | None = None,
    ) -> Kept:
        """Search with one value of a family and keep what was found, in place of what was there.

        The family of seeds searches as many as the value says, from which all smaller values are taken, and nothing
        where more of them are kept.
        Raises InputError for an unknown family or value and for data that cannot be searched so, RunError when the
        home cannot be written.
        """
        chosen = _family(family)
        if value not in chosen.values:
            known = ", ".join(map(chosen.words, chosen.values))
            raise InputError(f"{chosen.title} has no value {value!r}: choose one of {known}")
        if chosen.counts_seeds:
            there = read_kept(self._path(chosen, value), self.dataset.num_samples)
            if there is not None and len(there.cv_score) > value:
                return there.part(slice(int(value)))
            seeds = range(int(value))
        config, solver = self.settings(family, value, device)
        result = discover(
            self.dataset, phi1=self.phi1, phi2=self.phi2, config=config, solver=solver, seeds=seeds, device=device,
            on_step=of_search(on_progress),
        )  # fmt: skip
        note = f"{len(seeds)} seeds, {chosen.axis}: {chosen.words(value)}"
        kept = keep(self._path(chosen, value), result, note)
        part(on_progress, 0, 1)(1.0)
        return kept

    def settings(self, family: str, value: Value, device: str = "cpu") -> Settings:
        """What is searched with, for one value of a family."""
        config, solver = preset("fast", num_classes=self.num_classes, num_samples=self.dataset.num_samples)
        base = cast(Implicit, solver)
        if family == "ridge":
            base = replace(base, ridge=self._preset_ridge)
        return _family(family).config(config, base, value)

    @cached_property
    def _preset_ridge(self) -> float:
        """The λ that the preset takes from φ2, as a number that can be multiplied."""
        return Whitening.of(space_rows.rows(self.dataset.space(self.phi2)), None).ridge

    def found(self, family: str, value: Value) -> Kept | None:
        """What was found with one value; None where nothing was, or the file is damaged.

        In the family of seeds these are the first n of those that are kept.
        """
        chosen = _family(family)
        kept = read_kept(self._path(chosen, value), self.dataset.num_samples)
        if not chosen.counts_seeds or kept is None:
            return kept
        number = int(value)
        return kept.part(slice(number)) if len(kept.cv_score) >= number else None

    def points(self, family: str) -> list[Point]:
        """Every value of a family that was run, in the family's order, with its scores."""
        chosen = _family(family)
        kept = [(value, self.found(family, value)) for value in chosen.values]
        everything = read_kept(self._path(chosen, chosen.values[0]), self.dataset.num_samples)
        found = []
        for value, one in kept:
            if one is None:
                continue
            groups = [one]
            if chosen.counts_seeds and everything is not None:
                groups = _groups(everything, int(value))
            found.append(self._point(chosen, value, groups))
        return found

    def _point(self, family: Family, value: Value, groups: Sequence[Kept]) -> Point:
        """Scores of one value from one group of seeds, or from many that each vote."""
        rows, truth = evaluated_rows(self.dataset), self.dataset.labels
        labelings = np.concatenate([group.labelings for group in groups])
        seen, cv_score = labelings[:, rows], np.concatenate([group.cv_score for group in groups])
        votes = np.stack([self._vote(group, rows) for group in groups])
        seeds = SeedStatistics(cv_score=cv_score, num_classes=self.num_classes, read=lambda: labelings)
        acc = vote = None
        if truth is not None:
            acc = spread([metrics.clustering_accuracy(truth[rows], labeling) for labeling in seen])
            vote = spread([metrics.clustering_accuracy(truth[rows], labeling) for labeling in votes])
        return Point(
            value=value,
            words=family.words(value),
            cv_score=spread(cv_score),
            acc=acc,
            vote=vote,
            occupied=spread(seeds.occupied),
            label_entropy=spread(seeds.label_entropy),
            stability=stability(votes if family.counts_seeds else seen, self.num_classes),
            seconds=groups[0].seconds,
            n=len(groups[0].cv_score),
        )

    def _vote(self, kept: Kept, rows: NDArray[np.bool_]) -> NDArray[np.int64]:
        chosen = None if rows.all() else rows
        return ensemble.majority_vote(kept.labelings, kept.cv_score, self.num_classes, chosen).labeling[rows]

    def _path(self, family: Family, value: Value) -> Path:
        name = "-".join(map(str, value)) or "never" if isinstance(value, tuple) else f"{value:g}"
        return self.folder / family.key / f"{'all' if family.counts_seeds else name}.safetensors"


def _family(key: str) -> Family:
    if key not in FAMILIES:
        raise InputError(f"there is no ablation {key!r}: choose one of {', '.join(FAMILIES)}")
    return FAMILIES[key]


def _groups(kept: Kept, size: int) -> list[Kept]:
    """As many groups of so many seeds as there are, without one seed in two of them."""
    starts = range(0, len(kept.cv_score) - size + 1, size)
    return [kept.part(slice(start, start + size)) for start in starts]
