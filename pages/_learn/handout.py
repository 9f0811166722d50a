"""Hand-out: the lesson as one file, and three exercises."""

import streamlit as st

from hume.lesson import guesses
from hume.lesson.handout import handout
from hume.lesson.plan import EXERCISES
from pages import _session, _show
from pages._learn import lesson


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
    names, truth = _session.class_names(found), lesson.shows_truth()
    st.download_button(
        "The lesson as one HTML file",
        lambda: handout(found, known, names, show_truth=truth).encode(),
        f"{_show.file_name('lesson', found.run.name)}.html",
        "text/html",
        key="handout",
        icon=":material/download:",
        type="primary",
        on_click="ignore",
    )
    st.markdown(
        f"{len(known.placed)} of {len(known.rows)} pictures were sorted. "
        + ("People's labels are in the file." if truth else "People's labels are not in the file: they are not shown.")
    )


def exercises() -> None:
    """Three questions, their answers folded."""
    st.subheader("Three exercises")
    for number, each in enumerate(EXERCISES, start=1):
        st.markdown(f"**{number}.** {each.question}")
        with st.expander(f"Answer {number}"):
            st.markdown(each.answer)
