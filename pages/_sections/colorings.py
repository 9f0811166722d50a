"""What the points of a map can be coloured by."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hume import Run
from hume.common.errors import InputError
from hume.data.columns import Columns
from hume.experiments import sides
from hume.reporting import difference_sentences
from hume.reporting.maps.colouring import of_column, of_labeling
from hume.reporting.maps.scene import Colour
from hume.runs.findings import Findings
from hume.runs.sample_table import vote_margin
from pages._sections import side_choice
from pages._state import ground_truth, runs
from pages._state.text import plain

PROBABILITY, ODDS = "Probability of its class", "Margin to the second class"  # of refined labelings
MARGIN = "Vote margin"
SECOND = "Second labeling of the seeds"


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


def odds(found: Findings) -> Colour:
    with st.spinner("Computing the probabilities of all classes …"):
        margin = found.margin
    assert margin is not None
    return Colour(f"{ODDS}, log odds", values=margin.astype(np.float64))


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


def margin(found: Findings) -> Colour:
    vote = found.vote
    return Colour(MARGIN, values=vote_margin(vote.aligned, vote.labeling, vote.num_classes), limits=(0, 1))


def second_mode(found: Findings) -> Colour:
    """The second labeling that the seeds found, where there is one."""
    with st.spinner("Comparing the labelings of the seeds …"):
        every = found.own.modes
    if len(every) == 1:
        st.caption("The seeds found one labeling; there is no second one to colour by.")
        return found_label(found)
    return _another(found, SECOND, every[1].vote.labeling)


COLORINGS: dict[str, Callable[[Findings], Colour]] = {
    "Found class": found_label,
    "Vote share": vote_share,
    MARGIN: margin,
    PROBABILITY: probability,
    ODDS: odds,
    "Neighbour agreement": neighbor_share,
    "φ1/φ2 disagreement": disagreement,
    SECOND: second_mode,
    "True class": true_label,
    "Right or wrong": correctness,
}
TRUTH = ("True class", "Right or wrong")


def offered(found: Findings) -> dict[str, Callable[[Findings], Colour]]:
    """The colourings of a run by name: of what was found, of the data's columns, of other labelings.

    Those of the ground truth are left out where it is hidden.
    """
    hidden = () if ground_truth.shows_truth(found.dataset) else TRUTH
    hidden = hidden if found.confidence is not None else (*hidden, PROBABILITY, ODDS)
    choices = {name: make for name, make in COLORINGS.items() if name not in hidden}
    for name in found.dataset.columns:
        choices[f"{name} (data)" if name in COLORINGS else name] = partial(_column, name=name)
    return choices | _labelings(found)


@st.cache_resource(max_entries=16, show_spinner="Reading the column …")
def _of_column(folder: str, saved: int, name: str, _columns: Columns) -> Colour:
    return of_column(name, _columns[name])


def _column(found: Findings, name: str) -> Colour:
    data = found.dataset
    assert data.folder is not None
    try:
        return _of_column(str(data.folder), (data.folder / "columns.csv").stat().st_mtime_ns, name, data.columns)
    except InputError as error:
        st.caption(f"{plain(str(error))}.")
        return found_label(found)


def _labelings(found: Findings) -> dict[str, Callable[[Findings], Colour]]:
    """Labelings of other runs and of methods, on the same samples."""
    choices: dict[str, Callable[[Findings], Colour]] = {}
    for other in sides.comparable(found.run):
        for what in sides.offered(other, found.dataset):
            if other.name == found.run.name and what == runs.view_of(found.run):
                continue
            title = f"{difference_sentences.labeling(what)} ({other.name})"
            choices[f"Class: {title}"] = partial(_labeling, title=title, other=other, what=what)
    return choices


def _labeling(found: Findings, title: str, other: Run, what: str) -> Colour:
    labeling = side_choice.read(other, what, found.dataset).labeling
    if len(labeling) == found.dataset.num_samples:
        return _another(found, title, labeling)
    st.caption(f"{plain(other.name)} labels {len(labeling):,} other samples.")
    return found_label(found)


def _another(found: Findings, title: str, labeling: NDArray[Any]) -> Colour:
    return of_labeling(title, labeling, found.vote.labeling, runs.class_names(found))
