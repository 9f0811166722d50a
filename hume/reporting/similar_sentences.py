"""Sentences about samples that are like others, and about names that words propose; text without markup."""

from hume.common.formatting import count
from hume.runs.similar import Proposals, Where

SPACES: dict[Where, str] = {"both": "φ1 and φ2", "phi1": "φ1", "phi2": "φ2"}


def order(where: Where) -> str:
    """By what similar samples are ordered."""
    if where == "both":
        return "By the sum of the cosines in φ1 and φ2, each standardized over all samples. Distances are 1 − cosine."
    return f"By the cosine in {SPACES[where]}. Distances are 1 − cosine."


def no_captions(dataset: str) -> str:
    """Why words find nothing in a dataset, and what to do."""
    return (
        f"No space of {dataset} comes from a network that was trained on captions: make one with a CLIP model, as "
        "clip-vitb32, on the page Data."
    )


def words(space: str) -> str:
    """By what samples that fit words are ordered."""
    return f"By the cosine of picture and words in {space}, which a network trained on captions made."


def proposals(proposed: Proposals) -> str:
    """What the proposed names are, and that none is given by itself."""
    compared = f"{count(len(proposed.words), 'word')} compared with {count(len(proposed.classes), 'class', 'classes')}"
    return (
        f"{compared}: the words that fit the mean picture of a class more than that of all samples, the best first. "
        "A class keeps its name until you accept one."
    )
