"""What is reliable: the vote and the reliable samples of a run, and a pair of spaces on which the search is misled."""

import streamlit as st

from hume.common.formatting import percent
from hume.reporting import figures, sentences
from hume.runs.findings import Findings
from pages._lesson import _hard_case, lesson
from pages._state import runs
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery
from pages._widgets.pairs import pairs

PER_CLASS = 10
PICTURE = 52  # pixels
SHOWN = 20  # classes


def show() -> None:
    lesson.choose_data()
    findings = lesson.needs_a_run()
    if findings is not None:
        vote(findings)
        reliable(findings)
    _hard_case.show()


def vote(findings: Findings) -> None:
    """The vote of the n first-ranked seeds, for every n."""
    st.subheader("Why vote?")
    truth = lesson.shows_truth()
    curve = findings.top_n if truth else findings.blind_top_n
    first, V = sentences.first_ranked(findings), len(findings.voters)
    some = f"{V} of them, chosen without labels, {'votes' if V == 1 else 'vote'}"
    who = "all of them vote" if len(findings.seeds) == V else some
    st.markdown(
        f"Without labels the most accurate seed is unknown. So {who} on every picture, after their classes "
        f"are matched. {sentences.voters(findings, truth)}"
    )
    header = ["n", *(["acc"] if truth else []), "consistency"]
    columns = [curve.n, *([curve.acc] if truth and curve.acc is not None else []), curve.consistency]
    lesson.plot(
        figures.top_n([(findings.run.name, curve)], [sentences.curve_end(findings)], first=first), "lesson top n",
        lambda: (header, zip(*columns, strict=True)),
        alt=f"Line of the vote's agreement over the number of {first} seeds that vote",
        name=f"{findings.run.name}-vote",
    )  # fmt: skip


def reliable(findings: Findings) -> None:
    """The samples of every class on which neighbours and votes agree most."""
    st.subheader("Which labels are good for training?")
    ranking = runs.ranking(findings)
    samples, quality = findings.reliable_samples(ranking, PER_CLASS)
    text = (
        f"Not all labels are equally reliable. These are the {PER_CLASS} of every class on which the nearest "
        "neighbours and the votes agree most."
    )
    if lesson.shows_truth() and quality is not None and findings.vote_agreement is not None:
        text += (
            f" **{percent(quality.accuracy)}** of them carry the label people give, of all pictures "
            f"**{percent(findings.vote_agreement.acc)}**."
        )
    if findings.num_classes > SHOWN:
        text += f" The first {SHOWN} classes are shown."
    st.markdown(text)
    names = runs.class_names(findings)
    for k, column in zip(range(min(findings.num_classes, SHOWN)), pairs(gap="large"), strict=False):
        with column:
            st.markdown(f"**{plots.plain(names[k])}**")
            tiles = [Tile(row) for row in samples.rows[samples.classes == k].tolist()]
            gallery(tiles, key=f"lesson reliable {k}", dataset=findings.dataset, label=names[k], size=PICTURE)
