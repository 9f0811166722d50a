"""Refinement with a few answers: rows whose class a person gave stay in it and pull their class along."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.engine.joint_rows import JointRows, block_rows
from hume.engine.refinement import JointModel, Known, Priors, refine

SHARE = 0.5  # of all samples, which many answers together count as much as
FEW = 10  # answers, up to which each counts about the same


def answer_weight(num_rows: int, num_answers: int) -> float:
    """How many samples an answer counts as: chosen on digits and Fashion-MNIST (docs/quality.md), at least one."""
    return max(1.0, SHARE * num_rows / (num_answers + FEW))


@dataclass(frozen=True, eq=False)
class Fit:
    """A labeling refined with answers. Classes are those of the labeling that it started from."""

    model: JointModel  # a single mixture
    labeling: NDArray[np.int32]  # (N,) the model's most probable class, also where an answer says otherwise
    confidence: NDArray[np.float32]  # (N,) its probability
    margin: NDArray[np.float32]  # (N,) log odds of the two most probable classes, nats


def refine_with_answers(
    fitted: JointRows,
    every: JointRows,
    labeling: NDArray[np.integer[Any]],
    num_classes: int,
    rows: NDArray[np.int64],
    classes: NDArray[np.int64],
    *,
    priors: Priors = "equal",
) -> Fit:
    """Refine a labeling (n,) of the fitted rows, of which some (A,) are known, and label every row.

    classes: (A,) 0..K − 1, or −1 for a row that is no sample of this dataset and counts nowhere. Without answers it is
    `refine`. Raises InputError when there are fewer than five rows a class.
    """
    weight = answer_weight(len(fitted), int((classes >= 0).sum()))
    known = Known(np.asarray(rows, np.int64), np.asarray(classes, np.int64), weight)
    model = refine(fitted, np.asarray(labeling)[None], num_classes, priors=priors, known=known).model
    return predict(model, every)


def predict(model: JointModel, rows: JointRows) -> Fit:
    """Label rows (N, D) by a single mixture."""
    N, K = len(rows), model.bias.shape[0]
    labeling, confidence, margin = np.empty(N, np.int32), np.empty(N, np.float32), np.empty(N, np.float32)
    for start, z in rows.blocks(block_rows(K, rows.dim)):
        some = slice(start, start + len(z))
        g = model.logits(z)[:, :, 0]
        (first, second), order = (part.T for part in g.topk(2, 1))
        labeling[some] = order[0].cpu().numpy()
        confidence[some] = (first - g.logsumexp(1)).exp().cpu().numpy()
        margin[some] = (first - second).cpu().numpy()
    return Fit(model, labeling, confidence, margin)
