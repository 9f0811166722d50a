"""What the answers are worth where there is a ground truth: shown on request only."""

import streamlit as st

from hume import Run
from hume.reporting import figures
from hume.runs import answering, corrected, review
from hume.runs.findings import Findings
from hume.runs.review_state import Review
from pages._sections import batches
from pages._state import ground_truth
from pages._widgets import plots


def section(run: Run) -> None:
    """The accuracy after every ten answers."""
    found = batches.labeled(run)
    if not ground_truth.shows_truth(found.dataset):
        ground_truth.reveal(found.dataset, "accuracy over the answers")
        return
    with st.expander("Accuracy over the answers", icon=":material/trending_up:", on_change="rerun",
                     key="answers accuracy") as opened:  # fmt: skip
        if opened.open:
            _curve(found)


def _curve(found: Findings) -> None:
    run = found.run
    points = []
    for given in answering.milestones(review.read(run)):
        key = (str(run.home), run.name, run.version)
        share = _accuracy(*key, corrected.key(given), found, given)
        if share is not None:
            points.append((len(given.answers), share))
    n, accuracy = zip(*points, strict=True)
    plots.plot(
        figures.answer_curve(n, accuracy),
        "answer curve",
        lambda: (["answers", "accuracy"], points),
        alt="Accuracy of all labels over the number of answers",
        name=plots.file_name(run.name, "answers"),
        height=300,
    )
    st.caption("Against the ground truth, which no answer and no question uses; given labels are counted, too.")


@st.cache_data(max_entries=500, show_spinner="Refining with earlier answers …")
def _accuracy(
    home: str, name: str, version: tuple[int, int], key: str, _found: Findings, _given: Review
) -> float | None:
    return answering.accuracy_after(_found, _given)
