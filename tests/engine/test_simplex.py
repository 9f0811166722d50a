"""Sparsemax and the label entropy: definitions written out, autograd, and the corners of the simplex."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hume.common.errors import InputError
from hume.engine import kernels, simplex
from hume.engine.class_sizes import size_shares
from tests.support.rules import cases

many = settings(max_examples=60, deadline=None, database=None, derandomize=True)


def random(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def by_sorting(z):
    """Sparsemax of one list, as Algorithm 1 of Martins and Astudillo writes it."""
    ordered = sorted(z, reverse=True)
    size = max(k for k in range(1, len(z) + 1) if 1 + k * ordered[k - 1] > math.fsum(ordered[:k]))
    threshold = (math.fsum(ordered[:size]) - 1) / size
    return [max(value - threshold, 0.0) for value in z]


@st.composite
def score_lists(draw):
    """Up to 50 scores at one magnitude, many of them tied."""
    levels = draw(st.lists(st.floats(-1, 1), min_size=1, max_size=6))
    values = st.one_of(st.sampled_from(levels), st.floats(-1, 1))
    scale = draw(st.sampled_from([1e-6, 0.1, 1.0, 10.0, 1e6]))
    return [scale * value for value in draw(st.lists(values, min_size=1, max_size=50))]


@many
@given(score_lists())
def test_sparsemax_agrees_with_sorting(z):
    found = simplex.sparsemax(torch.tensor(z, dtype=torch.float64))
    torch.testing.assert_close(found, torch.tensor(by_sorting(z), dtype=torch.float64), rtol=0, atol=1e-9)
    assert found.sum().item() == pytest.approx(1)
    assert (found >= 0).all()


@cases(
    ("scores", "labels"),
    [
        ([0.3, 0.1], [0.6, 0.4]),
        ([2.0, 0.5, 0.0], [1, 0, 0]),
        ([5.0, 5.0, 0.0, 5.0], [1 / 3, 1 / 3, 0, 1 / 3]),
        ([7.0], [1]),
        ([1e9, -1e9, 0.0], [1, 0, 0]),  # a step of 1 beside 1e9 is nothing in float32
        ([-1e8, -1e8, -3e8], [0.5, 0.5, 0]),
    ],
)
def test_sparsemax_by_hand(scores, labels):
    torch.testing.assert_close(simplex.sparsemax(torch.tensor(scores)), torch.tensor(labels, dtype=torch.float32))


@cases("dim", [0, 1, 2, -1, -2])
def test_sparsemax_has_the_right_gradient_along_any_dimension(dim):
    scores = random(4, 5, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: simplex.sparsemax(z, dim), scores)
    total = simplex.sparsemax(scores, dim).sum(dim)
    torch.testing.assert_close(total, torch.ones_like(total))


@cases("num_threads", [1, 2, 3])
def test_project_treats_rows_and_seeds_apart(monkeypatch, num_threads):
    scores = random(37, 6, 3, dtype=torch.float32)
    expected = simplex.sparsemax(scores, dim=1)
    monkeypatch.setattr(kernels, "ELEMENTS_PER_THREAD", scores.numel() // num_threads)
    monkeypatch.setattr(torch, "get_num_threads", lambda: num_threads)
    torch.testing.assert_close(simplex.project(scores), expected)


@many
@given(score_lists())
def test_both_ways_to_project_agree(z):
    scores = torch.tensor(z, dtype=torch.float64).view(1, -1, 1)
    torch.testing.assert_close(simplex.project_by_sorting(scores), simplex.project(scores), rtol=0, atol=1e-9)


def test_project_leaves_its_argument_alone():
    scores = random(5, 4, 2)
    before = scores.clone()
    simplex.project(scores)
    assert torch.equal(scores, before)


def test_project_backward_agrees_with_autograd_through_sorting():
    scores = random(20, 7, 3).requires_grad_()
    grad = random(20, 7, 3, seed=1)
    ordered, _ = scores.sort(dim=1, descending=True)
    sums, place = ordered.cumsum(1), torch.arange(1, 8).view(1, 7, 1)
    size = (1 + place * ordered > sums).sum(1, keepdim=True)
    task = (scores - (sums.gather(1, size - 1) - 1) / size).clamp(min=0)
    (expected,) = torch.autograd.grad(task, scores, grad)
    torch.testing.assert_close(simplex.project(scores.detach()), task.detach())
    torch.testing.assert_close(simplex.project_backward(task.detach(), grad), expected)


def test_moving_all_scores_alike_changes_nothing():
    scores = random(10, 5, 2)
    shift = random(10, 1, 2, seed=1)
    torch.testing.assert_close(simplex.project(scores + shift), simplex.project(scores))
    constant = shift.expand(10, 5, 2)
    grad = simplex.project_backward(simplex.project(scores), constant)
    torch.testing.assert_close(grad, torch.zeros_like(grad))


def test_entropy_agrees_with_its_definition_and_autograd():
    shares = torch.softmax(random(6, 4), 0).requires_grad_()
    entropy = simplex.label_entropy(shares)
    torch.testing.assert_close(entropy, torch.distributions.Categorical(shares.T).entropy())
    (expected,) = torch.autograd.grad(entropy.sum(), shares)
    torch.testing.assert_close(simplex.label_entropy_grad(shares.detach()), expected)


def test_entropy_of_even_and_of_empty_classes():
    shares = torch.tensor([[0.25, 1.0, 0.5], [0.25, 0.0, 0.5], [0.25, 0.0, 0.0], [0.25, 0.0, 0.0]])
    expected = torch.tensor([math.log(4), 0.0, math.log(2)])
    torch.testing.assert_close(simplex.label_entropy(shares), expected)
    grad = simplex.label_entropy_grad(shares)
    assert grad.isfinite().all()
    assert (grad[2, 1:] > grad[0, 1:]).all()  # the empty class is pulled up hardest


def test_sizes_that_are_expected_are_a_divergence_in_the_order_that_is_nearest():
    shares = torch.softmax(random(4, 6), 0).requires_grad_()
    sizes = torch.tensor([0.5, 0.25, 0.15, 0.1], dtype=torch.float64)
    found = simplex.label_entropy(shares, sizes)
    divergences = [
        torch.distributions.kl_divergence(
            torch.distributions.Categorical(shares.T), torch.distributions.Categorical(sizes[list(order)])
        )
        for order in itertools.permutations(range(4))
    ]
    torch.testing.assert_close(found, math.log(4) - torch.stack(divergences).amin(0))
    (expected,) = torch.autograd.grad(found.sum(), shares)
    torch.testing.assert_close(simplex.label_entropy_grad(shares.detach(), sizes), expected)
    perfect = sizes[[2, 0, 3, 1], None]
    torch.testing.assert_close(simplex.label_entropy(perfect, sizes), torch.tensor([math.log(4)], dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_sizes_are_the_entropy_itself(dtype):
    shares = torch.softmax(random(7, 4), 0).to(dtype)
    shares[0, 0] = 0
    equal = torch.tensor(size_shares([3] * 7, 7), dtype=dtype)
    torch.testing.assert_close(simplex.label_entropy(shares, equal), simplex.label_entropy(shares), rtol=0, atol=1e-6)
    grad = simplex.label_entropy_grad(shares, equal)
    torch.testing.assert_close(grad, simplex.label_entropy_grad(shares), rtol=0, atol=1e-6)
    assert grad.isfinite().all()


def test_sizes_become_shares_and_shares_stay_as_they_are():
    assert size_shares([20, 50, 30], 3) == (0.5, 0.3, 0.2)
    shares = size_shares([1 / 7, 1 / 3, 0.2, 5.1], 4)
    assert math.fsum(shares) == pytest.approx(1)
    assert size_shares(shares, 4) == shares


@cases(
    ("sizes", "words"),
    [((1, 2), "3 classes need as many sizes, got 2"), ((1, 2, 0), "positive"), ((1, 2, -3), "positive"),
     ((1, 2, math.nan), "positive"), ((1, 2, math.inf), "positive"),
     ((1, 2, 1e-50), "must have at least"), ((1e308, 1e308, 1e308), "must have at least")],
)  # fmt: skip
def test_sizes_that_are_none_are_refused(sizes, words):
    with pytest.raises(InputError, match=words):
        size_shares(sizes, 3)
