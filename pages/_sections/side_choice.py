"""The choice of two labelings of the same samples; the address carries it."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import streamlit as st

from hume import Run
from hume.data.dataset import Dataset
from hume.experiments import sides
from hume.experiments.sides import Side, TwoLabelings
from hume.reporting import difference_sentences
from hume.runs import review
from hume.runs.findings import Findings
from pages._state import runs, services

Asked: TypeAlias = tuple[str, str, tuple[int, int], int, int]  # a labeling, and all that changes with it
MODES = "modes"  # the choice behind which the labelings of the seeds are listed: to find them takes a while


def choose(found: Findings) -> TwoLabelings:
    """Two labelings, the first of this run; raises HumeError for one that cannot be read."""
    run, dataset = found.run, found.dataset
    every = {each.name: each for each in sides.comparable(run)}
    left, middle, right = st.columns(3, gap="medium")
    with left:
        first = _labeling("first", f"Labeling of {run.name}", run, dataset, runs.view_of(run))
    with middle:
        name = _remembered("other", "Compare with", list(every), list(every)[min(1, len(every) - 1)], "run")
    other = every[name]
    views = [what for what in sides.offered(other, dataset) if other.name != run.name or what != first]
    with right:
        second = _labeling("second", f"Labeling of {name}", other, dataset, views[0] if views else first)
    return _compared(_asked(run, first, dataset), _asked(other, second, dataset))


def _labeling(key: str, label: str, run: Run, dataset: Dataset, usual: str) -> str:
    """One labeling of a run."""
    choices, asked = sides.offered(run, dataset), st.query_params.get(key, "")
    if asked not in choices and sides.is_version(run, asked):  # one that changed no label
        choices.append(asked)
    what = _remembered(key, label, [*choices, MODES], usual, "labeling", _in_words)
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


def read(run: Run, what: str, dataset: Dataset) -> Side:
    """One labeling of a run on these samples, kept until it changes; raises HumeError for one that cannot be read."""
    return _side(_asked(run, what, dataset))


def _asked(run: Run, what: str, dataset: Dataset) -> Asked:
    stamp = sides.stamp(run, what, dataset)
    return str(run.home), f"{run.name}:{what}", run.version, review.read(run).version, stamp


@st.cache_resource(max_entries=12, show_spinner="Reading the labeling …")
def _side(asked: Asked) -> Side:
    return sides.side(services.services().store, asked[1], runs.read)


@st.cache_resource(max_entries=8, show_spinner="Comparing the labelings …")
def _compared(first: Asked, second: Asked) -> TwoLabelings:
    return sides.compare(_side(first), _side(second))
