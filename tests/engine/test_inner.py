"""The inner solvers against autograd in float64, against each other, and against the bounds they rest on."""

import numpy as np
import pytest
import torch

from hume.common.errors import InputError
from hume.data import dataset, space_rows
from hume.data.rows import moments
from hume.engine import prototypes as prototypes_module
from hume.engine import simplex
from hume.engine.config import Config
from hume.engine.linear import cross_entropy, logits, softmax_jacobian, transposed_product
from hume.engine.prototypes import random_prototypes, soft_labels
from hume.engine.search import search
from hume.engine.solvers import Implicit, Unrolled
from hume.engine.whitening import RIDGE_SHARE, Whitening
from tests.support.rules import cases


def random(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def random_task(n, K, S, seed=0, dtype=torch.float64):
    return simplex.project(random(n, K, S, seed=seed, dtype=dtype))


def held_out(x, classifier, labels):
    """Test cross-entropy of every seed, written plainly."""
    return -(labels * torch.log_softmax(torch.einsum("nd,dks->nks", x, classifier), 1)).sum(1).mean(0)


def descend(x, labels, classifier, *, rate, steps, ridge=0.0):
    """Gradient descent of the inner problem as autograd can follow it."""
    for _ in range(steps):
        residual = torch.softmax(torch.einsum("nd,dks->nks", x, classifier), 1) - labels
        classifier = classifier - rate * (torch.einsum("nd,nks->dks", x, residual) / len(x) + ridge * classifier)
    return classifier


def tangent(labels, grad):
    """What sparsemax lets through of a gradient in the task."""
    return simplex.project_backward(labels, grad)


def test_cross_entropy_agrees_with_autograd():
    x, W, labels = random(9, 4), random(4, 3, 2, seed=1).requires_grad_(), random_task(9, 3, 2).requires_grad_()
    expected = held_out(x, W, labels)
    grads = torch.autograd.grad(expected.sum(), (W, labels))
    found = cross_entropy(x, W.detach(), labels.detach())
    for ours, theirs in zip(found, (expected.detach(), *grads), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_products_and_the_softmax_jacobian_by_einsum():
    x, W, v = random(7, 4), random(4, 3, 2), random(7, 3, 2, seed=1)
    torch.testing.assert_close(logits(x, W), torch.einsum("nd,dks->nks", x, W))
    torch.testing.assert_close(transposed_product(x, v), torch.einsum("nd,nks->dks", x, v))
    p = torch.softmax(random(7, 3, 2, seed=2), 1)
    jacobian = torch.diag_embed(p.movedim(1, 2)) - torch.einsum("nks,njs->nskj", p, p)
    torch.testing.assert_close(softmax_jacobian(p, v), torch.einsum("nskj,njs->nks", jacobian, v))


@cases("bias", [False, True])
@cases("steps", [1, 40])
def test_unrolled_gradient_agrees_with_autograd_through_the_graph(bias, steps):
    phi2, labels, num_train, rate = random(30, 5), random_task(30, 4, 3).requires_grad_(), 20, 0.3
    solver = Unrolled(inner_steps=steps, inner_step_size=rate, bias=bias)
    problem, twin = (solver.start(phi2, 4, [2, 0, 5]) for _ in range(2))
    x = problem.rows(torch.arange(30))
    assert x.shape == (30, 5 + bias)
    start = twin._random_start(x)

    classifier = descend(x[:num_train], labels[:num_train], start, rate=rate, steps=steps)
    expected = held_out(x[num_train:], classifier, labels[num_train:])
    (expected_grad,) = torch.autograd.grad(expected.sum(), labels)
    loss, grad = problem.generalization(x, labels.detach(), num_train)

    # The test loss determines W here: it is held to rounding.
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-13, atol=1e-13)
    fixed = labels.detach()
    torch.testing.assert_close(tangent(fixed, grad), tangent(fixed, expected_grad), rtol=0, atol=1e-10)


def test_unrolled_gradient_agrees_with_finite_differences_of_the_scores():
    phi2, scores, step = random(16, 3), random(16, 3, 1), 1e-6
    solver = Unrolled(inner_steps=25, inner_step_size=0.5)

    def run(z):
        return solver.start(phi2, 3, [0]).generalization(phi2, simplex.project(z), 10)

    labels = simplex.project(scores)
    (loss, grad), direction = run(scores), random(16, 3, 1, seed=9)
    slope = (run(scores + step * direction)[0] - run(scores - step * direction)[0]) / (2 * step)
    assert loss.isfinite().all()
    assert (tangent(labels, grad) * direction).sum().item() == pytest.approx(slope.item(), rel=1e-5)


def test_unrolled_starts_are_a_stream_a_seed():
    phi2 = random(6, 4, dtype=torch.float32)
    together, alone = (Unrolled().start(phi2, 3, seeds) for seeds in ([1, 8, 4], [8]))
    first, second = together._random_start(phi2), together._random_start(phi2)
    assert torch.equal(alone._random_start(phi2)[..., 0], first[..., 1])
    assert not torch.equal(first, second)  # a fresh start at every call
    together.keep(torch.tensor([1]))
    alone._random_start(phi2)
    assert torch.equal(together._random_start(phi2), alone._random_start(phi2))
    assert first.abs().max() <= 0.5  # 1/√4
    assert not torch.equal(first[..., 0], first[..., 2])


def test_unrolled_starts_are_not_the_prototypes_stream():
    # torch's generator looks at 32 bits: seeds that differ above these are the same seed.
    d, K = 8, 3
    starts = Unrolled().start(random(4, d, dtype=torch.float32), K, [6])._random_start(torch.zeros(1, d))
    same = torch.empty(d, K).uniform_(-(d**-0.5), d**-0.5, generator=torch.Generator().manual_seed(6))
    assert not torch.allclose(starts[..., 0], same)


# --- Implicit ------------------------------------------------------------------------------------


def correlated(n, d, seed=0):
    """Rows whose directions have very different variances, and a common part."""
    scale = torch.logspace(0.5, -1, d, dtype=torch.float64)
    return (random(n, d, seed=seed) * scale + 0.5 * scale.flip(0)).float()


@pytest.mark.parametrize("inner_steps", [1, 3])
def test_implicit_arrives_at_the_gradient_of_the_solved_problem(inner_steps):
    phi2, num_train, ridge = correlated(60, 6), 40, 0.1
    labels = random_task(60, 3, 2, dtype=torch.float32)
    problem = Implicit(ridge=ridge, inner_steps=inner_steps, truncation=0).start(phi2, 3, [0, 1])
    x = problem.rows(torch.arange(60))
    for _ in range(1500):
        loss, grad = problem.generalization(x, labels, num_train)

    exact, exact_labels = phi2.double(), labels.double().requires_grad_()
    start = torch.zeros(6, 3, 2, dtype=torch.float64)
    classifier = descend(exact[:num_train], exact_labels[:num_train], start, rate=0.2, steps=3000, ridge=ridge)
    expected = held_out(exact[num_train:], classifier, exact_labels[num_train:])
    (expected_grad,) = torch.autograd.grad(expected.sum(), exact_labels)
    expected_grad = tangent(labels, expected_grad.float())
    torch.testing.assert_close(loss, expected.detach().float(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        tangent(labels, grad), expected_grad, rtol=0, atol=1e-3 * expected_grad.abs().max().item()
    )
    through_training = expected_grad[:num_train].norm() / expected_grad.norm()
    assert through_training > 0.05  # the part that differentiates the solution is not negligible


def test_implicit_starts_where_it_was_and_keeps_seeds():
    phi2, labels = correlated(60, 6), random_task(60, 3, 4, dtype=torch.float32)
    problem, some = (Implicit().start(phi2, 3, range(4)) for _ in range(2))
    x = problem.rows(torch.arange(60))
    stay = torch.tensor([3, 1])
    for _ in range(3):
        first = problem.generalization(x, labels, 40)
        some.generalization(x, labels, 40)
    some.keep(stay)
    loss, grad = problem.generalization(x, labels, 40)
    kept_loss, kept_grad = some.generalization(x, labels[..., stay], 40)
    torch.testing.assert_close(kept_loss, loss[stay])
    torch.testing.assert_close(kept_grad, grad[..., stay])
    assert (loss != first[0]).any()


@cases("factor", [1 / 64, 50.0, 1000.0])
def test_the_scale_of_phi2_does_not_matter_by_default(factor):
    phi2, labels = correlated(80, 6), random_task(80, 3, 2, dtype=torch.float32)
    plain, scaled = (Implicit().start(features, 3, range(2)) for features in (phi2, factor * phi2))
    for _ in range(5):
        rows = torch.arange(80)
        expected = plain.generalization(plain.rows(rows), labels, 50)
        found = scaled.generalization(scaled.rows(rows), labels, 50)
        torch.testing.assert_close(found[0], expected[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found[1], expected[1], rtol=1e-3, atol=1e-5)


@cases("seed", range(4))
@cases("ridge", [0.01, 1.0, None])
def test_whitened_curvature_is_at_most_one(seed, ridge):
    n, r, K = 80, 6, 3
    phi2 = correlated(n, r, seed)
    whitening = Whitening.of(phi2, ridge, truncation=0)
    x = (phi2 @ whitening.transform).double()
    p = torch.softmax(x @ (10 * random(r, K, seed=seed) / (1 + seed)), 1)  # from even to sure predictions
    spread = torch.diag_embed(p) - p.unsqueeze(2) * p.unsqueeze(1)
    hessian = torch.einsum("na,nb,nkl->akbl", x, x, spread).reshape(r * K, r * K) / n
    hessian += torch.kron(torch.diag(whitening.decay.flatten().double()), torch.eye(K, dtype=torch.float64))
    curvature = torch.linalg.eigvalsh(hessian)
    assert curvature.max() <= 1 + 1e-5
    assert curvature.min() > 0


def test_two_even_classes_reach_the_bound():
    phi2 = correlated(200, 4)
    whitening = Whitening.of(phi2, 1e-6, truncation=0)
    x = phi2 @ whitening.transform
    half = 0.5 * moments(x)[1]  # ½C of the whitened rows: what two classes with p = ½ can reach
    torch.testing.assert_close(half, torch.eye(4, dtype=torch.float64), atol=1e-3, rtol=0)


def test_whitening_drops_what_the_ridge_would_not_move():
    phi2 = random(500, 8, dtype=torch.float32) * torch.tensor([3.0, 2, 1, 1, 0.1, 0.01, 0.001, 0])
    whitening = Whitening.of(phi2, 1.0, truncation=0.01)
    assert whitening.transform.shape == (8, 4)  # ½·0.01/(½·0.01 + 1) is below 0.01
    assert Whitening.of(phi2, 1.0, truncation=0).transform.shape[1] >= 7
    assert Whitening.of(phi2, 1e9).transform.shape == (8, 1)  # one direction at least


def test_the_default_ridge_is_a_share_of_the_variance():
    phi2 = correlated(300, 5)
    expected = RIDGE_SHARE * phi2.double().var(0, correction=0).sum().item()
    assert Whitening.of(phi2, None).ridge == pytest.approx(expected, rel=1e-6)
    assert Whitening.of(phi2 + 100, None).ridge == pytest.approx(expected, rel=1e-3)


def test_like_stands_for_early_stopping():
    assert Implicit.like(Unrolled()).ridge == pytest.approx(1 / 0.3)
    assert Implicit.like(Unrolled(inner_steps=100, inner_step_size=0.1)).ridge == pytest.approx(0.1)


@pytest.fixture(scope="module")
def digits_searches():
    """φ1 and φ2 of the digits, and the prototypes that a short search with either solver finds."""
    digits = dataset.load_dataset("digits")
    phi1 = space_rows.unit_rows(digits.space("simclr"), centre=True)
    phi2 = space_rows.as_tensor(digits.space("lite0"))
    config = Config(
        num_classes=10, num_iterations=40, step_size=0.01, num_train=300, num_test=300, num_splits=1,
        anneal_at=(), encoder="retraction",
    )  # fmt: skip
    found = []
    for solver in (Unrolled(), Implicit.like(Unrolled())):
        *_, last = search(phi1, phi2, config, solver=solver, seeds=range(3))
        found.append(torch.from_numpy(np.stack([one.prototypes for one in last.finished])))
    return phi1, phi2, found


def held_out_errors(phi1, phi2, prototypes, solver, calls):
    """The test cross-entropy (calls, S) of every seed's task on one split of all rows, call by call."""
    rows = torch.randperm(len(phi1), generator=torch.Generator().manual_seed(7))
    labels = soft_labels(phi1[rows], prototypes, 0.1)
    problem = solver.start(phi2, 10, range(len(prototypes)))
    x = problem.rows(rows)
    return torch.stack([problem.generalization(x, labels, 1000)[0] for _ in range(calls)])


@pytest.mark.slow
def test_both_solvers_judge_a_found_labeling_alike(digits_searches):
    """Early stopping is a ridge: on average over the random starts, which each move Unrolled by some per cent."""
    phi1, phi2, found = digits_searches
    for prototypes in found:
        stopped = held_out_errors(phi1, phi2, prototypes, Unrolled(), calls=8).mean()
        solved = held_out_errors(phi1, phi2, prototypes, Implicit.like(Unrolled()), calls=60)[-1].mean()
        torch.testing.assert_close(solved, stopped, rtol=0.02, atol=0)


@pytest.mark.slow
def test_implicit_finds_labelings_that_the_papers_solver_likes_as_much(digits_searches):
    """Judged by Unrolled on rows of its own; random starts make Unrolled's own search the noisier one."""
    phi1, phi2, (by_unrolled, by_implicit) = digits_searches
    random = random_prototypes(range(3), 10, phi1.shape[1])
    start, paper, ours = (
        held_out_errors(phi1, phi2, W, Unrolled(), calls=4).mean() for W in (random, by_unrolled, by_implicit)
    )
    assert ours <= 1.02 * paper
    assert paper < 0.9 * start  # both searches did find something


@cases(
    ("build", "says"),
    [
        (lambda: Unrolled(inner_steps=0), "inner_steps=0"),
        (lambda: Unrolled(inner_step_size=0.0), r"inner_step_size=0\.0"),
        (lambda: Unrolled(inner_step_size=float("nan")), "inner_step_size=nan"),
        (lambda: Implicit(ridge=-1.0), r"ridge=-1\.0"),
        (lambda: Implicit(inner_steps=0), "inner_steps=0"),
        (lambda: Implicit(truncation=1.0), r"truncation=1\.0"),
    ],
)
def test_solvers_quote_a_bad_value(build, says):
    with pytest.raises(InputError, match=says):
        build()


def test_an_empty_class_costs_nothing_and_stays_finite():
    phi2 = correlated(40, 5)
    labels = prototypes_module.simplex.project(random(40, 4, 2, dtype=torch.float32))
    labels[:, 3] = 0
    labels /= labels.sum(1, keepdim=True).clamp(min=1e-6)
    for solver in (Unrolled(inner_steps=20, inner_step_size=0.1), Implicit()):
        problem = solver.start(phi2, 4, range(2))
        for _ in range(3):
            loss, grad = problem.generalization(problem.rows(torch.arange(40)), labels, 30)
        assert loss.isfinite().all()
        assert grad.isfinite().all()
