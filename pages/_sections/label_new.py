"""Label the samples of a dataset with a run on another one."""

from pathlib import PurePosixPath

import numpy as np
import streamlit as st

from hume.data.dataset import Dataset
from hume.jobs.datasets import labeling_name
from hume.runs import review
from hume.runs.new_labels import NewLabels
from pages._sections import progress
from pages._state import ground_truth, runs, services
from pages._widgets import plots
from pages._widgets.gallery import Tile, gallery

MOST_FAR = 60  # pictures


def section(data: Dataset, error: str) -> None:
    """Choose a run, label in the background, then download; error: the session key of a refusal."""
    names = [run.name for run in runs.readable_runs() if run.state == "finished" and run.request.dataset != data.name]
    if not names:
        return
    st.subheader("Label these samples")
    st.markdown(
        "By a run on other data: its two spaces are computed for these images, or used where this dataset has spaces "
        "of their names, and its classifier labels them."
    )
    left, right = st.columns([3, 4], vertical_alignment="bottom")
    run = left.selectbox("With the run", names, key=f"label with {data.name}")
    work, job = services.services().work, labeling_name(data.name, run)
    busy = services.services().jobs.is_under_way(job)
    if right.button("Label", type="primary", key="label new", icon=":material/new_label:", disabled=busy):
        progress.start(lambda: work.label(data.name, run), error, at="label")
    status = services.services().jobs.status(job)
    if status is not None and isinstance(status.result, NewLabels):
        _result(data, status.result)


def _result(data: Dataset, labels: NewLabels) -> None:
    given = review.read(services.services().store.open(labels.run))
    sizes = np.bincount(labels.classes)
    st.markdown(", ".join(f"{plots.plain(given.name(k))}: {sizes[k]:,}" for k in np.flatnonzero(sizes).tolist()))
    hidden = labels.files is not None and data.labels is not None and ground_truth.is_blind()  # folders name classes
    files = [PurePosixPath(name).name for name in labels.files or []] if hidden else None
    plots.csv_button(
        "Labels as CSV", lambda: labels.table(given, files), plots.file_name(data.name, "by", labels.run),
        key="new labels csv", help="File or row, class, probability, far: as `python -m hume label-new` writes it.",
    )  # fmt: skip
    far = [] if labels.far is None else np.flatnonzero(labels.far)[:MOST_FAR].tolist()
    if far and data.images is not None:
        st.caption("Far from all that the run has seen:")
        tiles = [Tile(row, given.name(int(labels.classes[row]))) for row in far]
        gallery(tiles, key="far", dataset=data, label="Far from all that was seen", size=56)
