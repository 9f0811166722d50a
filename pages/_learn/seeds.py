"""A hundred seeds: a real search while it runs, with the accuracy hidden until the class has placed its bets."""

import numpy as np
import streamlit as st

from hume import Run, figures, sentences
from hume.findings import Findings
from hume.jobs import Live
from hume.spaces import Dataset
from pages import _job, _launch, _session, _show
from pages._gallery import Tile, gallery
from pages._learn import _replay, lesson

PICTURE = 56  # pixels
LIVE = ("queued", "searching", "scoring")


def show() -> None:
    lesson.choose_data()
    data, run = lesson.data(), lesson.latest_run()
    st.markdown(
        "The search starts a hundred times, each time from other random labels. Every point is one start. **All it "
        "knows is how far to the right a point is**: how well a classifier foretells the labels of pictures it has not "
        "seen. "
        + (
            "How high it is, the share of pictures labeled as people do, it never learns."
            if lesson.shows_truth()
            else "How high it is, the share of pictures labeled as people would, is hidden. On which would you bet?"
        )
    )
    now = None if run is None else _session.state(run)
    if run is not None and now in LIVE:
        _job.watch(run, lambda live: under_way(run, live, data))
        return
    found = lesson.found()
    if found is not None:
        cloud(found)
        _replay.show(found)
    start(data, again=found is not None)


def start(data: Dataset, *, again: bool) -> None:
    """The button that begins the search."""
    plan = _launch.usual(data)
    if plan is None:
        st.info("This dataset does not say how many classes to look for.", icon=":material/info:")
        st.page_link(_session.SEARCH, label="Choose on the Search page", icon=":material/search:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            f"Search {'again ' if again else ''}from {plan.num_seeds} random starts",
            type="secondary" if again else "primary", icon=":material/rocket_launch:", key="lesson launch",
        )  # fmt: skip
        st.markdown(f"about {_show.duration(_launch.expected(plan).seconds)} on this machine")
    if pressed:
        _launch.launch(plan)
    _launch.say_error()


def under_way(run: Run, live: Live, data: Dataset) -> None:
    """The cloud now, and the pictures that have just changed class."""
    known = lesson.shows_truth() and bool(np.isfinite(live.accuracy).any())
    objective = live.last_objective
    drawn = (
        figures.live_cloud(objective, live.accuracy, live.seeds, live.done)
        if known
        else figures.hidden_cloud(objective, live.seeds, live.done)
    )
    header = ["seed", "objective", *(["accuracy"] if known else [])]
    columns = [live.seeds, objective, *([live.accuracy] if known else [])]
    lesson.plot(
        drawn, "lesson live cloud", lambda: (header, zip(*columns, strict=True)),
        alt="One point a random start: its objective" + (" and accuracy" if known else ""), name=f"{run.name}-live",
    )  # fmt: skip
    if len(live.changed):
        st.markdown(f"**These have just changed class** for seed {live.leader} (class before → class now)")
        tiles = [Tile(row, f"{before} → {after}") for row, before, after in live.changed.tolist()]
        gallery(tiles, key="lesson changed", dataset=data, label="Pictures that changed class", size=PICTURE)
    _job.pictures(live, data)


def cloud(found: Findings) -> None:
    """Where the seeds ended: the scores alone, then with the accuracy."""
    name, alt = f"{found.run.name}-cloud", "One point a random start: its cross-validation score"
    if lesson.shows_truth() and found.accuracy is not None:
        accuracy = found.accuracy
        drawn = figures.correlation(found.cv_score, accuracy, found.seeds, found.states, found.correlation)
        lesson.plot(
            drawn, "lesson cloud",
            lambda: (["seed", "score", "accuracy"], zip(found.seeds, found.cv_score, accuracy, strict=True)),
            alt=f"{alt} and its accuracy", name=name,
        )  # fmt: skip
        st.markdown(sentences.trust(found, True))
        return
    lesson.plot(
        figures.score_distribution(found.cv_score, found.seeds), "lesson scores",
        lambda: (["seed", "score"], zip(found.seeds, found.cv_score, strict=True)), alt=alt, name=name,
    )  # fmt: skip
    if found.dataset.labels is not None:
        st.markdown("Place your bets, then turn on **Show people's labels** above.")
