"""What a search is said to cost: counted as it is done, growing with its size, and the same wherever it is asked."""

import math
from dataclasses import asdict, fields, replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hume.common.errors import InputError
from hume.engine.config import Config, preset
from hume.engine.inner import Implicit, Unrolled
from hume.engine.prototypes import random_prototypes
from hume.engine.search import _gradient, floats_per_seed, largest_batch
from hume.engine.whitening import Whitening
from hume.evaluation import cross_validation
from hume.runs.cost import FIT_STEPS, TYPICAL_RANK, MachineSpeed, Work, _scores, _Sizes, _split, estimate, measure_speed
from tests.support.rules import cases

# Two cores of a server, about.
SPEED = MachineSpeed(
    flop=5e-12,
    coarse=1.5e-12,
    element=5e-11,
    fresh=5e-10,
    softmax=4e-10,
    sparsemax=2e-9,
    strip=4e-8,
    eigen=2e-10,
    operation=1.5e-6,
)
GIBIBYTE = 2**30


def asked(**changes):
    """The estimate for a search as of 10,000 images, with changes to it or to its configuration."""
    sizes = {
        "num_samples": 10_000, "d1": 256, "d2": 1280, "num_seeds": 20, "solver": Implicit(), "setting_rows": None,
        "scored_rows": None, "free": 1000 * GIBIBYTE, "speed": SPEED,
    }  # fmt: skip
    given = {name: changes.pop(name) for name in list(changes) if name in sizes}
    config, _ = preset("fast", num_classes=10, num_samples=10_000)
    return estimate(**(sizes | given), config=replace(config, **changes))


def named(name, **changes):
    config, solver = preset(name, num_classes=10, num_samples=10_000)
    return asked(**(asdict(config) | changes), solver=solver)


# --- counts ----------------------------------------------------------------------------------------


def flops_of(work):
    """The operations of all matrix products that torch does meanwhile."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        work()
    return counter.get_total_flops()


@cases(
    "solver",
    [
        Implicit(truncation=0.01),
        Implicit(truncation=0.01, inner_steps=3),
        Unrolled(inner_steps=4, inner_step_size=0.01),
    ],
)
@cases("num_splits", [1, 2])
def test_the_products_of_an_iteration_are_counted_as_they_are_done(solver, num_splits):
    generator = torch.Generator().manual_seed(0)
    phi1 = torch.nn.functional.normalize(torch.randn(1500, 200, generator=generator), dim=1)
    phi2 = torch.randn(1500, 160, generator=generator)  # all directions alike: whitening keeps them
    config = Config(num_classes=5, num_train=800, num_test=400, num_splits=num_splits)
    prototypes = random_prototypes(range(40), 5, 200)
    problem = solver.start(phi2, 5, range(40))
    assert Whitening.of(phi2, None).transform.shape[1] == 160
    done = flops_of(lambda: _gradient(phi1, problem, config, prototypes, 0.1, generator))
    sizes = _Sizes(1500, 1500, 1500, 200, 160, 40, 40)
    assert num_splits * _split(sizes, config, solver, 40).flop == pytest.approx(done, rel=1e-6)


def test_the_products_of_the_scores_are_counted_as_they_are_done():
    generator = torch.Generator().manual_seed(0)
    phi2 = torch.randn(1500, 200, generator=generator)
    labelings = torch.randint(5, (40, 1500), generator=generator)
    options = {"tolerance": 0.0, "max_steps": FIT_STEPS}  # never good enough
    done = flops_of(lambda: cross_validation.cross_validation_scores(phi2, labelings, 5, **options))
    moment = 2 * 1500 * 200**2  # not counted by torch, as it is added in place; in float64, so the estimate doubles it
    sizes = _Sizes(1500, 1500, 1500, 200, 200, 40, 40)
    assert _scores(sizes, 5).flop == pytest.approx(done + 2 * moment, rel=1e-6)


def test_work_adds_up_and_has_a_price_for_each_of_its_kinds():
    assert [field.name for field in fields(Work)] == [field.name for field in fields(MachineSpeed)]
    for field in fields(Work):
        work = Work(**{field.name: 3.0})
        assert work.seconds(SPEED) == pytest.approx(3 * getattr(SPEED, field.name))
        assert (work + 2 * work).seconds(SPEED) == pytest.approx(9 * getattr(SPEED, field.name))


# --- seconds ---------------------------------------------------------------------------------------


@cases(
    ("name", "values"),
    [
        ("num_seeds", [1, 2, 20, 100, 1000]),
        ("num_samples", [3000, 10_000, 70_000, 1_000_000]),
        ("d1", [64, 128, 2048]),
        ("d2", [64, 128, TYPICAL_RANK, 2048]),
        ("num_classes", [2, 10, 100]),
        ("num_iterations", [1, 10, 100, 200]),
        ("num_splits", [1, 5, 20]),
        ("num_train", [500, 2000, 8000]),
        ("num_test", [100, 1000, 8000]),
        ("patience", [5, 10, 50, 100]),
    ],
)
@cases("solver", [Implicit(), Unrolled()])
@cases("encoder", ["retraction", "householder"])
def test_more_of_anything_takes_longer(name, values, solver, encoder):
    found = [asked(**{name: value}, solver=solver, encoder=encoder) for value in values]
    seconds, memory = [one.seconds for one in found], [one.bytes for one in found]
    assert seconds == sorted(set(seconds))
    assert memory == sorted(memory)


@pytest.mark.parametrize("solver", [Implicit, Unrolled])
def test_more_inner_steps_take_longer(solver):
    seconds = [asked(solver=solver(inner_steps=steps)).search_seconds for steps in (1, 10, 100)]
    assert seconds == sorted(set(seconds))


def test_a_search_takes_a_start_and_so_much_an_iteration():
    found = [asked(patience=None, num_iterations=number) for number in (100, 200, 300)]
    assert [one.iterations for one in found] == [100, 200, 300]
    first, second, third = (one.search_seconds for one in found)
    assert third - second == pytest.approx(second - first)
    assert first > second - first
    assert len({one.score_seconds for one in found}) == 1


def test_patience_ends_a_search_early_and_never_after_the_last_iteration():
    free = asked(patience=None, num_iterations=1000)
    patient = asked(patience=50, num_iterations=1000)
    assert patient.iterations == 200
    assert patient.search_seconds < free.search_seconds
    assert asked(patience=100).iterations == 400
    short, known = asked(patience=50, num_iterations=60), asked(patience=None, num_iterations=60)
    assert short.iterations == 60
    assert short.search_seconds == pytest.approx(known.search_seconds)


def test_the_last_seeds_to_converge_cost_less_than_all():
    """A batch goes on until its last seed has ended, but not with all of them."""
    patient, typical = asked(patience=50), asked(patience=None, num_iterations=200)
    longest = asked(patience=None, num_iterations=275)
    assert typical.search_seconds < patient.search_seconds < longest.search_seconds


def test_the_paper_preset_takes_hours_where_the_fast_one_takes_seconds():
    fast, paper = named("fast", num_iterations=1000), named("paper")
    assert fast.seconds < 60
    assert paper.seconds > 10 * 3600
    assert paper.score_seconds == pytest.approx(fast.score_seconds)  # scores do not ask how the labelings were found
    assert paper.iterations == 1000


def test_twice_as_slow_a_machine_takes_twice_as_long():
    slow = MachineSpeed(**{name: 2 * value for name, value in asdict(SPEED).items()})
    assert asked(speed=slow).seconds == pytest.approx(2 * asked().seconds)
    assert asked(speed=slow).bytes == asked().bytes


def test_an_estimate_adds_up():
    found = asked()
    assert found.seconds == found.search_seconds + found.score_seconds
    assert min(found.search_seconds, found.score_seconds) > 0
    assert isinstance(found.bytes, int)
    assert isinstance(found.iterations, int)


# --- batches of seeds ------------------------------------------------------------------------------


def test_where_memory_is_short_seeds_are_searched_in_batches():
    config, solver = preset("fast", num_classes=10, num_samples=10_000)
    assert 1 < largest_batch(256, 1280, config, solver, GIBIBYTE // 3) < 100
    together, apart = asked(num_seeds=100), asked(num_seeds=100, free=GIBIBYTE // 3)
    assert apart.search_seconds > together.search_seconds  # each batch whitens φ2 and waits for its last seed
    assert apart.score_seconds == together.score_seconds
    assert apart.bytes <= together.bytes
    one_by_one = asked(num_seeds=100, free=0)
    assert one_by_one.search_seconds == pytest.approx(100 * asked(num_seeds=1).search_seconds, rel=0.1)


def test_batches_that_are_not_full_are_counted_for_what_they_are():
    config, solver = preset("fast", num_classes=10, num_samples=10_000)
    free = 3 * 10 * 4 * floats_per_seed(256, 1280, config, solver)  # a third of it is for the seeds
    assert largest_batch(256, 1280, config, solver, free) == 10
    ten, five, twenty_five = (asked(num_seeds=number, free=free).search_seconds for number in (10, 5, 25))
    assert twenty_five == pytest.approx(2 * ten + five, rel=0.03)  # the spaces are read once


def test_by_default_the_memory_is_that_of_this_machine():
    assert asked(free=None).seconds >= asked().seconds


# --- memory ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["d1", "d2"])
def test_memory_counts_both_spaces(name):
    rows, wider = 200_000, 4096
    before, after = (asked(num_samples=rows, **{name: dim}).bytes for dim in (1024, wider))
    assert after - before >= 4 * rows * (wider - 1024)


def test_the_rows_that_the_search_may_see_are_a_copy():
    config = {"solver": Unrolled(inner_steps=1), "num_samples": 100_000, "num_seeds": 1}
    everything = asked(**config, scored_rows=10_000).bytes
    train = asked(**config, setting_rows=90_000).bytes
    assert train > everything + 4 * 80_000 * (256 + 1280)


def test_scores_are_of_the_rows_that_the_search_does_not_see():
    whole, inductive = asked(), asked(setting_rows=9000)
    assert inductive.score_seconds < 0.4 * whole.score_seconds
    assert inductive.score_seconds == pytest.approx(asked(scored_rows=1000).score_seconds)


def test_the_unrolled_solver_remembers_its_path():
    short, long = (asked(solver=Unrolled(inner_steps=steps)).bytes for steps in (100, 1100))
    assert long - short == pytest.approx(4 * 20 * 1000 * 1280 * 10)  # seeds, steps, d2, K


# --- what cannot be ----------------------------------------------------------------------------------


@cases(
    ("change", "says"),
    [
        ({"num_seeds": 0}, "num_seeds=0"),
        ({"num_samples": 2000}, r"2000 \+ 1000 rows, the search has 2000"),
        ({"setting_rows": 2500}, r"2000 \+ 1000 rows, the search has 2500"),
        ({"d1": 8}, "10 orthonormal prototypes.*got 8"),
    ],
)
def test_a_search_that_cannot_be_is_refused(change, says):
    with pytest.raises(InputError, match=says):
        asked(**change)


def test_nothing_is_said_of_a_solver_that_is_not_known():
    class Guess:
        def floats_per_seed(self, num_train, dim, num_classes):
            return 1

    with pytest.raises(InputError, match="cost of Guess"):
        asked(solver=Guess())


# --- the machine -------------------------------------------------------------------------------------


def test_a_measured_speed_is_a_price_for_everything():
    speed = measure_speed()
    assert all(math.isfinite(price) and price >= 0 for price in asdict(speed).values())
    assert min(speed.flop, speed.element, speed.softmax, speed.sparsemax, speed.eigen, speed.operation) > 0
    assert asked(speed=speed).seconds > 0
