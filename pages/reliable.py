"""Reliable samples (Algorithm G1): which labels can be trained on?"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import Any, get_args

import numpy as np
import streamlit as st

from hume import Run, reliability_curve
from hume.common.errors import HumeError
from hume.common.formatting import percent
from hume.evaluation.reliable import Order, ReliabilityRanking, ReliabilityStatistics, ReliableSamples
from hume.exchange.export.labeled_index import labeled_zip
from hume.reporting import figures, review_sentences, sentences
from hume.runs import review
from hume.runs.findings import RELIABLE_COLUMNS, Findings, RowChoice
from hume.runs.review_state import Review
from pages._sections import by_key, correct, export, name_proposals, semi_supervised, which
from pages._state import ground_truth, runs
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery

MIXED = 0.5  # median share of agreeing neighbours below which a class is called mixed
MOST_PER_CLASS, MOST_NEIGHBORS = 500, 1000  # of the sliders; the command line has no bound
SHOWN = 60  # pictures a class before `Show all`
ORDERS = {"algorithm": "neighbours, then votes (Algorithm G1)", "prose": "votes, then neighbours (Appendix G's text)"}


def main() -> None:
    st.title("Which labels can be trained on?")
    found = runs.finished_run()
    by_key.follow(found)
    per_class, num_neighbors, order, rows = settings(found)
    among = which.choice(found, "among", label="Only samples of")
    ranking = runs.ranking(found, num_neighbors, order, rows)
    samples, quality = found.reliable_samples(ranking, per_class, rows, among)
    given = runs.read_review(found)
    st.markdown(answer(found, samples, quality, given))
    correct.standing(found)
    if ranking.neighbor_recall is not None:
        st.caption(sentences.neighbors(ranking))
    warnings(found, ranking, samples, given)
    exports(found, samples, given, per_class)
    name_proposals.section(found)
    left, right = st.columns([3, 2], gap="large")
    with left:
        galleries(found, samples, given)
    with right:
        if quality is not None and ground_truth.shows_truth(found.dataset):
            statistics(found, ranking, samples, quality, per_class, rows)
        else:
            ground_truth.reveal(found.dataset, "how right these samples are")
    semi_supervised.section(found, num_neighbors, order)
    by_key.listen(found, by_key.RELIABLE)


def settings(found: Findings) -> tuple[int, int, Order, RowChoice]:
    """The choices of Algorithm G1; the same as the command line's."""
    row = st.columns([5, 4, 5, 3])
    others = max(1, found.dataset.num_samples - 1)
    most = max(1, found.dataset.num_samples // len(found.classes))
    most = max(2, min(most, MOST_PER_CLASS))
    per_class = row[0].slider(
        "Samples per class", 1, most, min(25, most), key="per_class", bind="query-params", help="N_k of Algorithm G1."
    )
    num_neighbors = row[1].slider(
        "Neighbours", 1, max(2, min(others, MOST_NEIGHBORS)), min(found.default_neighbors, others),
        key="neighbors", bind="query-params",
        help="Nearest neighbours of every sample in φ1; at first half of an even class, at most the paper's 500.",
    )  # fmt: skip
    order: Order = row[2].selectbox(
        "Most reliable first by", get_args(Order), format_func=lambda key: ORDERS[key], key="order", bind="query-params"
    )
    choices: list[RowChoice] = ["all"] if found.dataset.test_rows is None else list(get_args(RowChoice))
    rows: RowChoice = row[3].selectbox("Rows", choices, key="rows_of", bind="query-params", disabled=len(choices) == 1)
    return int(per_class), int(num_neighbors), order, rows


def answer(found: Findings, samples: ReliableSamples, quality: ReliabilityStatistics | None, given: Review) -> str:
    """How many samples are kept and, where it may be shown, their accuracy."""
    kept = int((~np.isin(samples.rows, list(given.rejected))).sum())
    text = f"**{kept} of {len(samples.rows)}** reliable samples are kept"
    if quality is None or not ground_truth.shows_truth(found.dataset):
        return text + "."
    return text + (
        f"; **{percent(quality.accuracy)}** of the {len(samples.rows)} are right, of all samples "
        f"{percent(found.vote_agreement.acc if found.vote_agreement else float('nan'))}."
    )


def warnings(found: Findings, ranking: ReliabilityRanking, samples: ReliableSamples, given: Review) -> None:
    """Warn of classes that are short, empty or mixed, without labels."""
    mixed = {}
    for k, size in samples.shortages.items():
        if k not in found.classes:  # it was merged into another
            continue
        name = plots.plain(given.name(k))
        if size == 0:
            st.warning(f"**{name}** is empty in the vote. Try fewer classes.", icon=":material/warning:")
        else:
            st.warning(
                f"**{name}** has only {size} of {samples.per_class} requested samples.", icon=":material/warning:"
            )
    share = ranking.neighbor_share
    for k in found.classes:
        members = np.sort(share[ranking.labeling == k])[::-1][: samples.per_class]
        if len(members) and np.median(members) < MIXED:
            mixed[given.name(k)] = float(np.median(members))
    if mixed:
        named = ", ".join(f"**{plots.plain(name)}** ({percent(value, 0)})" for name, value in mixed.items())
        st.warning(
            f"Mixed classes, by the median share of neighbours in the same class: {named}.",
            icon=":material/warning:",
        )


def exports(found: Findings, samples: ReliableSamples, given: Review, per_class: int) -> None:
    """Downloads, and the undo of the last step."""

    def index() -> bytes:
        now = runs.read_review(found)  # another tab may have changed it
        kept = ~np.isin(samples.rows, list(now.rejected))
        return labeled_zip(
            samples.rows[kept],
            samples.classes[kept],
            num_samples=found.dataset.num_samples,
            num_classes=found.num_classes,
            names=[now.name(k) for k in range(found.num_classes)],
            set_aside=frozenset() if found.review is None else found.review.set_aside,
        )

    folders = found.dataset.labels is None or not ground_truth.is_blind()  # read here: a download has no session
    with st.container(horizontal=True, vertical_alignment="center"):
        plots.csv_button(
            "CSV",
            lambda: (RELIABLE_COLUMNS, _named(found.reliable_table(samples, runs.read_review(found)), folders)),
            "reliable",
            key="reliable csv",
            type="primary",
            help="Row, file, class, votes, neighbours, rank, kept: as `python -m hume reliable` writes it.",
        )
        st.download_button(
            "Labeled index",
            index,
            f"labeled-{per_class}.zip",
            "application/zip",
            key="labeled index",
            icon=":material/folder_zip:",
            on_click="ignore",
            disabled=set(samples.rows.tolist()) <= given.rejected,
            help="The kept samples in the format of semi-supervised libraries.",
        )
        export.offer(found, lambda: samples, disabled=set(samples.rows.tolist()) <= given.rejected)
        step = given.steps[-1] if given.steps else None
        st.button(
            "Undo",
            icon=":material/undo:",
            key="undo",
            on_click=_undo,
            args=(found.run,),
            disabled=step is None,
            shortcut="Ctrl+Z",
            help=None
            if step is None
            else f"Undoes the last step: {plots.plain(review_sentences.undoing(step, given))}.",
        )


def _named(table: Iterable[Sequence[Any]], folders: bool) -> Iterator[Sequence[Any]]:
    """The table as it is, or with file names without their folders, which may name the hidden truth."""
    column = RELIABLE_COLUMNS.index("file")
    for line in table:
        yield line if folders else [*line[:column], PurePosixPath(str(line[column])).name, *line[column + 1 :]]


def _undo(run: Run) -> None:
    try:
        review.undo(run)
    except HumeError as error:
        st.toast(str(error), icon=":material/error:")


def galleries(found: Findings, samples: ReliableSamples, given: Review) -> None:
    """The samples of every class, the most reliable first; a click keeps or rejects one."""
    st.caption(
        "Click a picture to reject it, again to keep it; ↗ or Enter opens it on Explore. Names and "
        "rejections are saved with the run."
    )
    right = found.right if ground_truth.shows_truth(found.dataset) else None
    on_disk = (found.run.name, given.names)
    stale = st.session_state.get("names on disk") != on_disk
    st.session_state["names on disk"] = on_disk
    for k in found.classes:
        if stale or f"name {k}" not in st.session_state:
            st.session_state[f"name {k}"] = given.names.get(k, "")
    for k in found.classes:
        rows = samples.rows[samples.classes == k].tolist()
        head, field = st.columns([3, 2], vertical_alignment="center")
        rejected = [row for row in rows if row in given.rejected]
        head.markdown(
            f"**{plots.plain(given.name(k))}** · {len(rows)} samples"
            + (f", {len(rejected)} rejected" if rejected else "")
        )
        key = f"name {k}"
        field.text_input(
            f"Name of class {k}", key=key, placeholder="Name this class", label_visibility="collapsed",
            max_chars=review.MAX_NAME, on_change=_name, args=(found, k, key),
        )  # fmt: skip
        if not rows:
            st.caption("No sample has this class.")
            continue
        more = len(rows) > SHOWN and st.toggle(f"Show all {len(rows)}", key=f"more {k}")
        tiles = [_tile(row, given, right) for row in (rows if more else rows[:SHOWN])]
        gallery(
            tiles, key=f"reliable {k}", dataset=found.dataset, label=given.name(k), size=56,
            on_click=partial(_keep_or_reject, found.run), keys=by_key.OF_A_PICTURE, on_key=partial(_by_key, found),
            main=k == found.classes[0],
        )  # fmt: skip
        correct.rejected(found, rejected, given)


def _keep_or_reject(run: Run, row: int) -> None:
    try:
        review.reject(run, row, row not in review.read(run).rejected)
    except HumeError as error:
        st.toast(plots.plain(str(error)), icon=":material/error:")


def _by_key(found: Findings, row: int, key: str) -> None:
    if key == "Enter":
        by_key.open_on_explore(row)
    elif key == "x":
        _keep_or_reject(found.run, row)
    else:
        by_key.into_class(found, row, int(key))


def _tile(row: int, given: Review, right: Any) -> Tile:
    if row in given.rejected:
        return Tile(row, "", "rejected")
    return Tile(row, "", "wrong" if right is not None and not right[row] else "")


def _name(found: Findings, k: int, key: str) -> None:
    try:
        review.name_class(found.run, k, st.session_state[key])
    except HumeError as error:
        st.toast(plots.plain(str(error)), icon=":material/error:")
        st.session_state.pop("names on disk", None)  # the field shows the saved name again


def statistics(
    found: Findings,
    ranking: ReliabilityRanking,
    samples: ReliableSamples,
    quality: ReliabilityStatistics,
    per_class: int,
    rows: RowChoice,
) -> None:
    """Accuracy and balance of the samples: Figs. 3b and E1, Tables E1 and E2."""
    truth = found.dataset.labels
    assert truth is not None
    most = int(min(np.bincount(ranking.labeling).max(), max(4 * per_class, 100)))
    curve = reliability_curve(ranking, truth[found.chosen_rows(rows)], most)
    assert curve is not None
    n, accuracy = curve
    st.markdown("**How many samples per class are reliable?**")
    plots.plot(
        figures.reliability_curve(n, accuracy, chosen=per_class),
        "reliability curve",
        lambda: (["per_class", "accuracy"], zip(n.tolist(), accuracy.tolist(), strict=True)),
        alt="Accuracy of the reliable samples over their number per class",
        name=plots.file_name(found.run.name, "reliability"),
        height=300,
    )
    st.markdown(
        f"**Balance** · {quality.balance_mean:.1f} ± {quality.balance_std:.1f} samples per true class; "
        f"accuracy {percent(quality.accuracy_mean)} ± {percent(quality.accuracy_std)} over the found classes"
    )
    names, classes = runs.class_names(found), found.classes
    sizes = np.bincount(samples.classes, minlength=found.num_classes)[classes]
    counts = {
        found.true_names[int(c)]: int(size) for c, size in zip(quality.true_classes, quality.balance, strict=True)
    }
    st.dataframe(
        {
            "found class": [names[k] for k in classes],
            "samples": sizes.tolist(),
            "right": [
                None if np.isnan(share) else round(100 * float(share), 1)
                for share in quality.accuracy_per_class[classes]
            ],
        },
        column_config={"right": st.column_config.NumberColumn("right, %")},
        hide_index=True,
    )
    st.dataframe({"true class": list(counts), "samples": list(counts.values())}, hide_index=True)


main()
