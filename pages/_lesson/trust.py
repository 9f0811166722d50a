"""Whom to trust: the vote and the reliable samples of one run, and a pair of spaces on which the search is misled."""

import streamlit as st

from hume.common.formatting import percent
from hume.reporting import figures, sentences
from hume.runs.findings import Findings
from pages._lesson import _hard_case, lesson
from pages._state import runs
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery

NUM_NEIGHBORS = 500  # as the Reliable samples page has it
PER_CLASS = 10
PICTURE = 52  # pixels
SHOWN = 20  # classes


def show() -> None:
    lesson.choose_data()
    found = lesson.needs_a_run()
    if found is not None:
        vote(found)
        reliable(found)
    _hard_case.show()


def vote(found: Findings) -> None:
    """The vote of the n best seeds, for every n."""
    st.subheader("Why vote?")
    truth = lesson.shows_truth()
    curve = found.top_n if truth else found.blind_top_n
    st.markdown(
        f"Nobody can tell without labels which start was lucky. So all of them vote on every picture, after their "
        f"classes were matched. {sentences.voters(found, truth)}"
    )
    header = ["n", *(["acc"] if truth else []), "consistency"]
    columns = [curve.n, *([curve.acc] if truth and curve.acc is not None else []), curve.consistency]
    lesson.plot(
        figures.top_n([(found.run.name, curve)]), "lesson top n", lambda: (header, zip(*columns, strict=True)),
        alt="Line of the vote's agreement over the number of best starts that vote", name=f"{found.run.name}-vote",
    )  # fmt: skip


def reliable(found: Findings) -> None:
    """The samples of every class on which neighbours and votes agree most."""
    st.subheader("Which labels would you train on?")
    others = found.dataset.num_samples - 1
    ranking = runs.ranking(found, min(NUM_NEIGHBORS, others))
    samples, quality = found.reliable_samples(ranking, PER_CLASS)
    words = (
        f"Not all labels are equally sure. These {PER_CLASS} of every class are those on which the nearest neighbours "
        "and the votes agree most."
    )
    if lesson.shows_truth() and quality is not None and found.vote_agreement is not None:
        words += (
            f" **{percent(quality.accuracy)}** of them carry the label people give, of all pictures "
            f"**{percent(found.vote_agreement.acc)}**."
        )
    if found.num_classes > SHOWN:
        words += f" The first {SHOWN} classes are shown."
    st.markdown(words)
    names, halves = runs.class_names(found), st.columns(2, gap="large")
    shown = range(min(found.num_classes, SHOWN))
    for k in shown:
        with halves[k % 2]:
            st.markdown(f"**{plots.plain(names[k])}**")
            tiles = [Tile(row) for row in samples.rows[samples.classes == k].tolist()]
            gallery(tiles, key=f"lesson reliable {k}", dataset=found.dataset, label=names[k], size=PICTURE)
