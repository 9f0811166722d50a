"""TURTLE baseline: finds planted classes, by the steps that plain autograd would take."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from hume.common.errors import InputError
from hume.evaluation.metrics import clustering_accuracy
from hume.experiments.baselines.turtle import turtle
from tests.support.planted import planted
from tests.support.rules import cases

FEW = {"num_iterations": 300, "step_size": 0.02, "inner_step_size": 0.02}


@pytest.mark.parametrize("warm_start", [True, False], ids=["warm", "cold"])
@pytest.mark.parametrize("count", [1, 2], ids=["one space", "two spaces"])
def test_planted_classes_are_found(count, warm_start):
    *spaces, truth = planted(noise=0.1)
    result = turtle(spaces[:count], 3, warm_start=warm_start, **FEW)
    assert clustering_accuracy(truth, result.labeling) > 0.98
    assert result.labeling.shape == truth.shape
    assert result.labeling.dtype == np.int64
    assert result.seconds > 0


@pytest.mark.slow
def test_two_spaces_see_what_each_alone_cannot():
    """Each space mixes up two classes that the other one tells apart."""
    _, _, truth = planted()
    rng = np.random.default_rng(0)
    first, second = np.array([0, 0, 1])[truth], np.array([0, 1, 1])[truth]
    spaces = [np.eye(4)[some] + 0.1 * rng.normal(size=(truth.size, 4)) for some in (first, second)]
    assert clustering_accuracy(truth, turtle(spaces, 3, **FEW).labeling) > 0.98
    for space in spaces:
        assert clustering_accuracy(truth, turtle([space], 3, **FEW).labeling) < 0.9


def test_the_loss_falls_to_that_of_even_and_certain_labels():
    phi1, _, _ = planted(noise=0.05)
    losses = [turtle([phi1], 3, **(FEW | {"num_iterations": n})).loss for n in (1, 300)]
    assert losses[1] < losses[0]
    assert losses[1] == pytest.approx(-10 * np.log(3), abs=0.1)


def test_one_step_is_that_of_plain_autograd():
    """The loss after one iteration, taken from the published algorithm with torch's own layers."""
    phi1, phi2, _ = planted(noise=0.4)
    spaces = [torch.from_numpy(phi1), torch.from_numpy(phi2[:, :5])]
    generator = torch.Generator().manual_seed(3)

    def linear(x):
        layer = nn.Linear(x.shape[1], 3)
        bound = x.shape[1] ** -0.5
        drawn = torch.empty(3, x.shape[1] + 1).uniform_(-bound, bound, generator=generator)
        layer.weight.data, layer.bias.data = drawn[:, :-1].clone(), drawn[:, -1].clone()
        return layer

    encoder = [nn.utils.parametrizations.weight_norm(linear(x)) for x in spaces]
    classifiers = [linear(x) for x in spaces]
    outer, inner = (
        torch.optim.Adam([parameter for layer in layers for parameter in layer.parameters()], lr=0.01)
        for layers in (encoder, classifiers)
    )
    for _ in range(3):
        by_space = [layer(x).softmax(1) for layer, x in zip(encoder, spaces, strict=True)]
        task = sum(by_space) / 2
        for _ in range(4):
            inner.zero_grad()
            logits = [layer(x) for layer, x in zip(classifiers, spaces, strict=True)]
            sum(F.cross_entropy(some, task.detach()) for some in logits).backward()
            inner.step()
        error = sum(F.cross_entropy(layer(x).detach(), task) for layer, x in zip(classifiers, spaces, strict=True))
        loss = error - 2 * sum(torch.special.entr(labels.mean(0)).sum() for labels in by_space)
        outer.zero_grad()
        loss.backward()
        outer.step()

    settings = {"num_iterations": 3, "inner_steps": 4, "step_size": 0.01, "inner_step_size": 0.01}
    ours = turtle([x.numpy() for x in spaces], 3, entropy_weight=2, seed=3, **settings)
    assert ours.loss == pytest.approx(loss.item(), rel=1e-5)
    labels = sum(layer(x).softmax(1) for layer, x in zip(encoder, spaces, strict=True))
    np.testing.assert_array_equal(ours.labeling, labels.argmax(1).numpy())


def test_batches_are_smaller_than_the_data():
    *spaces, truth = planted(noise=0.1)
    result = turtle(spaces, 3, batch_size=60, **FEW)
    assert clustering_accuracy(truth, result.labeling) > 0.98


@pytest.mark.parametrize("settings", [{}, {"warm_start": False}, {"batch_size": 50}], ids=["warm", "cold", "batches"])
def test_a_seed_decides_and_the_global_one_does_not(settings):
    *spaces, _ = planted(noise=0.8)
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002 - looked at, not used
    few = settings | {"num_iterations": 20}
    first = turtle(spaces, 3, seed=5, **few)
    torch.testing.assert_close(torch.get_rng_state(), state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    again, other = turtle(spaces, 3, seed=5, **few), turtle(spaces, 3, seed=6, **few)
    assert first.loss == again.loss
    np.testing.assert_array_equal(first.labeling, again.labeling)
    assert first.loss != other.loss


def test_empty_classes_do_no_harm():
    """Features so large that softmax leaves classes without a trace of any sample."""
    phi1, _, _ = planted()
    assert np.isfinite(turtle([1e4 * phi1], 6, num_iterations=20).loss)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_features_of_other_precision_are_taken(dtype):
    phi1, _, truth = planted(noise=0.05)
    assert clustering_accuracy(truth, turtle([phi1.astype(dtype)], 3, **FEW).labeling) > 0.98


GOOD = np.ones((4, 2), np.float32)
BAD = np.array([[1.0, 0.0], [np.nan, 1.0], [0.0, 1.0], [1.0, 1.0]])


@cases(
    ("call", "says"),
    [
        (lambda: turtle([], 2), "no spaces"),
        (lambda: turtle(GOOD, 2), r"space 0 has shape \(2,\)"),
        (lambda: turtle([GOOD, GOOD[:3]], 2), "space 0 has 4 rows and space 1 3"),
        (lambda: turtle([GOOD, BAD], 2), "row 1 of space 1"),
        (lambda: turtle([GOOD], 5), "num_classes is 5"),
        (lambda: turtle([GOOD], 0), "num_classes is 0"),
        (lambda: turtle([GOOD], 2, num_iterations=0), "num_iterations is 0"),
        (lambda: turtle([GOOD], 2, inner_steps=0), "inner_steps is 0"),
        (lambda: turtle([GOOD], 2, batch_size=0), "batch_size is 0"),
        (lambda: turtle([GOOD], 2, step_size=0.0), "step_size is 0"),
        (lambda: turtle([GOOD], 2, inner_step_size=float("nan")), "inner_step_size is nan"),
        (lambda: turtle([GOOD], 2, entropy_weight=-1.0), "entropy_weight is -1"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(InputError, match=says):
        call()
