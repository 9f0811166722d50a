"""Rows that stay on disk are the rows that are in memory: read, checked, searched, labeled and scored the same."""

import io
import json
import os
import resource
import subprocess
import sys
from dataclasses import replace

import numpy as np
import psutil
import pytest
import torch

from hume.common import devices
from hume.common.devices import fits, free_bytes
from hume.common.errors import InputError
from hume.data import npy_files, rows, space_rows
from hume.data.dataset import Dataset, Space, dataset_from_files, load_space
from hume.data.npy_files import FileArray, read_npy, read_npy_header
from hume.data.rows import StreamedRows, blocks, moments
from hume.engine import whitening
from hume.engine.config import Config, preset
from hume.engine.prototypes import hard_labels, random_prototypes
from hume.engine.search import search
from hume.engine.solvers import Implicit, Unrolled
from hume.evaluation import cross_validation, ridge_fit
from hume.runs import cost, discover, searching
from tests.support.planted import planted
from tests.support.rules import cases

TYPES = [np.float16, np.float32, np.float64]


def features(num_samples=57, dim=6, seed=0, dtype=np.float32):
    return (np.random.default_rng(seed).normal(size=(num_samples, dim)) + 1).astype(dtype)


def saved(folder, array, name="phi.npy"):
    np.save(folder / name, array)
    return folder / name


def space(array, name="x", path=None):
    return Space(name=name, features=array, path=path)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of a few rows, so that little data needs many of them."""
    monkeypatch.setattr(rows, "BLOCK_BYTES", 4 * 6 * 10)


@pytest.fixture
def nothing_fits(monkeypatch):
    """No copy of a space is small enough for the memory."""
    monkeypatch.setattr(devices, "COMFORTABLE_SHARE", 0.0)


def message(call, *arguments, **options):
    with pytest.raises(InputError) as error:
        call(*arguments, **options)
    return str(error.value)


# --- files whose rows are read ------------------------------------------------------------------------


@cases("dtype", [*TYPES, ">f4"])
@cases(
    "index",
    [
        0, -1, 56, np.int64(3), slice(None), slice(5, 9), slice(50, 500), slice(-3, None), slice(40, 2, -7),
        slice(9, 9), [3, 1, 2], [7, 7, 7], [-1, 0, -57], [], np.array([56, 0, 1, 2, 30, 31, 32, 5], np.int32),
        np.arange(57) % 3 == 0,
    ],
)  # fmt: skip
def test_a_file_is_indexed_as_its_array(tmp_path, dtype, index):
    array = features(dtype=dtype)
    found = FileArray.open(saved(tmp_path, array))[index]
    np.testing.assert_array_equal(found, array[index])
    assert found.dtype == array.dtype
    assert found.flags.writeable


def test_a_file_says_what_an_array_says(tmp_path):
    array = features(dtype=np.float16)
    file = FileArray.open(saved(tmp_path, array))
    assert (file.shape, file.dtype, file.ndim, file.nbytes, len(file)) == ((57, 6), array.dtype, 2, array.nbytes, 57)
    np.testing.assert_array_equal(np.asarray(file), array)
    assert np.asarray(file, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="copy"):
        np.array(file, copy=False)


@cases("index", [57, -58, [0, 57], [-58], [0.5], np.zeros(5, bool), [[1, 2]], "first", (slice(2), 0)])
def test_rows_that_are_not_there_are_refused(tmp_path, index):
    with pytest.raises(IndexError):
        FileArray.open(saved(tmp_path, features()))[index]


def test_no_file_is_held_open(tmp_path):
    path = saved(tmp_path, features())
    FileArray.open(path)[[1, 5]]
    assert str(path) not in [file.path for file in psutil.Process().open_files()]


def test_a_file_that_is_gone_is_one_sentence(tmp_path):
    path = saved(tmp_path, features())
    file = FileArray.open(path)
    path.unlink()
    with pytest.raises(InputError, match=r"phi\.npy cannot be read \(No such file or directory\): restore the file"):
        file[3]


@cases(
    ("limit", "used", "left"),
    [("1000", "300", 700), ("1000", "1200", 0), ("max", "5", sys.maxsize), ("?", "5", sys.maxsize)],
)
def test_a_container_has_what_its_limit_leaves(tmp_path, limit, used, left):
    (tmp_path / "memory.max").write_text(limit + "\n")
    (tmp_path / "memory.current").write_text(used + "\n")
    assert devices._left_to_the_container(tmp_path) == left
    assert devices._left_to_the_container(tmp_path / "nowhere") == sys.maxsize


@cases("array", [np.asfortranarray(features()), np.array([{}, None]), np.float32(1)])
def test_a_file_without_rows_one_after_another_is_not_read(tmp_path, array):
    path = tmp_path / "phi.npy"
    np.save(path, array, allow_pickle=True)
    with pytest.raises(ValueError, match="rows"):
        FileArray.open(path)


def test_a_file_that_is_cut_short_is_noticed_when_opened_and_when_read(tmp_path):
    path = saved(tmp_path, features())
    file = FileArray.open(path)
    os.truncate(path, path.stat().st_size - 10)
    with pytest.raises(ValueError, match="incompletely"):
        FileArray.open(path)
    np.testing.assert_array_equal(file[:56], features()[:56])
    assert message(lambda: file[50:]).startswith(f"{path} is cut short or damaged (at row 50)")


# --- streamed rows ----------------------------------------------------------------------------------------


def sources(folder, array):
    """The same features in a file that is read, in a mapped one and in memory, there also not contiguous."""
    wide = np.zeros((2 * len(array), 2 * array.shape[1]), array.dtype)
    wide[::2, ::-2] = array
    path = saved(folder, array)
    return [FileArray.open(path), np.load(path, mmap_mode="r"), array, wide[::2, ::-2], np.asfortranarray(array)]


@cases("dtype", [*TYPES, ">f8"])
@pytest.mark.usefixtures("small_blocks")
def test_streamed_rows_are_those_in_memory(tmp_path, dtype):
    array = features(dtype=dtype)
    whole, index = torch.from_numpy(array.astype(np.float32)), torch.tensor([5, 0, 56, 5, 30, 31])
    mask, matrix = np.arange(57) % 3 > 0, torch.from_numpy(features(6, 4, seed=1))
    for source in sources(tmp_path, array):
        streamed = space_rows.streamed(space(source))
        assert streamed.shape == (57, 6)
        assert streamed.device == torch.device("cpu")
        assert torch.equal(streamed[index], whole[index])
        assert torch.equal(streamed.to_memory(), whole)
        assert len(list(streamed.blocks())) == 6
        some = streamed.subset(mask)
        assert len(some) == mask.sum()
        assert torch.equal(some.to_memory(), whole[torch.from_numpy(mask)])
        assert torch.equal(some[torch.tensor([3, 1])], whole[torch.from_numpy(mask)][[3, 1]])
        product = some @ matrix
        assert product.shape == (mask.sum(), 4)
        torch.testing.assert_close(product.to_memory(), whole[torch.from_numpy(mask)] @ matrix)
        torch.testing.assert_close((product @ matrix.T)[index[:2]], some[index[:2]] @ matrix @ matrix.T)
        np.testing.assert_array_equal(np.asarray(source), array)  # nothing was changed where it lies


def test_a_tensor_is_one_block():
    whole = torch.from_numpy(features())
    (block,) = blocks(whole)
    assert block is whole


@cases("dtype", TYPES)
@cases("centre", [False, True])
@pytest.mark.usefixtures("small_blocks")
def test_streamed_unit_rows_are_those_in_memory(tmp_path, dtype, centre):
    array, seen = features(dtype=dtype), np.arange(57) < 40
    for mean_rows in (None, seen):
        expected = space_rows.unit_rows(space(array), centre=centre, mean_rows=mean_rows)
        for source in sources(tmp_path, array):
            found = space_rows.streamed(space(source), unit=True, centre=centre, mean_rows=mean_rows)
            torch.testing.assert_close(found.to_memory(), expected, atol=1e-6, rtol=0)
            torch.testing.assert_close(found.subset(seen)[torch.tensor([7, 3])], expected[[7, 3]], atol=1e-6, rtol=0)


@pytest.mark.usefixtures("small_blocks")
def test_moments_are_those_of_all_rows_and_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "MOMENT_ROWS", 7)
    array = features(dtype=np.float16)
    x = torch.from_numpy(array.astype(np.float64))
    streamed = space_rows.streamed(space(FileArray.open(saved(tmp_path, array))))
    for some, expected in ((streamed, x), (streamed.subset(np.arange(57) > 9), x[10:]), (x.float(), x)):
        mean, moment = moments(some)
        torch.testing.assert_close(mean, expected.mean(0), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(moment, expected.T @ expected / len(expected), rtol=1e-6, atol=1e-6)
    assert moments(streamed)[1] is moments(streamed)[1]


@cases(("value", "says"), [(np.nan, "has NaN"), (np.inf, "has NaN"), (-np.inf, "has NaN")])
@cases("dtype", TYPES)
@pytest.mark.usefixtures("small_blocks")
def test_a_row_without_numbers_is_named_when_it_is_read(tmp_path, value, dtype, says):
    array = features(dtype=dtype)
    array[33, 2] = value
    path = saved(tmp_path, array)
    streamed = space_rows.streamed(space(FileArray.open(path), path=path))
    assert torch.equal(streamed[torch.tensor([32, 34])], torch.from_numpy(array[[32, 34]].astype(np.float32)))
    for read in (lambda: streamed[torch.tensor([34, 33])], streamed.to_memory, lambda: moments(streamed)):
        assert message(read).startswith(f"row 33 of {path} {says}")
    some = streamed.subset(np.arange(57) >= 20)
    assert message(some.to_memory).startswith(f"row 33 of {path} {says}")


def test_large_numbers_are_no_bad_numbers(tmp_path):
    """A sum may overflow where no number does."""
    array = np.full((4, 3), 3e38, np.float32)
    assert torch.equal(space_rows.streamed(space(array)).to_memory(), torch.from_numpy(array))
    double = np.full((4, 3), 1e300)
    assert message(space_rows.streamed(space(double)).to_memory).startswith("row 0 of x has NaN or infinite values")


@pytest.mark.usefixtures("small_blocks")
def test_rows_without_direction_are_named(tmp_path):
    array = features()
    array[33] = 0
    path = saved(tmp_path, array)
    file = space(FileArray.open(path), path=path)
    for centre in (False, True):
        assert message(space_rows.check_pair, file, file, centre=centre).startswith(f"row 33 of {path} is all zeros")
    central = space(np.array([[0, 1], [1, 1], [2, 1]], np.float32), name="central")
    assert message(space_rows.check_pair, central, file, centre=True).startswith("row 1 of central equals the mean")
    huge = space(np.array([[3e38, 3e38], [1, 1]], np.float32), name="huge")
    assert message(space_rows.check_pair, huge, file, centre=False).startswith("row 0 of huge is too large")


# --- spaces in large files --------------------------------------------------------------------------------


@pytest.fixture
def all_large(monkeypatch):
    """Every file counts as a large one."""
    monkeypatch.setattr(npy_files, "LARGE_BYTES", 0)


@pytest.mark.usefixtures("all_large")
def test_a_large_file_is_read_when_asked_for(tmp_path):
    path = saved(tmp_path, features(dtype=np.float16))
    large = load_space(path)
    assert isinstance(large.features, FileArray)
    assert large.fingerprint == space(features(dtype=np.float16)).fingerprint
    np.testing.assert_array_equal(space_rows.as_tensor(large).numpy(), features(dtype=np.float16).astype(np.float32))


@pytest.mark.usefixtures("all_large")
def test_a_large_file_is_checked_before_a_search(tmp_path):
    array = features()
    good, other = saved(tmp_path, array, "good.npy"), features(seed=1)
    other[33, 2] = np.nan
    path = saved(tmp_path, other, "bad.npy")
    pair = dataset_from_files(good, path).spaces  # not yet
    first, second = pair["good"], pair["bad"]
    for refuse in (
        lambda: space_rows.check_pair(first, second, centre=True),
        lambda: space_rows.check_pair(second, first, centre=True),
        lambda: space_rows.as_tensor(second),
    ):
        assert message(refuse) == (
            f"row 33 of {path} has NaN or infinite values as float32: compute these features again or drop the row"
        )


@pytest.mark.usefixtures("all_large")
@cases(
    ("array", "says"),
    [
        (np.arange(12).reshape(4, 3), "int64 numbers"),
        (np.ones(5, np.float32), "shape (5,)"),
        (np.ones((2, 3, 4), np.float32), "shape (2, 3, 4)"),
    ],
)
def test_a_large_file_must_hold_a_matrix_too(tmp_path, array, says):
    assert says in message(load_space, saved(tmp_path, array))


@pytest.mark.usefixtures("all_large")
@cases("keep", [7, 40, 100, 200, -1])
def test_a_large_file_that_is_cut_short_is_refused(tmp_path, keep):
    path = saved(tmp_path, features())
    path.write_bytes(path.read_bytes()[:keep])
    assert message(load_space, path).startswith(f"{path} is cut short or damaged")


@pytest.mark.usefixtures("all_large")
def test_a_file_that_is_stored_by_column_is_mapped_and_not_searched_from_disk(tmp_path):
    path = saved(tmp_path, np.asfortranarray(features()))
    by_column = load_space(path)
    np.testing.assert_array_equal(by_column.features, features())
    assert message(space_rows.check_order, by_column).startswith(f"{path} is stored by column")
    space_rows.check_order(load_space(saved(tmp_path, features())))


# --- what fits --------------------------------------------------------------------------------------------


def test_what_fits_is_half_of_what_is_free(monkeypatch):
    monkeypatch.setattr(devices, "free_bytes", lambda device: {"cpu": 1000, "cuda": 600}[device])
    assert fits(500, "cpu")
    assert not fits(501, "cpu")
    assert fits(300, "cuda")
    assert not fits(301, "cuda")
    monkeypatch.setattr(devices, "free_bytes", lambda device: {"cpu": 400, "cuda": 600}[device])
    assert not fits(201, "cuda")  # a copy is made here first


def test_what_is_free_is_no_more_than_may_be_mapped():
    unlimited = free_bytes("cpu")
    assert 0 < unlimited <= psutil.virtual_memory().total
    limits = resource.getrlimit(resource.RLIMIT_AS)
    mapped = psutil.Process().memory_info().vms
    try:
        resource.setrlimit(resource.RLIMIT_AS, (mapped + 2**28, limits[1]))
        limited = free_bytes("cpu")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
    assert 0.5 * 2**28 < limited <= 2**28


def test_less_than_nothing_is_never_free():
    limits = resource.getrlimit(resource.RLIMIT_AS)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (2**20, limits[1]))
        free = free_bytes("cpu")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
    assert free == 0


def test_memory_that_cannot_suffice_is_said_before_anything_is_read(tmp_path, monkeypatch):
    phi1, phi2, _ = planted(size=100)
    pair = dataset_from_files(saved(tmp_path, phi1, "a.npy"), saved(tmp_path, phi2, "b.npy"))
    config, solver = preset("fast", num_classes=3, num_samples=300)
    monkeypatch.setattr(StreamedRows, "_read", None)
    monkeypatch.setattr(space_rows, "as_tensor", None)
    monkeypatch.setattr(searching, "free_bytes", lambda device: 2**20)
    for where, share in (("", 0.5), (", with its spaces on disk", 0.0)):
        monkeypatch.setattr(devices, "COMFORTABLE_SHARE", share)
        with pytest.raises(
            InputError, match=rf"this search needs 0\.\d GiB of memory{where}, and 0\.0 GiB are free: lower"
        ):
            searching.prepare_search(pair, "a", "b", config, solver, range(1000), "transductive", "cpu")


def test_memory_that_suffices_to_search_and_not_to_refine_is_said_before(tmp_path, monkeypatch):
    phi1, phi2, _ = planted(size=100)
    pair = dataset_from_files(saved(tmp_path, phi1, "a.npy"), saved(tmp_path, phi2, "b.npy"))
    config, solver = preset("fast", num_classes=3, num_samples=300)
    search, both = (
        cost.least_bytes(300, 8, 8, config, solver, 1000, on_disk=False, refines=refines) for refines in (False, True)
    )
    assert search < both
    monkeypatch.setattr(searching, "free_bytes", lambda device: (search + both) // 2)
    asked = (pair, "a", "b", config, solver, range(1000), "transductive", "cpu")
    searching.prepare_search(*asked)
    with pytest.raises(InputError, match=r"this search needs \d\.\d GiB of memory"):
        searching.prepare_search(*asked, refines=True)


def test_an_estimate_claims_no_spaces_that_stay_on_disk():
    config, solver = preset("fast", num_classes=10, num_samples=1_281_167)
    spaces = {
        name: Space(name, np.broadcast_to(np.float32(1), (1_281_167, dim))) for name, dim in (("a", 2048), ("b", 1536))
    }

    def most(free):
        sizes = cost.Sizes.of(Dataset("large", spaces), "a", "b", config, solver, num_seeds=4, free=free)
        return cost.most_bytes(sizes, config, solver)

    assert cost.least_bytes(1_281_167, 2048, 1536, config, solver, 4, on_disk=True) <= most(2**28)
    assert most(200 * 2**30) > 4 * 1_281_167 * (2048 + 1536)
    assert most(16 * 2**30) < 2 * 2**30


# --- the engine on rows that stay on disk ---------------------------------------------------------------


@pytest.fixture(params=[np.float16, np.float32])
def pair(request, tmp_path):
    """Planted classes in two files, opened to be read."""
    phi1, phi2, truth = planted(size=100)
    first, second = (phi.astype(request.param) for phi in (phi1, phi2))
    return FileArray.open(saved(tmp_path, first, "a.npy")), FileArray.open(saved(tmp_path, second, "b.npy")), truth


def in_memory(file):
    return torch.from_numpy(np.asarray(file, np.float32))


@pytest.mark.usefixtures("small_blocks")
def test_streamed_whitening_is_that_in_memory(pair):
    _, phi2, _ = pair
    for ridge in (None, 0.1):
        found = whitening.Whitening.of(space_rows.streamed(space(phi2)), ridge)
        expected = whitening.Whitening.of(in_memory(phi2), ridge)
        assert found.ridge == pytest.approx(expected.ridge, rel=1e-5)
        torch.testing.assert_close(found.decay, expected.decay, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found.transform, expected.transform, rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("small_blocks")
def test_streamed_labels_are_those_in_memory(pair):
    phi1, _, _ = pair
    prototypes = random_prototypes(range(5), 3, 8)
    streamed = space_rows.streamed(space(phi1), unit=True, centre=True)
    expected = hard_labels(space_rows.unit_rows(space(phi1), centre=True), prototypes)
    for block_elements in (4_000_000, 5 * 3 * 7):
        found = hard_labels(streamed, prototypes, block_elements)
        assert (found == expected).double().mean() >= 0.999


@pytest.mark.parametrize("solver", [Implicit(), Unrolled(inner_steps=20, inner_step_size=0.1, bias=True)])
@pytest.mark.usefixtures("small_blocks")
def test_a_streamed_search_finds_what_one_in_memory_finds(pair, solver):
    phi1, phi2, _ = pair
    config = Config(
        num_classes=3, num_iterations=60, step_size=0.01, num_train=120, num_test=60, num_splits=1, anneal_at=(),
        centre=True, encoder="retraction",
    )  # fmt: skip
    options = {"config": config, "solver": solver, "seeds": range(4), "seed_batch": 3}
    unit = space_rows.unit_rows(space(phi1), centre=True)
    streamed = space_rows.streamed(space(phi1), unit=True, centre=True)
    kept = [seed for step in search(unit, in_memory(phi2), **options) for seed in step.finished]
    read = [seed for step in search(streamed, space_rows.streamed(space(phi2)), **options) for seed in step.finished]
    for ours, theirs in zip(read, kept, strict=True):
        np.testing.assert_allclose(ours.objective, theirs.objective, atol=1e-3)
    labels = [searching.label_all(one, found) for one, found in ((streamed, read), (unit, kept))]
    assert np.mean(labels[0] == labels[1]) >= 0.998


def labelings(truth):
    """The planted labeling, one that is half wrong and a random one."""
    rng = np.random.default_rng(0)
    noise = rng.integers(3, size=truth.size)
    return torch.from_numpy(np.stack([truth, np.where(rng.random(truth.size) < 0.5, noise, truth), noise]))


@pytest.mark.parametrize(("num_folds", "elements"), [(2, 16_000_000), (10, 2 * 300 * 3), (7, 50)])
@pytest.mark.usefixtures("small_blocks")
def test_streamed_scores_are_those_in_memory(pair, monkeypatch, num_folds, elements):
    """Whitened once and kept, or read again at every step: with labelings and rows cut as memory wants it."""
    _, phi2, truth = pair
    monkeypatch.setattr(cross_validation, "BLOCK_ELEMENTS", elements)
    monkeypatch.setattr(ridge_fit, "PIECE_ELEMENTS", elements)
    given, streamed = labelings(truth), space_rows.streamed(space(phi2))
    expected = cross_validation.cross_validation_scores(in_memory(phi2), given, 3, num_folds=num_folds)
    told = []
    kept = cross_validation.cross_validation_scores(streamed, given, 3, num_folds=num_folds)
    monkeypatch.setattr(devices, "COMFORTABLE_SHARE", 0.0)
    read = cross_validation.cross_validation_scores(streamed, given, 3, num_folds=num_folds, on_fold=told.append)
    np.testing.assert_allclose(kept, expected, atol=1.01 / 300)  # a tie in a prediction, no more
    np.testing.assert_allclose(read, expected, atol=1.01 / 300)
    assert told == list(range(1, num_folds + 1))
    assert expected[0] > 0.9 > expected[2] + 0.3


@pytest.mark.usefixtures("small_blocks", "nothing_fits")
def test_streamed_predictions_are_those_in_memory(pair):
    _, phi2, truth = pair
    labeling = torch.from_numpy(truth)
    found = cross_validation.held_out_predictions(space_rows.streamed(space(phi2)), labeling, 3)
    assert np.mean(found == cross_validation.held_out_predictions(in_memory(phi2), labeling, 3)) >= 0.99


@pytest.mark.parametrize("setting", ["transductive", "inductive"])
def test_a_whole_run_is_the_same_from_disk(pair, setting, monkeypatch):
    first, second, truth = pair
    test_rows = np.arange(truth.size) % 3 == 0
    dataset = Dataset(
        name="planted", spaces={"a": space(first, "a"), "b": space(second, "b")}, labels=truth, test_rows=test_rows
    )
    config, solver = preset("fast", num_classes=3, num_samples=200)
    config = replace(config, num_iterations=100)
    asked = {
        "num_classes": 3,
        "config": config,
        "solver": solver,
        "seeds": range(3),
        "setting": setting,
        "device": "cpu",
    }
    kept = discover.discover(dataset, **asked)
    monkeypatch.setattr(devices, "COMFORTABLE_SHARE", 0.0)
    monkeypatch.setattr(rows, "BLOCK_BYTES", 4 * 8 * 32)
    read = discover.discover(dataset, **asked)
    assert np.mean(read.labelings == kept.labelings) >= 0.998
    np.testing.assert_allclose(read.scores.cv_score, kept.scores.cv_score, atol=0.02)
    np.testing.assert_array_equal(read.evaluated, kept.evaluated)
    assert read.scores.vote_agreement.acc > 0.9


@pytest.mark.usefixtures("nothing_fits")
def test_a_space_that_is_stored_by_column_is_not_searched_from_disk(tmp_path):
    phi1, phi2, _ = planted(size=100)
    first, second = saved(tmp_path, phi1, "a.npy"), saved(tmp_path, np.asfortranarray(phi2), "b.npy")
    with pytest.raises(InputError, match=r"b.npy is stored by column and too large"):
        discover.discover(dataset_from_files(first, second), num_classes=3, seeds=[0])


# --- under a limit ----------------------------------------------------------------------------------------


UNDER_A_LIMIT = """
import resource, sys
import psutil, torch
import hume.cli.search, hume.runs.execution  # what a search loads
from hume import cli
torch.set_num_threads(1)
limit = psutil.Process().memory_info().vms + 2**29
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
sys.argv[0] = "hume"
cli.main()
"""


@pytest.mark.slow
def test_a_search_in_less_memory_than_its_spaces_take(tmp_path):
    """Half a GiB may be mapped beside what torch maps: for no copy in float32, nor for a map of both files."""
    N = 200_000
    truth = np.random.default_rng(0).integers(3, size=N)
    for name, dim, dtype in (("a", 1024, np.float16), ("b", 192, np.float32)):
        file = np.lib.format.open_memmap(tmp_path / f"{name}.npy", "w+", dtype, (N, dim))
        file[:, 0:2] = features(3, 2)[truth] + 1
        del file
    asked = ["--phi1", tmp_path / "a.npy", "--phi2", tmp_path / "b.npy", "--num-classes", "3", "--seeds", "2"]
    done = subprocess.run(
        [sys.executable, "-c", UNDER_A_LIMIT, "search", *map(str, asked), "--set", "num_iterations=30", "--json"],
        env={**os.environ, "HUME_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert min(json.loads(done.stdout.splitlines()[-1])["cv_score"]) > 0.6


@pytest.mark.parametrize(
    "dtype", ["<f4", ">f8", "<f2", "|u1", "|b1", "<i8", "<U3", "|S2", [("a", "<f4"), ("b", "<i2")]]
)
@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 3, 2), (0, 4)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_header_is_read_as_numpy_reads_it(tmp_path, dtype, shape, order):
    saved = np.asarray(np.zeros(shape, dtype), order=order)
    np.save(tmp_path / "a.npy", saved)
    with (tmp_path / "a.npy").open("rb") as file:
        assert read_npy_header(file)[::2] == (shape, saved.dtype)
        file.seek(0)
        np.testing.assert_array_equal(read_npy(file), saved)


def test_an_array_that_is_cut_short_is_not_read():
    raw = io.BytesIO()
    np.save(raw, np.arange(6.0).reshape(2, 3, order="F"))
    with pytest.raises(ValueError, match="cut short"):
        read_npy(io.BytesIO(raw.getvalue()[:-1]))
