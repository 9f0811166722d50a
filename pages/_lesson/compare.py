"""Our guesses: the groups of the class, the found classes and people's labels, side by side."""

import streamlit as st

from hume.common.formatting import count
from hume.lesson import beside as compared
from hume.lesson import guesses
from hume.lesson.beside import LEAST_SORTED, Beside, Grouping
from hume.lesson.figures.flows import flow_table, flows
from hume.lesson.figures.hands import hands
from hume.lesson.guesses import Guesses
from hume.runs.findings import Findings
from pages._lesson import lesson
from pages._state import runs


def show() -> None:
    lesson.choose_data()
    found = lesson.needs_a_run()
    if found is None:
        return
    known = guesses.read(lesson.home(), found.dataset)
    raised_hands(known, found)
    if len(known.placed) < LEAST_SORTED:
        st.info("The class has sorted no pictures yet: go back to **Guess** and sort some.", icon=":material/info:")
        return
    beside = compared.compare(known, found.vote.labeling, found.dataset.labels if lesson.shows_truth() else None)
    columns = compared.groupings(known, beside, runs.class_names(found), found.true_names)
    st.markdown(compared.in_words(beside))
    lesson.plot(
        flows(columns), "lesson flows", lambda: flow_table(columns),
        alt="Bands from the groups of the class to the found classes" + (" to people's labels" if beside.true is not
        None else ""), name=f"{found.run.name}-guesses", height=620,
    )  # fmt: skip
    table(beside, columns)
    if beside.true is None and found.dataset.labels is not None:
        st.markdown("Turn on **Show people's labels** above to see the third column.")


def raised_hands(known: Guesses, found: Findings) -> None:
    """How many kinds the class saw, and how many classes the search was asked for."""
    if not known.hands:
        return
    st.markdown(
        f"The most hands went up for **{known.usual_kinds}** kinds. The search was asked for **{found.num_classes}** "
        "(dashed); it does not choose this number itself."
    )
    lesson.plot(
        hands(known.hands, found=found.num_classes), "hands beside",
        lambda: (["kinds", "hands"], list(known.hands.items())),
        alt="Bars: how many people think that there are so many kinds", name="hands", height=220,
    )  # fmt: skip


def table(beside: Beside, columns: list[Grouping]) -> None:
    """How alike the groupings are, in figures."""
    st.markdown(f"**How alike, on the {count(len(beside.rows), 'sorted picture')}**")
    shares = compared.agreement_table(beside)
    lines = zip(shares["between"], shares["ACC"], shares["ARI"], shares["NMI"], strict=True)
    rows = "".join(f"\n| {between} | {acc:.2f} | {ari:.2f} | {nmi:.2f} |" for between, acc, ari, nmi in lines)
    st.markdown(f"| between | ACC | ARI | NMI |\n| --- | ---: | ---: | ---: |{rows}")
    st.caption(
        "ACC: the share of pictures in matching groups when groups are matched one to one. ARI: agreement on pairs of "
        "pictures, together or apart; 0 is chance, 1 is the same grouping. NMI: shared information, 0 to 1."
    )
