"""One judge of all methods: the likelihood, in both spaces at once, of what their labelings become when refined.

Labelings of one pair of spaces with one number of classes are refined in the same way, whatever found them, with equal
class probabilities: the log-likelihoods of the mixtures are comparable, and need no ground truth. What a method is
judged by is the most likely of its refined seeds and of their vote.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hume.common.progress import Progress
from hume.experiments.cache import Cache
from hume.experiments.refined_methods import refined_labelings
from hume.experiments.saved_labelings import SavedLabelings
from hume.runs.refinement import Refinement


@dataclass(frozen=True, eq=False)
class Judged:
    """The most likely labeling that a method's labelings lead to."""

    labeling: NDArray[np.int32]  # (N,)
    likelihood: float  # mean log-likelihood of a row, nats


def judge(stage: Refinement, saved: SavedLabelings, on_progress: Progress | None = None) -> Judged:
    """Refine the labelings of a method that are not, and take the most likely one."""
    refined = saved if saved.joint is not None else refined_labelings(stage, saved, saved.note, on_progress)
    joint = refined.joint
    assert joint is not None  # after a refinement
    best = int(joint.likelihood.argmax())
    if joint.final_likelihood >= joint.likelihood[best]:
        return Judged(joint.final, joint.final_likelihood)
    return Judged(refined.labelings[best], float(joint.likelihood[best]))


def save_judged(cache: Cache, key: str, saved: SavedLabelings, judged: Judged) -> None:
    """Write the judgement of a method's saved labelings; raises RunError when it cannot be written."""
    tags = {"likelihood": repr(judged.likelihood), "of": _digest(saved)}
    cache.write(f"judged/{key}", {"labeling": judged.labeling}, tags)


def load_judged(cache: Cache, key: str, saved: SavedLabelings) -> Judged | None:
    """The judgement of these labelings; None where they were not judged."""
    content = cache.read(f"judged/{key}")
    if content is None:
        return None
    arrays, tags = content
    labeling = arrays.get("labeling")
    if labeling is None or tags.get("of") != _digest(saved):
        return None
    return Judged(labeling, float(tags["likelihood"]))


def _digest(saved: SavedLabelings) -> str:
    return hashlib.blake2b(np.ascontiguousarray(saved.labelings).tobytes(), digest_size=16).hexdigest()
