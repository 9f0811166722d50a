"""Reliable samples against Algorithm G1 written out line by line, and their statistics by hand."""

from dataclasses import replace

import numpy as np
import pytest

from hume.common.errors import InputError
from hume.evaluation import reliable
from tests.support.rules import cases


def problem(seed, num_samples=60, num_seeds=5, num_classes=4, dim=3):
    """Aligned labelings that follow the space, the last class empty, and the space."""
    rng = np.random.default_rng(seed)
    phi1 = rng.normal(size=(num_samples, dim))
    labeling = np.argmax(phi1 @ rng.normal(size=(dim, num_classes - 1)), axis=1)
    noisy = rng.random((num_seeds, num_samples)) < 0.4
    aligned = np.where(noisy, rng.integers(num_classes - 1, size=noisy.shape), labeling)
    return aligned, phi1


def literal_neighbors(phi1, num_neighbors):
    """The most similar others of each sample, of equal ones the lower numbers."""
    unit = [row / np.sqrt(sum(row * row)) for row in phi1]
    found = []
    for x in range(len(unit)):
        others = [z for z in range(len(unit)) if z != x]
        found.append(sorted(others, key=lambda z: (-float(unit[x] @ unit[z]), z))[:num_neighbors])
    return found


def literal_algorithm_g1(aligned, phi1, num_classes, per_class, num_neighbors, order):
    """Lines 1 to 10 of Algorithm G1 over Python lists."""
    everyone = range(len(phi1))
    ballots = aligned.T.tolist()
    vote = [max(range(num_classes), key=lambda k: ballots[x].count(k)) for x in everyone]
    votes = [ballots[x].count(vote[x]) for x in everyone]
    neighbors = literal_neighbors(phi1, num_neighbors)
    agreed = [sum(vote[z] == vote[x] for z in neighbors[x]) for x in everyone]
    chosen = []
    for k in range(num_classes):
        members = [x for x in everyone if vote[x] == k]
        key = {"algorithm": lambda x: (agreed[x], votes[x]), "prose": lambda x: (votes[x], agreed[x])}[order]
        chosen += sorted(members, key=key, reverse=True)[:per_class]  # stable, also in reverse
    return chosen, [vote[x] for x in chosen], [votes[x] for x in chosen], [agreed[x] for x in chosen]


@cases("order", ["algorithm", "prose"])
@cases("per_class", [1, 4, 100])
@cases("seed", range(4))
def test_algorithm_g1_as_printed(seed, per_class, order):
    aligned, phi1 = problem(seed)
    found = reliable.reliable_samples(aligned, phi1, 4, per_class, num_neighbors=6, order=order)
    rows, classes, votes, agreed = literal_algorithm_g1(aligned, phi1, 4, per_class, 6, order)
    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_array_equal(found.classes, classes)
    np.testing.assert_array_equal(found.vote_agreement, votes)
    np.testing.assert_array_equal(found.neighbor_agreement, agreed)
    # 60 samples share few pairs of counts, so the rule for ties was at work.
    assert per_class == 1 or len({*zip(classes, votes, agreed, strict=True)}) < len(rows)


@cases("seed", range(4))
def test_exact_duplicates_are_neighbors_but_no_sample_its_own(seed):
    rng = np.random.default_rng(seed)
    phi1 = np.eye(4)[rng.integers(4, size=50)]  # similarities are exactly 0 or 1
    labeling = rng.integers(3, size=50)
    expected = literal_neighbors(phi1, 7)
    found = reliable.nearest_neighbors(phi1, np.arange(50), 7)
    assert all(x not in row for x, row in enumerate(found))
    assert [sorted(row) for row in found.tolist()] == [sorted(row) for row in expected]
    agreed = [sum(labeling[z] == labeling[x] for z in row) for x, row in enumerate(expected)]
    np.testing.assert_array_equal(reliable.neighbor_agreement(phi1, labeling, 7), agreed)


@cases("chunk_bytes", [1, 700, 60 * 4 * 7])
def test_chunks_do_not_change_neighbors(chunk_bytes):
    aligned, phi1 = problem(5)
    whole = reliable.neighbor_agreement(phi1, aligned[0], 10)
    np.testing.assert_array_equal(reliable.neighbor_agreement(phi1, aligned[0], 10, chunk_bytes=chunk_bytes), whole)
    rows = np.array([59, 0, 17, 17])
    found = reliable.nearest_neighbors(phi1, rows, 10, chunk_bytes=chunk_bytes)
    np.testing.assert_array_equal(found, np.array(literal_neighbors(phi1, 10))[rows])


def test_no_sample_has_more_than_all_others_as_neighbors():
    labeling = np.array([0, 0, 0, 1, 1, 2])
    phi1 = np.random.default_rng(0).normal(size=(6, 2))
    np.testing.assert_array_equal(reliable.neighbor_agreement(phi1, labeling), [2, 2, 2, 1, 1, 0])
    assert reliable.nearest_neighbors(phi1, [2], 500).shape == (1, 5)
    np.testing.assert_array_equal(reliable.neighbor_agreement(phi1[:1], labeling[:1]), [0])


@cases("dtype", [np.float16, np.float32, np.float64])
def test_spaces_may_be_stored_in_any_type_scaled_and_read_only(dtype):
    aligned, phi1 = problem(6)
    phi1 = phi1.astype(np.float16)
    stored, labeling = np.asfortranarray(phi1.astype(dtype)), aligned[0].astype(np.int64)
    stored.flags.writeable = labeling.flags.writeable = False
    expected = reliable.neighbor_agreement(phi1.astype(np.float64), labeling, 8)
    np.testing.assert_array_equal(reliable.neighbor_agreement(stored, labeling, 8), expected)
    lengths = 2.0 ** np.arange(-5, 5).repeat(6)[:, None]
    np.testing.assert_array_equal(reliable.neighbor_agreement(phi1 * lengths, labeling, 8), expected)


def test_a_zero_row_is_equally_far_from_all():
    phi1 = np.array([[1, 0], [0, 0], [0.8, 0.6], [0.6, 0.8]])
    np.testing.assert_array_equal(reliable.nearest_neighbors(phi1, [0, 1], 2), [[2, 3], [0, 2]])


def test_ranking_follows_the_rows():
    aligned, phi1 = problem(7)
    rows = np.random.default_rng(7).permutation(60)
    first = reliable.reliability_ranking(aligned, phi1, 4, num_neighbors=6)
    second = reliable.reliability_ranking(aligned[:, rows], phi1[rows], 4, num_neighbors=6)
    np.testing.assert_array_equal(second.labeling, first.labeling[rows])
    np.testing.assert_array_equal(second.vote_agreement, first.vote_agreement[rows])
    np.testing.assert_array_equal(second.neighbor_agreement, first.neighbor_agreement[rows])
    # Which of several equal samples comes first depends on their numbers; how good they are does not.
    first, second = first.top(5), second.top(5)
    np.testing.assert_array_equal(first.classes, second.classes)
    np.testing.assert_array_equal(first.vote_agreement, second.vote_agreement)
    np.testing.assert_array_equal(first.neighbor_agreement, second.neighbor_agreement)


def test_ranking_gives_every_number_and_both_orders_from_one_count():
    aligned, phi1 = problem(8)
    ranking = reliable.reliability_ranking(aligned, phi1, 4, num_neighbors=6)
    assert (ranking.num_labelings, ranking.num_neighbors) == (5, 6)
    assert reliable.reliability_ranking(aligned, phi1, 4).num_neighbors == 7  # of 60 rows
    for order in ("algorithm", "prose"):
        for per_class in (1, 3, 60):
            expected = reliable.reliable_samples(aligned, phi1, 4, per_class, num_neighbors=6, order=order)
            np.testing.assert_array_equal(replace(ranking, order=order).top(per_class).rows, expected.rows)


def hand_ranking(order="algorithm"):
    """Seven samples, found classes 0, 1 and 3 of four; class 2 is empty."""
    return reliable.ReliabilityRanking(
        labeling=np.array([0, 0, 0, 1, 1, 3, 0]),
        vote_agreement=np.array([9, 5, 9, 7, 8, 4, 9]),
        neighbor_agreement=np.array([2, 6, 4, 5, 5, 1, 4]),
        num_classes=4,
        num_labelings=10,
        num_neighbors=6,
        order=order,
    )


@pytest.mark.parametrize(("order", "rows"), [("algorithm", [1, 2, 4, 3, 5]), ("prose", [2, 6, 4, 3, 5])])
def test_order_and_shortages_by_hand(order, rows):
    samples = hand_ranking(order).top(2)
    np.testing.assert_array_equal(samples.rows, rows)
    assert samples.shortages == {2: 0, 3: 1}
    assert hand_ranking(order).top(1).shortages == {2: 0}
    assert hand_ranking(order).top(3).shortages == {1: 2, 2: 0, 3: 1}


def test_statistics_by_hand():
    ranking = hand_ranking()
    truth = np.array([10, 30, 10, 20, 20, 20, 10])  # class 0 is matched to 10, class 1 to 20, class 3 to 30
    found = reliable.reliability_statistics(ranking.top(2), truth, ranking.labeling)  # rows 1, 2 | 4, 3 | 5
    np.testing.assert_array_equal(found.true_classes, [10, 20, 30])
    np.testing.assert_array_equal(found.balance, [1, 3, 1])
    assert found.balance_mean == pytest.approx(5 / 3)
    assert found.balance_std == pytest.approx(np.sqrt(8) / 3)
    np.testing.assert_array_equal(found.accuracy_per_class, [0.5, 1, np.nan, 0])
    assert found.accuracy_mean == pytest.approx(0.5)
    assert found.accuracy_std == pytest.approx(np.sqrt(1 / 6))
    assert found.accuracy == pytest.approx(3 / 5)


def test_found_classes_without_a_true_one_are_wrong():
    ranking = hand_ranking()
    truth = np.array([5, 5, 5, 8, 8, 8, 5])  # two true classes for three found ones
    found = reliable.reliability_statistics(ranking.top(1), truth, ranking.labeling)
    np.testing.assert_array_equal(found.accuracy_per_class, [1, 1, np.nan, 0])


@cases("seed", range(3))
def test_curve_is_the_accuracy_of_every_top_n(seed):
    aligned, phi1 = problem(seed)
    truth = np.random.default_rng(seed).permutation([3, 1, 4, 7])[aligned[0]]
    ranking = reliable.reliability_ranking(aligned, phi1, 4, num_neighbors=6)
    n, accuracy = reliable.reliability_curve(ranking, truth, 70)
    np.testing.assert_array_equal(n, np.arange(1, 71))
    for i, per_class in enumerate(n):
        expected = reliable.reliability_statistics(ranking.top(int(per_class)), truth, ranking.labeling)
        assert accuracy[i] == pytest.approx(expected.accuracy)


def test_truth_that_is_absent_gives_no_numbers():
    ranking = hand_ranking()
    assert reliable.reliability_statistics(ranking.top(1), None, ranking.labeling) is None
    assert reliable.reliability_curve(ranking, None, 5) is None


@cases(
    ("call", "says"),
    [
        (lambda: reliable.neighbor_agreement(np.ones(3), np.zeros(3, int)), r"phi1 has shape \(3,\)"),
        (lambda: reliable.neighbor_agreement(np.ones((3, 2)), np.zeros(4, int)), "3 rows and the labeling 4"),
        (lambda: reliable.neighbor_agreement(np.ones((3, 2)), np.zeros(3, int), 0), "num_neighbors is 0"),
        (lambda: reliable.neighbor_agreement(np.array([[1.0], [np.nan]]), np.zeros(2, int)), "row 1 of phi1"),
        (lambda: reliable.neighbor_agreement(np.array([[1e300], [1]]), np.zeros(2, int)), "row 0 of phi1"),
        (lambda: reliable.nearest_neighbors(np.ones((3, 2)), [3], 1), "from 0 to 2"),
        (lambda: reliable.nearest_neighbors(np.ones((3, 2)), [True], 1), "row numbers"),
        (lambda: reliable.reliable_samples(np.zeros((2, 3), int), np.ones((3, 2)), 2, 0), "per_class is 0"),
        (lambda: reliable.reliable_samples(np.zeros((2, 3), int), np.ones((3, 2)), 2, 1, order="votes"), "'votes'"),
        (lambda: reliable.reliability_curve(hand_ranking(), np.zeros(7, int), 0), "max_per_class is 0"),
        (lambda: reliable.reliability_curve(hand_ranking(), np.zeros(6, int), 1), "7 and 6 samples"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(InputError, match=says):
        call()


@cases(("chunk_bytes", "rows"), [(1, 1), (60 * 4 * 7, 7), (60 * 4 * 60, 60)])
def test_progress_is_the_share_of_samples_that_is_done(chunk_bytes, rows):
    aligned, phi1 = problem(9)
    told, again = [], []
    quiet = reliable.neighbor_agreement(phi1, aligned[0], 6, chunk_bytes=chunk_bytes)
    loud = reliable.neighbor_agreement(phi1, aligned[0], 6, chunk_bytes=chunk_bytes, on_progress=told.append)
    np.testing.assert_array_equal(loud, quiet)
    assert told == [min(start + rows, 60) / 60 for start in range(0, 60, rows)]
    assert told[-1] == 1
    reliable.reliability_ranking(aligned, phi1, 4, num_neighbors=6, chunk_bytes=chunk_bytes, on_progress=again.append)
    assert again == told


def test_whoever_watches_the_progress_can_end_it():
    aligned, phi1 = problem(9)
    told = []

    def stop(share):
        told.append(share)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reliable.neighbor_agreement(phi1, aligned[0], 6, chunk_bytes=1, on_progress=stop)
    assert told == [1 / 60]


@cases(
    ("num_samples", "num_classes", "expected"),
    [(309, 5, 30), (1_797, 10, 89), (13_000, 10, 500), (60_000, 10, 500), (60_000, 20, 500), (12, 10, 5)],
)
def test_neighbors_are_at_most_half_of_an_even_class_and_the_papers_on_its_sets(num_samples, num_classes, expected):
    assert reliable.default_neighbors(num_samples, num_classes) == expected
