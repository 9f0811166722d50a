"""How a search went: what is recorded of it, what that may cost, and what happens where it cannot be."""

import io
import resource
import shutil
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from hume.common.errors import InputError
from hume.engine.config import preset
from hume.engine.finished_seed import FinishedSeed
from hume.engine.search import Step, search
from hume.engine.solvers import Implicit
from hume.exchange.author_runs import export_run, import_tasks
from hume.exchange.run_archive import run_zip
from hume.reporting import sentences
from hume.runs import replay, trajectory
from hume.runs.store import Store
from hume.runs.trajectory import MAX_FRAMES, MIN_FRAMES, Recorder, plan, times
from tests.support.planted import planted
from tests.support.planted_runs import StoppedError, create, save_files, save_folder, stop_after_the_first_seed
from tests.support.rules import cases

SEEDS = range(5)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return save_files(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(tmp_path_factory, dataset):
    """A finished run; its seeds end at different iterations."""
    run = create(Store(tmp_path_factory.mktemp("home")), dataset, "owls", seeds=SEEDS)
    run.execute()
    return run


def step(iteration, prototypes, *, seeds=(0, 1), finished=()):
    """A step as a search tells it; only what a recorder looks at."""
    nothing = torch.zeros(len(seeds))
    return Step(
        iteration=iteration, seeds=seeds, objective=nothing, test_error=nothing,
        label_shares=nothing[:, None], prototypes=prototypes, finished=finished, progress=0.0,
    )  # fmt: skip


def ending(seed, prototypes, iterations):
    curve = np.zeros(iterations, np.float32)
    return FinishedSeed(seed, prototypes.numpy(), curve, curve, converged=True)


def record(folder, **options):
    """Search planted data with a recorder beside it; returns it and what it was shown."""
    spaces = dataset_rows()
    config, _ = preset("fast", num_classes=3, num_samples=240)
    config = replace(config, num_iterations=90, patience=None, precision="float32")
    recorder, shown = Recorder(folder, SEEDS, config.num_iterations, **options), {}
    for each in search(*spaces, config, solver=Implicit(), seeds=SEEDS, seed_batch=3):
        for seed, prototypes in zip(each.seeds, each.prototypes, strict=True):
            shown[seed, each.iteration] = prototypes.clone()
        shown |= {(found.seed, 90): torch.from_numpy(found.prototypes) for found in each.finished}
        recorder.record(each)
    return recorder, shown


def dataset_rows():
    phi1, phi2, _ = planted()
    return torch.nn.functional.normalize(torch.from_numpy(phi1)), torch.from_numpy(phi2)


def at(folder):
    """Something that can be read like a run all of whose seeds have ended."""
    return SimpleNamespace(folder=folder, finished_seeds=tuple(SEEDS))


def curve_of(run, seed):
    return run.seed_array(seed, "objective")


# --- when ----------------------------------------------------------------------------------------


@cases("num_iterations", [1, 2, 7, 63, 64, 65, 300, 1000, 10_000, 1_000_000])
@cases("number", [1, 2, 15, 63])
def test_times_begin_at_the_start_and_are_no_more_than_asked(num_iterations, number):
    found = times(num_iterations, number)
    assert found[0] == 0
    assert len(found) == min(number, num_iterations)
    assert list(found) == sorted(set(found))
    assert found[-1] < num_iterations


@cases("num_iterations", [300, 1000, 100_000])
def test_times_are_dense_at_first_and_then_in_proportion(num_iterations):
    found = np.array(times(num_iterations, 63))
    assert list(found[:4]) == [0, 1, 2, 3]
    late = found[found > 100]
    ratios = late[1:] / late[:-1]
    np.testing.assert_allclose(ratios, ratios.mean(), rtol=0.02)
    assert num_iterations / found[-1] == pytest.approx(ratios.mean(), rel=0.02)


@cases(
    ("size", "frames", "seeds"),
    [
        ((100, 10, 256), 64, 100),
        ((100, 10, 2048), 16, 100),
        ((100, 100, 512), 16, 40),
        ((4, 1000, 1024), 16, 2),
        ((1, 10_000, 2048), 16, 0),
    ],
)
def test_large_prototypes_get_fewer_frames_then_fewer_seeds(size, frames, seeds):
    found = plan(*size)
    assert (found.frames, found.seeds) == (frames, seeds)
    assert found.frames * found.seeds * (2 * size[1] * size[2] + 4) <= trajectory.MAX_BYTES


# --- what ----------------------------------------------------------------------------------------


def test_frames_are_what_the_search_showed(tmp_path):
    _, shown = record(tmp_path)
    assert replay.recorded_seeds(at(tmp_path)) == tuple(SEEDS)
    for seed in SEEDS:
        found = replay.read_trajectory(at(tmp_path), seed)
        assert found.iterations[0] == 0
        assert found.iterations[-1] == 90
        assert 50 < len(found.iterations) <= MAX_FRAMES
        assert (np.diff(found.iterations) > 0).all()
        expected = np.stack([shown[seed, iteration].numpy() for iteration in found.iterations])
        np.testing.assert_array_equal(found.prototypes, expected.astype(np.float16))


def test_a_run_records_every_seed_to_its_end(run):
    assert replay.recorded_seeds(run) == tuple(SEEDS)
    assert replay.missing_trajectories(run) is None
    lengths = {len(curve_of(run, seed)) for seed in SEEDS}
    assert len(lengths) > 1
    for seed, prototypes in zip(SEEDS, run.prototypes(), strict=True):
        found = replay.read_trajectory(run, seed)
        assert found.iterations[-1] == len(curve_of(run, seed))
        np.testing.assert_array_equal(found.prototypes[-1], prototypes.astype(np.float16))


def test_steps_of_a_cluster_share_the_prototypes_of_the_last(tmp_path):
    recorder = Recorder(tmp_path, [0, 1], 100)
    replies = [torch.rand(2, 3, 4) for _ in range(4)]
    for number, reply in enumerate(replies):
        for iteration in range(10 * number, 10 * number + 10):
            recorder.record(step(iteration, reply))
    last = torch.rand(2, 3, 4)
    recorder.record(step(40, last, finished=(ending(1, last[1], 41),)))
    found = replay.read_trajectory(at(tmp_path), 1)
    assert list(found.iterations) == [9, 19, 29, 39, 41]  # none is due at 40
    np.testing.assert_array_equal(found.prototypes[1], replies[1][1].half().numpy())


def test_a_batch_that_begins_again_forgets_its_first_attempt(tmp_path):
    recorder = Recorder(tmp_path, [0, 1], 100)
    for iteration in range(5):
        recorder.record(step(iteration, torch.rand(2, 3, 4)))
    for seed in (0, 1):
        again = [torch.rand(1, 3, 4) for _ in range(3)]
        for iteration, prototypes in enumerate(again):
            finished = (ending(seed, prototypes[0], 3),) if iteration == 2 else ()
            recorder.record(step(iteration, prototypes, seeds=(seed,), finished=finished))
        found = replay.read_trajectory(at(tmp_path), seed)
        assert list(found.iterations) == [0, 1, 2, 3]
        np.testing.assert_array_equal(found.prototypes[:3, 0], torch.cat(again)[:, 0].half().numpy())


def test_a_resumed_run_records_the_seeds_it_searches(tmp_path, dataset, run):
    other = create(Store(tmp_path), dataset, "killed", seeds=SEEDS)
    with pytest.raises(StoppedError):
        other.execute(on_step=stop_after_the_first_seed)
    assert replay.recorded_seeds(other) == other.finished_seeds != tuple(SEEDS)
    before = {seed: replay.read_trajectory(other, seed).prototypes for seed in other.finished_seeds}
    other.execute()
    assert replay.recorded_seeds(other) == tuple(SEEDS)
    for seed, prototypes in before.items():
        np.testing.assert_array_equal(replay.read_trajectory(other, seed).prototypes, prototypes)
    for seed in SEEDS:
        assert replay.read_trajectory(other, seed).iterations[0] == 0


def test_recording_changes_nothing_that_is_found(tmp_path, dataset, run):
    plain = create(Store(tmp_path), dataset, "plain", seeds=SEEDS)
    plain.execute(record=False)
    np.testing.assert_array_equal(plain.labelings(), run.labelings())
    np.testing.assert_array_equal(plain.prototypes(), run.prototypes())
    assert not (plain.folder / "trajectories").exists()
    assert replay.recorded_seeds(plain) == ()
    assert replay.read_trajectory(plain, 0) is None
    assert "0 of 5 seeds are recorded" in missing(plain)
    with pytest.raises(InputError, match="nothing of run 'plain' was recorded"):
        replay.cloud(plain, dataset)


# --- what it may cost ----------------------------------------------------------------------------


@cases(("max_bytes", "frames", "seeds"), [(5 * 40 * 52, 40, 5), (3 * 16 * 52, 16, 3), (100, 0, 0)])
def test_bytes_are_bounded(tmp_path, max_bytes, frames, seeds):
    record(tmp_path, max_bytes=max_bytes)
    found = [replay.read_trajectory(at(tmp_path), seed) for seed in replay.recorded_seeds(at(tmp_path))]
    assert [each.seed for each in found] == list(range(seeds))
    assert all(MIN_FRAMES <= len(each.iterations) <= frames for each in found)
    assert all((each.iterations[0], each.iterations[-1]) == (0, 90) for each in found)
    assert sum(each.prototypes.nbytes + 4 * len(each.iterations) for each in found) <= max_bytes


def test_a_reader_is_told_what_the_bound_left_out(tmp_path, run):
    frame = 2 * 3 * 8 + 4
    assert "40 moments of each seed" in missing(run, 5 * 40 * frame)
    some = copied(run, tmp_path)
    for seed in (3, 4):
        (some.folder / "trajectories" / f"{seed:05d}.safetensors").unlink()
    assert "16 moments of 3 of its 5 seeds" in missing(some, 3 * 16 * frame)
    assert "3 of 5 seeds are recorded" in missing(some)


def missing(*arguments):
    return sentences.missing_trajectories(replay.missing_trajectories(*arguments))


def copied(run, folder):
    """The same run with files of its own."""
    shutil.copytree(run.folder, folder / run.name)
    return replace(run, folder=folder / run.name)


# --- where it cannot be --------------------------------------------------------------------------


def test_a_trajectory_that_cannot_be_written_leaves_the_run_right(tmp_path, dataset, run):
    other = create(Store(tmp_path), dataset, "blocked", seeds=SEEDS)
    (other.folder / "trajectories").write_text("in the way of the folder")
    assert other.execute()["seeds"] == list(SEEDS)
    assert other.state == "finished"
    np.testing.assert_array_equal(other.labelings(), run.labelings())
    assert replay.recorded_seeds(other) == ()


def test_on_a_full_disk_the_run_goes_on_without_half_a_trajectory(tmp_path):
    # A seed's file is smaller than a file may get, its trajectory is not.
    dataset = save_files(tmp_path / "data", dim=64)
    run = create(Store(tmp_path / "home"), dataset, "full", seeds=SEEDS, num_iterations=60)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_288, before[1]))
    try:
        run.execute()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert run.state == "finished"
    assert len(run.labelings()) == len(SEEDS)
    assert list((run.folder / "trajectories").iterdir()) == []


def test_a_disk_that_is_nearly_full_is_left_to_the_run(tmp_path):
    record(tmp_path, room=2**62)
    assert list(tmp_path.iterdir()) == []


def test_short_memory_ends_the_recording_and_not_the_search(tmp_path):
    class Full(torch.Tensor):
        @classmethod
        def __torch_function__(cls, called, types, arguments=(), options=None):
            if called is torch.Tensor.half:
                raise torch.OutOfMemoryError("out of memory")
            return super().__torch_function__(called, types, arguments, options or {})

    recorder, plain = Recorder(tmp_path, [0, 1], 10), torch.rand(2, 3, 4)
    recorder.record(step(0, plain))
    recorder.record(step(1, torch.rand(2, 3, 4).as_subclass(Full)))
    recorder.record(step(2, plain, finished=(ending(0, plain[0], 3),)))
    assert list(tmp_path.iterdir()) == []


@cases("raw", [b"", b"broken", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_trajectory_counts_as_none(tmp_path, run, dataset, raw):
    other = copied(run, tmp_path)
    (other.folder / "trajectories" / "00002.safetensors").write_bytes(raw)
    assert replay.read_trajectory(other, 2) is None
    assert list(replay.cloud(other, dataset).seeds) == [0, 1, 3, 4]


def test_an_imported_run_has_none(tmp_path, dataset, run):
    export_run(run, tmp_path / "tasks")
    imported = import_tasks(Store(tmp_path), tmp_path / "tasks", dataset, phi1="phi1", phi2="phi2", name="theirs")
    imported.execute()
    assert replay.recorded_seeds(imported) == ()
    assert "imported" in missing(imported)


def test_a_run_that_moves_takes_them_along(tmp_path, dataset):
    store = Store(tmp_path)
    create(store, dataset, "a", seeds=[0]).execute()
    moved = store.rename("a", "b")
    assert replay.recorded_seeds(moved) == (0,)
    store.delete("b")
    assert replay.recorded_seeds(store.restore("b")) == (0,)


@pytest.mark.parametrize("wanted", [False, True])
def test_an_archive_brings_them_when_asked(tmp_path, wanted):
    homes = [Store(tmp_path / name) for name in ("here", "there")]
    for store in homes:
        save_folder(store.home / "datasets" / "birds")
    here = create(homes[0], homes[0].load_dataset("birds"), "a", seeds=SEEDS)
    here.execute()
    with zipfile.ZipFile(io.BytesIO(run_zip(here, trajectories=wanted))) as archive:
        archive.extractall(homes[1].home / "trash")
    back = homes[1].restore("a")
    assert replay.recorded_seeds(back) == (tuple(SEEDS) if wanted else ())
    assert run_zip(back) == run_zip(here)
