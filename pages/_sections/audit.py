"""The audit: samples drawn at random, labeled by a person, estimate the share of correct labels."""

import numpy as np
import streamlit as st

from hume import Run
from hume.common.formatting import count
from hume.evaluation import audit
from hume.evaluation.audit import Audit
from hume.reporting import review_sentences
from hume.runs import review
from hume.runs.answering import Answering, estimate
from hume.runs.findings import Findings
from hume.runs.review_state import Review
from pages._sections import batches, question
from pages._sections.batches import About
from pages._widgets import plots

FEWEST, MOST = 20, 50  # samples, unless there are more classes


def section(run: Run, about: About) -> None:
    """Draw, ask, and say what follows."""
    given = review.read(run)
    if not given.drawn:
        st.markdown(
            "An audit draws samples at random and asks about each. The answers are kept apart from those that improve "
            "the labels; they estimate how many labels are correct, without any ground truth."
        )
        _draw(batches.labeled(run), first=True)
        return
    asked = batches.batch(run, about)
    left = asked.left(given)
    done = len(asked.rows) - len(left)
    if left:
        st.progress(done / len(asked.rows), text=f"Audit: sample {done + 1} of {len(asked.rows)}")
        question.ask(asked, left[0], given)
        return
    known = estimate(asked.found, given)
    if known is not None:
        _result(known, given)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        question.undo(asked, given)
    _draw(asked.found, first=False)


def _draw(found: Findings, *, first: bool) -> None:
    """Choose the number of samples and draw them."""
    classes = len(np.unique(found.vote.labeling))
    most = min(found.dataset.num_samples, max(MOST, 2 * classes))
    fewest = min(most, max(FEWEST, classes))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        number = st.number_input(
            "Samples", fewest, most, min(most, max(fewest, audit.NUMBER)), key=f"audit size {found.run.name}",
            width=140,
        )  # fmt: skip
        st.button(
            "Draw samples" if first else "Draw another audit", type="primary" if first else "secondary",
            icon=":material/casino:", key="draw audit", on_click=_drawn, args=(found, int(number)),
            help=None if first else "Replaces this audit; undo brings it back.",
        )  # fmt: skip


def _drawn(found: Findings, number: int) -> None:
    batches.attempt(lambda: Answering(found).draw_audit(number))


def _result(known: Audit, given: Review) -> None:
    st.markdown(f"**{plots.plain(review_sentences.audit(known))}**")
    classes = list(known.classes.items())

    def column(values: list[float]) -> list[float]:
        return [round(100 * value, 1) for value in values]

    st.dataframe(
        {
            "class": [given.name(k) for k, _ in classes],
            "audited": [each.n for _, each in classes],
            "correct, %": column([each.share for _, each in classes]),
            "from, %": column([each.low for _, each in classes]),
            "to, %": column([each.high for _, each in classes]),
        },
        hide_index=True,
    )
    st.caption(
        f"95 % intervals; with {count(known.overall.n, 'sample')} in all, those of single classes are wide. Samples "
        "count for the share of their class in the dataset."
    )
