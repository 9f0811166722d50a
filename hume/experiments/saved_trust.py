"""The judgement of a run, kept in its folder so that showing it costs nothing.

trust-<view>.json   verdict, evidence and the agreement of neighbours; view: refined or searched

It is of no more use once the run is scored again or the rule has changed. What took time is kept, scores in φ1 by
`criteria`: negative controls that are run later join the judgement at no cost.
"""

import json
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy as np

from hume.common.errors import RunError
from hume.common.files import write_atomically
from hume.common.progress import Progress, part
from hume.evaluation.metrics import Correlation
from hume.experiments import criteria
from hume.experiments.trust import Judgement, Measured, Trust, measure, of_run
from hume.experiments.trust_evidence import Evidence
from hume.runs.findings import Findings, View
from hume.runs.run import Run

RULE = 1  # changes with the rule
OF_SCORING = 0.5  # of the time that a run's scores took: half the folds


def judge(findings: Findings, on_progress: Progress | None = None) -> Trust:
    """`of_run`, with what took time from before where it is known; what is new is kept.

    A mode that was chosen changes nothing: the judgement is of the run.
    """
    findings = findings.own
    measured = measured_before(findings)
    if measured is None:
        if criteria.phi1_scores(findings) is None:
            with suppress(RunError):  # what cannot be kept is computed again
                criteria.score_in_phi1(findings, on_progress=part(on_progress, 0, 0.8))
        measured = measure(findings, part(on_progress, 0.8, 1), criteria.phi1_scores(findings))
    judged = of_run(findings, measured)
    kept = read(findings.run, findings.view)
    if kept is None or (kept.verdict, kept.evidence) != (judged.verdict, judged.evidence):
        _write(findings, judged, measured)
    return judged


def expected_seconds(run: Run) -> float:
    """How long a judgement of a finished run takes, by the time that its scores took; infinite where it is unknown."""
    return OF_SCORING * float(run.scores().get("score_seconds") or np.inf)


def read(run: Run, view: View) -> Judgement | None:
    """The judgement of a run's view so far; None where there is none that is still of use."""
    content = _content(run, view)
    if content is None:
        return None
    with suppress(KeyError, TypeError):
        return Judgement(
            verdict=content["verdict"],
            about=content["about"],
            evidence=tuple(_evidence(item) for item in content["evidence"]),
        )
    return None


def measured_before(findings: Findings) -> Measured | None:
    """What took time in the judgement of a run's view so far; None where it is not known."""
    content, phi1_score = _content(findings.run, findings.view), criteria.phi1_scores(findings)
    if content is None or phi1_score is None:
        return None
    with suppress(KeyError, TypeError, ValueError):
        near = content["neighbor_agreement"]
        return Measured(phi1_score, None if near is None else np.array(near, np.float64), content["shared_neighbors"])
    return None


def _evidence(item: dict[str, Any]) -> Evidence:
    ranks = item["correlation"]
    return Evidence(
        item["key"], item["kind"], item["supports"], item["values"], None if ranks is None else Correlation(**ranks)
    )


def _write(findings: Findings, judged: Trust, measured: Measured) -> None:
    near = measured.neighbor_agreement
    content = {
        "scored": _scored(findings.run),
        "verdict": judged.verdict,
        "about": judged.about,
        "evidence": [asdict(item) for item in judged.evidence],
        "neighbor_agreement": None if near is None else near.tolist(),
        "shared_neighbors": measured.shared_neighbors,
    }
    with suppress(OSError):
        write_atomically(findings.run.folder / _name(findings.view), json.dumps(content, default=float).encode())


def _content(run: Run, view: View) -> dict[str, Any] | None:
    """What is on disk, if it is of these scores and this rule."""
    try:
        content = json.loads((run.folder / _name(view)).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and content.get("scored") == _scored(run) else None


def _name(view: View) -> str:
    return f"trust-{view}.json"


def _scored(run: Run) -> list[Any]:
    """What a judgement depends on: the rule, the seeds and when they were scored."""
    values = run.scores()
    return [RULE, len(values["seeds"]), values.get("finished")]
