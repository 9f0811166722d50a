"""What a search is said to take: memory grows with its sizes, seconds follow from what was measured."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from hume.common.errors import InputError
from hume.data.dataset import Dataset, Space
from hume.engine.config import preset
from hume.engine.search import floats_per_seed, largest_batch
from hume.engine.solvers import Implicit, Unrolled
from hume.runs.cost import TYPICAL_RANK, TYPICAL_STEPS, Sizes, _refine_numbers, iterations, most_bytes
from hume.runs.pace import Pace, measure
from tests.support.planted_runs import save_folder

GIBIBYTE = 2**30
SIZES = {"num_samples": 10_000, "d1": 256, "d2": 1280, "num_seeds": 20, "test_rows": None, "free": 1000 * GIBIBYTE}


IMPLICIT, DIMS = Implicit(), {"a": "d1", "b": "d2"}


def asked(solver=IMPLICIT, **changes):
    """A search as of 10,000 images, with changes to its sizes or its configuration."""
    given = SIZES | {name: changes.pop(name) for name in list(changes) if name in SIZES}
    config, _ = preset("fast", num_classes=10, num_samples=10_000)
    config, N = replace(config, **changes), given["num_samples"]
    spaces = {name: Space(name, np.broadcast_to(np.float32(1), (N, given[dim]))) for name, dim in DIMS.items()}
    test_rows = None if given["test_rows"] is None else np.arange(N) >= N - given["test_rows"]
    sizes = Sizes.of(
        Dataset("images", spaces, test_rows=test_rows), "a", "b", config, solver,
        setting="transductive" if test_rows is None else "inductive", num_seeds=given["num_seeds"], free=given["free"],
    )  # fmt: skip
    return sizes, config, solver


def memory(refines=False, **changes):
    sizes, config, solver = asked(**changes)
    return most_bytes(sizes, config, solver, refines=refines)


# --- memory ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("num_seeds", [1, 2, 20, 100, 1000]),
        ("num_samples", [3000, 10_000, 70_000, 1_000_000]),
        ("d1", [64, 128, 2048]),
        ("d2", [64, 128, TYPICAL_RANK, 2048]),
        ("num_classes", [2, 10, 50]),
        ("num_train", [500, 2000, 8000]),
        ("num_test", [100, 1000, 8000]),
    ],
)
@pytest.mark.parametrize("solver", [Implicit(), Unrolled()])
@pytest.mark.parametrize("encoder", ["retraction", "householder"])
def test_more_of_anything_takes_no_less_memory(name, values, solver, encoder):
    found = [memory(**{name: value}, solver=solver, encoder=encoder) for value in values]
    assert found == sorted(found)
    assert isinstance(found[0], int)


@pytest.mark.parametrize(
    ("name", "values"),
    [("num_seeds", [1, 20, 100, 1000]), ("num_samples", [10_000, 1_000_000]), ("num_classes", [2, 10, 50])],
)
@pytest.mark.parametrize("test_rows", [None, 2000])
@pytest.mark.parametrize("free", [0, 1000 * GIBIBYTE])
def test_refinement_is_counted_and_more_of_anything_takes_no_less_of_it(name, values, test_rows, free):
    asked = [{name: value, "test_rows": test_rows, "free": free} for value in values]
    found = [memory(**each, refines=True) for each in asked]
    assert found == sorted(found)
    assert all(refined >= memory(**each) for refined, each in zip(found, asked, strict=True))


def test_refinement_stays_within_the_memory_of_a_search_that_streams():
    imagenet = {"num_samples": 1_281_167, "d1": 2048, "d2": 1536, "num_classes": 1000, "free": 16 * GIBIBYTE}
    assert memory(**imagenet, refines=True) == memory(**imagenet)


def test_refinement_holds_no_space_but_its_directions_and_few_labelings_at_once():
    def numbers(**changes):
        return _refine_numbers(asked(**changes)[0], num_classes=2)

    narrow, wide = (numbers(num_samples=1_000_000, d2=dim, num_seeds=1) for dim in (512, 2048))
    assert wide - narrow < 1_000_000 * 128  # a second moment and a block: no column of the rows
    few, many = (numbers(d2=64, num_seeds=seeds) for seeds in (128, 1000))
    labels, models = 2 * 10_000 * (1000 - 128), 2 * 128 * 2 * (1000 - 128)
    assert many - few == labels + models


@pytest.mark.parametrize("name", ["d1", "d2"])
def test_memory_counts_both_spaces(name):
    rows, wider = 200_000, 4096
    before, after = (memory(num_samples=rows, **{name: dim}) for dim in (1024, wider))
    assert after - before >= 4 * rows * (wider - 1024)


def test_the_rows_that_the_search_may_see_are_a_copy():
    config = {"solver": Unrolled(inner_steps=1), "num_samples": 100_000, "num_seeds": 1}
    assert memory(**config, test_rows=10_000) > memory(**config) + 4 * 80_000 * 256


def test_the_unrolled_solver_remembers_its_path():
    short, long = (memory(solver=Unrolled(inner_steps=steps)) for steps in (100, 1100))
    assert long - short == pytest.approx(4 * 20 * 1000 * 1280 * 10)  # seeds, steps, d2, K


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"num_seeds": 0}, "num_seeds=0"),
        ({"num_samples": 2000}, r"2000 \+ 1000 rows, the search has 2000"),
        ({"test_rows": 7500}, r"2000 \+ 1000 rows, the search has 2500"),
        ({"d1": 8}, "10 orthonormal prototypes.*got 8"),
    ],
)
def test_a_search_that_cannot_be_is_refused(change, says):
    with pytest.raises(InputError, match=says):
        asked(**change)


# --- batches of seeds ----------------------------------------------------------------------------------


def test_where_memory_is_short_seeds_are_searched_in_batches():
    config, solver = preset("fast", num_classes=10, num_samples=10_000)
    free = 3 * 10 * 4 * floats_per_seed(256, 1280, config, solver)  # a third of it is for the seeds
    assert largest_batch(256, 1280, config, solver, free) == 10
    assert [asked(num_seeds=number, free=free)[0].batch for number in (5, 10, 25)] == [5, 10, 10]
    assert asked(free=0)[0].batch == 1
    assert memory(num_seeds=100, free=GIBIBYTE // 3) <= memory(num_seeds=100)


# --- seconds -------------------------------------------------------------------------------------------

PACE = Pace(num_classes=10, reading=3, start=5, iteration=((4, 0.5), (16, 0.8)), scoring=7, scores=((4, 4), (16, 10)))


def seconds(**changes):
    sizes, config, _ = asked(**changes)
    return PACE.seconds(sizes, config)


def test_a_search_takes_a_start_and_so_much_an_iteration():
    """Seconds of an iteration are on a line with the seeds: 0.4 and 0.025 for each."""
    known = {"patience": None, "num_iterations": 100}
    assert seconds(**known, num_seeds=4) == pytest.approx((3 + 5 + 100 * 0.5, 7 + 4, 0, 0))
    assert seconds(**known, num_seeds=10) == pytest.approx((3 + 5 + 100 * 0.65, 7 + 7, 0, 0))
    assert seconds(**known, num_seeds=100) == pytest.approx((3 + 5 + 100 * 2.9, 7 + 52, 0, 0))


def test_refinement_scores_again_and_the_choice_of_even_classes_searches_a_few_seeds_of_each_way():
    known = {"patience": None, "num_iterations": 100}
    pace = replace(PACE, refining=2, refinement=((4, 0.1), (16, 0.4)))
    sizes, config, _ = asked(**known, num_seeds=10)
    search, scores, refinement, choice = pace.seconds(sizes, config, refines=True, chooses=True)
    assert (search, scores) == pytest.approx((3 + 5 + 100 * 0.65, 2 * (7 + 7)))
    assert refinement == pytest.approx(2 + TYPICAL_STEPS * 0.25)
    few = 3 + 5 + 100 * 0.6 + 2 + TYPICAL_STEPS * 0.2  # a search of eight seeds and its refinement
    assert choice == pytest.approx(3 * few)
    assert PACE.seconds(sizes, config, refines=True, chooses=True)[2:] == (0, 0)  # too few rows


def test_other_numbers_of_classes_count_as_more_or_fewer_seeds():
    known = {"patience": None, "num_iterations": 100}
    assert seconds(**known, num_classes=20, num_seeds=8) == pytest.approx(seconds(**known, num_seeds=16))


def test_batches_are_searched_one_after_the_other_and_read_their_spaces_once():
    config, solver = preset("fast", num_classes=10, num_samples=10_000)
    free = 3 * 10 * 4 * floats_per_seed(256, 1280, config, solver)
    ten, five, twenty_five = (seconds(num_seeds=number, free=free)[0] - 3 for number in (10, 5, 25))
    assert twenty_five == pytest.approx(2 * ten + five)


def test_patience_ends_a_search_early_and_never_after_the_last_iteration():
    """A batch goes on until its last seed has ended, but not with all of them."""
    config = asked(patience=50)[1]
    assert (iterations(config, 4), iterations(config, 5.5)) == (200, 275)
    patient, typical, longest = (
        seconds(patience=patience, num_iterations=number)[0]
        for patience, number in ((50, 1000), (None, 200), (None, 275))
    )
    assert typical < patient < longest
    assert seconds(patience=50, num_iterations=60) == pytest.approx(seconds(patience=None, num_iterations=60))


# --- measured -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return save_folder(tmp_path_factory.mktemp("planted") / "planted", classes=4, size=60)


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize(
    "changes",
    [
        {"solver": Implicit()},
        {"solver": Implicit(inner_steps=5, truncation=0), "num_splits": 20},
        {"solver": Unrolled(), "num_splits": 20, "encoder": "householder"},
    ],
)
def test_every_kind_of_search_is_measured(planted, changes, on_disk):
    config, _ = preset("fast", num_classes=4, num_samples=planted.num_samples)
    solver = changes["solver"]
    config = replace(config, **{name: value for name, value in changes.items() if name != "solver"})
    sizes = Sizes.of(planted, "phi1", "phi2", config, solver, num_seeds=50)
    pace = measure(planted, "phi1", "phi2", config, solver, replace(sizes, on_disk=on_disk), "transductive", "cpu")
    numbers = [value for value in asdict(pace).values() if isinstance(value, float)]
    assert all(np.isfinite(value) and value >= 0 for value in numbers)
    assert all(value > 0 for points in (pace.iteration, pace.scores, pace.refinement) for _, value in points)
    assert len(pace.iteration) > 1
    assert min(pace.seconds(sizes, config, refines=True, chooses=True)) > 0


def test_what_the_search_would_refuse_is_not_measured(planted):
    config, solver = preset("fast", num_classes=4, num_samples=planted.num_samples)
    sizes = Sizes.of(planted, "phi1", "phi2", config, solver, num_seeds=5)
    zeros = Space("phi1", np.zeros((planted.num_samples, 8), np.float32))
    dataset = replace(planted, spaces=planted.spaces | {"phi1": zeros})
    assert measure(dataset, "phi1", "phi2", config, solver, sizes, "transductive", "cpu") is None
