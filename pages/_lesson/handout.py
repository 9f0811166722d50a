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
        "One file for everybody: what the class guessed, what the search found, how far both can be trusted, and three "
        "exercises. It opens in any browser and needs no network."
    )
    file()
    exercises()


def file() -> None:
    """The file to download; people's labels are in it only when they are shown here."""
    found = lesson.found()
    if found is None:
        st.info(
            "The file tells of a finished search of these pictures, and there is none yet: see **100 seeds**.",
            icon=":material/info:",
        )
        return
    known = guesses.read(lesson.home(), found.dataset)
    home, truth = lesson.home(), lesson.shows_truth()

    def content() -> bytes:
        """What was guessed and named until the button was pressed, in any tab."""
        given = review.read(found.run)
        names = [given.name(k) for k in range(found.num_classes)]
        return handout(found, guesses.read(home, found.dataset), names, show_truth=truth).encode()

    st.download_button(
        "The lesson as one HTML file",
        content,
        f"{plots.file_name('lesson', found.run.name)}.html",
        "text/html",
        key="handout",
        icon=":material/download:",
        type="primary",
        on_click="ignore",
    )
    st.markdown(
        f"{len(known.placed)} of {len(known.rows)} pictures were sorted. "
        + _about_labels(found.dataset.labels is not None, truth)
    )


def _about_labels(known: bool, shown: bool) -> str:
    if not known:
        return ""
    return "People's labels are in the file." if shown else "People's labels are not in the file: they are not shown."


def exercises() -> None:
    """Three questions, their answers folded."""
    st.subheader("Three exercises")
    for number, each in enumerate(EXERCISES, start=1):
        st.markdown(f"**{number}.** {each.question}")
        with st.expander(f"Answer {number}"):
            st.markdown(each.answer)
