"""Every method on the same features: HUME, its negative controls, and the baselines (Tables 1 and 2).

    comparison = Comparison(home, dataset, "simclr", "lite0", num_classes=10)
    comparison.run("kmeans-both")
    comparison.standings()

Labelings are saved in the home, a method an entry of `comparisons`; scores are computed when read, so that ground truth
never reaches the disk.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.progress import Progress, part
from hume.data.dataset import Dataset
from hume.data.splits import evaluated_rows
from hume.engine.config import preset
from hume.evaluation import ensemble, metrics
from hume.evaluation.metrics import Spread, spread
from hume.experiments.answered import Answered, answered_runs
from hume.experiments.baselines.registry import agreement_of, run_baseline
from hume.experiments.cache import Cache
from hume.experiments.controlled_search import run_negative_control
from hume.experiments.judge import judge, load_judged, save_judged
from hume.experiments.methods import HUME, METHODS, Kind, Method
from hume.experiments.refined_methods import RefinedSearch, refined_labelings, refinement_of
from hume.experiments.saved_labelings import SavedLabelings, load, pair_key, save
from hume.experiments.searches import ExperimentSearch
from hume.runs.searching import LABEL_TYPE, of_search

KINDS: tuple[Kind, ...] = ("hume", "answered", "control", "baseline", "supervised")  # as they are listed
AS_LIKELY = 0.01  # nats a row: a refinement stops where a step gains less than a tenth of it


@dataclass(frozen=True)
class Standing:
    """One line of the leaderboard.

    What needs ground truth is None without it, the vote where no seeds vote, and the last two where the judge has not
    seen these labelings.
    """

    method: Method
    acc: Spread | None  # over seeds; of the probe, the share of right predictions
    ari: Spread | None
    nmi: Spread | None
    vote_acc: float | None  # of refined labelings, that of the refined vote
    cv_score: Spread | None
    num_seeds: int
    seconds: float
    note: str
    likelihood: float | None = None  # nats a row, of the most likely labeling after refinement
    refined_acc: float | None = None  # of that labeling


@dataclass(frozen=True)
class Preference:
    """HUME's most likely labeling after refinement, and that of all other methods without labels."""

    ours: Standing
    other: Standing
    gain: float  # nats a row by which the other one is more likely

    @property
    def preferred(self) -> Standing | None:
        """Which of the two the likelihood prefers; None where they are as likely."""
        if abs(self.gain) < AS_LIKELY:
            return None
        return self.other if self.gain > 0 else self.ours


def preference(standings: Sequence[Standing]) -> Preference | None:
    """What the judge prefers in the pool of all methods; None until one of HUME's and another one are judged.

    Negative controls and supervised methods stay out: they are nothing that a user would choose.
    """
    best: dict[Kind, tuple[float, Standing]] = {}
    for line in standings:
        kind = line.method.kind
        if line.likelihood is not None and (kind not in best or line.likelihood > best[kind][0]):
            best[kind] = line.likelihood, line
    if "hume" not in best or "baseline" not in best:
        return None
    (of_ours, ours), (of_other, other) = best["hume"], best["baseline"]
    return Preference(ours, other, of_other - of_ours)


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
            labelings = RefinedSearch(search).labelings if key == HUME else search.labelings
            return labelings(self.cache, key, note, again=again, device=device, on_progress=on_progress)
        if method.refines is not None:
            return self._refine(method, num_seeds, quick, device, on_progress)
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

    def _refine(
        self, method: Method, num_seeds: int, quick: bool, device: str, on_progress: Progress | None
    ) -> SavedLabelings:
        assert method.refines is not None  # checked by `run`
        stage = refinement_of(self.dataset, self.phi1, self.phi2, self.num_classes, device)
        known = self.saved(method.refines)
        if known is None or len(known.labelings) < num_seeds:
            known = self.run(method.refines, quick=quick, device=device, on_progress=part(on_progress, 0, 0.8))
        saved = refined_labelings(stage, known, f"{known.note}; every seed refined", part(on_progress, 0.8, 1))
        save(self.cache, method.key, saved)
        return saved

    def judge(self, *, device: str = "cpu", on_progress: Progress | None = None) -> None:
        """Judge the labelings of every method that was run since they were judged last: see `hume.experiments.judge`.

        Raises InputError where labelings cannot be refined, RunError when the home cannot be written.
        """
        missing = self._unjudged()
        if not missing:
            return
        stage = refinement_of(self.dataset, self.phi1, self.phi2, self.num_classes, device)
        for number, (key, saved) in enumerate(missing):
            report = part(on_progress, number / len(missing), (number + 1) / len(missing))
            save_judged(self.cache, key, saved, judge(stage, saved, report))
            report(1.0)

    def _unjudged(self) -> list[tuple[str, SavedLabelings]]:
        known = [(method.key, self.saved(method.key)) for method in self.methods if method.kind != "supervised"]
        return [
            (key, saved) for key, saved in known if saved is not None and load_judged(self.cache, key, saved) is None
        ]

    def saved(self, key: str) -> SavedLabelings | None:
        """The labelings of a method's last run; None where they are missing or damaged."""
        return load(self.cache, key, self.dataset.num_samples)

    # --- scores --------------------------------------------------------------------------------

    def standings(self) -> list[Standing]:
        """Every method that was run: HUME, runs with answers, controls, baselines, the supervised upper bound."""
        known = [(method, self.saved(method.key)) for method in self.methods]
        standings = [self.standing(method, saved) for method, saved in known if saved is not None]
        standings += [self._with_answers(answered) for answered in self.answered]
        return sorted(standings, key=lambda line: KINDS.index(line.method.kind))

    @property
    def answered(self) -> list[Answered]:
        """The runs on this pair of spaces whose labeling a person corrected."""
        return list(answered_runs(self.home, self.dataset, self.phi1, self.phi2, self.num_classes))

    def _with_answers(self, answered: Answered) -> Standing:
        found = answered.findings()
        agreement = found.vote_agreement
        return Standing(
            method=answered.method,
            acc=None if agreement is None else spread([agreement.acc]),
            ari=None if agreement is None else spread([agreement.ari]),
            nmi=None if agreement is None else spread([agreement.nmi]),
            vote_acc=None,
            cv_score=None,
            num_seeds=1,
            seconds=float(answered.run.scores()["seconds"]),
            note=answered.note,
        )

    def standing(self, method: Method, saved: SavedLabelings) -> Standing:
        """The scores of one method's labelings; those that need ground truth are None without it."""
        agreement = agreement_of(self.dataset, saved.labelings, named=method.kind == "supervised")
        judged = load_judged(self.cache, method.key, saved)
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
            likelihood=None if judged is None else judged.likelihood,
            refined_acc=None if judged is None else self._accuracy(judged.labeling),
        )

    def _vote(self, saved: SavedLabelings) -> float | None:
        if self.dataset.labels is None:
            return None
        if saved.joint is not None:
            return self._accuracy(saved.joint.final)
        if saved.cv_score is None:
            return None
        rows = evaluated_rows(self.dataset)
        chosen = None if rows.all() else rows
        return self._accuracy(
            ensemble.majority_vote(saved.labelings, saved.cv_score, self.num_classes, chosen).labeling
        )

    def _accuracy(self, labeling: NDArray[np.integer[Any]]) -> float | None:
        truth, rows = self.dataset.labels, evaluated_rows(self.dataset)
        return None if truth is None else metrics.clustering_accuracy(truth[rows], labeling[rows])
