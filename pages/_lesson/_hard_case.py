"""The hard case: a pair of spaces on which the search is misled, next to a good one on the same pictures."""

from pathlib import Path

import streamlit as st

from hume import load_dataset
from hume.common.formatting import number, percent
from hume.common.progress import Progress
from hume.data.dataset import Dataset
from hume.lesson import hard_case
from hume.lesson.hard_case import DATASET, NUM_SEEDS, PHI1, TITLES, Case
from hume.reporting import figures
from pages._lesson import lesson
from pages._sections import progress, trust
from pages._state import datasets, services

NAME = "digits: the lesson's hard case"


def show() -> None:
    st.subheader("When does the search fail?")
    st.markdown(
        "The same digits are searched twice. Labels are made in the same space; they are tested once in "
        f"**{TITLES[hard_case.GOOD]}**, once in **{TITLES[hard_case.HARD]}**. Both searches converge."
    )
    digits = _digits()
    cases = _cases(str(lesson.home()), datasets.stamp(digits, lesson.home() / "lessons"))
    if cases is None:
        _offer()
        return
    if lesson.data().labels is None:  # else the switch is above
        lesson.offer_truth(digits)
    truth = lesson.may_reveal(digits)
    for column, case in zip(st.columns(2, gap="large"), cases, strict=True):
        with column:
            _draw(case, truth)
    st.markdown(hard_case.conclusion(*cases))


@st.cache_resource(show_spinner=False)
def _digits() -> Dataset:
    """The embedded digits, not another dataset of that name."""
    return load_dataset(DATASET)


@st.cache_resource(max_entries=2, show_spinner="Scoring the same labelings in φ1 …")
def _cases(home: str, stamp: str) -> tuple[Case, Case] | None:
    cases = hard_case.read_both(Path(home), _digits())
    for case in cases or ():
        _ = case.trust  # now, while the spinner turns
    return cases


def _offer() -> None:
    if not services.services().jobs.is_under_way(NAME) and st.button(
        f"Search both pairs, {NUM_SEEDS} seeds each", icon=":material/science:", key="hard case",
        help="Takes some minutes; the results are saved.",
    ):  # fmt: skip
        home, digits = lesson.home(), _digits()

        def work(on_progress: Progress) -> str:
            hard_case.search_both(home, digits, on_progress)
            return "Both pairs are searched."

        services.services().work.do(NAME, work, "cpu")
        st.rerun()
    progress.jobs()


def _draw(case: Case, truth: bool) -> None:
    scores = case.cv_score
    st.markdown(f"**Tested in {TITLES[case.phi2]}**")
    st.metric("Held-out accuracy, mean of the seeds", percent(float(scores.mean())))
    trust.verdict(case.trust)
    seeds, name = range(len(scores)), f"{DATASET}-{PHI1}-{case.phi2}"
    if truth:
        lesson.plot(
            figures.correlation(scores, case.accuracy, seeds, ["converged"] * len(scores), case.correlation),
            f"{case.phi2} revealed", lambda: (["seed", "score", "accuracy"], zip(seeds, scores, case.accuracy,
                                                                                  strict=True)),
            alt="Score and accuracy, one point a seed", name=name,
        )  # fmt: skip
        r = "–" if case.correlation is None else number(case.correlation.r)
        st.markdown(f"The vote agrees with people on **{percent(case.vote_accuracy)}**; score and accuracy: r = {r}.")
        return
    phi1_score = case.trust.phi1_score
    if phi1_score is None:
        return
    lesson.plot(
        figures.trust(scores, phi1_score, case.seeds.agreement, case.seeds.evenness, seeds),
        f"{case.phi2} judged",
        lambda: (["seed", "score in φ2", "score in φ1"], zip(seeds, scores, phi1_score, strict=True)),
        alt="Score in φ2 against score in φ1, one point a seed", name=name,
    )  # fmt: skip
