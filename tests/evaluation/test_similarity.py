"""The samples most like a query, in one space and in several."""

import numpy as np
import pytest

from hume.common.errors import InputError
from hume.evaluation import neighbors
from hume.evaluation.similarity import most_similar


@pytest.fixture
def spaces():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(200, d)).astype(np.float32) for d in (6, 9)]


def cosines(space, query):
    return space @ query / np.linalg.norm(space, axis=1) / np.linalg.norm(query)


def test_in_one_space_they_are_the_nearest_neighbours(spaces):
    near = most_similar(spaces[:1], [spaces[0][7]], 12, without=7)
    np.testing.assert_array_equal(near.rows, neighbors.nearest_neighbors(spaces[0], [7], 12)[0])
    np.testing.assert_allclose(near.distances[0], 1 - cosines(spaces[0], spaces[0][7])[near.rows], atol=1e-6)


def test_in_two_spaces_standardized_cosines_are_added(spaces):
    queries = [space[3] for space in spaces]
    both = [cosines(space, query) for space, query in zip(spaces, queries, strict=True)]
    score = sum((each - each.mean()) / each.std() for each in both)
    near = most_similar(spaces, queries, 10)
    np.testing.assert_array_equal(near.rows, np.argsort(-score)[:10])
    assert near.rows[0] == 3
    assert near.distances.shape == (2, 10)


def test_a_space_whose_cosines_are_all_alike_counts_as_much(spaces):
    """A large common part moves every cosine near 1 and changes no order."""
    shifted = [spaces[0], np.hstack([spaces[1], np.full((200, 1), 300, np.float32)])]
    queries = [space[3] for space in shifted]
    alone = most_similar(shifted[1:], queries[1:], 50, without=3)
    assert alone.distances.max() < 0.01
    both = most_similar(shifted, queries, 50, without=3)
    first = most_similar(spaces[:1], queries[:1], 50, without=3)
    assert not np.array_equal(both.rows, first.rows)


def test_blocks_and_rounding_of_norms_change_nothing(spaces, monkeypatch):
    before = most_similar(spaces, [space[0] for space in spaces], 5)
    monkeypatch.setattr("hume.evaluation.similarity.BLOCK_ROWS", 7)
    monkeypatch.setattr(neighbors, "HELD_BYTES", 0)
    after = most_similar([3 * space for space in spaces], [0.1 * space[0] for space in spaces], 5)
    np.testing.assert_array_equal(before.rows, after.rows)


def test_more_than_there_are_gives_all_but_the_query(spaces):
    assert sorted(most_similar(spaces[:1], [spaces[0][4]], 999, without=4).rows) == [i for i in range(200) if i != 4]


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        ([np.zeros(5, np.float32)], "give 6 numbers"),
        ([np.full(6, np.nan, np.float32)], "not finite"),
    ],
)
def test_a_query_that_does_not_fit_is_refused(spaces, queries, message):
    with pytest.raises(InputError, match=message):
        most_similar(spaces[:1], queries, 3)
    with pytest.raises(InputError, match="no space"):
        most_similar([], [], 3)
    with pytest.raises(InputError, match="at least 1"):
        most_similar(spaces[:1], [spaces[0][0]], 0)
