"""Is a run reliable? A verdict without labels, and its evidence."""

from typing import Any

import numpy as np
import streamlit as st

from hume.common import devices
from hume.common.progress import Progress
from hume.experiments import saved_trust
from hume.experiments import trust as judging
from hume.experiments.comparison import Comparison
from hume.experiments.judgement import LEAST_SEEDS, SUBJECTS, Evidence
from hume.experiments.negative_controls import NEGATIVE_CONTROLS, WITHOUT_PHI2
from hume.experiments.trust import Trust
from hume.reporting import figures, trust_sentences
from hume.runs.findings import Findings
from hume.runs.request import View
from pages._state import datasets, services
from pages._widgets import plots

SUPPORTS = {"for": "**For.** ", "against": "**Against.** ", "doubt": "**In doubt.** ", "neither": ""}
HEIGHT = 400  # pixels
QUEUED = ":material/schedule:"
AT_ONCE = 1.0  # seconds that the page waits for a judgement
LIMITS = {
    "ranking": "This is about the ranking of the seeds, not about their vote. A feature that both spaces share, such "
    "as brightness, cannot be distinguished from a human class.",
    "labeling": "This is about the labeling that the most likely seeds vote for, compared with the others that were "
    "found. A feature that both spaces share, such as brightness, cannot be distinguished from a human class.",
}


def section(found: Findings) -> None:
    """The verdict on a refined run's labeling, or on the ranking of the seeds, and its evidence; no label is used."""
    comparison = judging.comparison_of(found)
    judged = _judged(found, comparison)
    if judged is None:
        return
    verdict(judged)
    with st.expander("The evidence, without any label"):
        st.markdown("\n".join(_line(each) for each in judged.evidence))
        st.caption(LIMITS[judged.about])
        if len(found.seeds) >= LEAST_SEEDS:
            _draw(found, judged)
        _offer(comparison)


def verdict(judged: Trust) -> None:
    """The verdict in one sentence, in its colour."""
    draw, icon = {
        "reliable": (st.success, ":material/check_circle:"),
        "unclear": (st.info, ":material/help:"),
        "not reliable": (st.warning, ":material/warning:"),
    }[judged.verdict]
    draw(plots.plain(trust_sentences.verdict(judged)), icon=icon)


def _judged(found: Findings, comparison: Comparison) -> Trust | None:
    """The judgement, None while it is computed in the queue."""
    run = found.run
    if saved_trust.measured_before(found) is None and _is_queued(found):
        return None
    stamp = datasets.stamp(found.dataset, comparison.cache.folder)
    return _cached_trust(str(run.home), run.name, run.version, found.view, stamp, found)


def _is_queued(found: Findings) -> bool:
    """Whether a judgement that takes a while is in the queue, after it was put there at first sight."""
    if saved_trust.expected_seconds(found.run) <= AT_ONCE:
        return False
    jobs, name = services.services().jobs, f"{found.run.name}: is it reliable? ({found.view})"
    status = jobs.status(name)
    if status is None:

        def work(on_progress: Progress) -> str:
            return trust_sentences.verdict(saved_trust.judge(found, on_progress))

        services.services().work.do(name, work)
    elif status.state in ("finished", "failed", "cancelled"):
        return False  # what cannot be kept, or failed in the queue, is computed here
    what = trust_sentences.not_judged(SUBJECTS[found.view])
    st.info(f"{what} is being computed; its progress stands in the sidebar.", icon=QUEUED)
    return True


@st.cache_resource(max_entries=8, show_spinner="Weighing the evidence …")
def _cached_trust(home: str, name: str, version: tuple[int, int], view: View, stamp: str, _found: Findings) -> Trust:
    return saved_trust.judge(_found)


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
    if seeds.likelihood is not None:
        header.append("likelihood")
        columns.append(seeds.likelihood)
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
    text = trust_sentences.evidence(found)
    return f"- {SUPPORTS[found.supports]}{plots.plain(text[:1].upper() + text[1:])}."
