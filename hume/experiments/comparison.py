"""Every method on the same features: HUME, its negative controls, and the baselines (Tables 1 and 2).

    comparison = Comparison(home, dataset, "simclr", "lite0", num_classes=10)
    comparison.run("kmeans-both")
    comparison.standings()

Labelings are saved in the home, a method an entry of `comparisons`; scores are computed when read, so that ground truth
never reaches the disk.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from hume.common.errors import InputError
from hume.common.progress import Progress
from hume.data.dataset import Dataset
from hume.data.splits import evaluated_rows
from hume.engine.config import preset
from hume.evaluation import ensemble, metrics
from hume.evaluation.metrics import Spread, spread
from hume.experiments.baselines.registry import BASELINES, agreement_of, run_baseline
from hume.experiments.cache import Cache
from hume.experiments.negative_controls import NEGATIVE_CONTROLS, run_negative_control
from hume.experiments.saved_labelings import SavedLabelings, load, pair_key, save
from hume.experiments.searches import ExperimentSearch
from hume.runs.searching import LABEL_TYPE, of_search

Kind = Literal["hume", "control", "baseline", "supervised"]

HUME = "hume"


@dataclass(frozen=True, kw_only=True)
class Method:
    """One line of a comparison."""

    key: str
    title: str
    kind: Kind
    does: str  # one sentence
    source: str
    left_out: str
    num_seeds: int
    quick_seeds: int


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        HUME: Method(
            key=HUME,
            title="HUME",
            kind="hume",
            does="Searches for the labeling, linear in φ1, that a classifier in φ2 predicts best; the seeds vote.",
            source="Gadetsky and Brbić (NeurIPS 2023); the preset `fast` of this project",
            left_out="nothing",
            num_seeds=100,
            quick_seeds=100,
        ),
        **{
            control.key: Method(
                key=control.key,
                title=f"negative control: {control.title}",
                kind="control",
                does=control.does,
                source="HUME's search on a pair without a second view",
                left_out="nothing",
                num_seeds=100,
                quick_seeds=20,
            )
            for control in NEGATIVE_CONTROLS.values()
        },
        **{
            baseline.key: Method(
                key=baseline.key,
                title=baseline.title,
                kind="supervised" if baseline.needs_labels else "baseline",
                does=baseline.does,
                source=baseline.source,
                left_out=baseline.left_out,
                num_seeds=baseline.num_seeds,
                quick_seeds=baseline.quick_seeds,
            )
            for baseline in BASELINES.values()
        },
    }
)


@dataclass(frozen=True)
class Standing:
    """One line of the leaderboard; what needs ground truth is None without it, the vote where no seeds vote."""

    method: Method
    acc: Spread | None  # over seeds; of the probe, the share of right predictions
    ari: Spread | None
    nmi: Spread | None
    vote_acc: float | None
    cv_score: Spread | None
    num_seeds: int
    seconds: float
    note: str


class Comparison:
    """All methods that were run on one pair of spaces of a dataset with K classes."""

    def __init__(self, home: Path, dataset: Dataset, phi1: str, phi2: str, *, num_classes: int):
        self.home, self.dataset, self.phi1, self.phi2, self.num_classes = home, dataset, phi1, phi2, num_classes
        self.cache = Cache.keyed(home, "comparisons", pair_key(dataset, phi1, phi2, num_classes))

    def on(self, phi1: str, phi2: str) -> "Comparison":
        """The same dataset and K on another pair of spaces."""
        return Comparison(self.home, self.dataset, phi1, phi2, num_classes=self.num_classes)

    @property
    def methods(self) -> list[Method]:
        """The methods that can be run: the supervised probes only where there are labels."""
        return [method for method in METHODS.values() if method.kind != "supervised" or self.dataset.labels is not None]

    def run(
        self,
        key: str,
        *,
        quick: bool = True,
        again: bool = False,
        device: str = "cpu",
        on_progress: Progress | None = None,
    ) -> SavedLabelings:
        """Run one method and save its labelings; those of HUME are a finished run's where that is the same search.

        quick: with the method's smaller budget; again: search HUME in any case. Raises InputError for an unknown
        method and for data that it cannot be run on, RunError when the home cannot be written.
        """
        if key not in METHODS:
            raise InputError(f"there is no method {key!r}: choose one of {', '.join(METHODS)}")
        method, pair = METHODS[key], (self.dataset, self.phi1, self.phi2)
        num_seeds = method.quick_seeds if quick else method.num_seeds
        note = f"{num_seeds} seeds, preset fast, transductive"
        if method.kind == "hume":
            config, solver = preset("fast", num_classes=self.num_classes, num_samples=self.dataset.num_samples)
            search = ExperimentSearch(self.home, *pair, config, solver, num_seeds)
            return search.labelings(self.cache, key, note, again=again, device=device, on_progress=on_progress)
        if method.kind == "control":
            result = run_negative_control(
                key, *pair, num_classes=self.num_classes, seeds=range(num_seeds), device=device,
                on_step=of_search(on_progress),
            )  # fmt: skip
            saved = SavedLabelings(result.labelings, result.scores.cv_score, result.seconds, note)
        else:
            baseline = run_baseline(
                key, *pair, num_classes=self.num_classes, quick=quick, device=device, on_progress=on_progress
            )
            saved = SavedLabelings(baseline.labelings.astype(LABEL_TYPE), None, baseline.seconds, baseline.note)
        save(self.cache, key, saved)
        return saved

    def saved(self, key: str) -> SavedLabelings | None:
        """The labelings of a method's last run; None where they are missing or damaged."""
        return load(self.cache, key, self.dataset.num_samples)

    # --- scores --------------------------------------------------------------------------------

    def standings(self) -> list[Standing]:
        """Every method that was run: HUME, controls, baselines, then the supervised upper bound."""
        order = ("hume", "control", "baseline", "supervised")
        methods = sorted(self.methods, key=lambda method: order.index(method.kind))
        known = [(method, self.saved(method.key)) for method in methods]
        return [self.standing(method, saved) for method, saved in known if saved is not None]

    def standing(self, method: Method, saved: SavedLabelings) -> Standing:
        """The scores of one method's labelings; those that need ground truth are None without it."""
        agreement = agreement_of(self.dataset, saved.labelings, named=method.kind == "supervised")
        return Standing(
            method=method,
            acc=None if agreement is None else agreement.acc,
            ari=None if agreement is None else agreement.ari,
            nmi=None if agreement is None else agreement.nmi,
            vote_acc=self._vote(saved),
            cv_score=None if saved.cv_score is None else spread(saved.cv_score),
            num_seeds=len(saved.labelings),
            seconds=saved.seconds,
            note=saved.note,
        )

    def _vote(self, saved: SavedLabelings) -> float | None:
        if saved.cv_score is None or self.dataset.labels is None:
            return None
        rows = evaluated_rows(self.dataset)
        vote = ensemble.majority_vote(
            saved.labelings, saved.cv_score, self.num_classes, None if rows.all() else rows
        ).labeling
        return metrics.clustering_accuracy(self.dataset.labels[rows], vote[rows])
