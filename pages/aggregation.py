"""Figures 3a and F1: how many seeds does the vote need?"""

import streamlit as st

from hume.reporting import difference_sentences, figures, sentences
from hume.runs.findings import Findings
from pages._state import ground_truth, runs, services
from pages._widgets import plots


def main() -> None:
    st.title("How many seeds does the vote need?")
    found = runs.finished_run()
    st.markdown(sentences.voters(found, ground_truth.shows_truth(found.dataset)))
    others = runs.other_runs(found.run.name, found.run.request.dataset)
    compared = []
    if others:
        compared = st.multiselect("Compare with other runs on the same data", others, key="beside", bind="query-params")
    shown = [found, *(runs.findings(services.services().store.open(name)) for name in compared)]
    truth = all(ground_truth.shows_truth(each.dataset) for each in shown)
    curves = [(each.run.name, each.top_n if truth else each.blind_top_n) for each in shown]
    first = sentences.first_ranked(*shown)
    plots.plot(
        figures.top_n(curves, [sentences.curve_end(each) for each in shown], first=first),
        "top n",
        lambda: table(shown, truth),
        alt=f"Lines of the vote's {'accuracy' if truth else 'consistency'} over the number of {first} seeds that vote",
        name=plots.file_name(found.run.name, "aggregation"),
        height=480,
    )
    if len(shown) > 1:
        settings = difference_sentences.own_settings([each.run for each in shown])
        lines = [
            f"**{plots.plain(each.run.name)}** {plots.plain(text)}" for each, text in zip(shown, settings, strict=True)
        ]
        st.markdown(" · ".join(lines))
    st.caption(sentences.curve(found, first))
    if not truth:
        ground_truth.reveal(found.dataset, "how right the votes are")


def table(shown: list[Findings], truth: bool) -> plots.Table:
    """The curves of all runs, one row a run and number of seeds."""
    header = ["run", "n", *(["acc", "ari"] if truth else []), "consistency"]
    rows = []
    for each in shown:
        curve = each.top_n
        columns = [curve.n, *([curve.acc, curve.ari] if truth else []), curve.consistency]
        rows += [
            [each.run.name, *values] for values in zip(*(c.tolist() for c in columns if c is not None), strict=True)
        ]
    return header, rows


main()
