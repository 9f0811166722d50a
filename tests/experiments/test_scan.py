"""SCAN head: its loss by hand, planted classes, seeds that do not know of each other."""

import numpy as np
import pytest
import torch

from hume.common.errors import InputError
from hume.evaluation.metrics import clustering_accuracy
from hume.experiments.baselines.scan import scan, scan_loss
from tests.support.planted import planted
from tests.support.rules import cases

FEW = {"seeds": range(2), "num_heads": 3, "num_neighbors": 10, "num_iterations": 150, "batch_size": 64}


def test_the_loss_is_that_computed_by_hand():
    anchors = torch.tensor([[0.8, 0.5], [0.2, 0.5]])  # two samples in columns
    neighbors = torch.tensor([[0.6, 0.1], [0.4, 0.9]])
    alike = -(np.log(0.8 * 0.6 + 0.2 * 0.4) + np.log(0.5 * 0.1 + 0.5 * 0.9)) / 2
    entropy = -(0.65 * np.log(0.65) + 0.35 * np.log(0.35))
    assert scan_loss(anchors, neighbors, 2.0).item() == pytest.approx(alike - 2 * entropy, rel=1e-6)


def test_even_and_certain_labels_are_best_and_one_class_is_not():
    certain = torch.eye(3).repeat(1, 4)
    assert scan_loss(certain, certain).item() == pytest.approx(-5 * np.log(3), rel=1e-5)
    one = torch.zeros(3, 12)
    one[0] = 1
    assert scan_loss(one, one).item() == pytest.approx(0, abs=1e-5)
    assert torch.isfinite(scan_loss(certain, certain.roll(1, 1)))


def test_planted_classes_are_found_in_either_space():
    *spaces, truth = planted(noise=0.1)
    for space in spaces:
        result = scan(space, 3, **FEW)
        assert result.labelings.shape == (2, truth.size)
        assert result.labelings.dtype == np.int64
        assert all(clustering_accuracy(truth, labeling) > 0.95 for labeling in result.labelings)
        assert result.seconds > 0


def test_the_kept_loss_is_over_all_rows_and_near_its_bound():
    phi1, _, _ = planted(noise=0.02)
    losses = [scan(phi1, 3, **(FEW | {"num_iterations": n})).loss for n in (1, 150)]
    assert (losses[1] < losses[0]).all()
    np.testing.assert_allclose(losses[1], -5 * np.log(3), atol=0.1)


def test_of_several_heads_the_best_is_kept():
    phi1, _, _ = planted(noise=0.8)
    one, many = (scan(phi1, 3, **(FEW | {"num_heads": n, "num_iterations": 5})) for n in (1, 8))
    assert (many.loss <= one.loss.max()).all()
    assert (many.heads < 8).all()
    assert (one.heads == 0).all()


def test_a_seed_decides_alone_and_the_global_one_does_not():
    phi1, _, _ = planted(noise=0.6)
    few = FEW | {"num_iterations": 20}
    state = torch.get_rng_state()
    both = scan(phi1, 3, **few)
    torch.testing.assert_close(torch.get_rng_state(), state)
    again, second = scan(phi1, 3, **few), scan(phi1, 3, **(few | {"seeds": [1]}))
    np.testing.assert_array_equal(both.labelings, again.labelings)
    np.testing.assert_array_equal(both.labelings[1], second.labelings[0])
    np.testing.assert_allclose(both.loss[1], second.loss[0], rtol=1e-5)
    assert both.loss[0] != both.loss[1]


def test_the_length_of_rows_and_their_precision_do_not_matter():
    phi1, _, truth = planted(noise=0.1)
    lengths = 2.0 ** np.random.default_rng(0).integers(-6, 6, size=(len(phi1), 1))
    result = scan((phi1 * lengths).astype(np.float64), 3, **FEW)
    np.testing.assert_array_equal(result.labelings, scan(phi1, 3, **FEW).labelings)
    assert clustering_accuracy(truth, scan(phi1.astype(np.float16), 3, **FEW).labelings[0]) > 0.95


def test_progress_rises_to_one_and_what_it_raises_ends_the_work():
    phi1, _, _ = planted()
    told: list[float] = []
    scan(phi1, 3, **(FEW | {"num_iterations": 7}), on_progress=told.append)
    assert told == pytest.approx([i / 7 for i in range(1, 8)])

    def stop(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(phi1, 3, **FEW, on_progress=stop)


GOOD = np.eye(4, dtype=np.float32)


@cases(
    ("call", "says"),
    [
        (lambda: scan(GOOD[0], 2), r"phi1 has shape \(4,\)"),
        (lambda: scan(np.full((4, 2), np.nan), 2), "row 0 of phi1"),
        (lambda: scan(GOOD, 5), "num_classes is 5"),
        (lambda: scan(GOOD, 1), "num_classes is 1"),
        (lambda: scan(GOOD, 2, seeds=[]), "no seeds"),
        (lambda: scan(GOOD, 2, num_heads=0), "num_heads is 0"),
        (lambda: scan(GOOD, 2, num_neighbors=0), "num_neighbors is 0"),
        (lambda: scan(GOOD, 2, num_iterations=0), "num_iterations is 0"),
        (lambda: scan(GOOD, 2, batch_size=0), "batch_size is 0"),
        (lambda: scan(GOOD, 2, step_size=0.0), "step_size is 0"),
        (lambda: scan(GOOD, 2, entropy_weight=-1.0), "entropy_weight is -1"),
        (lambda: scan(GOOD, 2, momentum=1.0), "momentum is 1"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(InputError, match=says):
        call()
