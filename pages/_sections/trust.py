"""Is the ranking of the seeds reliable? A verdict without labels, and its evidence."""

from typing import Any

import numpy as np
import streamlit as st

from hume.common import devices
from hume.common.progress import Progress
from hume.evaluation.metrics import FloatArray
from hume.experiments import trust as judging
from hume.experiments.comparison import Comparison
from hume.experiments.negative_controls import NEGATIVE_CONTROLS, WITHOUT_PHI2
from hume.experiments.trust import Trust
from hume.experiments.trust_evidence import LEAST_SEEDS, Evidence
from hume.reporting import experiment_sentences, figures
from hume.runs.findings import Findings
from pages._state import datasets, services
from pages._widgets import plots

SUPPORTS = {"for": "**For.** ", "against": "**Against.** ", "doubt": "**In doubt.** ", "neither": ""}
HEIGHT = 400  # pixels
LIMITS = (
    "This is about the ranking of the seeds, not about their vote. A feature that both spaces share, such as "
    "brightness, cannot be distinguished from a human class."
)


def section(found: Findings) -> None:
    """The verdict in one sentence; evidence, figure and negative controls in an expander below. No label is used.

    Of a refined run it is of the labelings as searched, and says so.
    """
    refined, found = found.view == "refined", found.searched
    comparison = judging.comparison_of(found)
    judged = _judged(found, comparison)
    verdict(judged, "As searched, ranked by the score in φ2: " if refined else "")
    with st.expander("The evidence, without any label"):
        st.markdown("\n".join(_line(each) for each in judged.evidence))
        st.caption(LIMITS)
        if len(found.seeds) >= LEAST_SEEDS:
            _draw(found, judged)
        _offer(comparison)


def verdict(judged: Trust, about: str = "") -> None:
    """The verdict in one sentence, in its colour; about: words before it, which labelings it is of."""
    draw, icon = {
        "reliable": (st.success, ":material/check_circle:"),
        "unclear": (st.info, ":material/help:"),
        "not reliable": (st.warning, ":material/warning:"),
    }[judged.verdict]
    text = experiment_sentences.verdict(judged)
    draw(plots.plain(about + (text[0].lower() + text[1:] if about else text)), icon=icon)


def _judged(found: Findings, comparison: Comparison) -> Trust:
    run, home = found.run, str(found.run.home)
    stamp = datasets.stamp(found.dataset, comparison.cache.folder)
    return _cached_trust(home, run.name, run.version, stamp, found)


@st.cache_resource(max_entries=8, show_spinner="Scoring the labelings in φ1 …")
def _cached_scores(home: str, name: str, version: tuple[int, int], _found: Findings) -> FloatArray:
    return judging.judge_run(_found)


@st.cache_resource(max_entries=8, show_spinner=False)
def _cached_trust(home: str, name: str, version: tuple[int, int], stamp: str, _found: Findings) -> Trust:
    return judging.of_run(_found, _cached_scores(home, name, version, _found))


def _draw(found: Findings, judged: Trust) -> None:
    if judged.phi1_score is None:
        return
    bands = [
        (NEGATIVE_CONTROLS[key].title, float(np.min(each)), float(np.max(each)))
        for key, each in judged.controls.items()
    ]
    phi1_score, seeds = judged.phi1_score, judged.seeds
    header = ["seed", "cv_score", "phi1_score", "agreement_with_others", "agreement_with_vote", "evenness"]
    columns: list[Any] = [
        found.seeds,
        seeds.cv_score,
        phi1_score,
        seeds.agreement,
        seeds.vote_share,
        seeds.evenness,
    ]
    plots.plot(
        figures.trust(seeds.cv_score, phi1_score, seeds.agreement, seeds.evenness, found.seeds, bands),
        f"trust {found.run.name}",
        lambda: (header, zip(*columns, strict=True)),
        alt="Cross-validation score in φ2 against that in φ1, one point a seed, coloured by agreement with the others",
        name=plots.file_name(found.run.name, "trust"),
        height=HEIGHT,
    )


def _offer(comparison: Comparison) -> None:
    """Queue the missing negative controls without φ2."""
    missing = [key for key in WITHOUT_PHI2 if comparison.saved(key) is None]
    jobs = services.services().jobs
    waiting = [key for key in missing if not jobs.is_under_way(_name(comparison, key))]
    if missing and not waiting:
        st.caption("The negative controls are queued; reload the page to see their scores.")
    elif waiting and st.button(
        "Search two negative controls", icon=":material/science:", key="trust controls",
        help="20 seeds each, with φ2 permuted and with noise for φ2.",
    ):  # fmt: skip
        for key in waiting:
            _queue(comparison, key)
        st.rerun()


def _name(comparison: Comparison, key: str) -> str:
    where = f"{comparison.phi1}, {comparison.phi2}, {comparison.num_classes} classes"
    return f"{comparison.dataset.name}: {NEGATIVE_CONTROLS[key].title} on {where}"


def _queue(comparison: Comparison, key: str) -> None:
    device = devices.devices()[0]

    def work(on_progress: Progress) -> str:
        saved = comparison.run(key, device=device, on_progress=on_progress)
        return f"{len(saved.labelings)} labelings in {plots.duration(saved.seconds)}."

    services.services().work.do(_name(comparison, key), work, device)


def _line(found: Evidence) -> str:
    text = experiment_sentences.evidence(found)
    return f"- {SUPPORTS[found.supports]}{plots.plain(text[:1].upper() + text[1:])}."
