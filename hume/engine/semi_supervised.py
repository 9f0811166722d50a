"""Refinement with a few answers: rows whose class a person gave stay in it and pull their class along.

The mixture of `hume.engine.refinement` says how samples group, but a class need not be one Gaussian, and the many rows
without an answer hold it where it is. A linear classifier that is trained on the answers alone knows nothing of groups.
Both are linear in the whitened rows, so that their product, VOICE times the second's logits beside the first's, is one
classifier again.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from hume.engine.joint_rows import JointRows, block_rows
from hume.engine.refinement import JointModel, Known, Priors, refine

SHARE = 0.5  # of all samples, which many answers together count as much as
FEW = 10  # answers, up to which each counts about the same
# Both chosen on digits and Fashion-MNIST (docs/quality.md). The mixture is far too sure of itself: a VOICE above 1.
VOICE = 4.0
C = 10.0  # of scikit-learn's LogisticRegression
MOST = 20_000  # answers that train it: more would take longer than they are worth


def answer_weight(num_rows: int, num_answers: int) -> float:
    """How many samples an answer counts as: chosen on digits and Fashion-MNIST (docs/quality.md), at least one."""
    return max(1.0, SHARE * num_rows / (num_answers + FEW))


@dataclass(frozen=True, eq=False)
class Fit:
    """A labeling refined with answers. Classes are those of the labeling that it started from."""

    model: JointModel  # a single classifier
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
    return predict(_with_classifier(model, fitted, known), every)


def _with_classifier(model: JointModel, fitted: JointRows, known: Known) -> JointModel:
    """The product of a mixture and a linear classifier that is trained on the answers alone, if they name two classes.

    The classifier says nothing about classes without an answer.
    """
    taken = _evened(known)
    classes = known.classes[taken]
    if len(np.unique(classes)) < 2:
        return model
    scale = torch.cat([whitening.deviations for whitening in fitted.whitenings])
    x = (fitted.take(torch.from_numpy(known.rows[taken])) * scale).cpu().numpy()
    trained = LogisticRegression(C=C, class_weight="balanced", max_iter=1000).fit(x, classes)
    coefficients, intercept = trained.coef_, trained.intercept_
    if len(trained.classes_) == 2:  # the log odds of the second one
        coefficients, intercept = (np.stack([-each[0], each[0]]) / 2 for each in (coefficients, intercept))
    weights, bias = model.weights.clone(), model.bias.clone()
    weights[:, trained.classes_, 0] += VOICE * scale[:, None] * torch.from_numpy(coefficients.T).to(weights)
    bias[trained.classes_, 0] += VOICE * torch.from_numpy(intercept).to(bias)
    return JointModel(weights, bias)


def _evened(known: Known) -> NDArray[np.int64]:
    """The positions of answers in the order of their rows, at most twice as many of a class as of the middle one.

    Hundreds of samples that are put into one class at once would else make it the likely one everywhere. MOST in all.
    """
    order = np.argsort(known.rows)
    given, counts = np.unique(known.classes[known.classes >= 0], return_counts=True)
    most = max(1, min(max(FEW, 2 * int(np.median(counts))), MOST // len(given))) if len(given) else 0
    kept = np.zeros(len(order), np.bool_)
    for k in given:
        of_class = np.flatnonzero(known.classes[order] == k)
        kept[of_class[np.linspace(0, len(of_class) - 1, min(len(of_class), most)).round().astype(np.int64)]] = True
    return order[kept]


def predict(model: JointModel, rows: JointRows) -> Fit:
    """Label rows (N, D) by a single classifier."""
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
