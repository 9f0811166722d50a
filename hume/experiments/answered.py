"""Runs on a pair of spaces whose labeling a person corrected: shown beside the methods, but not one of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hume.data.dataset import Dataset
from hume.experiments.methods import Method
from hume.experiments.searches import of_runs
from hume.runs import history, review
from hume.runs.findings import Findings
from hume.runs.review_state import Review
from hume.runs.run import Run


@dataclass(frozen=True)
class Answered:
    """A finished run with answers."""

    run: Run
    review: Review

    @property
    def method(self) -> Method:
        """Its line of the leaderboard."""
        return Method(
            key=f"answers {self.run.name}",
            title=f"HUME with {len(self.review.answers):,} answers: {self.run.name}",
            kind="answered",
            does="A run whose labeling was corrected by a person's answers.",
            source="this project",
            left_out="nothing",
            num_seeds=1,
            quick_seeds=1,
        )

    @property
    def note(self) -> str:
        """What is shown of it."""
        return f"version {self.review.version} of its answers, which count as right or wrong like all labels"

    def findings(self) -> Findings:
        """Its results with the answers."""
        return Findings(self.run, "corrected")


def answered_runs(home: Path, dataset: Dataset, phi1: str, phi2: str, num_classes: int) -> Iterator[Answered]:
    """The finished runs on a pair of spaces that found so many classes and have answers, the newest first."""
    prints = tuple(dataset.space(name).fingerprint for name in (phi1, phi2))

    def read(run: Run) -> Answered | None:
        request = run.request
        if not (run.folder / history.FILE).exists() or request.fingerprints != prints:
            return None
        given = review.read(run)
        same = request.config.num_classes == num_classes and given.corrects and run.state == "finished"
        return Answered(run, given) if same else None

    return of_runs(home, read)
