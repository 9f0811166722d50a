"""Prototypes stay orthonormal, seeds stay apart, and the published parametrization is torch's own."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from hume.engine.prototypes import (
    Householder,
    Retraction,
    class_scores,
    clip,
    completed,
    hard_labels,
    polar_factor,
    random_prototypes,
    soft_labels,
)
from tests.support.rules import cases

ENCODERS = [Householder, Retraction]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def gram_error(prototypes):
    return (prototypes @ prototypes.mT - torch.eye(prototypes.shape[1])).abs().max().item()


def rates(num_seeds, rate=0.05):
    return torch.full((num_seeds, 1, 1), rate)


@cases(("num_classes", "dim"), [(2, 2), (3, 8), (10, 128), (16, 16)])
def test_random_prototypes_are_orthonormal(num_classes, dim):
    prototypes = random_prototypes(range(5), num_classes, dim)
    assert prototypes.shape == (5, num_classes, dim)
    assert prototypes.dtype == torch.float32
    assert gram_error(prototypes) < 1e-6


def test_random_prototypes_of_a_seed_are_its_own():
    together = random_prototypes([3, 11, 7], 4, 9)
    assert torch.equal(random_prototypes([7], 4, 9)[0], together[2])
    assert not torch.allclose(together[0], together[1])


def test_random_prototypes_have_no_preferred_direction():
    drawn = random_prototypes(range(600), 2, 3)
    assert drawn.mean(0).abs().max() < 0.1
    torch.testing.assert_close(drawn.square().mean(0), torch.full((2, 3), 1 / 3), atol=0.06, rtol=0)


@cases("encoder", ENCODERS)
@cases("dim", [4, 12])
def test_steps_decrease_a_linear_objective_on_the_manifold(encoder, dim):
    grad = random(3, 4, dim)
    moving = encoder(random_prototypes(range(3), 4, dim))
    values = []
    for _ in range(30):
        values.append((moving.prototypes() * grad).sum((1, 2)))
        moving.step(grad, rates(3, 0.02), 1.0)
        assert gram_error(moving.prototypes()) < 1e-5
    values = torch.stack(values)
    assert (values.diff(dim=0) < 0).all()
    best = -torch.linalg.svdvals(grad).sum(1)  # the least ⟨W, G⟩ over orthonormal rows
    assert (values[-1] > best - 1e-4).all()


def test_retraction_reaches_the_minimum_of_a_linear_objective():
    grad = random(2, 3, 6)
    moving = Retraction(random_prototypes(range(2), 3, 6))
    for i in range(400):
        moving.step(grad, rates(2, 0.05 * 0.99**i), None)
    torch.testing.assert_close(moving.prototypes(), -polar_factor(grad), atol=1e-2, rtol=0)


@pytest.mark.parametrize(("num_classes", "dim"), [(3, 8), (4, 4)])
def test_householder_is_what_torch_does_with_a_linear_layer(num_classes, dim):
    (start,) = prototypes = random_prototypes([5], num_classes, dim)
    ours = Householder(prototypes)
    linear = parametrizations.orthogonal(nn.Linear(dim, num_classes, bias=False))
    linear.weight = start
    # torch completes the prototypes to a basis of its own draw: give it ours.
    linear.parametrizations.weight[0].base = completed(prototypes)[0]
    torch.testing.assert_close(linear.weight.detach(), start)
    optimizer = torch.optim.Adam(linear.parameters(), lr=0.03)
    for i in range(12):
        grad = random(num_classes, dim, seed=i)
        optimizer.zero_grad()
        (linear.weight * grad).sum().backward()
        nn.utils.clip_grad_norm_(linear.parameters(), 1.0)
        optimizer.step()
        ours.step(grad[None], rates(1, 0.03), 1.0)
        torch.testing.assert_close(ours.prototypes()[0], linear.weight.detach(), atol=1e-5, rtol=0)
    assert (ours.prototypes()[0] - start).abs().max() > 0.1


@pytest.mark.parametrize("encoder", ENCODERS)
def test_an_encoder_starts_at_its_prototypes(encoder):
    prototypes = random_prototypes(range(3), 3, 7)
    torch.testing.assert_close(encoder(prototypes).prototypes(), prototypes)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_seed_moves_as_if_alone_whatever_was_drawn_before(encoder):
    prototypes = random_prototypes(range(3), 3, 7)
    together = encoder(prototypes)
    torch.rand(17)  # the global stream has no say
    alone = encoder(prototypes[1:2])
    for i in range(5):
        grad = random(3, 3, 7, seed=i)
        together.step(grad, rates(3), 1.0)
        alone.step(grad[1:2], rates(1), 1.0)
    torch.testing.assert_close(together.prototypes()[1:2], alone.prototypes(), atol=1e-5, rtol=0)


def test_completed_prototypes_are_a_basis():
    prototypes = random_prototypes(range(2), 3, 8)
    basis = completed(prototypes)
    assert gram_error(basis) < 1e-6
    torch.testing.assert_close(basis[:, :, :3].mT, prototypes)


def test_retraction_knows_no_order_of_classes():
    prototypes, names = random_prototypes(range(2), 5, 9), torch.tensor([3, 0, 4, 1, 2])
    plain, renamed = Retraction(prototypes), Retraction(prototypes[:, names])
    for i in range(10):
        grad = random(2, 5, 9, seed=i)
        plain.step(grad, rates(2), 1.0)
        renamed.step(grad[:, names], rates(2), 1.0)
    torch.testing.assert_close(plain.prototypes()[:, names], renamed.prototypes(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_seeds_that_are_kept_go_on_unchanged(encoder):
    prototypes = random_prototypes(range(4), 3, 8)
    all_seeds, some = encoder(prototypes), encoder(prototypes)
    stay = torch.tensor([0, 3])
    for i in range(8):
        grad = random(4, 3, 8, seed=i)
        all_seeds.step(grad, rates(4), 1.0)
        if i == 4:
            some.keep(stay)
        some.step(grad if i < 4 else grad[stay], rates(4 if i < 4 else 2), 1.0)
    torch.testing.assert_close(some.prototypes(), all_seeds.prototypes()[stay], atol=1e-6, rtol=0)


def test_clip_bounds_every_seed_by_its_own_norm():
    grad = random(3, 4, 5) * torch.tensor([100.0, 0.001, 0.0]).view(3, 1, 1)
    clipped = clip(grad, 1.0)
    assert torch.linalg.vector_norm(clipped[0]).item() == pytest.approx(1)
    torch.testing.assert_close(clipped[0] * torch.linalg.vector_norm(grad[0]), grad[0])
    assert torch.equal(clipped[1:], grad[1:])
    assert clip(grad, None) is grad


def test_polar_factor_is_the_nearest_orthonormal_matrix():
    matrices = random(3, 4, 9)
    u, _, vt = torch.linalg.svd(matrices, full_matrices=False)
    torch.testing.assert_close(polar_factor(matrices), u @ vt, atol=1e-5, rtol=0)


def test_soft_labels_are_sparse_shares_and_their_argmax_the_labeling():
    phi1 = nn.functional.normalize(random(50, 8), dim=1)
    prototypes = random_prototypes(range(3), 4, 8)
    labelings = hard_labels(phi1, prototypes)
    assert labelings.shape == (3, 50)
    for temperature in (0.01, 0.1, 10):
        soft = soft_labels(phi1, prototypes, temperature)
        torch.testing.assert_close(soft.sum(1), torch.ones(50, 3))
        assert torch.equal(soft.argmax(1).T, labelings)
    assert torch.equal(hard_labels(phi1, prototypes, block_elements=30), labelings)


def test_class_scores_are_cosines():
    phi1, prototypes = nn.functional.normalize(random(6, 5), dim=1), random_prototypes(range(2), 3, 5)
    expected = torch.einsum("nd,skd->nks", phi1, prototypes)
    torch.testing.assert_close(class_scores(phi1, prototypes), expected)
