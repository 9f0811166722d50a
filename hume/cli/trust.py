"""The command that says whether a run is reliable."""

import json
from functools import partial
from typing import Annotated

import typer
from rich.progress import Progress, TaskID

from hume.cli.base import command, progress
from hume.cli.options import AsJson, Labeling, RunName
from hume.common import devices
from hume.experiments.comparison import Comparison
from hume.experiments.negative_controls import NEGATIVE_CONTROLS, WITHOUT_PHI2
from hume.experiments.saved_trust import judge
from hume.experiments.trust import Trust, comparison_of
from hume.reporting import trust_sentences
from hume.runs.findings import Findings
from hume.runs.store import Store

MARKS = {"for": "+", "against": "!", "doubt": "?", "neither": " "}


@command("trust")
def trust(
    run: RunName,
    controls: Annotated[
        bool, typer.Option("--controls", help="Search two negative controls first, 20 seeds each.")
    ] = False,
    labeling: Labeling = None,
    as_json: AsJson = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda; for the negative controls.")] = "auto",
) -> None:
    """Report, without labels, whether a run is reliable, and the evidence.

    Of a refined run: the labeling that it offers; of another one: the ranking of its seeds.
    """
    found = Findings(Store().open(run), labeling)
    if controls:
        run_controls(comparison_of(found), devices.choose_device(device))
    with progress(transient=True) as bar:
        task = bar.add_task("evidence", total=1.0)
        judged = judge(found, partial(_advance, bar, task))
    print(trust_sentences.verdict(judged))
    for each in judged.evidence:
        print(f" {MARKS[each.supports]} {trust_sentences.evidence(each)}")
    if as_json:
        print(json.dumps(as_object(run, judged), ensure_ascii=False))


def run_controls(comparison: Comparison, device: str) -> None:
    """Search the missing negative controls without φ2."""
    missing = [key for key in WITHOUT_PHI2 if comparison.saved(key) is None]
    with progress(transient=True) as bar:
        for key in missing:
            task = bar.add_task(NEGATIVE_CONTROLS[key].title, total=1.0)
            comparison.run(key, device=device, on_progress=partial(_advance, bar, task))


def _advance(bar: Progress, task: TaskID, share: float) -> None:
    bar.update(task, completed=share)


def as_object(run: str, judged: Trust) -> dict[str, object]:
    """The verdict for programs."""
    facts = [
        {"key": each.key, "says": trust_sentences.evidence(each), "speaks": each.supports} for each in judged.evidence
    ]
    sentence = trust_sentences.verdict(judged)
    return {"run": run, "verdict": judged.verdict, "about": judged.about, "sentence": sentence, "facts": facts}
