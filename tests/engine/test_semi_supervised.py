"""Answers to a few samples: the classifier of the answers reaches what a mixture of one Gaussian a class cannot."""

import numpy as np
import pytest
import torch

from hume.engine import semi_supervised
from hume.engine.joint_rows import JointRows
from hume.engine.refinement import refine
from hume.engine.semi_supervised import predict, refine_with_answers

K, SIZE, DIM = 3, 200, 12


@pytest.fixture(scope="module")
def two_kinds():
    """Rows of four clusters and their classes: the last cluster is a second kind of class 0, found as class 1."""
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(4), SIZE)
    spaces = []
    for _ in range(2):
        features = rng.normal(size=(4, DIM))[cluster] + 0.45 * rng.normal(size=(4 * SIZE, DIM))
        spaces.append(torch.nn.functional.normalize(torch.from_numpy(features).float()))
    truth = np.where(cluster == 3, 0, cluster)
    found = np.where(cluster == 3, 1, cluster)
    return JointRows.of(*spaces), truth, found


def answered(two_kinds, rows):
    joint, truth, found = two_kinds
    return refine_with_answers(joint, joint, found, K, rows, truth[rows])


def test_a_class_of_two_kinds_is_learned_from_a_few_answers(two_kinds, monkeypatch):
    _, truth, _ = two_kinds
    right = {}
    for voice in (0.0, semi_supervised.VOICE):
        monkeypatch.setattr(semi_supervised, "VOICE", voice)
        labelings = [answered(two_kinds, np.random.default_rng(draw).permutation(len(truth))[:20]) for draw in range(5)]
        right[voice] = np.mean([(fit.labeling == truth).mean() for fit in labelings])
    assert right[semi_supervised.VOICE] > right[0.0] + 0.05


def test_a_class_that_gets_hundreds_of_answers_at_once_does_not_take_over(two_kinds):
    _, truth, _ = two_kinds
    single = [np.flatnonzero(truth == k)[0] for k in range(1, K)]
    fit = answered(two_kinds, np.array([*range(SIZE), *single]))
    assert (fit.labeling[truth == 2] == 2).mean() > 0.95


def test_answers_of_one_class_alone_leave_the_mixture(two_kinds):
    joint, truth, found = two_kinds
    rows = np.flatnonzero(truth == 2)[:5]
    fit = answered(two_kinds, rows)
    known = semi_supervised.Known(rows, truth[rows], semi_supervised.answer_weight(len(truth), len(rows)))
    mixture = predict(refine(joint, found[None], K, known=known).model, joint)
    assert (fit.margin == mixture.margin).all()


def test_the_order_of_answers_does_not_matter(two_kinds):
    rows = np.random.default_rng(0).permutation(4 * SIZE)[:400]  # more of class 0 than are taken
    assert (answered(two_kinds, rows).labeling == answered(two_kinds, rows[::-1].copy()).labeling).all()


def test_two_classes_are_told_apart_by_one_log_odds(two_kinds):
    joint, truth, _ = two_kinds
    two = (truth == 2).astype(np.int64)
    rows = np.concatenate([np.flatnonzero(two == k)[:10] for k in (0, 1)])
    fit = refine_with_answers(joint, joint, two, 2, rows, two[rows])
    assert (fit.labeling == two).mean() > 0.98
    assert fit.model.weights.shape == (joint.dim, 2, 1)
