"""The command that says how many labelings a run's seeds found."""

import json
from typing import Any

from rich.table import Table

from hume.cli.base import command, print_table
from hume.cli.options import AsJson, Labeling, RunName
from hume.common.formatting import number, percent
from hume.evaluation.modes import Mode
from hume.reporting import mode_sentences
from hume.runs.findings import Findings
from hume.runs.store import Store


@command("modes")
def modes(run: RunName, as_json: AsJson = False, labeling: Labeling = None) -> None:
    """How many different labelings the seeds found, with their size, likelihood and score."""
    found = Findings(Store().open(run), labeling)
    print(mode_sentences.modes(found))
    header = ["mode", "seeds", "share", "best likelihood", "mean likelihood", "best score", "neighbours agree"]
    agreements = [found.agreement_of(mode.vote.labeling) for mode in found.modes]
    known = [each.acc for each in agreements if each is not None]
    table = Table(*header, *(["ACC"] if known else []), box=None)
    for i, mode in enumerate(found.modes):
        table.add_row(*_row(mode), *([f"{known[i]:.3f}"] if known else []))
    print_table(table)
    if as_json:
        lines = [as_object(found, mode) | {"acc": known[i] if known else None} for i, mode in enumerate(found.modes)]
        print(json.dumps({"run": run, "view": found.view, "num_seeds": len(found.seeds), "modes": lines}))


def _row(mode: Mode) -> list[str]:
    likelihoods = (mode.best_likelihood, mode.mean_likelihood)
    return [
        str(mode.number),
        str(mode.size),
        percent(mode.share, 0),
        *("–" if value is None else number(value, 3) for value in likelihoods),
        percent(mode.best_score),
        percent(mode.neighbor_agreement / 2),
    ]


def as_object(found: Findings, mode: Mode) -> dict[str, Any]:
    """One mode for programs."""
    return {
        "mode": mode.number,
        "seeds": [found.seeds[i] for i in mode.members.tolist()],
        "share": mode.share,
        "best_likelihood": mode.best_likelihood,
        "mean_likelihood": mode.mean_likelihood,
        "best_score": mode.best_score,
        "mean_score": mode.mean_score,
        "neighbor_agreement": mode.neighbor_agreement,
    }
