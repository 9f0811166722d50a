"""What the points of a map can be coloured by."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from hume.reporting.maps.scene import Colour
from hume.runs.findings import Findings
from pages._state import ground_truth, runs

PROBABILITY = "Probability of its class"  # of refined labelings


def found_label(found: Findings) -> Colour:
    return Colour("Found class", found.vote.labeling, runs.class_names(found))


def true_label(found: Findings) -> Colour:
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
    return Colour("True class", slot_of[found.dataset.labels], names)


def vote_share(found: Findings) -> Colour:
    return Colour("Vote share", values=found.vote.share, limits=(0, 1))


def probability(found: Findings) -> Colour:
    assert found.confidence is not None
    return Colour(PROBABILITY, values=found.confidence.astype(np.float64), limits=(0, 1))


def neighbor_share(found: Findings) -> Colour:
    return Colour("Neighbour agreement", values=runs.ranking(found).neighbor_share, limits=(0, 1))


def disagreement(found: Findings) -> Colour:
    with st.spinner("Predicting every sample in φ2 …"):
        differs = found.expected != found.vote.labeling
    return Colour(
        "φ1/φ2 disagreement", differs.astype(np.int64), ["φ2 predicts the same class", "φ2 predicts another class"]
    )


def correctness(found: Findings) -> Colour:
    assert found.right is not None
    return Colour("Right or wrong", (~found.right).astype(np.int64), ["right", "wrong"])


COLORINGS: dict[str, Callable[[Findings], Colour]] = {
    "Found class": found_label,
    "Vote share": vote_share,
    PROBABILITY: probability,
    "Neighbour agreement": neighbor_share,
    "φ1/φ2 disagreement": disagreement,
    "True class": true_label,
    "Right or wrong": correctness,
}
TRUTH = ("True class", "Right or wrong")


def offered(found: Findings) -> dict[str, Callable[[Findings], Colour]]:
    """The colourings of a run: without those of the ground truth where it is hidden."""
    hidden = () if ground_truth.shows_truth(found.dataset) else TRUTH
    hidden = hidden if found.confidence is not None else (*hidden, PROBABILITY)
    return {name: make for name, make in COLORINGS.items() if name not in hidden}
