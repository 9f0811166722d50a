"""The judgement of a run, kept in its folder so that showing it costs nothing.

trust-<view>.json   verdict, evidence and the agreement of neighbours; view: refined or searched

It is of no more use once the run is scored again or the rule has changed. What took time is kept, scores in φ1 by
`criteria`: negative controls that are run later join the judgement at no cost.
"""

import json
from contextlib import suppress
from dataclasses import asdict

import numpy as np

from hume.common.errors import RunError
from hume.common.files import write_atomically
from hume.common.progress import Progress, part
from hume.experiments import criteria, judgement
from hume.experiments.trust import Measured, Trust, measure, of_run
from hume.runs.findings import Findings
from hume.runs.run import Run

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
    kept = judgement.read(findings.run, findings.view)
    if kept is None or (kept.verdict, kept.evidence) != (judged.verdict, judged.evidence):
        _write(findings, judged, measured)
    return judged


def expected_seconds(run: Run) -> float:
    """How long a judgement of a finished run takes, by the time that its scores took; infinite where it is unknown."""
    return OF_SCORING * float(run.scores().get("score_seconds") or np.inf)


def measured_before(findings: Findings) -> Measured | None:
    """What took time in the judgement of a run's view so far; None where it is not known."""
    kept, phi1_score = judgement.kept(findings.run, findings.view), criteria.phi1_scores(findings)
    if kept is None or phi1_score is None:
        return None
    near = kept.neighbor_agreement
    return Measured(phi1_score, None if near is None else np.array(near, np.float64), kept.shared_neighbors)


def _write(findings: Findings, judged: Trust, measured: Measured) -> None:
    near = measured.neighbor_agreement
    kept = judgement.Kept(
        judgement.scored(findings.run),
        judged.verdict,
        judged.about,
        judged.evidence,
        None if near is None else near.tolist(),
        measured.shared_neighbors,
    )
    with suppress(OSError):
        write_atomically(
            findings.run.folder / judgement.name(findings.view), json.dumps(asdict(kept), default=float).encode()
        )
