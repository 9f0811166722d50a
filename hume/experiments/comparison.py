"""Every method on the same features, side by side: HUME, its controls, and what others do (Tables 1 and 2).

    comparison = Comparison(home, dataset, "simclr", "lite0", num_classes=10)
    comparison.run("kmeans-both")
    comparison.standings()

Labelings are kept in the home, scores are computed when they are looked at: ground truth never reaches the disk.

    <home>/comparisons/<digest of spaces, K, rows>/<method>.safetensors  labelings (S, N), scores (S,), how it was run
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from hume.common.errors import InputError
from hume.common.progress import Progress
from hume.data.dataset import Dataset
from hume.data.splits import evaluated_rows
from hume.engine.search import Step
from hume.evaluation import ensemble, metrics
from hume.evaluation.metrics import Spread, spread
from hume.experiments.baselines.registry import BASELINES, agreement_of, run_baseline
from hume.experiments.controls import CONTROLS, run_control, run_pair
from hume.experiments.saved_labelings import Found, digest, now, read_found, scored_rows, write_found
from hume.runs.discover import of_search
from hume.runs.result import LABEL_TYPE, Result

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
            does="Searches for the labeling in φ1 that a linear classifier in φ2 generalizes; the seeds vote.",
            source="Gadetsky and Brbić (NeurIPS 2023); the preset `fast` of this project",
            left_out="nothing",
            num_seeds=100,
            quick_seeds=100,
        ),
        **{
            control.key: Method(
                key=control.key,
                title=f"control: {control.title}",
                kind="control",
                does=control.says,
                source="HUME's search on a pair that was spoiled on purpose",
                left_out="nothing",
                num_seeds=100,
                quick_seeds=20,
            )
            for control in CONTROLS.values()
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
    """All methods on one pair of spaces of a dataset with K classes, as far as they were run."""

    def __init__(self, home: Path, dataset: Dataset, phi1: str, phi2: str, *, num_classes: int):
        self.home, self.dataset, self.phi1, self.phi2, self.num_classes = home, dataset, phi1, phi2, num_classes
        prints = (dataset.space(phi1).fingerprint, dataset.space(phi2).fingerprint)
        parts = (*prints, num_classes, scored_rows(dataset))
        self.folder = home / "comparisons" / digest(parts)

    def on(self, phi1: str, phi2: str) -> "Comparison":
        """The same dataset and K on another pair of spaces."""
        return Comparison(self.home, self.dataset, phi1, phi2, num_classes=self.num_classes)

    @property
    def methods(self) -> list[Method]:
        """What can be run here: the supervised probes only where there are labels."""
        return [each for each in METHODS.values() if each.kind != "supervised" or self.dataset.labels is not None]

    def run(self, key: str, *, quick: bool = True, device: str = "cpu", on_progress: Progress | None = None) -> Found:
        """Run one method and keep what it found, in place of what was there.

        quick: with the smaller budgets that each method names. Raises InputError for an unknown method and for data
        that it cannot be run on, RunError when the home cannot be written.
        """
        if key not in METHODS:
            raise InputError(f"there is no method {key!r}: choose one of {', '.join(METHODS)}")
        if key in BASELINES:
            made = run_baseline(
                key, self.dataset, self.phi1, self.phi2, num_classes=self.num_classes, quick=quick, device=device,
                on_progress=on_progress,
            )  # fmt: skip
            found = Found(made.labelings.astype(LABEL_TYPE), None, made.seconds, made.note, now())
        else:
            result = self._search(METHODS[key], quick, device, of_search(on_progress))
            note = f"{len(result.seeds)} seeds, preset fast, {result.setting}"
            found = Found(result.labelings, result.scores.cv_score, result.seconds, note, now())
        write_found(self._path(key), found)
        return found

    def _search(self, method: Method, quick: bool, device: str, on_step: Callable[[Step], None]) -> Result:
        seeds = range(method.quick_seeds if quick else method.num_seeds)
        if method.kind == "hume":
            return run_pair(
                self.dataset, self.phi1, self.phi2, num_classes=self.num_classes, seeds=seeds, device=device,
                on_step=on_step,
            )  # fmt: skip
        return run_control(
            method.key, self.dataset, self.phi1, self.phi2, num_classes=self.num_classes, seeds=seeds, device=device,
            on_step=on_step,
        )  # fmt: skip

    # --- on disk -------------------------------------------------------------------------------

    def found(self, key: str) -> Found | None:
        """What a method found when it was last run here; None where it was not, or the file is damaged."""
        return read_found(self._path(key), self.dataset.num_samples)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"

    # --- looking -------------------------------------------------------------------------------

    def standings(self) -> list[Standing]:
        """Every method that was run: HUME, controls, baselines, then the supervised ceiling."""
        order = ("hume", "control", "baseline", "supervised")
        methods = sorted(self.methods, key=lambda method: order.index(method.kind))
        kept = [(method, self.found(method.key)) for method in methods]
        return [self.standing(method, found) for method, found in kept if found is not None]

    def standing(self, method: Method, found: Found) -> Standing:
        """How good the labelings of one method are, as far as there is a ground truth."""
        agreement = agreement_of(self.dataset, found.labelings, named=method.kind == "supervised")
        return Standing(
            method=method,
            acc=None if agreement is None else agreement.acc,
            ari=None if agreement is None else agreement.ari,
            nmi=None if agreement is None else agreement.nmi,
            vote_acc=self._vote(found),
            cv_score=None if found.cv_score is None else spread(found.cv_score),
            num_seeds=len(found.labelings),
            seconds=found.seconds,
            note=found.note,
        )

    def _vote(self, found: Found) -> float | None:
        if found.cv_score is None or self.dataset.labels is None:
            return None
        rows = evaluated_rows(self.dataset)
        vote = ensemble.majority_vote(
            found.labelings, found.cv_score, self.num_classes, None if rows.all() else rows
        ).labeling
        return metrics.clustering_accuracy(self.dataset.labels[rows], vote[rows])
