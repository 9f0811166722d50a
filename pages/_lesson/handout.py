"""Hand-out: the lesson as one file, and three exercises."""

from pathlib import Path

import streamlit as st

from hume.common.errors import HumeError
from hume.lesson import guesses
from hume.lesson.answers import Answers, TwentyQuestions
from hume.lesson.handout import handout
from hume.lesson.plan import EXERCISES
from hume.runs import review
from pages._lesson import answers, lesson
from pages._widgets import plots


def show() -> None:
    lesson.choose_data()
    st.markdown(
        "One file for the class: the guesses, the found classes, how reliable they are, what the answers are worth, "
        "and three exercises. It opens in any browser and needs no network."
    )
    file()
    exercises()


def file() -> None:
    """The file to download; people's labels are in it only when they are shown here."""
    findings = lesson.findings()
    if findings is None:
        st.info(
            "The file needs a finished search of these pictures: start one in **100 seeds**.",
            icon=":material/info:",
        )
        return
    guessed = guesses.read(lesson.home(), findings.dataset)
    home, truth = lesson.home(), lesson.shows_truth()
    questions = answers.asked(findings)
    answered = len(_answered(questions, home))

    def content() -> bytes:
        """The guesses, answers and names at the time of the download, from any tab."""
        named = review.read(findings.run)
        names = [named.name(k) for k in range(max(findings.num_classes, findings.num_found))]
        given = _answered(questions, home)
        outcome = questions.outcome(given, truth) if given and questions.next(given) is None else None
        known = guesses.read(home, findings.dataset)
        return handout(findings, known, names, answers=given, outcome=outcome, show_truth=truth).encode()

    st.download_button(
        "The lesson as one HTML file",
        content,
        f"{plots.file_name('lesson', findings.run.name)}.html",
        "text/html",
        key="handout",
        icon=":material/download:",
        type="primary",
        on_click="ignore",
    )
    st.markdown(
        f"{len(guessed.placed)} of {len(guessed.rows)} pictures are sorted. {answered} of {questions.number} questions "
        "are answered: the answers are in the file when all are given. "
        + _about_labels(findings.dataset.labels is not None, truth)
    )


def _answered(questions: TwentyQuestions, home: Path) -> Answers:
    """The answers so far; none where nothing can be asked, which the step before says."""
    try:
        return questions.read(home)
    except HumeError:
        return ()


def _about_labels(known: bool, shown: bool) -> str:
    if not known:
        return ""
    return "People's labels are in the file." if shown else "People's labels are not in the file: they are not shown."


def exercises() -> None:
    """Three questions, their answers folded."""
    st.subheader("Three exercises")
    for number, exercise in enumerate(EXERCISES, start=1):
        st.markdown(f"**{number}.** {exercise.question}")
        with st.expander(f"Answer {number}"):
            st.markdown(exercise.answer)
