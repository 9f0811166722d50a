"""One question: a picture, its neighbours in both spaces, and the classes to choose from."""

from collections.abc import Callable
from typing import Literal

import streamlit as st

from hume.common.formatting import count
from hume.reporting import review_sentences
from hume.runs.findings import Findings
from hume.runs.review import MAX_NAME
from hume.runs.review_state import NONE, Review
from pages._sections import batches
from pages._sections.batches import TYPICAL, Batch
from pages._state import ground_truth, runs
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery

LARGE, SMALL = 200, 38  # pixels
NEIGHBORS = 8
FEW = 12  # classes that all have a button
LIKELY = 10  # classes with a button where there are more
WIDTH = 156  # of a class, pixels


def ask(asked: Batch, row: int, given: Review) -> None:
    """Ask about a sample; every answer is a step of the review."""
    found = asked.found
    left, right = st.columns([3, 5], gap="small")
    with left:
        _sample(found, row)
        if not asked.about.audit:  # which nothing that was found of it should sway
            st.page_link(runs.EXPLORE, label="Open on Explore", icon=":material/hub:",
                         query_params={"sample": str(row)})  # fmt: skip
    with right:
        _classes(asked, row, given)
        _otherwise(asked, row, given)
        _neighbors(found, row)


def _sample(found: Findings, row: int) -> None:
    files = ground_truth.file_names(found.dataset)
    gallery([Tile(row)], key="asked", dataset=found.dataset, label="Which class is this?", size=LARGE)
    st.caption(f"Sample {row}" + (f" · {plots.plain(files[row])}" if files else ""))


def _neighbors(found: Findings, row: int) -> None:
    request = found.run.request
    spaces: dict[Literal["phi1", "phi2"], str] = {"phi1": f"φ1 ({request.phi1})", "phi2": f"φ2 ({request.phi2})"}
    for column, (space, name) in zip(st.columns(2, gap="small"), spaces.items(), strict=True):
        title = f"Nearest in {name}"
        near = found.neighbors(row, space, NEIGHBORS).tolist()
        with column, st.container(gap="xxsmall"):
            st.caption(plots.plain(title))
            gallery([Tile(each) for each in near], key=f"near {space}", dataset=found.dataset, label=title, size=SMALL)


def _classes(asked: Batch, row: int, given: Review) -> None:
    """A button for every class, or for the most likely ones of many."""
    classes = given.classes(asked.found.num_found)
    likely = [k for k in asked.likely(row) if k in classes]
    few = len(classes) <= FEW
    shown = classes if few else sorted(likely[:LIKELY]) if asked.about.audit else likely[:LIKELY]
    with st.container(horizontal=True, gap="small"):
        for place, k in enumerate(shown):
            # The key of a class is its number where all have one, so that "3" means class 3.
            key = str(k if few else (place + 1) % 10) if (few and k < 10) or not few else None
            marked = few and not asked.about.audit and likely[:1] == [k]
            with st.container(width=WIDTH, gap=None):
                st.button(
                    plots.plain(given.name(k)),
                    key=f"say {row} {k}",
                    shortcut=key,
                    width="stretch",
                    type="primary" if marked else "secondary",
                    help="The most likely class" if marked else None,
                    on_click=batches.say,
                    args=(asked, row, k),
                )
                tiles = [Tile(each) for each in _typical(asked, given, k)]
                gallery(tiles, key=f"of class {k}", dataset=asked.found.dataset, label=given.name(k), size=SMALL)
    if not few:
        any_class(f"any {row}", classes, given.name, lambda k: batches.say(asked, row, k))


def _typical(asked: Batch, given: Review, k: int) -> list[int]:
    if k < len(asked.typical) and asked.typical[k, 0] >= 0:
        return [int(row) for row in asked.typical[k] if row >= 0]
    return [row for row, number in given.answers.items() if number == k][:TYPICAL]  # it is new


def any_class(key: str, classes: list[int], name: Callable[[int], str], choose: Callable[[int], None]) -> None:
    """All classes by name, where they are too many for a button each."""

    def chosen() -> None:
        if st.session_state[key] is not None:
            choose(int(st.session_state[key]))

    st.selectbox(
        f"Any of the {count(len(classes), 'class', 'classes')}", classes, index=None, key=key, on_change=chosen,
        format_func=name, placeholder="Choose a class",
    )  # fmt: skip


def _otherwise(asked: Batch, row: int, given: Review) -> None:
    """What else can be said of a sample."""
    naming = f"new class {row}"
    with st.container(horizontal=True, gap="small"):
        if asked.about.audit:
            st.button("None of these", key=f"none {row}", shortcut="N", on_click=batches.say, args=(asked, row, NONE))
        else:
            st.button("Skip", key=f"skip {row}", shortcut="S", on_click=batches.skip, args=(asked, row))
            st.button("None of these", key=f"none {row}", shortcut="N", help="A class that was not found",
                      on_click=_name_it, args=(naming,))  # fmt: skip
            st.button("Set aside", key=f"aside {row}", shortcut="X", help="Not a sample of this dataset: it counts in "
                      "no class.", on_click=batches.say, args=(asked, row, NONE))  # fmt: skip
        undo(asked, given)
    if st.session_state.get(naming):
        with st.form(f"form {row}"):
            st.text_input("Name of the new class", key=f"name {row}", placeholder="optional", max_chars=MAX_NAME)
            st.form_submit_button("Add the class", on_click=_add, args=(asked, row))


def _name_it(naming: str) -> None:
    st.session_state[naming] = True


def _add(asked: Batch, row: int) -> None:
    name = st.session_state.get(f"name {row}", "")
    if batches.attempt(lambda: asked.asking.new_class([row], name)):
        st.session_state.pop(f"new class {row}", None)


def undo(asked: Batch, given: Review) -> None:
    """Take back the last step, as far as the first."""
    last = given.steps[-1] if given.steps else None
    st.button(
        "Undo", icon=":material/undo:", key="undo", shortcut="Ctrl+Z", disabled=last is None,
        on_click=batches.undo, args=(asked.found.run, asked),
        help=None if last is None else f"Takes back: {plots.plain(review_sentences.step(last, given))}.",
    )  # fmt: skip
