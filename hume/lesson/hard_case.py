"""A pair of spaces on which the search is misled, and a good pair on the same pictures: how the bad pair is detected.

The pictures are the embedded digits, φ1 is `simclr` in both cases. In the good case φ2 is `lite0`, a network trained
on photographs. In the hard case φ2 is only the mean brightness of every row and every column of a picture, 16
numbers: from these, labelings by stroke and slant are predicted better than those by digit. Scores are higher than in
the good case, and the higher a seed's score, the lower its accuracy.

The results of both searches come with the package, so that the lesson is the same on every machine: another precision
of products changes some seeds. After a change of the embedded digits, record them again, some minutes:

    python -m hume.lesson.hard_case
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.errors import InputError
from hume.common.once import once
from hume.common.progress import Progress, part
from hume.data import thumbnails
from hume.data.dataset import Dataset, Space, load_dataset
from hume.engine.config import Config, preset
from hume.engine.solvers import InnerSolver
from hume.evaluation import metrics
from hume.evaluation.metrics import Correlation
from hume.evaluation.seed_statistics import SeedStatistics
from hume.experiments import trust as judging
from hume.experiments.cache import Cache
from hume.experiments.saved_labelings import load_scored
from hume.experiments.searches import ExperimentSearch
from hume.experiments.trust import Trust
from hume.runs.discover import discover

RECORDED = Path(__file__).with_name("hard_case.npz")
DATASET, PHI1, GOOD, HARD = "digits", "simclr", "lite0", "profiles"
TITLES = {GOOD: "a network trained on photographs", HARD: "the brightness of rows and columns"}
NUM_CLASSES = 10
NUM_SEEDS = 100


@dataclass(frozen=True, eq=False)
class Case:
    """Results of the search on one of the two pairs."""

    dataset: Dataset
    phi2: str
    labelings: NDArray[np.int32]  # (S, N)
    cv_score: NDArray[np.float64]  # (S,) in φ2
    phi1_score: NDArray[np.float64] | None = None  # (S,) of the same labelings in φ1, None where it is not recorded

    @once
    def seeds(self) -> SeedStatistics:
        """What the seeds' labelings and scores say about one another."""
        return SeedStatistics(cv_score=self.cv_score, num_classes=NUM_CLASSES, read=lambda: self.labelings)

    @once
    def trust(self) -> Trust:
        """Whether the ranking by score is reliable, without any label."""
        phi1_score = self.phi1_score
        if phi1_score is None:
            phi1_score = judging.scores_in_phi1(self.dataset, PHI1, self.labelings, NUM_CLASSES)
        return judging.trust(self.seeds, phi1_score=phi1_score)

    @once
    def accuracy(self) -> NDArray[np.float64]:
        """(S,) agreement of every seed with people's labels, for display."""
        return np.array([metrics.clustering_accuracy(self._truth, labeling) for labeling in self.labelings])

    @once
    def vote_accuracy(self) -> float:
        """Agreement of the vote with people's labels, for display."""
        return metrics.clustering_accuracy(self._truth, self.seeds.vote.labeling)

    @once
    def correlation(self) -> Correlation | None:
        """Of score and accuracy over the seeds, for display."""
        return metrics.correlation(self.cv_score, self.accuracy)

    @property
    def _truth(self) -> NDArray[np.int64]:
        if self.dataset.labels is None:
            raise InputError(f"{self.dataset.name} has no labels to compare with")
        return self.dataset.labels


def with_profiles(digits: Dataset) -> Dataset:
    """Add a space to the embedded digits: the mean of every row and column of a picture, (N, 16).

    Raises InputError for a dataset without pictures.
    """
    pictures = thumbnails.sample_images(digits)
    if pictures is None:
        raise InputError(f"{digits.name} has no pictures to compute the brightness of")
    grey = pictures.reshape(*pictures.shape[:3], -1).mean(3, dtype=np.float32) / np.float32(pictures.max())
    profiles = np.concatenate([grey.mean(1), grey.mean(2)], 1).astype(np.float32)
    return replace(digits, spaces={**digits.spaces, HARD: Space(name=HARD, features=profiles)})


def search_both(home: Path, digits: Dataset, on_progress: Progress | None = None) -> None:
    """Search the good and the hard pair and save the results in the home; some minutes.

    Raises RunError when the home cannot be written; an exception of `on_progress` cancels the searches.
    """
    dataset = with_profiles(digits)
    for i, phi2 in enumerate((GOOD, HARD)):
        asked = ExperimentSearch(home, dataset, PHI1, phi2, *_settings(dataset), NUM_SEEDS)
        note = f"{NUM_SEEDS} seeds, φ1 {PHI1}, φ2 {phi2}"
        asked.labelings(_cache(home), _entry(phi2), note, on_progress=part(on_progress, i / 2, (i + 1) / 2))


def read_both(home: Path, digits: Dataset) -> tuple[Case, Case] | None:
    """Load the good and the hard case, as recorded or as searched in this home; None where neither has these digits."""
    dataset = with_profiles(digits)
    cases = []
    with np.load(RECORDED) as recorded:
        fits = recorded["fingerprints"].tolist() == _fingerprints(digits)
        for phi2 in (GOOD, HARD):
            saved = None if fits else load_scored(_cache(home), _entry(phi2), dataset.num_samples)
            if fits:
                labelings = recorded[f"{phi2} labelings"].astype(np.int32)
                scores = (recorded[f"{phi2} {score}"] for score in ("cv_score", "phi1_score"))
                cases.append(Case(dataset, phi2, labelings, *scores))
            elif saved is not None:
                cases.append(Case(dataset, phi2, saved.labelings, saved.cv_score))
    return (cases[0], cases[1]) if len(cases) == 2 else None


def record(path: Path, digits: Dataset) -> None:
    """Write the results of both searches to the file that comes with the package."""
    dataset = with_profiles(digits)
    config, solver = _settings(dataset)
    arrays: dict[str, Any] = {"fingerprints": np.array(_fingerprints(digits))}
    for phi2 in (GOOD, HARD):
        result = discover(
            dataset, phi1=PHI1, phi2=phi2, config=config, solver=solver, seeds=range(NUM_SEEDS), device="cpu"
        )
        arrays[f"{phi2} labelings"] = result.labelings.astype(np.uint8)
        arrays[f"{phi2} cv_score"] = result.scores.cv_score
        arrays[f"{phi2} phi1_score"] = judging.scores_in_phi1(dataset, PHI1, result.labelings, NUM_CLASSES)
    np.savez_compressed(path, **arrays)


def conclusion(good: Case, hard: Case) -> str:
    """The conclusion from both cases, without any label."""
    higher = hard.cv_score.mean() > good.cv_score.mean()
    chosen = "By the scores alone the second pair would be chosen. " if higher else ""
    if hard.trust.verdict != "not reliable":
        return f"{chosen}This time no evidence speaks against the second pair: its verdict is “{hard.trust.verdict}”."
    return (
        f"{chosen}**The fault is detected without labels**: the same labelings are scored in the first space. Where "
        "its scores fall while those of the second rise, the second rewards a feature that the first does not have."
    )


def _settings(dataset: Dataset) -> tuple[Config, InnerSolver]:
    return preset("fast", num_classes=NUM_CLASSES, num_samples=dataset.num_samples)


def _fingerprints(digits: Dataset) -> list[str]:
    return [digits.spaces[name].fingerprint for name in sorted(digits.spaces)]


def _cache(home: Path) -> Cache:
    return Cache(home / "lessons")


def _entry(phi2: str) -> str:
    return f"{DATASET}-{PHI1}-{phi2}"


if __name__ == "__main__":
    record(RECORDED, load_dataset(DATASET))
