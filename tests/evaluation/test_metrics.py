"""Scores of labelings against brute force, scikit-learn and numbers worked out by hand."""

from itertools import permutations

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from hume.common.errors import InputError
from hume.evaluation import metrics
from tests.support.rules import cases

many = settings(max_examples=60, deadline=None, database=None, derandomize=True)
# scikit-learn suspects few samples with many classes of being numbers.
few_samples = pytest.mark.filterwarnings("ignore:The number of unique classes")


@st.composite
def pairs(draw, num_a=4, num_b=4):
    """Two labelings of the same samples."""
    samples = draw(st.lists(st.tuples(st.integers(0, num_a - 1), st.integers(0, num_b - 1)), min_size=1, max_size=25))
    return tuple(np.array(samples).T)


def random_pair(seed, num_samples=200, num_classes=5):
    rng = np.random.default_rng(seed)
    truth = rng.integers(num_classes, size=num_samples)
    noisy = rng.random(num_samples) < 0.4
    return truth, np.where(noisy, rng.integers(num_classes, size=num_samples), truth)


@many
@given(pairs(num_a=4, num_b=3))
def test_accuracy_is_the_best_over_all_one_to_one_maps(pair):
    truth, labeling = pair
    maps = permutations(range(4), 3)
    best = max(np.mean(np.array(found_to_true)[labeling] == truth) for found_to_true in maps)
    assert metrics.clustering_accuracy(truth, labeling) == pytest.approx(best)
    # The map goes one way or the other: one-to-one is symmetric, also when classes are left over.
    assert metrics.clustering_accuracy(labeling, truth) == pytest.approx(best)


@cases(
    ("truth", "labeling", "expected"),
    [
        ([0, 0, 1, 1, 2, 2], [0, 0, 0, 0, 1, 1], 4 / 6),  # a true class is left without a found one
        ([0, 0, 0, 0, 1, 1], [0, 0, 1, 2, 3, 3], 4 / 6),  # found classes are left over
        ([7, 7, -5, -5], [900_000, 900_000, 3, 3], 1.0),  # numbers of any range
        ([0, 1, 2, 3], [0, 0, 0, 0], 1 / 4),
    ],
)
def test_accuracy_by_hand(truth, labeling, expected):
    assert metrics.clustering_accuracy(np.array(truth), np.array(labeling)) == pytest.approx(expected)


@few_samples
@many
@given(pairs())
def test_rand_index_and_mutual_information_agree_with_scikit_learn(pair):
    ours = metrics.agreement(*pair)
    assert ours.ari == pytest.approx(sklearn.metrics.adjusted_rand_score(*pair), abs=1e-12)
    assert ours.nmi == pytest.approx(sklearn.metrics.normalized_mutual_info_score(*pair), abs=1e-12)


@cases("score", ["clustering_accuracy", "adjusted_rand_index", "normalized_mutual_information"])
@cases("seed", range(5))
def test_scores_ignore_the_names_and_the_order(score, seed):
    score = getattr(metrics, score)
    truth, labeling = random_pair(seed)
    rng = np.random.default_rng(seed)
    names = rng.permutation(5) * 1000 - 17
    rows = rng.permutation(truth.size)
    assert score(truth, names[labeling]) == pytest.approx(score(truth, labeling))
    assert score(names[truth], labeling) == pytest.approx(score(truth, labeling))
    assert score(truth[rows], labeling[rows]) == pytest.approx(score(truth, labeling))
    assert score(truth, names[truth]) == pytest.approx(1)


def test_rand_index_of_many_samples_does_not_overflow():
    # 1.33 million samples: the products of pair counts pass 2**63.
    counts = np.array([[700_000, 10_000], [20_000, 600_000]])
    large, small = (
        metrics.adjusted_rand_index(np.repeat([0, 0, 1, 1], table.ravel()), np.repeat([0, 1, 0, 1], table.ravel()))
        for table in (counts, counts // 1000)
    )
    assert 0.9 < large < 1
    assert large == pytest.approx(small, abs=1e-3)


def test_agreement_is_absent_without_truth():
    assert metrics.agreement(None, np.array([0, 1])) is None


def test_agreement_gathers_the_three_scores():
    truth, labeling = random_pair(0)
    assert metrics.agreement(truth, labeling) == metrics.Agreement(
        acc=metrics.clustering_accuracy(truth, labeling),
        ari=metrics.adjusted_rand_index(truth, labeling),
        nmi=metrics.normalized_mutual_information(truth, labeling),
    )


@cases("dtype", [np.uint8, np.int16, np.int64, np.uint64])
def test_contingency_table_agrees_with_scikit_learn(dtype):
    a, b = random_pair(1)
    table = metrics.contingency_table(a.astype(dtype), b.astype(dtype), 5, 7)
    assert table.shape == (5, 7)
    np.testing.assert_array_equal(table[:, :5], sklearn.metrics.cluster.contingency_matrix(a, b))
    assert not table[:, 5:].any()


@many
@given(pairs())
def test_matching_reaches_the_maximal_agreement(pair):
    labeling, reference = pair
    match = metrics.match_classes(labeling, reference, 4)
    assert sorted(match) == [0, 1, 2, 3]
    best = max(np.sum(np.array(names)[labeling] == reference) for names in permutations(range(4)))
    assert np.sum(match[labeling] == reference) == best


def test_matching_undoes_a_renaming():
    reference, _ = random_pair(2)
    names = np.array([3, 0, 4, 1, 2])
    np.testing.assert_array_equal(metrics.match_classes(names[reference], reference, 5)[names], np.arange(5))


def test_matching_keeps_names_where_it_can():
    labeling = np.array([0, 0, 4])  # classes 1 to 3 are empty on both sides
    np.testing.assert_array_equal(metrics.match_classes(labeling, labeling, 5), np.arange(5))
    # Either class could become class 1 (or class 0) at the same agreement.
    for same in (0, 1):
        np.testing.assert_array_equal(metrics.match_classes(np.array([0, 1]), np.full(2, same), 3), np.arange(3))


def test_assignment_marks_rows_that_are_left_over():
    np.testing.assert_array_equal(metrics.assign_classes(np.array([[1], [5], [2]])), [-1, 0, -1])


def test_correlation_by_hand():
    found = metrics.correlation([1, 2, 3], [1, 2, 4])
    r = 3 / np.sqrt(2 * 42 / 9)
    assert found.r == pytest.approx(r)
    assert found.p == pytest.approx(1 - 2 * np.arcsin(r) / np.pi)  # Student's t with 1 degree of freedom
    assert found.n == 3


@cases("seed", range(5))
@cases("slope", [-2.0, 0.0, 0.5, 5.0])
def test_interval_contains_r_and_grows_with_confidence(seed, slope):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=100)
    y = slope * x + rng.normal(size=100)
    wide, narrow = (metrics.correlation(x, y, confidence=c) for c in (0.99, 0.8))
    assert -1 <= wide.low < narrow.low < wide.r < narrow.high < wide.high <= 1
    assert wide.r == narrow.r == pytest.approx(np.corrcoef(x, y)[0, 1])


def test_interval_covers_the_true_r_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        x, y = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=60).T
        found = metrics.correlation(x, y, confidence=0.9, num_resamples=400, seed=seed)
        covered += found.low <= 0.8 <= found.high
    assert 0.82 <= covered / 200 <= 0.96


def test_correlation_ignores_scale_and_follows_sign():
    rng = np.random.default_rng(3)
    x, noise = rng.normal(size=(2, 50))
    base = metrics.correlation(x, x + noise)
    scaled = metrics.correlation(1e200 * x, 1e-200 * (x + noise) + 1e-199)
    turned = metrics.correlation(-x, x + noise)
    for name in ("r", "p", "low", "high"):
        assert getattr(scaled, name) == pytest.approx(getattr(base, name), rel=1e-6)
    assert (turned.r, turned.low, turned.high) == pytest.approx((-base.r, -base.high, -base.low))


def test_correlation_leaves_out_pairs_without_numbers():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 20))
    with_gaps = metrics.correlation(np.r_[np.nan, x, 1, 2], np.r_[1, y, np.inf, np.nan])
    assert with_gaps == metrics.correlation(x, y)
    assert with_gaps.n == 20


@cases(
    ("x", "y"),
    [
        ([], []),
        ([1, 2], [3, 4]),
        ([1, 2, np.nan], [3, 4, 5]),
        ([1, 1, 1, 1], [1, 2, 3, 4]),
        ([1, 2, 3, 4], [0.1 + 0.2, 0.3, 0.3, 0.3]),  # differs by rounding alone
    ],
)
def test_correlation_is_absent_where_there_is_none(x, y):
    assert metrics.correlation(x, y) is None


def test_constant_resamples_are_left_out():
    found = metrics.correlation([0, 0, 0, 1], [3, 1, 2, 5])
    assert -1 <= found.low <= found.r <= found.high <= 1


def test_perfect_line_has_an_interval_of_no_width():
    found = metrics.correlation([1, 2, 3, 4, 5], [2, 4, 6, 8, 10])
    assert (found.r, found.low, found.high) == pytest.approx((1, 1, 1))


@cases(
    ("call", "says"),
    [
        (lambda: metrics.clustering_accuracy(np.array([0, 1]), np.array([0])), "2 and 1 samples"),
        (lambda: metrics.clustering_accuracy(np.array([]), np.array([])), "at least one"),
        (lambda: metrics.clustering_accuracy(np.array([[0]]), np.array([0])), "shape"),
        (lambda: metrics.adjusted_rand_index(np.array([0.5, 1]), np.array([0, 1])), "as integers"),
        (lambda: metrics.contingency_table(np.array([0, 3]), np.array([0, 1]), 3, 2), "from 0 to 2"),
        (lambda: metrics.match_classes(np.array([0, -1]), np.array([0, 1]), 3), "classes -1 to 0"),
        (lambda: metrics.correlation([1, 2, 3], [1, 2]), "shapes"),
        (lambda: metrics.correlation([1, 2, 3], [1, 2, 4], confidence=95), "confidence is 95"),
        (lambda: metrics.correlation([1, 2, 3], [1, 2, 4], num_resamples=0), "at least 100"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(InputError, match=says):
        call()


def test_what_a_correlation_leaves_open_takes_as_many_pairs_as_fishers_scale_says():
    few = metrics.Correlation(r=0.7, p=0.0001, low=-0.53, high=0.92, n=20)
    assert not few.is_settled
    assert not few.p_agrees  # which is why p is not shown beside that interval
    assert few.num_needed == 40  # 20 (1.09 / 0.87)², in tens
    assert metrics.Correlation(r=0.01, p=0.9, low=-0.3, high=0.3, n=30).num_needed is None
    assert metrics.Correlation(r=1.0, p=0.0, low=1.0, high=1.0, n=5).num_needed == 10
    clear = metrics.Correlation(r=-0.5, p=0.0001, low=-0.7, high=-0.2, n=50)
    assert clear.is_settled
    assert clear.p_agrees


def test_the_pairs_said_to_be_needed_settle_it_about_as_often_as_not():
    rng, pairs = np.random.default_rng(0), 20
    settled = []
    for _ in range(40):
        shared = rng.normal(size=pairs)
        x, y = shared + rng.normal(size=pairs), shared + rng.normal(size=pairs)  # r = 0.5
        settled.append(metrics.correlation(x, y, num_resamples=200).is_settled)
    few = metrics.Correlation(
        r=0.5, p=0.2, low=np.tanh(np.arctanh(0.5) - 0.85), high=np.tanh(np.arctanh(0.5) + 0.85), n=8
    )
    assert few.num_needed == pairs
    assert 10 < sum(settled) < 38
