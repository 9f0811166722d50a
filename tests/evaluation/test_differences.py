"""Two labelings beside each other: what stays, what moves, and how their classes are matched."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hume.common.errors import InputError
from hume.evaluation.differences import differences

LABELINGS = st.integers(1, 40).flatmap(
    lambda n: st.tuples(*(arrays(np.int64, n, elements=st.integers(0, 3)) for _ in range(2)))
)


@given(LABELINGS)
def test_no_other_naming_of_the_classes_leaves_fewer_samples_moved(pair):
    first, second = pair
    found = differences(first, second)
    best = max((np.array(names)[second] == first).sum() for names in permutations(range(4)))
    assert len(first) - len(found.moved) == best
    assert found.agreement.acc == pytest.approx(best / len(first))


@given(LABELINGS, st.permutations(range(4)))
def test_a_renamed_labeling_has_moved_nowhere(pair, names):
    found = differences(pair[0], np.array(names)[pair[0]])
    assert len(found.moved) == 0
    np.testing.assert_array_equal(found.second, pair[0])


@given(LABELINGS)
def test_every_sample_is_in_one_flow_and_the_largest_move_comes_first(pair):
    found = differences(*pair)
    rows = np.concatenate([found.members(flow.first, flow.second) for flow in found.flows])
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(pair[0])))
    assert [flow.size for flow in found.flows] == [len(found.members(flow.first, flow.second)) for flow in found.flows]
    moved = [flow.size for flow in found.flows if flow.moved]
    assert sum(moved) == len(found.moved)
    assert moved == sorted(moved, reverse=True)
    np.testing.assert_array_equal(found.own[found.second], pair[1])


def test_classes_without_a_counterpart_are_numbered_behind_those_of_the_first():
    found = differences(np.array([0, 0, 1, 1, 1]), np.array([7, 7, 2, 2, 4]))
    assert found.second.tolist() == [0, 0, 1, 1, 2]
    assert found.own.tolist() == [7, 2, 4]
    assert found.moved.tolist() == [4]


def test_samples_that_are_set_aside_count_in_no_class():
    first, second = np.array([0, 0, 1, 1]), np.array([1, 1, 0, 1])
    found = differences(first, second, {3})
    assert len(found.moved) == 0
    assert found.table.sum() == 3
    with pytest.raises(InputError, match="nothing to compare"):
        differences(first, second, range(4))


@pytest.mark.parametrize("second", [np.array([0, 1]), np.array([0, 1, -1]), np.array([0.0, 1.0, 2.0])])
def test_labelings_that_do_not_fit_are_refused(second):
    with pytest.raises(InputError):
        differences(np.array([0, 1, 2]), second)
