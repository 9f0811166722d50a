"""Sentences about two labelings beside each other, and about what differs in the settings of runs."""

from collections.abc import Sequence

from hume.common.formatting import count, number, percent
from hume.experiments.methods import METHODS
from hume.experiments.sides import NUMBERED, Side, TwoLabelings
from hume.runs import provenance
from hume.runs.run import Run

NAMED = 4  # settings that a sentence names
VIEWS = {
    "corrected": "with a person's answers",
    "refined": "refined in both spaces",
    "searched": "as searched",
}


def labeling(what: str) -> str:
    """A labeling of a run in words; what: see `hume.experiments.sides`."""
    numbered = NUMBERED.fullmatch(what)
    if numbered is not None:
        return (
            f"labeling {numbered[2]} of its seeds" if numbered[1] == "mode" else f"version {numbered[2]} of its answers"
        )
    return METHODS[what].title if what in METHODS else VIEWS.get(what, what)


def title(side: Side) -> str:
    """One labeling by its run, or by its method."""
    if side.method is not None:
        return f"{side.method.title} on the spaces of {side.run.name}"
    return f"{side.run.name}, {labeling(side.what)}"


def agreement(both: TwoLabelings) -> str:
    """How many samples have matched classes in two labelings, and how many moved."""
    found, n = both.differences, len(both.differences.rows)
    if len(found.moved) == 0 and found.num_second <= found.num_first:
        return f"The two labelings are the same on all {count(n, 'sample')}."
    scores, moved = found.agreement, len(found.moved)
    return (
        f"The two labelings agree on {percent(scores.acc)} of {count(n, 'sample')}; {count(moved, 'sample')} moved "
        f"(adjusted Rand index {number(scores.ari)}, normalized mutual information {number(scores.nmi)})."
    )


def largest(both: TwoLabelings) -> str:
    """The largest group of samples that moved together; empty where none moved."""
    flow = next((flow for flow in both.differences.flows if flow.moved), None)
    if flow is None:
        return ""
    return (
        f"The largest group that moved: {count(flow.size, 'sample')} from {both.first_names[flow.first]} to "
        f"{both.second_names[flow.second]}, {percent(flow.share_of_first)} of {both.first_names[flow.first]}."
    )


def classes(both: TwoLabelings) -> str:
    """How classes are matched, and how many have no counterpart."""
    found = both.differences
    text = "Blue: matched classes; orange: samples that moved. Classes of the second labeling have the numbers of the "
    text += "classes of the first that they are matched to."
    extra = found.num_second - found.num_first
    if extra:
        text += f" {count(extra, 'class', 'classes')} of it, from number {found.num_first} on, "
        text += f"{'has' if extra == 1 else 'have'} no counterpart."
    missing = int((found.table.any(1) & (found.own[: found.num_first] < 0)).sum())
    if missing:
        text += f" {count(missing, 'class', 'classes')} of the first {'has' if missing == 1 else 'have'} none."
    aside = int((~found.counted).sum())
    if aside:
        text += f" {count(aside, 'sample')} that a person set aside {'is' if aside == 1 else 'are'} left out."
    return text


def what_differs(first: Run, second: Run) -> str:
    """In which settings two runs differ."""
    if first.name == second.name:
        return ""
    differing = _differing([first, second])
    if not differing:
        return f"Runs {first.name} and {second.name} have the same settings."
    named = [f"{row.label} ({row.values[0]} and {row.values[1]})" for row in differing[:NAMED]]
    more = len(differing) - len(named)
    text = f"{', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 and not more else ", ".join(named)
    text += f" and {count(more, 'more setting')}" if more else ""
    return f"Runs {first.name} and {second.name} differ in {text}."


def own_settings(runs: Sequence[Run]) -> list[str]:
    """For each of several runs, the settings in which they differ, in a few words: K = 5, φ2 lite0."""
    differing = _differing(runs)[:NAMED]
    return [
        ", ".join(_setting(row, row.values[i]) for row in differing) or "the same settings" for i in range(len(runs))
    ]


def _differing(runs: Sequence[Run]) -> list[provenance.Setting]:
    """The settings that may change what is found; those of a changed preset are named themselves."""
    every = provenance.differing(runs)
    return [row for row in every if row.name != "device" and not (row.name == "preset" and "changed" in row.values)]


def _setting(row: provenance.Setting, value: str) -> str:
    if row.name in ("phi1", "phi2"):
        return f"{row.label} {value}"
    if row.name == "seeds":
        return f"{value} seeds"
    return f"{row.label} = {value}" if row.symbol else f"{row.label} {value}"
