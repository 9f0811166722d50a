"""A hundred seeds: a search while it runs, with the accuracy hidden until the class has placed its bets."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hume import Run
from hume.common import formatting
from hume.data.dataset import Dataset
from hume.evaluation import metrics
from hume.jobs.live_view import Live
from hume.jobs.queues import UNDER_WAY
from hume.reporting import figures, sentences
from hume.runs.findings import Findings
from pages._lesson import lesson
from pages._sections import launch, live_search, replay
from pages._state import runs
from pages._widgets.gallery import Tile, gallery

PICTURE = 56  # pixels


def show() -> None:
    lesson.choose_data()
    data, run = lesson.data(), lesson.latest_run()
    st.markdown(
        "Every point is one random start of the search. **Its horizontal position is all that the search knows**: the "
        f"objective, which rewards labels that a classifier predicts on held-out pictures. {_hidden(data)}"
    )
    now = None if run is None else runs.state(run)
    if run is not None and now in UNDER_WAY:
        live_search.watch(run, lambda live: under_way(run, live, data))
        return
    if run is not None and now != "finished":
        runs.unfinished(run)
    findings = lesson.findings()
    if findings is not None:
        cloud(findings.searched)
        if findings.likelihood is not None:
            st.subheader("And in both spaces at once?")
            refined(findings, findings.likelihood)
        st.subheader("How did they get there?")
        replay.show(findings, truth=lesson.shows_truth(), plot=lesson.plot)
    start(data, again=findings is not None)


def start(data: Dataset, *, again: bool) -> None:
    """The button that starts the search."""
    plan = launch.usual(data)
    if plan is None:
        st.info("The number of classes of this dataset is unknown.", icon=":material/info:")
        st.page_link(runs.SEARCH, label="Choose on the Search page", icon=":material/search:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            f"Search {'again ' if again else ''}from {plan.num_seeds} random starts",
            type="secondary" if again else "primary", icon=":material/rocket_launch:", key="lesson launch",
        )  # fmt: skip
        launch.draw_cost(plan, launch.expected(plan), lambda cost: st.markdown(f"{cost.text} on this machine"))
    if pressed:
        launch.launch(plan)
    launch.draw_error()


def under_way(run: Run, live: Live, data: Dataset) -> None:
    """Plot the seeds now, and the pictures that have just changed class."""
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
        alt="One point a seed: its objective" + (" and accuracy" if known else ""), name=f"{run.name}-live",
    )  # fmt: skip
    if len(live.changed):
        st.markdown(f"**These pictures have just changed class** in seed {live.leader} (old class → new class)")
        tiles = [Tile(row, f"{before} → {after}") for row, before, after in live.changed.tolist()]
        gallery(tiles, key="lesson changed", dataset=data, label="Pictures that changed class", size=PICTURE)
    live_search.pictures(live, data)


def cloud(findings: Findings) -> None:
    """Plot the finished seeds: the objective alone, or with the accuracy."""
    name, alt = f"{findings.run.name}-cloud", "One point a seed: its objective"
    objective, seeds, done = findings.objective, findings.seeds, np.ones(len(findings.seeds), bool)
    scores = findings.statistics
    if not np.isfinite(objective).all():  # imported: only scores are known
        lesson.plot(
            figures.score_distribution(scores.cv_score, seeds), "lesson scores",
            lambda: (["seed", "score"], zip(seeds, scores.cv_score, strict=True)),
            alt="One point a seed: its cross-validation score", name=name,
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
        f"{_correlation(objective, accuracy)} Splits are random, so the last objectives are noisy; at the end every "
        f"labeling is scored on all pictures. {sentences.trust(findings, True)}"
    )


def refined(findings: Findings, likelihood: NDArray[np.float64]) -> None:
    """Plot the refined seeds: their likelihood alone, or with the accuracy."""
    st.markdown(
        "The objective tests a labeling in one space only. Each labeling is then **refined**: moved to the nearest one "
        "that a linear classifier separates in both spaces at once. Its horizontal position is now how likely that "
        "classifier makes the pictures; the most likely fifth votes."
    )
    name, seeds, accuracy = f"{findings.run.name}-refined", findings.seeds, findings.statistics.accuracy
    alt = "One point a seed: its likelihood after refinement"
    if not lesson.shows_truth() or accuracy is None:
        lesson.plot(
            figures.score_distribution(likelihood, seeds, axis=figures.LIKELIHOOD), "lesson likelihood",
            lambda: (["seed", "likelihood"], zip(seeds, likelihood, strict=True)), alt=alt, name=name,
        )  # fmt: skip
        return
    drawn = figures.correlation(
        likelihood, accuracy, seeds, findings.states, findings.correlation, axis=figures.LIKELIHOOD
    )
    lesson.plot(
        drawn, "lesson refined cloud",
        lambda: (["seed", "likelihood", "accuracy"], zip(seeds, likelihood, accuracy, strict=True)),
        alt=f"{alt} and its accuracy", name=name,
    )  # fmt: skip
    searched = findings.searched.vote_agreement
    if findings.vote_agreement is not None and searched is not None:
        st.markdown(
            f"The vote of all starts as searched is right on {formatting.percent(searched.acc)} of the pictures, the "
            f"vote of the {formatting.count(len(findings.voters), 'most likely refined start')} on "
            f"**{formatting.percent(findings.vote_agreement.acc)}**."
        )


def _hidden(data: Dataset) -> str:
    """The meaning of the vertical position of the points."""
    if data.labels is None:
        return "Without people's labels the accuracy of each start is unknown."
    if lesson.shows_truth():
        return "Its vertical position, the share of pictures labeled as people do, is never shown to the search."
    return (
        "The share of pictures labeled as people do is hidden: **on which point would you bet?** Then turn on *Show "
        "people's labels* above."
    )


def _correlation(objective: NDArray[np.float64], accuracy: NDArray[np.float64]) -> str:
    """Whether the objective predicts the accuracy, with r and its interval."""
    correlation = metrics.correlation(objective, accuracy)
    if correlation is None:
        return "There are too few different starts to compare the objective with the accuracy."
    if correlation.high < 0:
        text = "**The lower the objective, the more pictures are labeled as people do**"
    elif correlation.low > 0:
        text = "**Here a lower objective goes with fewer pictures labeled as people do**"
    else:
        text = "Among these starts the objective does not predict which is closer to people's labels"
    interval = f"95 % interval {formatting.number(correlation.low)} to {formatting.number(correlation.high)}"
    return f"{text}: r = {formatting.number(correlation.r)} ({interval}, {formatting.count(correlation.n, 'start')})."
