"""Sentences about the labelings that the seeds of a run found; text without markup."""

import numpy as np
from numpy.typing import NDArray

from hume.common.formatting import count, number, percent
from hume.evaluation.modes import Mode
from hume.runs.findings import Findings


def modes(found: Findings) -> str:
    """How many labelings the seeds found, and which of them is offered."""
    S, first = len(found.seeds), found.modes[0]
    if S == 1:
        return "The run has one seed, which found one labeling."
    text = f"The {S} seeds found {count(len(found.modes), 'labeling')}"
    if len(found.modes) == 1:
        return f"{text}: all are nearly the same."
    by = "score in φ2" if first.best_likelihood is None else "likelihood"
    text += f"; {count(first.size, 'seed')} found the one with the highest {by}"
    if found.view == "searched" or found.mode is not None:
        return f"{text}."
    voters = int(np.isin(found.voters, first.members).sum())
    of_them = "all" if voters == len(found.voters) else f"{voters} of the"
    return f"{text}, among them {of_them} {count(len(found.voters), 'seed')} that vote."


def mode(mode: Mode) -> str:
    """One mode in a line: its size, likelihood, score and agreement of neighbours."""
    parts = [f"{count(mode.size, 'seed')} ({percent(mode.share, 0)})"]
    if mode.best_likelihood is not None and mode.mean_likelihood is not None:
        parts.append(
            f"likelihood {number(mode.best_likelihood, 3)} at best, {number(mode.mean_likelihood, 3)} on average"
        )
    parts.append(f"score in φ2 {percent(mode.best_score)} at best, {percent(mode.mean_score)} on average")
    parts.append(f"{percent(mode.neighbor_agreement / 2)} of the nearest neighbours are in the same class")
    return " · ".join(parts)


def difference(changed: NDArray[np.int64], num_samples: int) -> str:
    """How many samples have another class than in the first mode."""
    share = percent(len(changed) / num_samples)
    return f"{count(len(changed), 'sample')} ({share}) have another class than in labeling 1."
