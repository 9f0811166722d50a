"""The history of a review: its steps, versions to return to, and files to leave with."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import streamlit as st

from hume import Run
from hume.common.formatting import count
from hume.reporting import review_sentences
from hume.runs import answers_csv, history, joining, review
from hume.runs.answering import Answering
from hume.runs.findings import LABEL_COLUMNS
from hume.runs.joining import Joined
from pages._sections import batches
from pages._state import ground_truth, runs
from pages._widgets import plots

SHOWN = 100  # steps


def section(run: Run) -> None:
    """All steps, folded away."""
    given = review.read(run)
    with st.expander(f"History: version {given.version}, {count(len(given.steps), 'step')}", icon=":material/history:"):
        _versions(run)
    _files(run)


def _versions(run: Run) -> None:
    given = review.read(run)
    past = history.versions(run.folder)[:SHOWN]
    if not past:
        st.caption("No step yet. Answers, names, merges and rejected pictures are steps; each can be undone.")
        return
    stands = {step["after"] for step in given.steps[1:]} | {given.version}
    picked = st.dataframe(
        {
            "version": [number for number, _ in past],
            "step": [review_sentences.step(step, given) for _, step in past],
            "time": [step["time"].replace("T", " ")[:16] for _, step in past],
            "": ["now" if number == given.version else "" if number in stands else "taken back" for number, _ in past],
        },
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"versions {run.name} #{given.version}",
    )
    row = next(iter(picked["selection"]["rows"]), None)
    version = None if row is None or row >= len(past) else past[row][0]
    with st.container(horizontal=True):
        st.button(
            "Restore the selected version", key="restore", icon=":material/settings_backup_restore:",
            disabled=version in (None, given.version), on_click=_restore, args=(run, version),
        )  # fmt: skip
        if st.button("What changed since", key="changed since", icon=":material/compare_arrows:",
                     disabled=version in (None, given.version) or not given.corrects):  # fmt: skip
            st.switch_page(runs.DIFFERENCES, query_params=_since(run, version))
        st.button("Restore what was found", key="restore first", disabled=given.version == 0,
                  on_click=_restore, args=(run, 0))  # fmt: skip


def _since(run: Run, version: int | None) -> dict[str, str]:
    """The page that sets the corrected labeling beside that of an earlier version."""
    return {"first": "corrected", "other": run.name, "second": f"version-{version}"}


def _restore(run: Run, version: int) -> None:
    batches.attempt(lambda: review.restore(run, version))


def _files(run: Run) -> None:
    """The labels and the answers as the command line writes them, and answers of another person."""
    data = batches.labeled(run).dataset
    folders = data.labels is None or not ground_truth.is_blind()  # now: a download cannot read the session

    def labels() -> plots.Table:
        table = batches.labeled(run).label_table(review.read(run))
        return LABEL_COLUMNS, table if folders else _without_files(LABEL_COLUMNS, table)

    def steps() -> plots.Table:
        table = answers_csv.table(run, review.read(run), data)
        return answers_csv.COLUMNS, table if folders else _without_files(answers_csv.COLUMNS, table)

    with st.container(horizontal=True):
        plots.csv_button(
            "Labels as CSV", labels, "labels", key="labels csv", help="As `python -m hume labels` writes it."
        )
        plots.csv_button(
            "Answers as CSV", steps, "answers", key="answers csv", help="As `python -m hume answers --csv` writes it."
        )
        with st.popover("Add answers …", icon=":material/upload_file:"):
            given = st.file_uploader("Answers of another person, as CSV", "csv", key=f"answers file {run.name}")
            st.button("Add them", key="add answers", type="primary", disabled=given is None,
                      on_click=_join, args=(run, given))  # fmt: skip
    joined = st.session_state.get(f"joined {run.name}")
    if joined is not None and joined.review.version == review.read(run).version:  # until the next step
        _report(joined)


def _without_files(columns: Sequence[str], table: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Without file names, whose folders may name the hidden truth; rows are enough to read the answers again."""
    i = columns.index("file")
    return [(*line[:i], "", *line[i + 1 :]) for line in table]


def _join(run: Run, given: Any) -> None:
    def step() -> None:
        st.session_state[f"joined {run.name}"] = joining.join(
            Answering(batches.labeled(run)), given.getvalue(), PurePosixPath(given.name).stem
        )

    batches.attempt(step)


def _report(joined: Joined) -> None:
    """What an import added, and where two people disagree."""
    text = f"{count(joined.added, 'answer')} added, {joined.known:,} known already."
    if joined.cleared:
        text += f" {count(joined.cleared, 'answer')} about a class that is two now must be given again."
    st.success(text, icon=":material/check_circle:")
    if joined.contradictions:
        rows, ours, theirs = zip(*joined.contradictions, strict=True)
        st.markdown("**Contradictions**: this run's answers are kept.")
        st.dataframe(
            {
                "sample": rows,
                "this run": [review_sentences.class_name(k, joined.review) for k in ours],
                "the file": [review_sentences.class_name(k, joined.review) for k in theirs],
            },
            hide_index=True,
        )
