"""TEMI heads: their loss by hand, planted classes, teachers that follow, seeds that do not know of each other."""

import numpy as np
import pytest
import torch

from hume.common.errors import InputError
from hume.evaluation.metrics import clustering_accuracy
from hume.experiments.baselines.temi import temi, temi_loss
from tests.support.planted import planted
from tests.support.rules import cases

FEW = {"seeds": range(2), "num_heads": 4, "num_neighbors": 10, "hidden": (), "batch_size": 64}
FEW |= {"num_iterations": 300, "step_size": 0.02, "teacher_momentum": 0.9}


def test_the_loss_is_that_computed_by_hand():
    """One seed, two heads, two classes, one sample and its neighbour."""
    student = torch.tensor([[[[0.9, 0.7], [0.1, 0.3]], [[0.5, 0.2], [0.5, 0.8]]]])
    teacher = torch.tensor([[[[0.8, 0.6], [0.2, 0.4]], [[0.4, 0.3], [0.6, 0.7]]]])
    shares = torch.tensor([[[0.5, 0.5], [0.25, 0.75]]])
    weight = (0.8 * 0.6 + 0.2 * 0.4 + 0.4 * 0.3 + 0.6 * 0.7) / 2

    def crossed(first, second, some):
        there = (first[0] * second[0]) ** 0.6 / some[0] + (first[1] * second[1]) ** 0.6 / some[1]
        return -weight * np.log(there)

    first = (crossed((0.9, 0.1), (0.6, 0.4), (0.5, 0.5)) + crossed((0.7, 0.3), (0.8, 0.2), (0.5, 0.5))) / 2
    second = (crossed((0.5, 0.5), (0.3, 0.7), (0.25, 0.75)) + crossed((0.2, 0.8), (0.4, 0.6), (0.25, 0.75))) / 2
    np.testing.assert_allclose(temi_loss(student, teacher, shares, 0.6).numpy(), [[first, second]], rtol=1e-6)


def test_even_and_certain_labels_are_best_and_one_class_is_not():
    certain = torch.eye(3).repeat(1, 4)[None, None]  # neighbours are of the same class
    even = torch.full((1, 1, 3), 1 / 3)
    assert temi_loss(certain, certain, even).item() == pytest.approx(-np.log(3), rel=1e-5)
    one = torch.zeros(1, 1, 3, 12)
    one[:, :, 0] = 1
    assert temi_loss(one, one, torch.tensor([[[1.0, 1e-3, 1e-3]]])).item() == pytest.approx(0, abs=1e-5)


def test_planted_classes_are_found_in_either_space():
    *spaces, truth = planted(noise=0.1)
    for space in spaces:
        result = temi(space, 3, **FEW)
        assert result.labelings.shape == (2, truth.size)
        assert result.labelings.dtype == np.int64
        assert all(clustering_accuracy(truth, labeling) > 0.95 for labeling in result.labelings)
        assert result.seconds > 0


def test_perceptrons_of_any_depth_find_them_too():
    phi1, _, truth = planted(noise=0.1)
    for hidden in ((32,), (32, 16)):
        result = temi(phi1, 3, **(FEW | {"hidden": hidden, "step_size": 0.01}))
        assert all(clustering_accuracy(truth, labeling) > 0.95 for labeling in result.labelings)


def test_the_loss_falls_towards_its_bound():
    phi1, _, _ = planted(noise=0.02)
    losses = [temi(phi1, 3, **(FEW | {"num_iterations": n})).loss for n in (1, 300)]
    assert (losses[1] < losses[0]).all()
    np.testing.assert_allclose(losses[1], -np.log(3), atol=0.1)


def test_a_teacher_that_never_moves_keeps_its_labels():
    phi1, _, _ = planted(noise=0.3)
    still = [temi(phi1, 3, **(FEW | {"teacher_momentum": 1.0, "num_iterations": n, "num_heads": 1})) for n in (1, 50)]
    np.testing.assert_array_equal(still[0].labelings, still[1].labelings)


@pytest.mark.parametrize("hidden", [(), (16, 8)], ids=["linear", "perceptron"])
def test_a_seed_decides_alone_and_the_global_one_does_not(hidden):
    phi1, _, _ = planted(noise=0.6)
    few = FEW | {"num_iterations": 20, "hidden": hidden}
    state = torch.get_rng_state()
    both = temi(phi1, 3, **few)
    torch.testing.assert_close(torch.get_rng_state(), state)
    again, second = temi(phi1, 3, **few), temi(phi1, 3, **(few | {"seeds": [1]}))
    np.testing.assert_array_equal(both.labelings, again.labelings)
    np.testing.assert_array_equal(both.labelings[1], second.labelings[0])
    np.testing.assert_allclose(both.loss[1], second.loss[0], rtol=1e-5)
    assert both.loss[0] != both.loss[1]


def test_progress_rises_to_one():
    phi1, _, _ = planted()
    told: list[float] = []
    temi(phi1, 3, **(FEW | {"num_iterations": 4}), on_progress=told.append)
    assert told == pytest.approx([0.25, 0.5, 0.75, 1.0])


GOOD = np.eye(4, dtype=np.float32)


@cases(
    ("call", "says"),
    [
        (lambda: temi(GOOD[0], 2), r"phi1 has shape \(4,\)"),
        (lambda: temi(np.full((4, 2), np.inf), 2), "row 0 of phi1"),
        (lambda: temi(GOOD, 5), "num_classes is 5"),
        (lambda: temi(GOOD, 2, seeds=[]), "no seeds"),
        (lambda: temi(GOOD, 2, num_heads=0), "num_heads is 0"),
        (lambda: temi(GOOD, 2, hidden=(8, 0)), r"hidden\[1\] is 0"),
        (lambda: temi(GOOD, 2, num_neighbors=0), "num_neighbors is 0"),
        (lambda: temi(GOOD, 2, num_iterations=0), "num_iterations is 0"),
        (lambda: temi(GOOD, 2, batch_size=0), "batch_size is 0"),
        (lambda: temi(GOOD, 2, step_size=float("nan")), "step_size is nan"),
        (lambda: temi(GOOD, 2, beta=0.0), "beta is 0"),
        (lambda: temi(GOOD, 2, warmup=1.5), "warmup is 1.5"),
        (lambda: temi(GOOD, 2, teacher_momentum=-0.1), "teacher_momentum is -0.1"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(InputError, match=says):
        call()
