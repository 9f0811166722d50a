"""The frame of every step, with navigation and large type, and the page of the presenter's notes."""

from collections.abc import Callable, Mapping
from functools import partial, update_wrapper

import streamlit as st

from hume.lesson.plan import STEPS, Step
from pages._lesson import answers, compare, fit, guess, handout, moves, seeds, trust
from pages._state import errors

SHOW: Mapping[str, Callable[[], None]] = {
    "guess": guess.show,
    "fit": fit.show,
    "moves": moves.show,
    "seeds": seeds.show,
    "trust": trust.show,
    "compare": compare.show,
    "answers": answers.show,
    "handout": handout.show,
}
NOTES = "learn-notes"  # the address of the notes
# A lesson is read from the last row: larger type, and no pale text.
STYLE = """<style>
.stMain .stMarkdown :is(p, li, th, td), .stMain .stAlert p { font-size: 1.25rem; line-height: 1.55; }
.stMain [data-testid="stCaptionContainer"], .stMain [data-testid="stCaptionContainer"] p {
  font-size: 1.05rem; color: var(--text-color, inherit); opacity: 1;
}
.stMain :is([data-testid="stWidgetLabel"], button, summary, [data-testid="stPageLink"]) p { font-size: 1.1rem; }
.stMain .st-key-lesson-way p { font-size: 1rem; font-weight: 600; }
.stMain .katex-display { overflow-x: auto; overflow-y: hidden; padding: 0.2rem 0; }
@media (max-width: 640px) { .stMain .katex-display { font-size: 0.7em; } }
</style>"""


def pages() -> list[st.Page]:
    """A page a step, each with an address of its own, and the notes; the menu shows the first."""
    return [*_steps(), st.Page(_notes, title="Presenter's notes", url_path=NOTES, visibility="hidden")]


def _steps() -> list[st.Page]:
    return [_page(step) for step in STEPS]


def _page(step: Step) -> st.Page:
    run: Callable[[], None] = partial(_show, step)
    first = step is STEPS[0]
    return st.Page(
        update_wrapper(run, _show),
        title="An interactive lesson" if first else step.title,
        icon=":material/school:" if first else None,
        url_path="learn" if first else f"learn-{step.key}",
        visibility="visible" if first else "hidden",
    )


def _show(step: Step) -> None:
    st.html(STYLE)
    position = STEPS.index(step)
    links = _steps()
    with st.container(horizontal=True, key="lesson-way"):
        for i, (other, link) in enumerate(zip(STEPS, links, strict=True)):
            st.page_link(link, label=f"{i + 1} · {other.title}")
    st.title(step.question)
    errors.guard(SHOW[step.key])
    st.divider()
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        if position > 0:
            st.page_link(links[position - 1], label=f"Back: {STEPS[position - 1].title}", icon=":material/arrow_back:")
        if position + 1 < len(STEPS):
            st.page_link(
                links[position + 1], label=f"Next: {STEPS[position + 1].title}", icon=":material/arrow_forward:",
                icon_position="right",
            )  # fmt: skip
    # In a tab of its own, which stays off the projector.
    st.link_button("Presenter's notes", NOTES, icon=":material/speaker_notes:", type="tertiary")


def _notes() -> None:
    """What to say at every step, for the presenter's own screen."""
    st.title("What do I say?")
    st.caption(f"For the presenter's own screen: about {sum(step.minutes for step in STEPS)} minutes in all.")
    for i, (step, link) in enumerate(zip(STEPS, _steps(), strict=True), start=1):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.page_link(link, label=f"**{i} · {step.title}**")
            st.caption(f"about {step.minutes} min")
        st.markdown("\n".join([f"*{step.question}*", "", *(f"- {line}" for line in step.notes)]))
