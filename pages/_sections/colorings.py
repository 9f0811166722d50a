"""What the points of a map can be coloured by."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hume.runs.findings import Findings
from pages._state import ground_truth, runs


@dataclass(frozen=True, eq=False)
class Coloring:
    """The colours of the map's points: classes or a number."""

    categories: NDArray[np.int64] | None = None  # (N,)
    names: list[str] | None = None
    values: NDArray[np.float64] | None = None  # (N,) shares


def found_label(found: Findings) -> Coloring:
    return Coloring(found.vote.labeling, runs.class_names(found))


def true_label(found: Findings) -> Coloring:
    """True classes in the colours of the found ones they are matched to."""
    assert found.match is not None
    assert found.dataset.labels is not None
    true_names = found.true_names
    matched = [int(k) for k in found.match if k >= 0]
    slots = {k: i for i, k in enumerate(found.match.tolist()) if k >= 0}
    for k in range(len(true_names)):
        if k not in matched:
            slots[k] = max([found.num_classes - 1, *slots.values()]) + 1
    names = [""] * (max(slots.values()) + 1)
    for k, slot in slots.items():
        names[slot] = true_names[k]
    slot_of = np.array([slots[k] for k in range(len(true_names))])
    return Coloring(slot_of[found.dataset.labels], names)


def vote_share(found: Findings) -> Coloring:
    return Coloring(values=found.vote.share)


def probability(found: Findings) -> Coloring:
    assert found.confidence is not None
    return Coloring(values=found.confidence.astype(np.float64))


def neighbor_share(found: Findings) -> Coloring:
    return Coloring(values=runs.ranking(found).neighbor_share)


def disagreement(found: Findings) -> Coloring:
    with st.spinner("Predicting every sample in φ2 …"):
        differs = found.expected != found.vote.labeling
    return Coloring(differs.astype(np.int64), ["φ2 predicts the same class", "φ2 predicts another class"])


def correctness(found: Findings) -> Coloring:
    assert found.right is not None
    return Coloring((~found.right).astype(np.int64), ["right", "wrong"])


PROBABILITY = "Probability of its class"  # of refined labelings
COLORINGS: dict[str, Callable[[Findings], Coloring]] = {
    "Found class": found_label,
    "Vote share": vote_share,
    PROBABILITY: probability,
    "Neighbour agreement": neighbor_share,
    "φ1/φ2 disagreement": disagreement,
    "True class": true_label,
    "Right or wrong": correctness,
}
TRUTH = ("True class", "Right or wrong")


def offered(found: Findings) -> dict[str, Callable[[Findings], Coloring]]:
    """The colourings of a run: without those of the ground truth where it is hidden."""
    hidden = () if ground_truth.shows_truth(found.dataset) else TRUTH
    hidden = hidden if found.confidence is not None else (*hidden, PROBABILITY)
    return {name: make for name, make in COLORINGS.items() if name not in hidden}
