"""Is the objective to be trusted here? One sentence without any label, and what it rests on."""

from typing import Any

import numpy as np
import streamlit as st

from hume.common import devices
from hume.common.progress import Progress
from hume.evaluation.metrics import FloatArray
from hume.experiments import trust as judging
from hume.experiments.comparison import Comparison
from hume.experiments.controls import CONTROLS
from hume.experiments.trust import Trust
from hume.experiments.trust_evidence import LEAST_SEEDS, SPOILED
from hume.reporting import figures
from hume.runs.findings import Findings
from pages._state import datasets, services
from pages._widgets import plots

SPEAKS = {"for": "**For.** ", "against": "**Against.** ", "doubt": "**In doubt.** ", "neither": ""}
HEIGHT = 400  # pixels
LIMITS = (
    "This is about the order of the seeds; their vote may be good or bad all the same. A feature that both spaces hold "
    "and that people do not mean, such as brightness, cannot be told from a class that people do mean."
)


def section(found: Findings) -> None:
    """The verdict in one sentence; facts, figure and controls folded below. The same with and without labels."""
    comparison = judging.comparison_of(found)
    judged = _judged(found, comparison)
    say(judged)
    with st.expander("What this rests on, without any label"):
        st.markdown("\n".join(f"- {SPEAKS[fact.speaks]}{plots.plain(_capital(fact.says))}." for fact in judged.facts))
        st.caption(LIMITS)
        if len(found.seeds) >= LEAST_SEEDS:
            _draw(found, judged)
        _offer(comparison)


def say(judged: Trust) -> None:
    """The verdict in one sentence, in its colour."""
    draw, icon = {
        "trustworthy": (st.success, ":material/check_circle:"),
        "unclear": (st.info, ":material/help:"),
        "not to be trusted": (st.warning, ":material/warning:"),
    }[judged.verdict]
    draw(plots.plain(judged.sentence), icon=icon)


def _judged(found: Findings, comparison: Comparison) -> Trust:
    run, home = found.run, str(found.run.home)
    stamp = datasets.stamp(found.dataset, comparison.folder)
    return _kept_trust(home, run.name, run.version, stamp, found)


@st.cache_resource(max_entries=8, show_spinner="Asking φ1 about the same labelings …")
def _kept_scores(home: str, name: str, version: tuple[int, int], _found: Findings) -> FloatArray:
    return judging.judge_run(_found)


@st.cache_resource(max_entries=8, show_spinner=False)
def _kept_trust(home: str, name: str, version: tuple[int, int], stamp: str, _found: Findings) -> Trust:
    return judging.of_run(_found, _kept_scores(home, name, version, _found))


def _draw(found: Findings, judged: Trust) -> None:
    if judged.phi1_score is None:
        return
    bands = [(CONTROLS[key].title, float(np.min(each)), float(np.max(each))) for key, each in judged.controls.items()]
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
    """Search the two pairs in which φ2 was spoiled, in the background, where nobody has yet."""
    missing = [key for key in SPOILED if comparison.found(key) is None]
    jobs = services.services().jobs
    waiting = [key for key in missing if not jobs.is_under_way(_name(comparison, key))]
    if missing and not waiting:
        st.caption("The controls are being searched; their scores appear here when the page is drawn again.")
    elif waiting and st.button(
        "Search two controls", icon=":material/science:", key="trust controls",
        help="20 seeds each, with φ2's rows shuffled and with noise for φ2: what scores are worth where φ2 is spoiled.",
    ):  # fmt: skip
        for key in waiting:
            _queue(comparison, key)
        st.rerun()


def _name(comparison: Comparison, key: str) -> str:
    where = f"{comparison.phi1}, {comparison.phi2}, {comparison.num_classes} classes"
    return f"{comparison.dataset.name}: {CONTROLS[key].title} on {where}"


def _queue(comparison: Comparison, key: str) -> None:
    device = devices.devices()[0]

    def work(on_progress: Progress) -> str:
        found = comparison.run(key, device=device, on_progress=on_progress)
        return f"{len(found.labelings)} labelings in {plots.duration(found.seconds)}."

    services.services().work.do(_name(comparison, key), work, device)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
