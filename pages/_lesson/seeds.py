"""A hundred seeds: a real search while it runs, with the accuracy hidden until the class has placed its bets."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hume import Run
from hume.common import formatting
from hume.data.dataset import Dataset
from hume.evaluation import metrics
from hume.jobs.live_view import Live
from hume.reporting import figures, sentences
from hume.runs.findings import Findings
from pages._lesson import lesson
from pages._sections import launch, progress, replay
from pages._state import runs
from pages._widgets.gallery import Tile, gallery

PICTURE = 56  # pixels
LIVE = ("queued", "searching", "scoring")


def show() -> None:
    lesson.choose_data()
    data, run = lesson.data(), lesson.latest_run()
    st.markdown(
        "Every point is one random start of the search. **How far to the right it lies is all that the search knows**: "
        f"the objective, which rewards labels that a classifier foretells on pictures it has not seen. {_hidden(data)}"
    )
    now = None if run is None else runs.state(run)
    if run is not None and now in LIVE:
        progress.watch(run, lambda live: under_way(run, live, data))
        return
    if run is not None and now != "finished":
        runs.unfinished(run)
    found = lesson.found()
    if found is not None:
        cloud(found)
        st.subheader("How did they get there?")
        replay.show(found, truth=lesson.shows_truth(), plot=lesson.plot)
    start(data, again=found is not None)


def start(data: Dataset, *, again: bool) -> None:
    """The button that begins the search."""
    plan = launch.usual(data)
    if plan is None:
        st.info("This dataset does not say how many classes to look for.", icon=":material/info:")
        st.page_link(runs.SEARCH, label="Choose on the Search page", icon=":material/search:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            f"Search {'again ' if again else ''}from {plan.num_seeds} random starts",
            type="secondary" if again else "primary", icon=":material/rocket_launch:", key="lesson launch",
        )  # fmt: skip
        launch.say(plan, launch.expected(plan), lambda cost: st.markdown(f"{cost.words} on this machine"))
    if pressed:
        launch.launch(plan)
    launch.say_error()


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
    progress.pictures(live, data)


def cloud(found: Findings) -> None:
    """Where the seeds ended: the objective alone, then with the accuracy."""
    name, alt = f"{found.run.name}-cloud", "One point a random start: its objective"
    objective, seeds, done = found.objective, found.seeds, np.ones(len(found.seeds), bool)
    scores = found.statistics
    if not np.isfinite(objective).all():  # imported: only scores are known
        lesson.plot(
            figures.score_distribution(scores.cv_score, seeds), "lesson scores",
            lambda: (["seed", "score"], zip(seeds, scores.cv_score, strict=True)), alt="One point a random start: its "
            "cross-validation score", name=name,
        )  # fmt: skip
        return
    if not lesson.shows_truth() or scores.accuracy is None:
        lesson.plot(
            figures.hidden_cloud(objective, seeds, done), "lesson hidden cloud",
            lambda: (["seed", "objective"], zip(seeds, objective, strict=True)), alt=alt, name=name,
        )  # fmt: skip
        return
    accuracy = scores.accuracy
    drawn = figures.live_cloud(objective, accuracy, seeds, done)
    drawn.update_yaxes(title={"text": "Accuracy"}, range=None, autorange=True)
    lesson.plot(
        drawn, "lesson cloud",
        lambda: (["seed", "objective", "accuracy"], zip(seeds, objective, accuracy, strict=True)),
        alt=f"{alt} and its accuracy", name=name,
    )  # fmt: skip
    st.markdown(
        f"{_in_words(objective, accuracy)} Splits are random, so the last objectives are noisy; in the end every "
        f"labeling is judged on all pictures. {sentences.trust(found, True)}"
    )


def _hidden(data: Dataset) -> str:
    """What is to be said of the height of the points."""
    if data.labels is None:
        return "Nobody knows how many of these pictures each start labels as people would."
    if lesson.shows_truth():
        return "How high it lies, the share of pictures labeled as people do, the search never learns."
    return (
        "The share of pictures labeled as people do is hidden: **on which point would you bet?** Then turn on *Show "
        "people's labels* above."
    )


def _in_words(objective: NDArray[np.float64], accuracy: NDArray[np.float64]) -> str:
    """Whether the objective foretold the accuracy, with r and its interval."""
    found = metrics.correlation(objective, accuracy)
    if found is None:
        return "There are not enough different starts to say whether the objective foretells the accuracy."
    if found.high < 0:
        words = "**The lower the objective, the more pictures are labeled as people do**"
    elif found.low > 0:
        words = "**Here a lower objective goes with fewer pictures labeled as people do**"
    else:
        words = "Among these starts the objective does not tell which is closer to people's labels"
    interval = f"95 % interval {formatting.number(found.low)} to {formatting.number(found.high)}"
    return f"{words}: r = {formatting.number(found.r)} ({interval}, {formatting.count(found.n, 'start')})."
