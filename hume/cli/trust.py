"""The command that asks whether the objective of a run is to be trusted."""

import json
from functools import partial
from typing import Annotated

import typer
from rich.progress import Progress, TaskID

from hume.cli.base import command, progress
from hume.cli.runs import AsJson, RunName
from hume.common import devices
from hume.experiments.comparison import Comparison
from hume.experiments.controls import CONTROLS
from hume.experiments.trust import Trust, comparison_of, of_run
from hume.experiments.trust_evidence import SPOILED
from hume.runs.findings import Findings
from hume.runs.store import Store

MARKS = {"for": "+", "against": "!", "doubt": "?", "neither": " "}


@command("trust")
def trust(
    run: RunName,
    controls: Annotated[
        bool, typer.Option("--controls", help="Search two spoiled pairs first, 20 seeds each.")
    ] = False,
    as_json: AsJson = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda; for the controls.")] = "auto",
) -> None:
    """Say, without any label, whether better scores mean better labelings in a run, and what that rests on."""
    found = Findings(Store().open(run))
    if controls:
        run_controls(comparison_of(found), devices.choose_device(device))
    judged = of_run(found)
    print(judged.sentence)
    for fact in judged.facts:
        print(f" {MARKS[fact.speaks]} {fact.says}")
    if as_json:
        print(json.dumps(as_object(run, judged), ensure_ascii=False))


def run_controls(comparison: Comparison, device: str) -> None:
    """Search the pairs in which φ2 was spoiled, as far as nobody has yet."""
    missing = [key for key in SPOILED if comparison.found(key) is None]
    with progress(transient=True) as bar:
        for key in missing:
            task = bar.add_task(CONTROLS[key].title, total=1.0)
            comparison.run(key, device=device, on_progress=partial(_tell, bar, task))


def _tell(bar: Progress, task: TaskID, share: float) -> None:
    bar.update(task, completed=share)


def as_object(run: str, judged: Trust) -> dict[str, object]:
    """The verdict for programs."""
    facts = [{"key": fact.key, "says": fact.says, "speaks": fact.speaks} for fact in judged.facts]
    return {"run": run, "verdict": judged.verdict, "sentence": judged.sentence, "facts": facts}
