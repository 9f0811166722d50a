"""One run as the report shows it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.once import once
from hume.data import thumbnails
from hume.evaluation.reliable import ReliabilityRanking, ReliabilityStatistics, ReliableSamples
from hume.runs import review
from hume.runs.findings import Findings
from hume.runs.review_state import Review

PER_CLASS = 25


@dataclass(frozen=True, eq=False)
class View:
    """One run as this report shows it; `truth`: whether the ground truth may be shown."""

    found: Findings
    truth: bool

    @once
    def review(self) -> Review:
        return review.read(self.found.run)

    @property
    def card(self) -> dict[str, Any]:
        return self.found.dataset.card

    @property
    def data_name(self) -> str:
        return str(self.card.get("name") or self.found.dataset.name)

    @property
    def title(self) -> str:
        return f"{self.data_name}, labeled without labels"

    @once
    def names(self) -> list[str]:
        return [self.review.name(k) for k in range(self.found.num_classes)]

    @once
    def sizes(self) -> NDArray[np.int64]:
        return np.bincount(self.found.vote.labeling, minlength=self.found.num_classes)

    @once
    def ranking(self) -> ReliabilityRanking:
        return self.found.ranking()

    @once
    def reliable(self) -> tuple[ReliableSamples, ReliabilityStatistics | None]:
        samples, statistics = self.found.reliable_samples(self.ranking, PER_CLASS)
        return samples, statistics if self.truth else None

    @once
    def pictures(self) -> tuple[NDArray[np.uint8], int] | None:
        """The images and the value shown as white."""
        found = thumbnails.sample_images(self.found.dataset)
        return None if found is None else (found, thumbnails.full_white(found))

    @property
    def is_pixel_art(self) -> bool:
        return self.pictures is not None and max(self.pictures[0].shape[1:3]) <= thumbnails.PIXEL_ART

    @once
    def matched(self) -> list[str] | None:
        """The true class of every found class, where it may be shown."""
        if not self.truth or self.found.match is None:
            return None
        return [self.found.true_names[k] if k >= 0 else "none" for k in self.found.match]

    @property
    def noun(self) -> str:
        return "sample" if self.pictures is None else "image"

    def neighbors_at_most(self, k: int) -> int:
        """How many neighbours of a class's sample could belong to it."""
        return min(self.ranking.num_neighbors, int(self.sizes[k]) - 1)

    def is_wrong(self, row: int) -> bool:
        return bool(self.truth and self.found.right is not None and not self.found.right[row])
