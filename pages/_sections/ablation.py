"""Ablations on one pair of spaces: a sweep over one setting, and the number of classes."""

from pathlib import Path

import numpy as np
import streamlit as st

from hume.common import devices
from hume.common.progress import Progress, part
from hume.experiments.ablation import SWEEPS, Ablation, Point, Sweep
from hume.experiments.comparison import Comparison
from hume.experiments.number_of_classes import NumberOfClasses, NumberPoint, Suggestion, suggest
from hume.reporting import experiment_sentences, figures
from pages._state import datasets, services
from pages._widgets import plots

FEWEST = 3  # numbers of classes for a suggestion
WIDEST = 30  # numbers of classes in one sweep


def ablations(comparison: Comparison, truth: bool) -> None:
    """The effect of one setting: a search for each of its values, and the plot."""
    key = st.selectbox(
        "Setting", list(SWEEPS), key="family", bind="query-params", format_func=lambda key: SWEEPS[key].title
    )
    sweep = SWEEPS[key]
    study = Ablation(
        comparison.home, comparison.dataset, comparison.phi1, comparison.phi2, num_classes=comparison.num_classes
    )
    values = ", ".join(experiment_sentences.sweep_value(sweep, value) for value in sweep.values)
    st.caption(plots.plain(f"{experiment_sentences.SWEEPS[key]} {sweep.axis}: {values}."))
    points = _points(study.cache.folder, datasets.stamp(study.dataset, study.cache.folder / key), study, key)
    if st.button(
        "Search all values", icon=":material/tune:", key="run family", disabled=len(points) == len(sweep.values)
    ):
        _queue_sweep(study, sweep)
        st.rerun()
    if points:
        _draw_sweep(study, sweep, points, truth)


@st.cache_resource(max_entries=16, show_spinner="Scoring …")
def _points(folder: Path, stamp: str, _study: Ablation, sweep: str) -> list[Point]:
    return _study.points(sweep)


@st.cache_resource(max_entries=8, show_spinner="Scoring …")
def _counts(folder: Path, stamp: str, _study: NumberOfClasses) -> list[NumberPoint]:
    return _study.points()


def _queue_sweep(study: Ablation, sweep: Sweep) -> None:
    device = devices.devices()[0]
    # The search with most seeds contains all smaller ones.
    values = sweep.values[-1:] if sweep.counts_seeds else sweep.values

    def work(on_progress: Progress) -> str:
        missing = [value for value in values if study.saved(sweep.key, value) is None]
        for i, value in enumerate(missing):
            study.run(
                sweep.key, value, device=device, on_progress=part(on_progress, i / len(missing), (i + 1) / len(missing))
            )
        return f"{len(sweep.values)} values were searched."

    name = f"{study.dataset.name}: {sweep.title} on {study.phi1}, {study.phi2}"
    services.services().work.do(name, work, device)


def _draw_sweep(study: Ablation, sweep: Sweep, points: list[Point], truth: bool) -> None:
    shown = [point for point in points if point.acc is not None] if truth else []
    of_truth = {}
    if len(shown) == len(points):
        of_truth = {
            "acc": [point.acc.mean for point in points if point.acc],
            "acc_std": [point.acc.std for point in points if point.acc],
            "vote": [np.nan if point.vote_acc is None else point.vote_acc for point in points],
        }
    values = [experiment_sentences.sweep_value(sweep, point.value) for point in points]
    header = ["value", "cv_score", "cv_score_std", "occupied", *(["acc", "acc_std", "vote"] if of_truth else [])]
    lines = [
        [value, point.cv_score.mean, point.cv_score.std, point.occupied.mean,
         *(column[i] for column in of_truth.values())]
        for i, (value, point) in enumerate(zip(values, points, strict=True))
    ]  # fmt: skip
    plots.plot(
        figures.ablation(
            values, [point.cv_score.mean for point in points],
            [point.cv_score.std for point in points], [point.occupied.mean for point in points],
            axis=sweep.axis, **of_truth,
        ),
        f"family {sweep.key}", lambda: (header, lines),
        alt=f"Score, occupied classes and, where it may be shown, accuracy over {sweep.title}",
        name=plots.file_name(study.dataset.name, sweep.key),
    )  # fmt: skip


def sweep_counts(asked: Comparison | NumberOfClasses) -> Suggestion | None:
    """The form of a sweep over K and what it found; returns the suggestion where there is one."""
    st.caption(
        "Every seed searches for classes of about equal size: with unequal classes, small ones are merged and the "
        "suggestion is too low. No label is used."
    )
    study = NumberOfClasses(asked.home, asked.dataset, asked.phi1, asked.phi2)
    most = max(3, min(100, asked.dataset.num_samples // 4))
    first = (2, min(12, most))
    low, high = st.slider("From and to", 2, most, first, key=f"counts {asked.dataset.name}")
    numbers = range(low, high + 1)
    known = _counts(study.cache.folder, datasets.stamp(study.dataset, study.cache.folder), study)
    points = [point for point in known if point.num_classes in numbers]
    missing = [K for K in numbers if K not in {point.num_classes for point in points}]
    if len(numbers) > WIDEST:
        st.caption(f"At most {WIDEST} numbers: choose a narrower range.")
    if st.button(
        f"Search {len(missing)} numbers of classes", icon=":material/numbers:", key="run counts",
        disabled=not missing or len(numbers) > WIDEST,
    ):  # fmt: skip
        _queue_counts(study, missing)
        st.rerun()
    return _draw_counts(study, points) if points else None


def counts_job(study: NumberOfClasses) -> str:
    """The name of the job that sweeps over the numbers of classes."""
    return f"{study.dataset.name}: classes on {study.phi1}, {study.phi2}"


def _queue_counts(study: NumberOfClasses, missing: list[int]) -> None:
    device = devices.devices()[0]

    def work(on_progress: Progress) -> str:
        for i, K in enumerate(missing):
            study.run(K, device=device, on_progress=part(on_progress, i / len(missing), (i + 1) / len(missing)))
        return f"{len(missing)} numbers of classes were searched."

    services.services().work.do(counts_job(study), work, device)


def _draw_counts(study: NumberOfClasses, points: list[NumberPoint]) -> Suggestion | None:
    found = suggest(points) if len(points) >= FEWEST else None
    if found is not None:
        st.markdown(plots.plain(experiment_sentences.number_of_classes(found)))
    stable = [np.nan if point.stability is None else point.stability for point in points]
    header = ["num_classes", "corrected", "corrected_std", "stability", "occupied", "n"]
    lines = [
        [point.num_classes, point.corrected.mean, point.corrected.std, point.stability, point.occupied.mean, point.n]
        for point in points
    ]
    plots.plot(
        figures.number_of_classes(
            [point.num_classes for point in points], [point.corrected.mean for point in points],
            [point.corrected.std for point in points], stable, [point.occupied.mean for point in points],
            None if found is None else (found.num_classes, found.low, found.high),
        ),
        "counts", lambda: (header, lines),
        alt="Score above chance, agreement of the seeds and occupied classes against the number of classes",
        name=plots.file_name(study.dataset.name, "number-of-classes"),
    )  # fmt: skip
    return found
