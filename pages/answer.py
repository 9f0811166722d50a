"""Answer: which class is this?"""

import streamlit as st

from hume import Run
from hume.common.errors import InputError
from hume.common.formatting import count
from hume.reporting import review_sentences
from hume.runs import review
from hume.runs.answering import Change
from hume.runs.corrected import check_classes
from hume.runs.findings import Findings
from hume.runs.review_state import Review
from pages._sections import answer_accuracy, answer_history, audit, batches, question, which
from pages._sections.batches import About, Batch
from pages._sections.correct import SELECTED
from pages._state import runs
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery
from pages._widgets.pairs import pairs

IMPROVE, AUDIT = "better labels", "an audit"
LEAST, ONE = "least certain", "one class"
FLOWS, MOVED = 6, 12  # largest flows, and pictures of each
SIZE = 48  # pixels


def main() -> None:
    st.title("Which class is this?")
    found = runs.finished_run()
    run = found.run
    try:
        with st.spinner("Preparing both spaces …", show_time=True):
            check_classes(found.stage, found.num_found)
    except InputError as error:
        st.info(f"Answers cannot improve this labeling: {error}.", icon=":material/info:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        mode = st.segmented_control(
            "Answers are for", [IMPROVE, AUDIT], default=IMPROVE, required=True, key="answering", bind="query-params",
            help="An audit asks about samples drawn at random, and estimates how many labels are correct.",
        )  # fmt: skip
        about = About(audit=True) if mode == AUDIT else _about(found)
    if about is None:
        st.info("Nothing is selected on the map yet.", icon=":material/gesture_select:")
        st.page_link(runs.EXPLORE, label="Select samples on the map", icon=":material/hub:")
    elif about.audit:
        audit.section(run, about)
    else:
        improve(run, about)
    answer_accuracy.section(run)
    answer_history.section(run)


def improve(run: Run, about: About) -> None:
    """Ten questions, then what their answers changed."""
    asked, given = batches.batch(run, about), review.read(run)
    left = asked.left(given)
    done = len(asked.rows) - len(left)
    so_far = f"{count(len(given.answers), 'answer')} so far"
    if left:
        st.progress(done / len(asked.rows), text=f"Question {done + 1} of {len(asked.rows)} · {so_far}")
        question.ask(asked, left[0], given)
    elif asked.rows:
        st.progress(1.0, text=f"{count(done, 'question')} answered or skipped · {so_far}")
        _changed(asked, given)
    else:
        st.success("No sample is left to ask about here.", icon=":material/check_circle:")
        question.undo(asked, given)


def _about(found: Findings) -> About | None:
    """What to ask about; None where nothing is chosen yet."""
    run = found.run
    if "ask next" in st.session_state:
        st.session_state["ask"] = st.session_state.pop("ask next")
    ask = st.segmented_control(
        "Ask about", [LEAST, ONE, SELECTED], default=LEAST, required=True, key="ask", bind="query-params",
        help="Samples between two classes, spread over the classes and the space: of all, of one class, or of a "
        "selection on the page Explore.",
    )  # fmt: skip
    if ask == ONE:
        given = review.read(run)
        classes = given.classes(run.request.config.num_classes)
        return About(of_class=st.selectbox("Class", classes, key="asked class", format_func=given.name, width=200))
    if ask == SELECTED:
        rows = which.choice(found, "asked about", every=False)
        return About(among=tuple(rows.tolist())) if rows is not None and len(rows) else None
    return About()


def _changed(asked: Batch, given: Review) -> None:
    """What the answers of a batch moved, with pictures, and the way on."""
    now = batches.labeled(asked.found.run)
    moved = asked.changed()
    st.markdown(f"**{plots.plain(review_sentences.moved(moved.flows, given))}**")
    with st.container(horizontal=True):
        st.button("Next questions", type="primary", icon=":material/arrow_forward:", key="next", shortcut="Enter",
                  on_click=batches.next_batch, args=(now.run, asked.about))  # fmt: skip
        question.undo(asked, given)
        st.page_link(runs.EXPLORE, label="See them on the map", icon=":material/hub:")
    _flows(now, moved, given)


def _flows(now: Findings, moved: Change, given: Review) -> None:
    flows = enumerate(moved.flows[:FLOWS])
    for (i, (before, after, number)), column in zip(flows, pairs(gap="large"), strict=False):
        rows = moved.rows[(moved.before == before) & (moved.after == after)][:MOVED]
        title = f"{given.name(before)} → {given.name(after)}"
        with column:
            st.markdown(f"**{plots.plain(title)}** · {count(number, 'sample')}")
            tiles = [Tile(int(row)) for row in rows]
            gallery(tiles, key=f"moved {i}", dataset=now.dataset, label=title, size=SIZE)


main()
