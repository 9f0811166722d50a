"""Train a classifier on reliable samples, and on as many true labels (Table 4)."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import streamlit as st

from hume.common import devices
from hume.common.progress import Progress
from hume.data.dataset import Dataset
from hume.evaluation.metrics import Spread
from hume.evaluation.reliable import Order
from hume.experiments.fixmatch import FixMatch
from hume.experiments.published import table_4
from hume.experiments.semi_supervised import HEAD_COLUMNS, SemiSupervised
from hume.experiments.trained_heads import Point, Trained
from hume.reporting import experiment_sentences, figures
from hume.runs import review
from hume.runs.findings import Findings
from hume.runs.review_state import Review
from pages._sections import progress
from pages._state import datasets, ground_truth, runs, services
from pages._widgets import plots

HEADER = ("labels a class", "labels", "right of them", "from reliable samples", "± reliable", "without pseudo-labels",
          "from true labels", "± true", "true without pseudo-labels", "as the vote", "± vote", "seeds")  # fmt: skip
OF_TRUTH = HEADER[2:9]


def section(found: Findings, num_neighbors: int, order: Order) -> None:
    """Train on the samples of this page and show the results; earlier ones are cached on disk."""
    st.subheader("How good are these labels for training?")
    names, truth = list(found.dataset.spaces), ground_truth.shows_truth(found.dataset)
    left, right = st.columns([2, 5], vertical_alignment="bottom", gap="medium")
    space = left.selectbox(
        "Features to train on", names, names.index(found.run.request.phi1), key=f"student of {found.run.name}",
        persist_state="session", help="Any space of the dataset; φ1 of the run first.",
    )  # fmt: skip
    student, given = SemiSupervised(found, space, num_neighbors=num_neighbors, order=order), runs.read_review(found)
    points, missing = _points(
        student.cache.folder,
        datasets.stamp(student.dataset, student.cache.folder),
        tuple(sorted(given.rejected)),
        student,
    )
    name = f"{found.run.name}: train on reliable samples, {student.space.name}"
    under_way = services.services().jobs.is_under_way(name)
    if right.button(
        "Train on reliable samples", icon=":material/school:", key="train students", disabled=under_way or not missing,
        help=f"{', '.join(map(str, missing))} labels per class." if missing else "All numbers are trained.",
    ):  # fmt: skip
        _queue(name, student)
        st.rerun()
    progress.jobs()
    st.markdown(plots.plain(experiment_sentences.worth_of_labels(points, student.vote_accuracy, truth)))
    _protocol(student, truth)
    if any(not point.is_current for point in points):
        st.warning("The rejections changed since training: train again.", icon=":material/warning:")
    elif truth and any(point.true is None for point in points):
        st.warning("The true labels changed since training: train again.", icon=":material/warning:")
    if points:
        _draw(student, points, truth, given)
    if truth and points:
        _printed(found.dataset)
    elif not truth and found.dataset.labels is not None:  # without ground truth the page has a note already
        ground_truth.reveal(found.dataset, "how right the classifiers are")


@st.cache_resource(max_entries=16, show_spinner="Scoring …")
def _points(
    folder: Path, stamp: str, rejected: tuple[int, ...], _student: SemiSupervised
) -> tuple[list[Point], list[int]]:
    return _student.points(rejected), _student.missing(rejected)


def _queue(name: str, student: SemiSupervised) -> None:
    device = devices.devices()[0]

    def work(on_progress: Progress) -> str:
        rejected = review.read(student.findings.run).rejected  # as they are when the job starts
        amounts = student.missing(rejected)
        if not amounts:
            return "Already trained for all numbers of labels per class."
        trained = student.run(amounts, rejected=rejected, device=device, on_progress=on_progress)
        seconds = sum(point.seconds for point in trained)
        return f"{', '.join(str(point.per_class) for point in trained)} labels per class in {plots.duration(seconds)}."

    services.services().work.do(name, work, device)


def _protocol(student: SemiSupervised, truth: bool) -> None:
    """The protocol of the training, and the limits of frozen features."""
    others = "from as many random true labels; " if truth else ""
    config = FixMatch()
    st.caption(
        plots.plain(
            f"{experiment_sentences.protocol(student)} It trains on the most reliable of these rows; "
            f"{others}all other rows give pseudo-labels as in FixMatch (Sohn et al., 2020): a class predicted with "
            f"confidence {config.threshold:.0%} is the target for the row with half of its coordinates dropped. "
            "Rejected samples are skipped. Features are frozen, while most of the published gain comes from training "
            "on images: for that, use “Export for …”, USB, on a machine with a GPU."
        )
    )


def _draw(student: SemiSupervised, points: list[Point], truth: bool, given: Review) -> None:
    name, amounts = plots.file_name(student.findings.run.name, "labels"), [point.per_class for point in points]
    shown: dict[str, Any] = {}
    first = _line([point.agreement for point in points])
    if truth:
        first = _line([point.reliable for point in points])
        has_true = any(point.true is not None for point in points)
        alone = (_line([point.reliable_plain for point in points])[0], _line([point.true_plain for point in points])[0])
        shown = {
            "true": _line([point.true for point in points]) if has_true else None,
            "plain": alone if has_true else (alone[0], None),
            "correct": [np.nan if point.correct is None else point.correct for point in points],
            "vote": student.vote_accuracy,
        }
    else:
        shown = {"y": "Held-out samples with the vote's class"}
    plots.plot(
        figures.semi_supervised(amounts, first, **shown), "students", lambda: _table(points, truth),
        alt="Accuracy of a classifier over the number of labels per class", name=name,
    )  # fmt: skip
    header, lines = _table(points, truth)
    share = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(
        {column: [line[i] for line in lines] for i, column in enumerate(header)}, hide_index=True,
        column_config=dict.fromkeys(HEADER[2:-1], share),
    )  # fmt: skip
    _labels(student, amounts, given, name)


def _labels(student: SemiSupervised, amounts: list[int], given: Review, name: str) -> None:
    """The predictions of one of the classifiers for all samples."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox("Labels per class", amounts, len(amounts) - 1, key="student amount", width=140)
        folders = (
            student.dataset.labels is None or not ground_truth.is_blind()
        )  # read here: a download cannot read the session
        trained = student.saved(chosen)
        if trained is not None:
            plots.csv_button(
                "Labels of this classifier", lambda: (HEAD_COLUMNS, _rows(student, trained, given, folders)), name,
                key="student labels", help="Of all samples, from reliable samples and pseudo-labels: a vote of seeds.",
            )  # fmt: skip


def _rows(student: SemiSupervised, trained: Trained, given: Review, folders: bool) -> Iterator[tuple[Any, ...]]:
    """Labels with file names, without their folders where these may name the hidden truth."""
    for row, file, *others in student.label_table(trained, given):
        yield row, file if folders else PurePosixPath(str(file)).name, *others


def _line(spreads: list[Spread | None] | list[Spread]) -> tuple[list[float], list[float]]:
    return (
        [np.nan if found is None else found.mean for found in spreads],
        [np.nan if found is None else found.std for found in spreads],
    )


def _table(points: list[Point], truth: bool) -> tuple[list[str], list[list[Any]]]:
    def both(found: Spread | None) -> list[float | None]:
        return [None, None] if found is None else [found.mean, found.std]

    lines = [
        [point.per_class, point.num_labeled, point.correct, *both(point.reliable), both(point.reliable_plain)[0],
         *both(point.true), both(point.true_plain)[0], *both(point.agreement), point.agreement.n]
        for point in points
    ]  # fmt: skip
    columns = [i for i, name in enumerate(HEADER) if truth or name not in OF_TRUTH]
    return [HEADER[i] for i in columns], [[line[i] for i in columns] for line in lines]


def _printed(data: Dataset) -> None:
    """The paper's numbers, apart from the measured ones."""
    rows = table_4(data.name, str(data.card.get("name") or ""))
    st.markdown(":gray[**Printed in the paper**, FreeMatch on images, not comparable with the results above]")
    st.dataframe(
        {
            "dataset": [each.dataset for each in rows],
            "labels a class": [each.samples_per_class for each in rows],
            "method": [each.method for each in rows],
            "ACC": [each.value for each in rows],
            "±": [each.std for each in rows],
            "source": [each.source for each in rows],
            "note": [each.note for each in rows],
        },
        hide_index=True,
        column_config=dict.fromkeys(("ACC", "±"), st.column_config.NumberColumn(format="%.3f")),
    )
