"""Commands that show: one run, all runs, all datasets."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
from rich.table import Table

from hume.cli.base import command, print_table
from hume.cli.options import AsJson, RunName
from hume.common.errors import InputError, RunError
from hume.data.dataset import dataset_folders, load_dataset
from hume.experiments import judgement
from hume.reporting import evenness_sentences, trust_sentences
from hume.runs.request import View, solver_name
from hume.runs.run import Run
from hume.runs.store import Store


def _as_json(run: Run, values: dict[str, Any]) -> str:
    request = run.request
    return json.dumps(
        {
            "run": run.name,
            "folder": str(run.folder),
            "dataset": request.dataset,
            "phi1": request.phi1,
            "phi2": request.phi2,
            "num_seeds": len(values["seeds"]),
            "num_classes": request.config.num_classes,
            "setting": request.setting,
            "solver": solver_name(request.solver),
            "evenness": None if request.evenness is None else asdict(request.evenness),
            **values,
            "trust": _trust(run),
        }
    )


def _trust(run: Run) -> dict[str, str] | None:
    """The verdict on the labeling that a run offers, None before it was computed."""
    known = judgement.read(run, _view(run))
    if known is None:
        return None
    return {"verdict": known.verdict, "about": known.about, "sentence": trust_sentences.verdict(known)}


def _view(run: Run) -> View:
    return "searched" if run.scores().get("refined") is None else "refined"


def report_run(run: Run, values: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(_as_json(run, values))
        return
    request = run.request
    print(f"run          {run.name}")
    print(f"folder       {run.folder}")
    print(f"data         {request.dataset}: φ1 {request.phi1}, φ2 {request.phi2}, K {request.config.num_classes}")
    if request.origin == "authors":
        print("solver       imported from the authors' layout")
    else:
        print(f"solver       {solver_name(request.solver)} on {values['device']}, {request.setting}")
    print(f"seeds        {len(values['seeds'])} in {values['seconds']:.1f} s")
    if request.evenness is not None:
        print(f"class sizes  {evenness_sentences.evenness(request.evenness)}")
    cv_score = np.array(values["cv_score"])
    print(f"cv score     {cv_score.mean():.3f} ± {cv_score.std():.3f} over the seeds, best {cv_score.max():.3f}")
    if values.get("not_refined"):
        print(f"not refined  {values['not_refined']}")
    if values.get("refined"):
        number = len(values["refined"]["seeds"])
        print(f"refined      {number} of {len(values['seeds'])} seeds, {values['refine_seconds']:.1f} s")
    known = _trust(run)
    print(f"trust        {f'not computed yet, see `trust {run.name}`' if known is None else known['sentence']}")
    if values["vote"]["acc"] is None:
        print("vote         no ground truth to compare with")
        return
    accuracy = np.array(values["acc"])
    print(f"seeds' ACC   {accuracy.mean():.3f} ± {accuracy.std():.3f}")
    print(_correlation_line("cv score", values["correlation"]))
    print(_agreement_line("searched", values.get("searched_vote", values["vote"])))
    refined = values.get("refined")
    if refined is not None:
        accuracy = np.array(refined["acc"])
        print(f"refined ACC  {accuracy.mean():.3f} ± {accuracy.std():.3f}")
        print(_correlation_line("likelihood", values["likelihood_correlation"]))
    print(_agreement_line("vote", values["vote"]))


def _agreement_line(name: str, vote: dict[str, float]) -> str:
    return f"{name:<12} " + "ACC {acc:.3f}, ARI {ari:.3f}, NMI {nmi:.3f}".format(**vote)


def _correlation_line(name: str, correlation: dict[str, Any]) -> str:
    if correlation["r"] is None:
        return "correlation  not enough different seeds"
    text = "correlation  r = {r:.2f} of {name} and ACC, 95 % interval {low:.2f} to {high:.2f}, p = {p:.1g}, n = {n}"
    return text.format(name=name, **correlation)


@command("show")
def show(run: RunName, as_json: AsJson = False) -> None:
    """What a run was asked to do and what it found."""
    opened = Store().open(run)
    if opened.state == "finished":
        report_run(opened, opened.scores(), as_json)
    elif as_json:
        done = opened.finished_seeds
        print(json.dumps({"run": opened.name, "folder": str(opened.folder), "state": opened.state, "seeds": done}))
    else:
        number, asked = len(opened.finished_seeds), len(opened.request.seeds)
        print(f"{opened.name} is {opened.state}: {number} of {asked} seeds are finished")


@command("list")
def list_runs() -> None:
    """All runs, the newest first."""
    table = Table("run", "state", "seeds", "dataset", "φ1", "φ2", "vote ACC", "created", box=None)
    store, damaged = Store(), []
    for name in store.names():
        try:
            run = store.open(name)
            request, state = run.request, run.state
            acc = run.scores()["vote"]["acc"] if state == "finished" else None
        except RunError as error:
            table.add_row(name, "damaged")
            damaged.append(str(error))
            continue
        seeds = f"{len(run.finished_seeds)}/{len(request.seeds)}"
        shown = "–" if acc is None else f"{acc:.3f}"
        table.add_row(run.name, state, seeds, request.dataset, request.phi1, request.phi2, shown, request.created)
    print_table(table)
    for reason in damaged:
        print(f"damaged: {reason}")


@command("datasets")
def list_datasets() -> None:
    """All datasets, with their spaces."""
    table = Table("dataset", "samples", "K", "labels", "space", "d", "kind", "licence", box=None)
    store = Store()
    for folder in dataset_folders(store.dataset_roots):
        try:
            data = load_dataset(folder)
        except InputError as error:
            table.add_row(folder.name, "damaged", "", "", str(error), "", "", "")
            continue
        head = (data.name, str(data.num_samples), str(data.num_classes or "–"), "no" if data.labels is None else "yes")
        if not data.spaces:
            table.add_row(*head, "none yet", "", "", "")
        for i, space in enumerate(data.spaces.values()):
            start = head if i == 0 else ("",) * 4
            table.add_row(*start, space.name, str(space.features.shape[1]), space.kind, space.licence)
    print_table(table)
