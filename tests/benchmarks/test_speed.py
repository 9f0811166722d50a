"""The benchmark counts what the search multiplies, and reads lines off points."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import hume
from benchmarks.speed.lines import Line
from benchmarks.speed.machine import flop, products
from benchmarks.speed.searches import Observed
from benchmarks.speed.sizes import planted
from hume import Config
from hume.data import space_rows


@pytest.mark.parametrize(("inner_steps", "num_splits"), [(1, 1), (3, 2)])
def test_the_products_counted_are_those_of_the_search(inner_steps, num_splits):
    """Torch's own count of an iteration; the small products that keep prototypes orthonormal are batched ones."""
    dataset = planted(300, (24, 40), 4)
    phi1 = hume.unit_rows(dataset.space("phi1"), centre=True)
    phi2 = space_rows.as_tensor(dataset.space("phi2"))
    solver = Observed(inner_steps=inner_steps)
    config = Config(num_classes=4, num_train=160, num_test=80, num_splits=num_splits, encoder="retraction")

    def counted(num_iterations: int) -> int:
        some = replace(config, num_iterations=num_iterations)
        with FlopCounterMode(display=False) as counter:
            for _ in hume.search(phi1, phi2, some, solver=solver, seeds=range(5)):
                pass
        return counter.get_flop_counts()["Global"][torch.ops.aten.mm]

    assert counted(3) - counted(2) == flop(products(config, 24, solver.ranks[0], inner_steps, 5))


def test_planted_spaces_have_classes_and_the_same_rows():
    dataset = planted(120, (12, 20), 3)
    assert dataset.default_pair == ("phi1", "phi2")
    assert dataset.num_classes == 3
    assert [dataset.space(name).features.shape for name in dataset.spaces] == [(120, 12), (120, 20)]
    again = planted(120, (12, 20), 3)
    for name, space in dataset.spaces.items():
        np.testing.assert_array_equal(space.features, again.space(name).features)


def test_the_observed_solver_is_the_one_it_observes():
    dataset = planted(300, (24, 40), 4)
    config, solver = hume.preset("fast", num_classes=4, num_samples=300)
    observed = Observed(**asdict(solver))
    phi1 = hume.unit_rows(dataset.space("phi1"), centre=True)
    phi2 = space_rows.as_tensor(dataset.space("phi2"))
    found = [
        [step.objective for step in hume.search(phi1, phi2, config, solver=which, seeds=range(2))]
        for which in (solver, observed)
    ]
    for first, second in zip(*found, strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert 1 <= observed.ranks[0] <= 40


def test_a_straight_line_is_read_off_its_points():
    line = Line("seeds", (1, 2, 4), (0.5, 0.7, 1.1))
    assert line.coefficients == pytest.approx((0.2, 0.3))
    assert line.r_squared == pytest.approx(1)
    assert Line("seeds", (1, 2, 4), (0.5, 0.1, 1.1)).r_squared < 0.9
