"""Hand-out: the lesson as one file, and three exercises."""

import streamlit as st

from hume.lesson import guesses
from hume.lesson.handout import handout
from hume.lesson.plan import EXERCISES
from hume.runs import review
from pages._lesson import lesson
from pages._widgets import plots


def show() -> None:
    lesson.choose_data()
    st.markdown(
        "One file for the class: the guesses, the found classes, how reliable they are, and three exercises. It opens "
        "in any browser and needs no network."
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

    def content() -> bytes:
        """The guesses and names at the time of the download, from any tab."""
        given = review.read(findings.run)
        names = [given.name(k) for k in range(findings.num_classes)]
        return handout(findings, guesses.read(home, findings.dataset), names, show_truth=truth).encode()

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
        f"{len(guessed.placed)} of {len(guessed.rows)} pictures are sorted. "
        + _about_labels(findings.dataset.labels is not None, truth)
    )


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
