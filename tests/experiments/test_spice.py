"""SPICE-Self: pseudo-labels and loss by hand, planted classes, reliable samples, seeds on their own."""

import numpy as np
import pytest
import torch

from hume.common.errors import InputError
from hume.evaluation.metrics import clustering_accuracy
from hume.experiments.baselines.spice import double_softmax_loss, prototype_samples, spice
from tests.support.planted import planted
from tests.support.rules import cases

FEW = {"seeds": range(2), "num_heads": 3, "num_epochs": 10, "num_repeats": 2, "step_batch_size": 32}


def test_classes_go_to_the_samples_nearest_to_the_mean_of_the_surest():
    """Six samples on a line of angles; class 0 is surest of samples 0 and 1, class 1 of sample 5 and, wrongly, 2."""
    angles = torch.tensor([0.0, 10.0, 20.0, 70.0, 80.0, 90.0]).deg2rad()
    rows = torch.stack([angles.cos(), angles.sin()], dim=1)[None]
    first = torch.tensor([0.9, 0.8, 0.3, 0.4, 0.2, 0.1])
    said = torch.stack([first, 1 - first])[None, None]
    said[0, 0, 1] = torch.tensor([0.1, 0.2, 0.95, 0.4, 0.3, 0.9])
    # three samples a class; two thirds of these, so two, make the prototype
    chosen = prototype_samples(rows, said, 2 / 3 + 1e-6)
    assert chosen.shape == (1, 1, 2, 3)
    assert set(chosen[0, 0, 0].tolist()) == {0, 1, 2}  # around 5 degrees
    assert set(chosen[0, 0, 1].tolist()) > {3, 4}  # around 55 degrees; 20 and 90 are equally far
    surest = prototype_samples(rows, said, 0.34)
    assert surest[0, 0, 1].tolist()[0] == 2  # the one sample that class 1 is surest of


def test_every_head_and_seed_chooses_for_itself():
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(2, 12, 5, generator=generator)
    said = torch.rand(2, 3, 4, 12, generator=generator)
    together = prototype_samples(rows, said)
    for s in range(2):
        for h in range(3):
            alone = prototype_samples(rows[s : s + 1], said[s : s + 1, h : h + 1])
            torch.testing.assert_close(together[s, h], alone[0, 0])


def test_the_loss_takes_probabilities_for_logits():
    said = torch.tensor([[0.7, 0.2], [0.3, 0.8]])
    by_hand = np.log1p(np.exp(0.3 - 0.7)) / 2 + np.log1p(np.exp(0.8 - 0.2)) / 2
    assert double_softmax_loss(said, torch.tensor([0, 0])).item() == pytest.approx(by_hand, rel=1e-6)
    certain = torch.eye(4)
    assert double_softmax_loss(certain, torch.arange(4)).item() == pytest.approx(np.log(1 + 3 / np.e), rel=1e-6)


def test_planted_classes_are_found_in_either_space():
    *spaces, truth = planted(noise=0.1)
    for space in spaces:
        result = spice(space, 3, **FEW)
        assert result.labelings.shape == (2, truth.size)
        assert result.labelings.dtype == np.int64
        assert all(clustering_accuracy(truth, labeling) > 0.95 for labeling in result.labelings)
        assert (result.loss >= np.log(1 + 2 / np.e) - 1e-5).all()
        assert result.seconds > 0


def test_reliable_samples_are_those_among_their_own_class():
    phi1, _, truth = planted(noise=0.05, size=200)
    result = spice(phi1, 3, **(FEW | {"num_epochs": 20}))
    for labeling, reliable in zip(result.labelings, result.reliable, strict=True):
        assert reliable.mean() > 0.9
        assert clustering_accuracy(truth[reliable], labeling[reliable]) == 1
    # three classes of 20 samples: no 90 of 100 nearest can be of one class
    small, _, _ = planted(noise=0.05, size=20)
    assert not spice(small, 3, **FEW).reliable.any()


def test_the_best_epoch_is_kept():
    phi1, _, _ = planted(noise=0.5)
    losses = [spice(phi1, 3, **(FEW | {"num_epochs": n})).loss for n in (1, 4, 8)]
    assert (losses[1] <= losses[0]).all()
    assert (losses[2] <= losses[1]).all()


def test_batches_are_smaller_than_the_data():
    phi1, _, truth = planted(noise=0.1)
    result = spice(phi1, 3, **(FEW | {"batch_size": 60, "hidden": 16}))
    assert all(clustering_accuracy(truth, labeling) > 0.95 for labeling in result.labelings)


def test_a_seed_decides_alone_and_the_global_one_does_not():
    phi1, _, _ = planted(noise=0.6)
    few = FEW | {"num_epochs": 2}
    state = torch.get_rng_state()
    both = spice(phi1, 3, **few)
    torch.testing.assert_close(torch.get_rng_state(), state)
    again, second = spice(phi1, 3, **few), spice(phi1, 3, **(few | {"seeds": [1]}))
    np.testing.assert_array_equal(both.labelings, again.labelings)
    np.testing.assert_array_equal(both.labelings[1], second.labelings[0])
    np.testing.assert_allclose(both.loss[1], second.loss[0], rtol=1e-5)
    assert both.loss[0] != both.loss[1]


def test_progress_rises_to_one():
    phi1, _, _ = planted()
    told: list[float] = []
    spice(phi1, 3, **(FEW | {"num_epochs": 2}), on_progress=told.append)
    assert told == [0.5, 1.0]


GOOD = np.eye(4, dtype=np.float32)


@cases(
    ("call", "says"),
    [
        (lambda: spice(GOOD[0], 2), r"phi1 has shape \(4,\)"),
        (lambda: spice(np.full((4, 2), np.nan), 2), "row 0 of phi1"),
        (lambda: spice(GOOD, 5), "num_classes is 5"),
        (lambda: spice(GOOD, 2, seeds=[]), "no seeds"),
        (lambda: spice(GOOD, 2, num_heads=0), "num_heads is 0"),
        (lambda: spice(GOOD, 2, hidden=0), "hidden is 0"),
        (lambda: spice(GOOD, 2, num_epochs=0), "num_epochs is 0"),
        (lambda: spice(GOOD, 2, num_repeats=0), "num_repeats is 0"),
        (lambda: spice(GOOD, 2, batch_size=1), "batch_size is 1"),
        (lambda: spice(GOOD, 2, step_batch_size=0), "step_batch_size is 0"),
        (lambda: spice(GOOD, 2, step_size=0.0), "step_size is 0"),
        (lambda: spice(GOOD, 2, center_ratio=1.5), "center_ratio is 1.5"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(InputError, match=says):
        call()
