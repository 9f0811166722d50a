"""The choice of two labelings of the same samples; the address carries it."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from hume import Run
from hume.experiments import sides
from hume.experiments.sides import Side, TwoLabelings
from hume.reporting import difference_sentences
from hume.runs import review
from pages._state import runs, services

MODES = "modes"  # the choice behind which the labelings of the seeds are listed: to find them takes a while


def choose(run: Run) -> TwoLabelings:
    """Two labelings, the first of this run; raises HumeError for one that cannot be read."""
    every = {each.name: each for each in sides.comparable(run)}
    left, middle, right = st.columns(3, gap="medium")
    with left:
        first = _labeling("first", f"Labeling of {run.name}", run, runs.view_of(run))
    with middle:
        name = _remembered("other", "Compare with", list(every), list(every)[min(1, len(every) - 1)], "run")
    other = every[name]
    views = [what for what in sides.offered(other) if other.name != run.name or what != first]
    with right:
        second = _labeling("second", f"Labeling of {name}", other, views[0] if views else first)
    return sides.compare(read(run, first), read(other, second))


def _labeling(key: str, label: str, run: Run, usual: str) -> str:
    """One labeling of a run."""
    offered, asked = sides.offered(run), st.query_params.get(key, "")
    if asked not in offered and sides.is_version(run, asked):  # one that changed no label
        offered.append(asked)
    what = _remembered(key, label, [*offered, MODES], usual, "labeling", _in_words)
    if what != MODES:
        return what
    modes = [f"mode-{mode.number}" for mode in runs.read(run, None, None).own.modes]
    return _remembered(f"{key} mode", "Which of them", modes, modes[min(1, len(modes) - 1)], "labeling", _in_words)


def _in_words(what: str) -> str:
    return "one of the labelings that its seeds found …" if what == MODES else difference_sentences.labeling(what)


def _remembered(key: str, label: str, options: Sequence[str], usual: str, noun: str, words: Any = str) -> str:
    """A choice that the address carries; what it names and is not there is reported in a sentence."""
    asked = st.query_params.get(key)
    if st.session_state.get(key) not in options:
        st.session_state.pop(key, None)
        if asked is not None and asked not in options:
            st.warning(
                f"There is no {noun} {asked!r} here any more: it is renamed or deleted.", icon=":material/link_off:"
            )
        st.session_state[key] = asked if asked in options else usual
    chosen = str(st.selectbox(label, options, key=key, format_func=words))
    st.query_params[key] = chosen
    return chosen


def read(run: Run, what: str) -> Side:
    """One labeling of a run, kept until it changes; raises HumeError for one that cannot be read."""
    request = f"{run.name}:{what}"
    return _side(str(run.home), request, run.version, review.read(run).version, sides.stamp(run, what))


@st.cache_resource(max_entries=12, show_spinner="Reading the labeling …")
def _side(home: str, text: str, version: tuple[int, int], answers: int, stamp: int) -> Side:
    return sides.side(services.services().store, text, runs.read)
