"""The frame of every step: the way through the lesson, large type, notes for the presenter."""

from collections.abc import Callable, Mapping
from functools import partial, update_wrapper

import streamlit as st

from hume.lesson.plan import PARTS, Part
from pages._lesson import compare, fit, guess, handout, moves, seeds, trust
from pages._state import errors

STEPS: Mapping[str, Callable[[], None]] = {
    "guess": guess.show,
    "fit": fit.show,
    "moves": moves.show,
    "seeds": seeds.show,
    "trust": trust.show,
    "compare": compare.show,
    "handout": handout.show,
}
# A lesson is read from the last row: larger type, and no pale words.
STYLE = """<style>
.stMain .stMarkdown :is(p, li, th, td), .stMain .stAlert p { font-size: 1.25rem; line-height: 1.55; }
.stMain [data-testid="stCaptionContainer"], .stMain [data-testid="stCaptionContainer"] p {
  font-size: 1.05rem; color: var(--text-color, inherit); opacity: 1;
}
.stMain :is([data-testid="stWidgetLabel"], button, summary, [data-testid="stPageLink"]) p { font-size: 1.1rem; }
.stMain .st-key-lesson-way p { font-size: 1rem; font-weight: 600; }
</style>"""


def pages() -> list[st.Page]:
    """A page a step, each with an address of its own; the menu shows the first."""
    return [_page(part) for part in PARTS]


def _page(part: Part) -> st.Page:
    run: Callable[[], None] = partial(_show, part)
    first = part is PARTS[0]
    return st.Page(
        update_wrapper(run, _show),
        title="Lesson" if first else part.title,
        icon=":material/school:" if first else None,
        url_path="learn" if first else f"learn-{part.key}",
        visibility="visible" if first else "hidden",
    )


def _show(part: Part) -> None:
    st.html(STYLE)
    place = PARTS.index(part)
    links = pages()
    with st.container(horizontal=True, key="lesson-way"):
        for i, (each, link) in enumerate(zip(PARTS, links, strict=True)):
            st.page_link(link, label=f"{i + 1} · {each.title}")
    st.title(part.question)
    errors.guard(STEPS[part.key])
    _notes(part)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        if place > 0:
            st.page_link(links[place - 1], label=f"Back: {PARTS[place - 1].title}", icon=":material/arrow_back:")
        if place + 1 < len(PARTS):
            st.page_link(
                links[place + 1], label=f"Next: {PARTS[place + 1].title}", icon=":material/arrow_forward:",
                icon_position="right",
            )  # fmt: skip


def _notes(part: Part) -> None:
    st.divider()
    with st.expander(f"For the presenter · about {part.minutes} min", icon=":material/speaker_notes:"):
        st.markdown("\n".join(f"- {line}" for line in part.notes))
