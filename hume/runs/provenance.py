"""The settings and the provenance of a run, as rows of text that tables everywhere show."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import hume
from hume.common.formatting import count, percent
from hume.data.dataset import Space
from hume.engine.config import preset_of
from hume.runs import review
from hume.runs.answering import estimate
from hume.runs.findings import Findings
from hume.runs.request import solver_name
from hume.runs.run import Run

SETTINGS = {"transductive": "the search saw all rows", "inductive": "the search saw the train rows only"}
MEANINGS = {
    "num_classes": ("K", "classes"),
    "num_iterations": ("T", "steps of the search, at most"),
    "step_size": ("α", "step size of Adam on the prototypes"),
    "temperature": ("γ", "temperature of the sparsemax"),
    "entropy_weight": ("η", "weight of the label entropy, which keeps classes from emptying"),
    "class_sizes": ("π", "requested shares of the classes, in any order; – is equal shares"),
    "num_train": ("|X_tr|", "rows that a random split trains on"),
    "num_test": ("|X_te|", "rows that a random split tests on"),
    "num_splits": ("", "random splits averaged in a step"),
    "anneal_at": ("", "steps after which γ and α are divided by 10"),
    "clip_norm": ("", "largest gradient norm of a seed"),
    "centre": ("", "whether the mean row is subtracted from φ1 before it is normalized"),
    "encoder": ("", "how W1 W1ᵀ = I is enforced"),
    "patience": ("", "steps without gain after which a seed ends"),
    "min_gain": ("", "least gain that counts, in nats of the objective"),
    "split_seed": ("", "seed of the random splits"),
    "precision": ("", "number type of products; auto is float32 on a CPU, bfloat16 on a GPU that has it"),
    "inner_steps": ("m", "steps of the classifier in φ2"),
    "inner_step_size": ("α", "step size of the classifier in φ2"),
    "bias": ("", "whether the classifier in φ2 has a bias"),
    "ridge": ("λ", "ridge of the classifier in φ2; – is a share of φ2's variance"),
    "truncation": ("", "share of a direction of φ2 below which the ridge drops it"),
}  # symbol of the paper, where it has one, and meaning


def settings(findings: Findings) -> list[tuple[str, str]]:
    """What was searched, how, on what and when: (name, text)."""
    request, dataset, values = findings.run.request, findings.dataset, findings.values
    imported = request.origin == "authors"
    return [
        ("Dataset", f"{dataset.card.get('name') or dataset.name}, {dataset.num_samples:,} rows"),
        ("φ1: labels are made here", _described(dataset.space(request.phi1))),
        ("φ2: labels are judged here", _described(dataset.space(request.phi2))),
        ("Classes K", f"{findings.num_classes:,}"),
        ("Seeds", f"{len(findings.values['seeds']):,}: {_ranges(findings.values['seeds'])}"),
        ("Setting", f"{request.setting}: {SETTINGS[request.setting]}"),
        ("Search", "imported from the authors' layout" if imported else f"{solver_name(request.solver)} inner solver"),
        ("Labeling", voting(findings)),
        *_audited(findings),
        ("Time", f"{values['seconds']:.1f} s on the {values['device'].upper()}{_products(values)}"),
        ("Begun", date(request.created)),
        ("Reported by", f"hume-explorer {hume.__version__}"),
    ]


def _audited(findings: Findings) -> list[tuple[str, str]]:
    """How many labels are right, by a person's audit of this labeling, where there is one."""
    found = estimate(findings, review.read(findings.run))
    if found is None:
        return []
    share, low, high = (percent(value) for value in (found.overall.share, found.overall.low, found.overall.high))
    text = f"{share} of the labels that were not given by hand are right (95 % interval {low} to {high}"
    return [("Audit", f"{text}, {count(found.overall.n, 'sample')} drawn at random)")]


def voting(findings: Findings) -> str:
    """Which labeling a view offers: who votes, whether the vote is refined, and whether a person corrected it."""
    given = findings.review
    if given is None:
        return _found(findings)
    steps = (
        count(len(given.answers), "answer"),
        count(len(given.merged), "merge"),
        count(len(given.splits), "split"),
    )
    said = ", ".join(step for step in steps if not step.startswith("0 "))
    return f"{_found(findings)}, corrected by a person ({said}; version {given.version})"


def _found(findings: Findings) -> str:
    V, S = len(findings.voters), len(findings.values["seeds"])
    if findings.mode is not None:
        of = "a single seed" if V == 1 else f"the {V:,} seeds that found it"
        return f"labeling {findings.mode} of {len(findings.modes)}, the vote of {of}"
    if findings.view == "searched":
        return "the labeling of a single seed" if S == 1 else f"the vote of all {S:,} seeds"
    if len(findings.seeds) < S:  # those with the best scores were refined, and all of them vote
        return f"the refined vote of the {V:,} of {S:,} seeds with the best scores"
    if V == 1:
        return f"the refined labeling of {'a single seed' if S == 1 else f'the most likely of {S:,} seeds'}"
    return f"the refined vote of the {V:,} most likely of {S:,} seeds"


def _products(values: dict[str, Any]) -> str:
    """The number type of the search's products, where the run knows it."""
    return f", products in {values['precision']}" if values.get("precision") else ""


def hyperparameters(run: Run) -> list[tuple[str, str, str, str]]:
    """Name, symbol, value and meaning of every hyperparameter; none for an imported run, which records none."""
    if run.request.origin == "authors":
        return []
    values = {**asdict(run.request.config), **asdict(run.request.solver)}  # type: ignore[call-overload]
    return [(name, MEANINGS[name][0], _value(value), MEANINGS[name][1]) for name, value in values.items()]


@dataclass(frozen=True)
class Setting:
    """A setting of several runs, with its value in each as text."""

    name: str
    symbol: str  # of the paper, where it has one
    values: tuple[str, ...]

    @property
    def label(self) -> str:
        """Its symbol, else its name in words."""
        return self.symbol or self.name.replace("_", " ")


def differing(runs: Sequence[Run]) -> list[Setting]:
    """The settings in which runs differ, what they search and how first, what the device is last.

    Where all were searched by the same preset, what the preset makes of the numbers of rows and classes is left out.
    """
    every = [_settings(run) for run in runs]
    presets = {values["preset"] for values in every}
    skipped = set() if len(presets) > 1 or "changed" in presets else set(MEANINGS) - {"num_classes", "class_sizes"}
    names = dict.fromkeys(name for values in every for name in values if name not in skipped)
    rows = [Setting(name, _symbol(name), tuple(_value(values.get(name)) for values in every)) for name in names]
    return [row for row in rows if len(set(row.values)) > 1]


def _symbol(name: str) -> str:
    return {"phi1": "φ1", "phi2": "φ2"}.get(name) or MEANINGS.get(name, ("", ""))[0]


def _settings(run: Run) -> dict[str, Any]:
    """All settings of a run in the order in which a reader asks for them."""
    request = run.request
    first: dict[str, Any] = {"dataset": request.dataset, "phi1": request.phi1, "phi2": request.phi2}
    first |= {"num_classes": request.config.num_classes, "seeds": len(request.seeds), "setting": request.setting}
    first |= {"refinement": request.refine, "preset": preset_of(request.config, request.solver, request.setting)}
    first["preset"] = "imported" if request.origin == "authors" else first["preset"] or "changed"
    solver = {"solver": solver_name(request.solver), **asdict(request.solver)}  # type: ignore[call-overload]
    return {**first, **asdict(request.config), **solver, "device": request.cluster or request.device}


def date(iso: str) -> str:
    """A time as text, "23 November 2026, 15:04 UTC"; iso: as a run records it."""
    moment = datetime.fromisoformat(iso)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _described(space: Space) -> str:
    """A space's title, dimensions, origin and licence, as far as the card has them."""
    known = [space.title or space.name, f"{space.features.shape[1]:,} dimensions", space.made, space.licence]
    return " · ".join(item for item in known if item)


def _ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers, briefly: 0 to 19, 25."""
    breaks = [i for i in range(1, len(numbers)) if numbers[i] != numbers[i - 1] + 1]
    groups = [numbers[a:b] for a, b in zip([0, *breaks], [*breaks, len(numbers)], strict=True)]
    return ", ".join(str(group[0]) if len(group) == 1 else f"{group[0]} to {group[-1]}" for group in groups)


def _value(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(f"{item:g}" for item in value) or "never"
    return f"{value:g}" if isinstance(value, float) else str(value)
