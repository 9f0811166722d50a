"""Guess: unlabeled pictures, sorted by the class."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from hume.common.errors import HumeError
from hume.data.dataset import Dataset
from hume.lesson import guesses
from hume.lesson.figures.hands import hands
from hume.lesson.guesses import LONGEST_NAME, MOST_GROUPS, MOST_HANDS, Guesses
from pages._lesson import lesson
from pages._widgets.bins import bins

PICTURE = 68  # pixels
MOST_KINDS = 1000
FIELDS = ("lesson kinds", "lesson hands", "lesson groups", "lesson name")  # what their keys begin with


def show() -> None:
    lesson.choose_data()
    data = lesson.data()
    st.markdown(
        "These pictures are shown without labels. **How many kinds of things do you see, and which belong together?** "
        "There is no wrong answer yet: at the end your guesses are compared with the classes that the search finds."
    )
    with st.container():  # of its own, so that the pictures below stay where they are when the plot appears
        hands_up(data)
    sort(data)


def hands_up(data: Dataset) -> None:
    """How many kinds does the class see? Counted by hands."""
    st.subheader("How many kinds are there?")
    known = guesses.read(lesson.home(), data)
    with st.form("lesson hands", border=False):
        left, middle, right = st.columns([1, 1, 1], vertical_alignment="bottom")
        kinds = int(left.number_input("Kinds", 1, MOST_KINDS, known.usual_kinds or 5, key=f"lesson kinds {data.name}"))
        raised = int(middle.number_input("Hands for it", 0, MOST_HANDS, 1, key=f"lesson hands {data.name}"))
        noted = right.form_submit_button("Save hands", icon=":material/front_hand:", key="note hands")
    if noted:
        _do(guesses.raise_hands, data, kinds, raised)
        st.rerun()
    if known.hands:
        total = sum(known.hands.values())
        lesson.plot(
            hands(known.hands),
            "hands",
            lambda: (["kinds", "hands"], list(known.hands.items())),
            alt="Bars: how many people think that there are so many kinds",
            name="hands",
            height=240,
        )
        kinds = known.usual_kinds or 0
        st.markdown(
            f"The most hands, {known.hands[kinds]} of {total}, say **{kinds}** (the smallest where several are equal)."
        )


def sort(data: Dataset) -> None:
    """Pictures to be dragged or clicked into groups."""
    st.subheader("Which belong together?")
    known = guesses.read(lesson.home(), data)
    left, right = st.columns([1, 3], vertical_alignment="bottom")
    field = f"lesson groups {data.name} {len(known.names)}"  # renewed by another tab's change
    least = max([2, *(group + 1 for group in known.placed.values())])  # only empty groups can be removed
    left.number_input(
        "Groups", least, MOST_GROUPS, len(known.names), key=field,
        help="Only an empty group can be removed.",
        on_change=lambda: _do(guesses.set_groups, data, int(st.session_state[field])),
    )  # fmt: skip
    right.caption(
        "Drag a picture into a group, or click it and then the group's name. By keyboard: Tab to the pictures, arrow "
        "keys to move, a digit to sort, 0 to undo."
    )
    bins(
        known.rows, known.shown_names, known.placed, key="lesson bins", dataset=data, size=PICTURE,
        on_move=lambda row, group: _do(guesses.place, data, row, group),
    )  # fmt: skip
    names(data, known)
    sorted_now = len(known.placed)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{sorted_now} of {len(known.rows)}** pictures are sorted.")
        with st.popover("Start over", icon=":material/restart_alt:", disabled=known == guesses.Guesses(known.rows)):
            st.markdown("Delete all groups, names and hands?")
            st.button("Delete", key="forget guesses", on_click=_forget, args=(data,))


def names(data: Dataset, known: Guesses) -> None:
    """Fields for the names of the groups."""
    with st.expander("Name the groups"):
        columns = st.columns(3)
        for group, name in enumerate(known.names):
            field = f"lesson name {data.name} {group} {name}"
            columns[group % 3].text_input(
                f"Group {group + 1}", name, max_chars=LONGEST_NAME, key=field,
                on_change=_name, args=(data, group, field),
            )  # fmt: skip


def _name(data: Dataset, group: int, field: str) -> None:
    _do(guesses.name_group, data, group, st.session_state[field])


def _do(change: Callable[..., Guesses], data: Dataset, *values: Any) -> None:
    """Change the guesses that are saved in the home folder; an error that the user can fix is shown."""
    try:
        change(lesson.home(), data, *values)
    except HumeError as error:
        st.toast(str(error), icon=":material/error:")


def _forget(data: Dataset) -> None:
    for key in [key for key in st.session_state if str(key).startswith(FIELDS)]:
        del st.session_state[key]
    _do(guesses.start_over, data)
