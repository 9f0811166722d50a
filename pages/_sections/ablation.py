"""Families of searches on one pair of spaces: one setting turned through its values, and the number of classes."""

from pathlib import Path

import numpy as np
import streamlit as st

from hume.common import devices
from hume.common.progress import Progress, part
from hume.experiments.ablation import FAMILIES, Ablation, Family, Point
from hume.experiments.comparison import Comparison
from hume.experiments.number_of_classes import ClassCount, CountPoint, suggest
from hume.reporting import figures
from pages._state import datasets, services
from pages._widgets import plots

FEWEST = 3  # numbers of classes before anything is suggested
WIDEST = 30  # numbers of classes in one sweep


def ablations(comparison: Comparison, truth: bool) -> None:
    """What one setting does: a family of searches by one click, and its plot."""
    st.subheader("What if it were set otherwise?")
    key = st.selectbox(
        "Setting", list(FAMILIES), key="family", bind="query-params", format_func=lambda each: FAMILIES[each].title
    )
    family = FAMILIES[key]
    asked = Ablation(
        comparison.home, comparison.dataset, comparison.phi1, comparison.phi2, num_classes=comparison.num_classes
    )
    words = ", ".join(family.words(value) for value in family.values)
    st.caption(plots.plain(f"{family.says} {family.axis}: {words}."))
    points = _points(asked.folder, datasets.stamp(asked.dataset, asked.folder / key), asked, key)
    if st.button(
        "Search this family", icon=":material/tune:", key="run family", disabled=len(points) == len(family.values)
    ):
        _queue_family(asked, family)
        st.rerun()
    if points:
        _draw_family(asked, family, points, truth)


@st.cache_resource(max_entries=16, show_spinner="Scoring …")
def _points(folder: Path, stamp: str, _asked: Ablation, family: str) -> list[Point]:
    return _asked.points(family)


@st.cache_resource(max_entries=8, show_spinner="Scoring …")
def _counts(folder: Path, stamp: str, _count: ClassCount) -> list[CountPoint]:
    return _count.points()


def _queue_family(asked: Ablation, family: Family) -> None:
    device = devices.devices()[0]
    # The largest number of seeds holds all smaller ones.
    values = family.values[-1:] if family.counts_seeds else family.values

    def work(on_progress: Progress) -> str:
        missing = [value for value in values if asked.found(family.key, value) is None]
        for i, value in enumerate(missing):
            asked.run(
                family.key,
                value,
                device=device,
                on_progress=part(on_progress, i / len(missing), (i + 1) / len(missing)),
            )
        return f"{len(family.values)} values were searched."

    name = f"{asked.dataset.name}: {family.title} on {asked.phi1}, {asked.phi2}"
    services.services().work.do(name, work, device)


def _draw_family(asked: Ablation, family: Family, points: list[Point], truth: bool) -> None:
    shown = [point for point in points if point.acc is not None] if truth else []
    told = {}
    if len(shown) == len(points):
        told = {
            "acc": [point.acc.mean for point in points if point.acc],
            "acc_std": [point.acc.std for point in points if point.acc],
            "vote": [np.nan if point.vote_acc is None else point.vote_acc for point in points],
        }
    header = ["value", "cv_score", "cv_score_std", "occupied", *(["acc", "acc_std", "vote"] if told else [])]
    lines = [
        [point.words, point.cv_score.mean, point.cv_score.std, point.occupied.mean,
         *(column[i] for column in told.values())]
        for i, point in enumerate(points)
    ]  # fmt: skip
    plots.plot(
        figures.ablation(
            [point.words for point in points], [point.cv_score.mean for point in points],
            [point.cv_score.std for point in points], [point.occupied.mean for point in points],
            axis=family.axis, **told,
        ),
        f"family {family.key}", lambda: (header, lines),
        alt=f"What {family.title} does to the score, the occupied classes and, where it may be seen, the accuracy",
        name=plots.file_name(asked.dataset.name, family.key),
    )  # fmt: skip


def class_counts(comparison: Comparison) -> None:
    """How many classes there seem to be: a sweep over K, without any label, and how sure its suggestion is."""
    st.subheader("How many classes are there?")
    st.caption(
        "Every seed looks for classes of about equal size: where yours are unequal, small ones are merged and the "
        "suggestion is too low. No label takes part."
    )
    count = ClassCount(comparison.home, comparison.dataset, comparison.phi1, comparison.phi2)
    most = max(3, min(100, comparison.dataset.num_samples // 4))
    low, high = st.slider("From and to", 2, most, (4, min(16, most)), key=f"counts {comparison.dataset.name}")
    numbers = range(low, high + 1)
    known = _counts(count.folder, datasets.stamp(count.dataset, count.folder), count)
    points = [point for point in known if point.num_classes in numbers]
    missing = [K for K in numbers if K not in {point.num_classes for point in points}]
    if len(numbers) > WIDEST:
        st.caption(f"More than {WIDEST} numbers take long: choose a narrower range.")
    if st.button(
        f"Search {len(missing)} numbers of classes", icon=":material/numbers:", key="run counts",
        disabled=not missing or len(numbers) > WIDEST,
    ):  # fmt: skip
        _queue_counts(count, missing)
        st.rerun()
    if points:
        _draw_counts(count, points)


def _queue_counts(count: ClassCount, missing: list[int]) -> None:
    device = devices.devices()[0]

    def work(on_progress: Progress) -> str:
        for i, K in enumerate(missing):
            count.run(K, device=device, on_progress=part(on_progress, i / len(missing), (i + 1) / len(missing)))
        return f"{len(missing)} numbers of classes were searched."

    services.services().work.do(f"{count.dataset.name}: classes on {count.phi1}, {count.phi2}", work, device)


def _draw_counts(count: ClassCount, points: list[CountPoint]) -> None:
    found = suggest(points) if len(points) >= FEWEST else None
    if found is not None:
        st.markdown(plots.plain(found.words))
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
        name=plots.file_name(count.dataset.name, "number-of-classes"),
    )  # fmt: skip
