"""Algorithm 1: what the search finds, and what must not change it."""

import dataclasses
import json
import re
import subprocess
import sys
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch

from hume.common.devices import out_of_memory
from hume.common.errors import InputError
from hume.engine.config import Config, PresetName, preset, preset_of
from hume.engine.finished_seed import FINAL_WINDOW
from hume.engine.prototypes import Householder, Retraction, hard_labels, random_prototypes, simplex
from hume.engine.search import _gradient, search
from hume.engine.solvers import Implicit, Unrolled
from hume.evaluation import metrics
from tests.support.rules import cases


def planted(seed=0, num_samples=400, num_classes=3, dim=8):
    """Unit rows φ1 with two labelings in it, φ2 that knows the first of them only, and that one."""
    rng = np.random.default_rng(seed)
    truth, spurious = rng.integers(num_classes, size=(2, num_samples))
    means = np.linalg.qr(rng.normal(size=(2 * dim, 2 * num_classes)))[0].T
    phi1 = 4 * means[truth] + 4 * means[num_classes + spurious] + 0.5 * rng.normal(size=(num_samples, 2 * dim))
    phi2 = 4 * rng.normal(size=(num_classes, dim))[truth] + rng.normal(size=(num_samples, dim))
    phi1 -= phi1.mean(0)
    phi1 /= np.linalg.norm(phi1, axis=1, keepdims=True)
    return torch.tensor(phi1, dtype=torch.float32), torch.tensor(phi2, dtype=torch.float32), truth, spurious


def quick(**changes):
    given = {
        "num_classes": 3, "num_iterations": 30, "step_size": 0.02, "num_train": 120, "num_test": 60, "num_splits": 1,
        "anneal_at": (), "encoder": "retraction",
    }  # fmt: skip
    return Config(**(given | changes))


def find(phi1, phi2, config, *, seeds=range(4), solver=None, **options):
    """All finished seeds, by seed, and all steps."""
    steps = list(search(phi1, phi2, config, solver=solver or Implicit(), seeds=seeds, **options))
    return {found.seed: found for step in steps for found in step.finished}, steps


def labels_of(phi1, found):
    return hard_labels(phi1, torch.from_numpy(found.prototypes)[None])[0].numpy()


# --- what it finds ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_the_labeling_that_both_spaces_know_is_recovered(seed):
    phi1, phi2, truth, spurious = planted(seed)
    found, _ = find(phi1, phi2, quick(num_iterations=250), seeds=range(8))
    best = min(found.values(), key=lambda one: one.final_objective)
    labeling = labels_of(phi1, best)
    assert metrics.clustering_accuracy(truth, labeling) > 0.95
    assert metrics.clustering_accuracy(spurious, labeling) < 0.6


@pytest.mark.parametrize("encoder", ["householder", "retraction"])
@pytest.mark.parametrize("solver", [Unrolled(inner_steps=30, inner_step_size=0.05), Implicit()])
def test_the_objective_goes_down(encoder, solver):
    phi1, phi2, *_ = planted()
    found, _ = find(phi1, phi2, quick(encoder=encoder, num_iterations=60), solver=solver)
    for one in found.values():
        assert one.objective[-10:].mean() < one.objective[:10].mean() - 0.01
        W = one.prototypes
        np.testing.assert_allclose(W @ W.T, np.eye(3), atol=1e-5)


def test_without_entropy_classes_die_out():
    """Where the spaces share nothing, one class for all rows is the labeling that generalizes best (Appendix B).

    Prototypes can only take all rows where these have a part in common, as features behind a ReLU have.
    """
    phi1, phi2, *_ = planted()
    common = torch.linalg.svd(phi1)[2][-1]  # a direction that tells no classes apart
    phi1 = torch.nn.functional.normalize(phi1 + common, dim=1)
    phi2 = torch.randn(phi2.shape, generator=torch.Generator().manual_seed(0))
    used, entropy = {}, {}
    for weight in (0.0, 10.0):
        found, steps = find(phi1, phi2, quick(entropy_weight=weight, num_iterations=200))
        used[weight] = np.mean([np.unique(labels_of(phi1, one)).size for one in found.values()])
        shares = np.clip(steps[-1].label_shares.numpy(), 1e-12, 1)
        entropy[weight] = -(shares * np.log(shares)).sum(1).mean()
    assert used[0.0] < used[10.0] == 3
    assert entropy[0.0] < entropy[10.0] - 0.3
    assert entropy[10.0] == pytest.approx(np.log(3), abs=0.02)


def uneven(seed=0, sizes=(240, 60, 60)):
    """Rows of `planted` whose classes have these sizes."""
    phi1, phi2, truth, _ = planted(seed, num_samples=900)
    rows = np.sort(np.concatenate([np.flatnonzero(truth == k)[:size] for k, size in enumerate(sizes)]))
    return phi1[rows], phi2[rows], truth[rows]


@pytest.mark.parametrize("seed", range(2))
def test_unequal_classes_are_found_whole_where_their_sizes_are_known(seed):
    phi1, phi2, truth = uneven(seed)
    accuracy = {}
    for sizes in (None, (60, 240, 60)):  # in whatever order
        found, steps = find(phi1, phi2, quick(num_iterations=250, class_sizes=sizes), seeds=range(6))
        best = min(found.values(), key=lambda one: one.final_objective)
        accuracy[sizes] = metrics.clustering_accuracy(truth, labels_of(phi1, best))
    assert accuracy[60, 240, 60] > 0.95 > accuracy[None]
    assert np.sort(steps[-1].label_shares.numpy(), 1).mean(0) == pytest.approx([1 / 6, 1 / 6, 2 / 3], abs=0.06)


def test_equal_sizes_change_nothing():
    phi1, phi2, *_ = planted()
    usual, _ = find(phi1, phi2, quick(num_iterations=100))
    equal, _ = find(phi1, phi2, quick(num_iterations=100, class_sizes=(7, 7, 7)))
    for seed, one in usual.items():
        np.testing.assert_array_equal(labels_of(phi1, equal[seed]), labels_of(phi1, one))
        np.testing.assert_allclose(equal[seed].objective, one.objective, atol=1e-4)


@pytest.mark.parametrize("weight", [0.0, 10.0])
def test_the_gradient_with_class_sizes_is_that_of_the_objective(weight):
    phi1, phi2, *_ = planted(num_samples=80)
    phi1, phi2 = phi1.double(), phi2.double()
    config = quick(num_train=50, num_test=30, entropy_weight=weight, class_sizes=(0.6, 0.3, 0.1))
    W = random_prototypes([4], 3, phi1.shape[1]).double()
    solver = Unrolled(inner_steps=1, inner_step_size=0.5)

    def objective(prototypes):
        splits = torch.Generator().manual_seed(0)
        grad, error, shares = _gradient(phi1, solver.start(phi2, 3, [4]), config, prototypes, 0.3, splits)
        sizes = torch.tensor(config.class_sizes, dtype=torch.float64)
        return grad, (error - weight * simplex.label_entropy(shares, sizes)).item()

    grad, _ = objective(W)
    step = torch.randn(W.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 1e-6
    slope = objective(W + step)[1] - objective(W - step)[1]
    assert slope == pytest.approx(2 * (grad * step).sum().item(), rel=1e-4)


# --- what must not change it ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoder", "solver"),
    [
        ("retraction", Implicit()),
        ("householder", Implicit()),
        ("retraction", Unrolled(inner_steps=20, inner_step_size=0.05)),
    ],
)
def test_a_seed_alone_is_the_seed_in_a_batch(encoder, solver):
    phi1, phi2, *_ = planted()
    config = quick(encoder=encoder, num_iterations=60)
    together, _ = find(phi1, phi2, config, solver=solver, seeds=range(9))
    torch.manual_seed(1234)  # the global stream has no say
    alone, _ = find(phi1, phi2, config, solver=solver, seeds=[7])
    batches, _ = find(phi1, phi2, config, solver=solver, seeds=range(9), seed_batch=2)
    for other in (alone[7], batches[7]):
        assert np.mean(labels_of(phi1, other) == labels_of(phi1, together[7])) >= 0.995
        assert other.final_objective == pytest.approx(together[7].final_objective, abs=0.01)
    assert alone[7].objective[0] == pytest.approx(together[7].objective[0], abs=1e-4)


def test_a_seed_does_not_notice_that_others_end():
    phi1, phi2, *_ = planted()
    config = quick(num_iterations=120, patience=8, min_gain=0.05)
    together, _ = find(phi1, phi2, config, seeds=range(8))
    lengths = {len(one.objective) for one in together.values()}
    assert len(lengths) > 1  # seeds do end at different times
    slowest = max(together.values(), key=lambda one: len(one.objective))
    alone, _ = find(phi1, phi2, config, seeds=[slowest.seed])
    assert len(alone[slowest.seed].objective) == len(slowest.objective)
    assert np.mean(labels_of(phi1, alone[slowest.seed]) == labels_of(phi1, slowest)) >= 0.995


@torch.no_grad()
def test_renaming_the_classes_of_the_start_renames_the_result():
    phi1, phi2, *_ = planted()
    config, names = quick(), torch.tensor([2, 0, 1])
    start = random_prototypes(range(3), 3, phi1.shape[1])
    ends = []
    for prototypes in (start, start[:, names]):
        encoder, problem = Retraction(prototypes), Implicit().start(phi2, 3, range(3))
        splits = torch.Generator().manual_seed(0)
        for _ in range(20):
            grad, _, _ = _gradient(phi1, problem, config, encoder.prototypes(), config.temperature, splits)
            encoder.step(grad, torch.full((3, 1, 1), 0.02), 1.0)
        ends.append(encoder.prototypes())
    torch.testing.assert_close(ends[0][:, names], ends[1], atol=1e-3, rtol=0)


@torch.no_grad()
def test_turning_phi1_turns_the_gradient():
    phi1, phi2, *_ = planted()
    config, start = quick(num_splits=2), random_prototypes(range(2), 3, phi1.shape[1])
    turn = torch.linalg.qr(torch.randn(16, 16, generator=torch.Generator().manual_seed(3)))[0]
    results = [
        _gradient(x, Implicit().start(phi2, 3, range(2)), config, W, 0.1, torch.Generator().manual_seed(0))
        for x, W in ((phi1, start), (phi1 @ turn, start @ turn))
    ]
    torch.testing.assert_close(results[0][0] @ turn, results[1][0], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(results[0][1], results[1][1], atol=1e-4, rtol=0)


def test_the_gradient_is_that_of_the_objective():
    """Eq. 7 as autograd sees it, with one unrolled step, in float64."""
    phi1, phi2, *_ = planted()
    phi1, phi2 = phi1[:80].double(), phi2[:80].double()
    config = quick(num_train=50, num_test=30)
    solver = Unrolled(inner_steps=1, inner_step_size=0.5)
    W = random_prototypes([4], 3, phi1.shape[1]).double()
    with torch.no_grad():
        splits = torch.Generator().manual_seed(0)
        grad, error, shares = _gradient(phi1, solver.start(phi2, 3, [4]), config, W, 0.3, splits)

    rows = torch.randperm(80, generator=torch.Generator().manual_seed(0))
    W.requires_grad_()
    labels = simplex.sparsemax(phi1[rows] @ W[0].T / 0.3)
    x, x_test, start = phi2[rows[:50]], phi2[rows[50:]], solver.start(phi2, 3, [4])._random_start(phi2)[..., 0]
    fitted = start - 0.5 / 50 * x.T @ (torch.softmax(x @ start, 1) - labels[:50])
    expected = -(labels[50:] * torch.log_softmax(x_test @ fitted, 1)).sum(1).mean()
    objective = expected - 10 * torch.distributions.Categorical(labels.mean(0)).entropy()
    (expected_grad,) = torch.autograd.grad(objective, W)
    assert error.item() == pytest.approx(expected.item(), rel=1e-10)
    torch.testing.assert_close(shares[:, 0], labels.mean(0).detach())
    torch.testing.assert_close(grad, expected_grad, rtol=1e-9, atol=1e-9)


@cases("encoder", ["householder", "retraction"])
@cases("solver", [Unrolled(inner_steps=10, inner_step_size=0.05), Implicit()])
@cases("weight", [0.0, 10.0])
def test_an_empty_class_never_gives_nan(encoder, solver, weight):
    phi1, phi2, *_ = planted()
    phi1 = torch.nn.functional.normalize(phi1 + torch.eye(16)[0] * 20, dim=1)  # all rows point one way
    config = quick(num_classes=6, temperature=1e-4, entropy_weight=weight, encoder=encoder, num_iterations=15)
    found, steps = find(phi1, phi2, config, solver=solver)
    assert any((step.label_shares == 0).any() for step in steps)
    for one in found.values():
        assert np.isfinite(one.objective).all()
        assert np.isfinite(one.prototypes).all()


# --- what it reports --------------------------------------------------------------------------------


def test_every_seed_ends_once_with_the_whole_story():
    phi1, phi2, *_ = planted()
    config = quick(num_iterations=7)
    found, steps = find(phi1, phi2, config, seeds=[5, 0, 9, 3, 2], seed_batch=2)
    assert sorted(found) == [0, 2, 3, 5, 9]
    assert sum(len(step.finished) for step in steps) == 5
    assert len(steps) == 3 * 7  # three batches
    for one in found.values():
        assert one.prototypes.shape == (3, 16)
        assert one.objective.shape == one.test_error.shape == (7,)
        assert not one.converged
        told = [step.objective[step.seeds.index(one.seed)] for step in steps if one.seed in step.seeds]
        np.testing.assert_array_equal(told, one.objective)
        assert one.final_objective == pytest.approx(float(one.objective.mean()))
    progress = [step.progress for step in steps]
    assert progress[-1] == 1
    assert progress[0] > 0
    assert np.all(np.diff(progress) > 0)


def test_a_step_adds_up_to_equation_7():
    phi1, phi2, *_ = planted()
    _, steps = find(phi1, phi2, quick(num_iterations=5, entropy_weight=3.0, num_splits=3))
    for step in steps:
        shares = step.label_shares.numpy()
        assert shares.shape == (4, 3)
        np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)
        entropy = -(shares * np.log(np.clip(shares, 1e-8, 1))).sum(1)
        np.testing.assert_allclose(step.objective.numpy(), step.test_error.numpy() - 3 * entropy, atol=1e-4)
        assert step.prototypes.shape == (4, 3, 16)


def test_the_final_objective_averages_the_last_iterations():
    phi1, phi2, *_ = planted()
    found, _ = find(phi1, phi2, quick(), seeds=[0])
    assert found[0].final_objective == pytest.approx(float(found[0].objective[-FINAL_WINDOW:].mean()))
    assert found[0].final_objective != pytest.approx(float(found[0].objective.mean()))


def test_patience_ends_seeds_and_progress_reaches_one():
    phi1, phi2, *_ = planted()
    patience = 10
    found, steps = find(phi1, phi2, quick(num_iterations=1000, patience=patience, min_gain=0.01), seeds=range(5))
    assert sorted(found) == list(range(5))
    for one in found.values():
        assert one.converged
        assert 3 * patience <= len(one.objective) < 1000
        assert np.isfinite(one.objective).all()
    assert steps[-1].progress == 1
    assert all(0 < step.progress <= 1 for step in steps)
    still = [len(step.seeds) for step in steps]
    assert still == sorted(still, reverse=True)


def test_more_splits_make_the_objective_steadier():
    phi1, phi2, *_ = planted()
    spread = []
    for num_splits in (1, 16):
        config = quick(num_iterations=25, step_size=1e-7, num_splits=num_splits, num_train=60, num_test=20)
        found, _ = find(phi1, phi2, config, solver=Implicit(inner_steps=20))
        spread.append(np.mean([one.test_error[5:].std() for one in found.values()]))
    assert spread[1] < 0.5 * spread[0]


def test_another_split_seed_gives_other_splits():
    phi1, phi2, *_ = planted()
    first, same, other = (find(phi1, phi2, quick(num_iterations=3, split_seed=s), seeds=[1])[0][1] for s in (0, 0, 1))
    np.testing.assert_array_equal(first.objective, same.objective)
    assert (first.objective != other.objective).any()


# --- the same answer on every machine -------------------------------------------------------------


def test_a_processor_decides_nothing_by_its_units():
    """What `auto` finds on a CPU is what float32 finds there, whatever the processor is fast at."""
    phi1, phi2, *_ = planted()
    auto, exact = (find(phi1, phi2, quick(num_iterations=20, precision=p))[0] for p in ("auto", "float32"))
    for seed in exact:
        np.testing.assert_array_equal(auto[seed].objective, exact[seed].objective)


# --- speed changes no labeling ----------------------------------------------------------------------


def test_the_fast_search_finds_what_the_published_one_finds():
    """The same starts and splits as the float32 unrolled reference: at most 2 % of the rows are labeled otherwise."""
    phi1, phi2, *_ = planted()
    config = quick(num_iterations=200)
    slow, _ = find(phi1, phi2, config, solver=Unrolled(inner_steps=30, inner_step_size=0.05))
    for precision in ("float32", "bfloat16"):
        fast, _ = find(phi1, phi2, replace(config, precision=precision))
        reference, found = (min(some.values(), key=lambda one: one.final_objective) for some in (slow, fast))
        assert metrics.clustering_accuracy(labels_of(phi1, reference), labels_of(phi1, found)) >= 0.98


def test_coarse_factors_move_no_seed_further_than_other_splits_do():
    phi1, phi2, *_ = planted()
    exact, coarse, other = (
        find(phi1, phi2, quick(num_iterations=200, **changes))[0]
        for changes in ({}, {"precision": "bfloat16"}, {"split_seed": 1})
    )

    def agreement(found):
        pairs = ((labels_of(phi1, exact[i]), labels_of(phi1, found[i])) for i in exact)
        return np.mean([metrics.clustering_accuracy(*pair) for pair in pairs])

    assert agreement(coarse) > 0.97
    assert agreement(coarse) >= agreement(other) - 0.01
    for i in exact:
        assert coarse[i].objective[0] == pytest.approx(exact[i].objective[0], rel=1e-3)


@cases("encoder", ["retraction", "householder"])
@cases("solver", [Implicit(), Unrolled(inner_steps=3)])
@torch.no_grad()
def test_an_iteration_never_waits_for_the_device(encoder, solver):
    """On the device `meta` there are no numbers: whoever asks for one, as waiting for a GPU means, gets an error."""
    phi1, phi2, *_ = planted()
    start = random_prototypes(range(4), 3, phi1.shape[1])
    moving = {"householder": Householder, "retraction": Retraction}[encoder](start.to("meta"))
    problem = solver.start(phi2, 3, range(4))
    for name, value in vars(problem).items():
        if isinstance(value, torch.Tensor):
            setattr(problem, name, value.to("meta"))
    splits = torch.Generator().manual_seed(0)
    grad, error, shares = _gradient(phi1.to("meta"), problem, quick(), moving.prototypes(), 0.1, splits)
    moving.step(grad, torch.full((4, 1, 1), 0.02, device="meta"), 1.0)
    assert moving.prototypes().shape == grad.shape == (4, 3, 16)
    assert (error.shape, shares.shape) == ((4,), (3, 4))
    assert moving.prototypes().is_meta


OUT_OF_MEMORY = """
import resource
import sys
import psutil, torch
from hume.engine.solvers import Implicit
from tests.engine.test_search import find, quick

torch.set_num_threads(1)
num_samples, num_seeds, megabytes = map(int, sys.argv[1:])
generator = torch.Generator().manual_seed(0)
phi1 = torch.nn.functional.normalize(torch.randn(num_samples, 8, generator=generator), dim=1)
phi2 = torch.randn(num_samples, 8, generator=generator)
config = quick(num_iterations=2)
find(phi1, phi2, config, seeds=[0])
config = quick(num_iterations=2, num_train=num_samples // 2, num_test=num_samples // 2)
limit = psutil.Process().memory_info().vms + megabytes * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
found, steps = find(phi1, phi2, config, seeds=range(num_seeds), seed_batch=num_seeds)
assert sorted(found) == list(range(num_seeds))
alone, _ = find(phi1, phi2, config, seeds=[7])
assert abs(found[7].final_objective - alone[7].final_objective) < 1e-3
print("largest batch", max(len(step.seeds) for step in steps))
"""


def under_a_limit(*numbers):
    command = [sys.executable, "-c", OUT_OF_MEMORY, *map(str, numbers)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space")
def test_a_batch_that_does_not_fit_is_begun_again_in_halves():
    done = under_a_limit(6000, 512, 100)
    assert done.returncode == 0, done.stderr
    assert 1 <= int(done.stdout.split()[-1]) <= 256


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space")
def test_one_seed_that_does_not_fit_is_a_memory_error():
    done = under_a_limit(3_000_000, 1, 50)
    assert done.stderr.splitlines()[-1] == "MemoryError: not even one seed fits into memory"


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_of_no_seeds_is_refused(size):
    phi1, phi2, *_ = planted()
    with pytest.raises(InputError, match=rf"at least 1 seed, got seed_batch={size}"):
        next(search(phi1, phi2, quick(), solver=Implicit(), seed_batch=size))


def test_no_seeds_no_steps():
    phi1, phi2, *_ = planted()
    assert find(phi1, phi2, quick(), seeds=[]) == ({}, [])


def test_the_search_can_be_left_early():
    phi1, phi2, *_ = planted()
    steps = search(phi1, phi2, quick(), solver=Implicit(), seeds=range(2))
    assert next(steps).iteration == 0
    steps.close()
    assert torch.is_grad_enabled()


# --- what was asked ---------------------------------------------------------------------------------


def test_defaults_are_those_of_appendix_a():
    config, solver = preset("paper", num_classes=10, num_samples=50_000)
    assert config == Config(num_classes=10)
    expected = {
        "num_classes": 10, "num_iterations": 1000, "step_size": 0.001, "temperature": 0.1, "entropy_weight": 10.0,
        "num_train": 9000, "num_test": 1000, "num_splits": 20, "anneal_at": (100, 200), "clip_norm": 1.0,
        "centre": False, "encoder": "householder", "patience": None,
    }  # fmt: skip
    assert expected.items() <= dataclasses.asdict(config).items()
    assert (solver.inner_steps, solver.inner_step_size) == (300, 0.001)
    assert [config.annealing(i) for i in (0, 99, 100, 199, 200, 999)] == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize(("setting", "train", "test"), [("inductive", 4500, 500), ("transductive", 7200, 800)])
def test_stl10_has_smaller_splits(setting, train, test):
    config, solver = preset("paper-stl10", num_classes=10, num_samples=13_000, setting=setting)
    assert config == Config(num_classes=10, num_train=train, num_test=test)
    assert solver == Unrolled()


def test_imagenet_has_longer_steps_and_no_annealing():
    config, solver = preset("paper-imagenet", num_classes=1000, num_samples=1_281_167)
    assert config == Config(num_classes=1000, step_size=0.1, num_train=14_000, num_test=6_000, anneal_at=())
    assert solver == Unrolled(inner_steps=100, inner_step_size=0.1)


@cases("num_samples", [2, 7, 100, 2999, 3000, 10**6])
def test_fast_fits_any_number_of_rows(num_samples):
    config, solver = preset("fast", num_classes=2, num_samples=num_samples)
    assert config.num_train + config.num_test <= min(3000, num_samples)
    assert config.centre
    assert isinstance(solver, Implicit)


def test_an_unknown_preset_is_answered_with_the_list():
    with pytest.raises(InputError, match=r"unknown preset 'slow'.*fast, paper, paper-stl10, paper-imagenet"):
        preset("slow", num_classes=3, num_samples=100)


@cases(
    "bad",
    [
        {"num_classes": 1}, {"num_iterations": 0}, {"num_train": 0}, {"num_test": -3}, {"num_splits": 0},
        {"step_size": 0.0}, {"step_size": float("nan")}, {"temperature": -0.1}, {"entropy_weight": -1.0},
        {"entropy_weight": float("nan")}, {"clip_norm": 0.0}, {"patience": 0}, {"encoder": "cayley"},
        {"precision": "float16"},
    ],
)  # fmt: skip
def test_a_configuration_quotes_a_bad_value(bad):
    ((name, value),) = bad.items()
    with pytest.raises(InputError) as error:
        quick(**bad)
    assert f"{name}={value!r}" in str(error.value)


@cases("sizes", [(1, 2), (1, 2, 0), (1, 2, float("nan"))])
def test_a_configuration_quotes_sizes_that_are_none(sizes):
    with pytest.raises(InputError, match=re.escape(f"class_sizes={sizes}")):
        quick(class_sizes=sizes)


def test_a_configuration_keeps_class_sizes_as_shares():
    config = quick(class_sizes=[20, 50, 30])
    assert config.class_sizes == (0.5, 0.3, 0.2)
    assert Config(**json.loads(json.dumps(dataclasses.asdict(config)))) == config
    assert preset_of(config, Implicit(), "transductive") is None


def test_a_configuration_accepts_a_list_of_iterations():
    assert quick(anneal_at=[5, 10]) == quick(anneal_at=(5, 10))


@cases(
    ("change", "rows1", "rows2", "says"),
    [
        ({}, 400, 399, "φ1 has 400, φ2 has 399"),
        ({"num_train": 380, "num_test": 21}, 400, 400, r"380 \+ 21 rows, the search has 400"),
        ({"num_classes": 17}, 400, 400, "17 orthonormal prototypes.*got 16"),
        ({"num_classes": 10, "num_train": 5, "num_test": 4}, 9, 9, "10 classes.*got 9"),
    ],
)
def test_spaces_that_do_not_fit_are_refused(change, rows1, rows2, says):
    phi1, phi2, *_ = planted()
    with pytest.raises(InputError, match=says):
        next(search(phi1[:rows1], phi2[:rows2], quick(**change), solver=Implicit()))


@pytest.mark.parametrize("seeds", [[1, 1], [-1]])
def test_seeds_must_be_different_numbers(seeds):
    phi1, phi2, *_ = planted()
    with pytest.raises(InputError, match="seeds"):
        next(search(phi1, phi2, quick(), solver=Implicit(), seeds=seeds))


@cases("name", get_args(PresetName))
@cases("setting", ["inductive", "transductive"])
@cases("num_samples", [500, 50_000])
def test_a_preset_is_recognized_until_something_is_changed(name, setting, num_samples):
    config, solver = preset(name, num_classes=7, num_samples=num_samples, setting=setting)
    assert preset_of(config, solver, setting) == name
    assert preset_of(replace(config, entropy_weight=3.0), solver, setting) is None
    assert preset_of(config, Implicit(ridge=0.5), setting) is None
    assert preset_of(replace(config, precision="bfloat16"), solver, setting) == name  # arithmetic, no hyperparameter


@cases(
    ("error", "short"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_memory_that_is_short_is_told_from_other_errors(error, short):
    assert out_of_memory(error) == short
