"""Our guesses: the groups of the class compared with the found classes and with people's labels."""

import streamlit as st

from hume.common.formatting import count
from hume.lesson import comparison as comparing
from hume.lesson import guesses
from hume.lesson.comparison import MIN_SORTED, Comparison, Grouping
from hume.lesson.figures.flows import flow_table, flows
from hume.lesson.figures.hands import hands
from hume.lesson.guesses import Guesses
from hume.runs.findings import Findings
from pages._lesson import lesson
from pages._state import runs


def show() -> None:
    lesson.choose_data()
    findings = lesson.needs_a_run()
    if findings is None:
        return
    guessed = guesses.read(lesson.home(), findings.dataset)
    raised_hands(guessed, findings)
    if len(guessed.placed) < MIN_SORTED:
        st.info("Fewer than two pictures are sorted: go back to **Guess** and sort some.", icon=":material/info:")
        return
    comparison = comparing.compare(
        guessed, findings.vote.labeling, findings.dataset.labels if lesson.shows_truth() else None
    )
    columns = comparing.groupings(guessed, comparison, runs.class_names(findings), findings.true_names)
    st.markdown(comparing.summary(comparison))
    lesson.plot(
        flows(columns), "lesson flows", lambda: flow_table(columns),
        alt="Bands from the groups of the class to the found classes" + (" to people's labels" if comparison.true is not
        None else ""), name=f"{findings.run.name}-guesses", height=620,
    )  # fmt: skip
    table(comparison, columns)
    if comparison.true is None and findings.dataset.labels is not None:
        st.markdown("Turn on **Show people's labels** above to see the third column.")


def raised_hands(guessed: Guesses, findings: Findings) -> None:
    """How many kinds the class saw, and the number of classes of the search."""
    if not guessed.hands:
        return
    st.markdown(
        f"The most hands went up for **{guessed.usual_kinds}** kinds. The search was run with "
        f"**{findings.num_classes}** classes (dashed); it does not choose this number."
    )
    lesson.plot(
        hands(guessed.hands, marked=findings.num_classes), "hands beside",
        lambda: (["kinds", "hands"], list(guessed.hands.items())),
        alt="Bars: how many people think that there are so many kinds", name="hands", height=220,
    )  # fmt: skip


def table(comparison: Comparison, columns: list[Grouping]) -> None:
    """Agreement of the groupings, as numbers."""
    st.markdown(f"**Agreement on the {count(len(comparison.rows), 'sorted picture')}**")
    shares = comparing.agreement_table(comparison)
    lines = zip(shares["between"], shares["ACC"], shares["ARI"], shares["NMI"], strict=True)
    rows = "".join(f"\n| {between} | {acc:.2f} | {ari:.2f} | {nmi:.2f} |" for between, acc, ari, nmi in lines)
    st.markdown(f"| between | ACC | ARI | NMI |\n| --- | ---: | ---: | ---: |{rows}")
    st.caption(
        "ACC: share of pictures in matching groups when groups are matched one to one. ARI: agreement on pairs of "
        "pictures, in the same group or not; 0 is chance, 1 is the same grouping. NMI: shared information, 0 to 1."
    )
