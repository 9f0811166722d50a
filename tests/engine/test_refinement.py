"""Joint refinement: scikit-learn's mixture from the same start, what both spaces support, and data at its limits."""

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture

from hume.common.errors import InputError
from hume.data import space_rows
from hume.data.dataset import Space
from hume.engine import joint_rows, refinement
from hume.engine.joint_rows import JointRows
from hume.engine.refinement import JointModel, Known, refine
from hume.evaluation.metrics import clustering_accuracy

N, K = 600, 4


def joint(*spaces, **options):
    rows = (
        space_rows.rows(Space(name, np.asarray(x, np.float32)), unit=True) for name, x in zip("ab", spaces, strict=True)
    )
    return JointRows.of(*rows, **options)


def blobs(seed=0, sizes=(150,) * K, noise=0.8, dims=(12, 20)):
    """Two spaces with the same classes, and those classes."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    spaces = [rng.normal(size=(len(sizes), d))[truth] * 2 + noise * rng.normal(size=(len(truth), d)) for d in dims]
    return *spaces, truth


def spoiled(truth, share, seed=1, num=3):
    """Labelings in which a share of the samples has a random class."""
    rng = np.random.default_rng(seed)
    return np.stack(
        [np.where(rng.random(len(truth)) < share, rng.integers(0, K, len(truth)), truth) for _ in range(num)]
    )


@pytest.fixture(scope="module")
def planted():
    phi1, phi2, truth = blobs()
    return joint(phi1, phi2), truth


def sklearn_mixture(rows, labeling, steps):
    """scikit-learn's EM with one covariance, from the moments of a labeling's classes."""
    z = rows.held.double().numpy()
    means = np.stack([z[labeling == k].mean(0) for k in range(K)])
    residual = z - means[labeling]
    return GaussianMixture(
        K, covariance_type="tied", tol=0, max_iter=steps, reg_covar=0, means_init=means,
        weights_init=np.bincount(labeling, minlength=K) / len(z),
        precisions_init=np.linalg.inv(residual.T @ residual / len(z)),
    ).fit(z)  # fmt: skip


@pytest.mark.filterwarnings("ignore:Best performing initialization did not converge")
def test_it_is_the_mixture_of_scikit_learn(planted):
    rows, truth = planted
    labeling = spoiled(truth, 0.5)[0]
    found = refine(rows, labeling[None], K, priors="free", shrinkage=0.0, max_steps=13, tolerance=0.0)
    known = sklearn_mixture(rows, labeling, 12)  # our last step is the score of the last model
    z = rows.held
    np.testing.assert_allclose(found.model.posterior(z)[..., 0], known.predict_proba(z.double().numpy()), atol=2e-3)
    assert found.likelihood[0] == pytest.approx(known.score(z.double().numpy()), abs=1e-3)


def test_it_finds_what_both_spaces_support(planted):
    rows, truth = planted
    found = refine(rows, spoiled(truth, 0.5), K)
    for labeling in found.model.labelings(rows):
        assert clustering_accuracy(truth, labeling) > 0.99
    assert (found.steps < refinement.MAX_STEPS).all()


def test_a_better_labeling_is_more_likely(planted):
    rows, truth = planted
    right, wrong = refine(
        rows, np.stack([truth, np.random.default_rng(0).integers(0, K, N)]), K, max_steps=1
    ).likelihood
    assert right > wrong + 1


def test_seeds_do_not_depend_on_each_other(planted):
    rows, truth = planted
    labelings = spoiled(truth, 0.6, num=5)
    together = refine(rows, labelings, K)
    apart = [refine(rows, labelings[some], K) for some in (slice(2), slice(2, 5))]
    model = JointModel.joined([part.model for part in apart])
    np.testing.assert_array_equal(together.model.labelings(rows), model.labelings(rows))
    np.testing.assert_allclose(together.likelihood, np.concatenate([part.likelihood for part in apart]), atol=1e-4)


def test_rows_read_at_every_pass_give_the_same(planted, monkeypatch):
    phi1, phi2, truth = blobs()
    monkeypatch.setattr(joint_rows, "BLOCK_ELEMENTS", 4096)  # several blocks
    read = joint(phi1, phi2, on_disk=True)
    assert read.held is None
    labelings = spoiled(truth, 0.5)
    a, b = refine(read, labelings, K), refine(planted[0], labelings, K)
    np.testing.assert_array_equal(a.model.labelings(read), b.model.labelings(planted[0]))


def test_new_rows_are_labeled():
    phi1, phi2, truth = blobs(sizes=(300,) * K)
    old = np.arange(len(truth)) % 2 == 0
    fitted = joint(phi1[old], phi2[old])
    model = refine(fitted, spoiled(truth[old], 0.4, num=1), K).model
    new = joint(phi1[~old], phi2[~old], whitenings=fitted.whitenings)
    assert clustering_accuracy(truth[~old], model.labelings(new)[0]) > 0.99
    np.testing.assert_allclose(model.posterior(new.held).sum(1), 1, atol=1e-5)


def test_given_sizes_are_priors_in_any_order():
    sizes = (330, 150, 90, 30)
    phi1, phi2, truth = blobs(sizes=sizes, noise=2.5)
    rows = joint(phi1, phi2)
    given = refine(rows, truth[None], K, priors=tuple(sorted(sizes)))
    equal = refine(rows, truth[None], K)
    assert given.likelihood[0] > equal.likelihood[0]
    found = [np.sort(np.bincount(fit.model.labelings(rows)[0], minlength=K))[0] for fit in (given, equal)]
    assert abs(found[0] - sizes[-1]) <= abs(found[1] - sizes[-1])


# --- data at its limits ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda x: np.concatenate([x, x[:, :3]], 1),  # duplicate columns
        lambda x: np.concatenate([x, np.full((len(x), 2), 7.0)], 1),  # constant columns
        lambda x: x[:, :2],  # fewer directions than classes
        lambda x: np.repeat(x[::2], 2, 0)[: len(x)],  # duplicate rows
    ],
    ids=["duplicate columns", "constant columns", "two directions", "duplicate rows"],
)
def test_degenerate_columns_and_rows_give_finite_numbers(change):
    phi1, phi2, truth = blobs()
    found = refine(joint(change(phi1), phi2), spoiled(truth, 0.3), K)
    assert np.isfinite(found.likelihood).all()
    assert found.model.weights.isfinite().all()


def test_a_class_without_rows_stays_finite(planted):
    rows, truth = planted
    labeling = np.where(truth == 3, 0, truth)
    found = refine(rows, labeling[None], K)
    assert np.isfinite(found.likelihood).all()
    assert found.model.bias.isfinite().all()


def test_a_class_that_empties_on_the_way_stays_finite_and_wins_nothing():
    phi1, phi2, truth = blobs()
    rows, labeling = joint(phi1, phi2), np.where(truth == 3, 0, truth)
    labeling[np.flatnonzero(truth == 1)[:5]] = 3
    found = refine(rows, labeling[None], K, priors=(200.0, 200.0, 200.0, 1e-9))
    assert np.isfinite(found.likelihood).all()
    assert found.model.weights.isfinite().all()
    sizes = np.bincount(found.model.labelings(rows)[0], minlength=K)
    assert sizes[3] == 0
    assert (sizes[:3] > 0).all()


def test_classes_of_identical_rows_leave_no_covariance_to_invert():
    truth = np.repeat(np.arange(K), 50)
    centres = np.random.default_rng(0).normal(size=(K, 9))
    rows = joint(centres[truth], centres[truth])
    found = refine(rows, truth[None], K)
    assert np.isfinite(found.likelihood).all()
    np.testing.assert_array_equal(found.model.labelings(rows)[0], truth)


def test_a_space_whose_rows_are_all_the_same_is_refused():
    phi1, _, _ = blobs()
    with pytest.raises(InputError, match="φ2 has the same direction in every row"):
        joint(phi1, np.ones((N, 5)))


def test_too_few_rows_a_class_are_refused(planted):
    with pytest.raises(InputError, match="fewer than 5 samples a class"):
        refine(planted[0], np.zeros((1, N), int), 150)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_refines_the_same(planted):
    phi1, phi2, truth = blobs()
    spaces = [space_rows.rows(Space("x", x.astype(np.float32)), unit=True, device="cuda") for x in (phi1, phi2)]
    labelings = spoiled(truth, 0.5)
    there, here = refine(JointRows.of(*spaces), labelings, K), refine(planted[0], labelings, K)
    np.testing.assert_allclose(there.likelihood, here.likelihood, atol=1e-2)


# --- rows whose class is known ---------------------------------------------------------------------


def test_a_known_row_counts_as_often_as_it_weighs(planted):
    rows, truth = planted
    labeling = spoiled(truth, 0.3, num=1)
    given = np.array([3, 200, 400, 599])
    weight = 5
    known = Known(given, truth[given], weight)
    found = refine(rows, labeling, K, known=known, max_steps=1)
    # The same M-step by hand: every known row repeated, in its class whatever the labeling says.
    z, copies = rows.held.double().numpy(), np.ones(N)
    classes = labeling[0].copy()
    classes[given], copies[given] = truth[given], weight
    n = np.array([copies[classes == k].sum() for k in range(K)])
    means = np.stack([copies[classes == k] @ z[classes == k] / n[k] for k in range(K)])
    within = (z - means[classes]).T @ ((z - means[classes]) * copies[:, None]) / copies.sum()
    D = len(within)
    within = 0.9 * within + 0.1 * np.trace(within) / D * np.eye(D)
    weights = np.linalg.solve(within, means.T)
    assert np.allclose(found.model.weights[..., 0].numpy(), weights, atol=1e-4)
    assert np.allclose(found.model.bias[:, 0].numpy(), -np.log(K) - 0.5 * (means.T * weights).sum(0), atol=1e-3)


def test_a_row_that_is_left_out_changes_nothing_by_its_place(planted):
    rows, truth = planted
    labeling = spoiled(truth, 0.3, num=1)
    left = np.array([7, 301])
    known = Known(left, np.array([-1, -1]), 1.0)
    found = refine(rows, labeling, K, known=known)
    other = labeling.copy()
    other[:, left] = (other[:, left] + 1) % K
    assert torch.equal(refine(rows, other, K, known=known).model.weights, found.model.weights)
    kept = np.setdiff1d(np.arange(N), left)
    alone = JointRows((rows.held[kept, :0], rows.held[kept, :0]), rows.whitenings, rows.held[kept])
    assert torch.allclose(refine(alone, labeling[:, kept], K).model.weights, found.model.weights, atol=1e-3)


def test_a_class_without_rows_starts_from_the_known_ones(planted):
    rows, truth = planted
    labeling = np.where(truth == 3, 2, truth)[None]
    given = np.flatnonzero(truth == 3)[:4]
    known = Known(given, truth[given], 20.0)
    found = refine(rows, labeling, K, known=known).model.labelings(rows)[0]
    assert clustering_accuracy(truth, found) > 0.95
    assert (found[truth == 3] == 3).mean() > 0.9
