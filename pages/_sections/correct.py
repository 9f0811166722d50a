"""Corrections from other pages than Answer, each one step that can be undone: of samples and of classes."""

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from hume.reporting import review_sentences
from hume.runs import review
from hume.runs.answering import Answering, Change, estimate
from hume.runs.findings import Findings
from hume.runs.review import MAX_NAME
from hume.runs.review_state import Review
from pages._sections import batches
from pages._state import modes, runs, selection
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery

REJECTED = 12  # pictures of a class
NEW, SELECTED = -2, "a selection"  # a class that is added; what the page Answer asks about


def standing(found: Findings) -> None:
    """What the labeling owes to a person, and how many labels are right by the audit, where there is one."""
    given = runs.read_review(found)
    known = estimate(found, given)
    if found.review is not None or known is not None:
        st.caption(plots.plain(review_sentences.standing(given, known)))


def samples(found: Findings, rows: Sequence[int] | NDArray[np.int64]) -> None:
    """Put selected samples into a class, set them aside or ask about them."""
    given = runs.read_review(found)
    key = f"put {given.version}"  # empty again after every step

    def put() -> None:
        number = st.session_state[key]
        if number is not None:
            take(found, lambda asking: asking.new_class(rows) if number == NEW else asking.answer(rows, number))

    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Put into a class", [*given.classes(found.num_found), NEW], index=None, key=key, on_change=put, width=180,
            format_func=lambda k: "A new class" if k == NEW else given.name(k), placeholder="Put into a class",
            label_visibility="collapsed",
        )  # fmt: skip
        st.button("Set aside", key="set aside", help="They are no samples of this dataset and count in no class.",
                  on_click=take, args=(found, lambda asking: asking.set_aside(rows)))  # fmt: skip
        if st.button("Ask about them", key="ask about", icon=":material/touch_app:"):
            selection.select(found, rows, selection.OTHER)
            st.session_state["ask next"] = SELECTED
            st.switch_page(runs.ANSWER, query_params={})
        undo(found, given)


def rejected(found: Findings, rows: Sequence[int], given: Review) -> None:
    """Say which class each of the rejected samples of a class is of."""
    if rows:
        st.caption("Which class are the rejected ones?")
    with st.container(horizontal=True, gap="small"):
        for row in rows[:REJECTED]:
            with st.container(width=150, gap=None):
                gallery([Tile(row)], key=f"rejected {row}", dataset=found.dataset, label="Rejected", size=40)
                _right_class(found, row, given)


def _right_class(found: Findings, row: int, given: Review) -> None:
    key = f"right class {row} {given.version}"
    others = [k for k in given.classes(found.num_found) if k != found.vote.labeling[row]]

    def put() -> None:
        if st.session_state[key] is not None:
            take(found, lambda asking: asking.answer([row], st.session_state[key]))

    st.selectbox(
        f"Class of sample {row}", others, index=None, key=key, on_change=put,
        format_func=given.name, placeholder="Right class", label_visibility="collapsed",
    )  # fmt: skip


def classes(found: Findings) -> None:
    """Merge, split and name classes."""
    given = runs.read_review(found)
    numbers = given.classes(found.num_found)
    sizes = np.bincount(found.vote.labeling, minlength=max(numbers) + 1)

    def choice(label: str, name: str, index: int = 0) -> int:
        chosen = st.selectbox(
            label, numbers, index, key=f"{name} {found.run.name}", width=220,
            format_func=lambda k: f"{given.name(k)} · {sizes[k]:,}",
        )  # fmt: skip
        return int(chosen)

    with st.expander("Merge, split or name classes", icon=":material/call_merge:"):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            first, second = choice("These two", "merged"), choice("are one class", "merged into it", 1)
            st.button("Merge", key="merge", icon=":material/call_merge:", disabled=first == second,
                      on_click=take, args=(found, lambda asking: asking.merge(first, second)))  # fmt: skip
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            parted = choice("This class is two", "parted")
            st.button("Split", key="split", icon=":material/call_split:",
                      on_click=take, args=(found, lambda asking: asking.split(parted)))  # fmt: skip
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            named = choice("This class", "named")
            field = f"its name {named} {given.names.get(named, '')}"
            st.text_input("is called", given.names.get(named, ""), key=field, max_chars=MAX_NAME, width=220,
                          on_change=_name, args=(found, named, field))  # fmt: skip
            undo(found, given)


def undo(found: Findings, given: Review) -> None:
    """Take back the last step."""
    last = given.steps[-1] if given.steps else None
    st.button(
        "Undo", icon=":material/undo:", key="undo correction", disabled=last is None, on_click=batches.undo,
        args=(found.run,),
        help=None if last is None else f"Takes back: {plots.plain(review_sentences.step(last, given))}.",
    )  # fmt: skip
    if given.undone:
        st.button("Redo", icon=":material/redo:", key="redo correction", on_click=batches.redo,
                  args=(found.run,))  # fmt: skip


def _name(found: Findings, number: int, key: str) -> None:
    batches.attempt(lambda: review.name_class(found.run, number, st.session_state[key]))


def take(found: Findings, step: Callable[[Answering], Change]) -> None:
    """Take a step, say what it moved, and show the corrected labeling."""

    def take() -> None:
        change = step(Answering(batches.labeled(found.run)))
        now = runs.read_review(found)
        done = review_sentences.step(now.steps[-1], now)
        st.toast(plots.plain(f"{done}. {review_sentences.moved(change.flows, now)}"), icon=":material/check_circle:")

    if batches.attempt(take) and runs.read_review(found).corrects:
        modes.choose(found.run.name, None)
        st.session_state["labeling"] = "corrected"
