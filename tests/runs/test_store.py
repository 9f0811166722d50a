"""Runs on disk survive what happens to processes: kills, locks, full disks, changed data, folders removed by hand."""

import itertools
import json
import math
import os
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from time import time

import numpy as np
import pytest
from safetensors.numpy import load_file

from hume.common.errors import InputError, RunError
from hume.common.files import write_atomically
from hume.data.dataset import dataset_from_files
from hume.engine.config import Config, preset
from hume.engine.solvers import Implicit, Unrolled
from hume.exchange.author_files import AuthorTask, write_tasks
from hume.exchange.author_runs import export_run, import_tasks
from hume.runs import checkpoint, discover
from hume.runs.home import default_home
from hume.runs.request import Request
from hume.runs.store import Store
from hume.runs.trajectory import trajectory_path
from tests.support.planted import planted
from tests.support.rules import cases

CLASSES, SIZE = 3, 80
SEEDS = range(6)


class StoppedError(Exception):
    """What a test raises in the middle of a search."""


def save_planted(folder, seed=0):
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in ("phi1.npy", "phi2.npy", "labels.npy")]
    for path, array in zip(paths, planted(seed), strict=True):
        np.save(path, array)
    return dataset_from_files(*paths)


def create(store, dataset, name=None, seeds=SEEDS, **changes):
    """Register a run whose seeds end one after the other."""
    config, solver = preset("fast", num_classes=CLASSES, num_samples=dataset.num_samples)
    config = replace(config, **({"step_size": 0.01, "patience": 50} | changes))
    return store.create(dataset, phi1="phi1", phi2="phi2", config=config, solver=solver, seeds=seeds, name=name)


def stop_after_the_first_seed(step):
    if step.finished:
        raise StoppedError


def kill_early(run):
    """Leave a run as a process does that dies once some seeds are on disk."""
    with pytest.raises(StoppedError):
        run.execute(on_step=stop_after_the_first_seed)


def same_as(run, other):
    """Every seed of two runs is the same to the last bit."""
    assert run.finished_seeds == other.finished_seeds
    for name in ("prototypes", "labeling", "objective", "test_error"):
        for seed, (one, two) in enumerate(zip(run.array(name), other.array(name), strict=True)):
            np.testing.assert_array_equal(one, two, err_msg=f"{name} of seed {seed}")
    np.testing.assert_array_equal(run.cv_score(), other.cv_score())


def on_disk(run):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (run.folder / "seeds").iterdir()}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return save_planted(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def finished(store, dataset):
    """A run that nothing interrupted; its seeds end at different iterations."""
    run = create(store, dataset, "finished", min_gain=0)
    run.execute()
    return run


# --- what is on disk -------------------------------------------------------------------------


def test_a_finished_run_is_what_memory_would_hold(finished, dataset):
    request = finished.request
    found = discover.discover(
        dataset, phi1="phi1", phi2="phi2", config=request.config, solver=request.solver, seeds=SEEDS, device="cpu",
        num_classes=CLASSES,
    )  # fmt: skip
    assert finished.state == "finished"
    assert finished.finished_seeds == tuple(SEEDS)
    assert finished.missing_seeds == ()
    np.testing.assert_array_equal(finished.labelings(), found.labelings)
    np.testing.assert_array_equal(finished.prototypes(), found.prototypes)
    np.testing.assert_allclose(finished.objective(), found.objective, rtol=1e-6)
    np.testing.assert_array_equal(finished.cv_score(), found.scores.cv_score)
    assert finished.scores()["vote"]["acc"] == found.scores.vote_agreement.acc > 0.9
    rows = finished.phi1_rows(dataset)
    np.testing.assert_array_equal((rows.numpy() @ finished.prototypes()[0].T).argmax(1), finished.labelings()[0])


def test_a_run_is_found_again_as_it_was_asked(finished, store):
    again = Store(store.home).open("finished")
    assert again.request == finished.request
    assert again.folder == store.home / "runs" / "finished"
    np.testing.assert_array_equal(again.dataset().labels, finished.dataset().labels)


@pytest.mark.parametrize("solver", [Implicit(), Unrolled(inner_steps=3)])
def test_a_request_survives_json(finished, solver):
    config = Config(num_classes=4, anneal_at=(1, 2), patience=None, clip_norm=None)
    request = replace(finished.request, solver=solver, config=config, setting="inductive", seeds=(3, 9))
    assert Request.from_json(json.loads(json.dumps(request.to_json()))) == request


@cases("number", [1, 2, 3])
def test_scores_hold_no_nan(number, dataset, tmp_path):
    run = create(Store(tmp_path), dataset, "few", seeds=range(number))
    run.execute()
    text = (run.folder / "scores.json").read_text()
    values = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert len(values["cv_score"]) == len(values["objective"]) == len(values["acc"]) == number
    assert all(math.isfinite(value) for value in values["objective"])


def test_executing_a_finished_run_answers_from_disk(finished):
    before = on_disk(finished)
    assert finished.execute(on_step=stop_after_the_first_seed) == finished.scores()
    assert on_disk(finished) == before


def test_only_what_is_whole_lies_in_the_folder(finished):
    names = {path.relative_to(finished.folder).as_posix() for path in finished.folder.rglob("*") if path.is_file()}
    seeds = {f"{folder}/{seed:05d}.safetensors" for seed in SEEDS for folder in ("seeds", "trajectories")}
    assert names - {"lock"} == {"run.json", "scores.json"} | seeds


# --- interrupted -----------------------------------------------------------------------------


def test_a_killed_run_goes_on_from_its_finished_seeds(store, dataset, finished):
    run = create(store, dataset, "killed", min_gain=0)
    kill_early(run)
    assert run.state == "interrupted"
    assert 0 < len(run.finished_seeds) < len(SEEDS)
    assert set(run.finished_seeds) | set(run.missing_seeds) == set(SEEDS)
    assert not (run.folder / "scores.json").exists()
    with pytest.raises(RunError, match="resume it"):
        run.scores()
    before = on_disk(run)

    resumed = Store(store.home).open("killed")
    values = resumed.execute()
    after = on_disk(resumed)
    assert {path: after[path] for path in before} == before
    assert values["seeds"] == list(SEEDS)
    assert resumed.state == "finished"
    same_as(resumed, finished)


def killed_at(run, moments):
    """Leave a run in the middle of its search, again and again, then let it finish."""
    for moment in moments:
        steps = itertools.count()

        def stop(step, steps=steps, moment=moment):
            if next(steps) == moment:
                raise StoppedError

        with pytest.raises(StoppedError):
            run.execute(on_step=stop)
    run.execute()
    return run


@cases(
    ("changes", "seed_batch", "unrolled", "moments"),
    [
        ({"patience": 20}, None, False, (0, 30, 12)),
        ({"patience": 20}, 2, False, (50, 25, 70)),
        ({"encoder": "householder", "num_iterations": 16}, 3, False, (7, 15)),
        ({"num_iterations": 8, "patience": None}, 2, True, (3, 10)),
    ],
)
def test_a_search_killed_at_any_moment_ends_as_if_it_had_not_been(
    dataset, tmp_path, monkeypatch, changes, seed_batch, unrolled, moments
):
    monkeypatch.setattr(checkpoint, "EVERY", 0)
    monkeypatch.setattr(checkpoint, "MOST_SHARE", float("inf"))
    store = Store(tmp_path)
    config, solver = preset("fast", num_classes=CLASSES, num_samples=dataset.num_samples)
    config = replace(config, **({"step_size": 0.01, "patience": 50, "min_gain": 0} | changes))
    options = {
        "phi1": "phi1", "phi2": "phi2", "config": config, "seeds": SEEDS, "seed_batch": seed_batch,
        "solver": Unrolled(inner_steps=5, inner_step_size=0.1) if unrolled else solver,
    }  # fmt: skip
    undisturbed = store.create(dataset, name="undisturbed", **options)
    undisturbed.execute()
    killed = killed_at(store.create(dataset, name="killed", **options), moments)
    same_as(killed, undisturbed)
    for seed in SEEDS:
        one, two = (load_file(trajectory_path(run.folder, seed)) for run in (killed, undisturbed))
        np.testing.assert_array_equal(one["iterations"], two["iterations"])
        np.testing.assert_array_equal(one["prototypes"], two["prototypes"])
    assert not (killed.folder / checkpoint.FILE).exists()


@cases("damage", [b"", b"no safetensors", None, os.mkfifo, os.mkdir])
def test_a_damaged_checkpoint_costs_only_what_it_held(dataset, tmp_path, damage):
    run = create(Store(tmp_path), dataset, "killed", min_gain=0)
    kill_early(run)
    path = run.folder / checkpoint.FILE
    if callable(damage):
        path.unlink()
        damage(path)
    else:
        path.write_bytes(path.read_bytes()[:-100] if damage is None else damage)
    done = on_disk(run)
    run.execute()
    assert run.state == "finished"
    after = on_disk(run)
    assert {path: after[path] for path in done} == done


def test_a_run_killed_before_its_scores_is_only_scored(store, dataset, finished):
    run = create(store, dataset, "unscored", min_gain=0)

    def stop_while_scoring(fold):
        raise StoppedError

    with pytest.raises(StoppedError):
        run.execute(on_fold=stop_while_scoring)
    assert run.state == "interrupted"
    assert run.missing_seeds == ()
    before = on_disk(run)
    run.execute(on_step=lambda step: pytest.fail("a finished seed was searched again"))
    assert on_disk(run) == before
    np.testing.assert_array_equal(run.cv_score(), finished.cv_score())


def test_a_run_without_a_finished_seed_has_nothing_to_read(store, dataset):
    run = create(store, dataset, "new")
    assert run.state == "interrupted"
    assert run.finished_seeds == ()
    with pytest.raises(RunError, match="no finished seed"):
        run.labelings()


def test_a_damaged_seed_is_named(store, dataset):
    run = create(store, dataset, "damaged", seeds=range(2))
    run.execute()
    path = run.folder / "seeds" / "00001.safetensors"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(RunError, match=r"00001\.safetensors"):
        run.labelings()
    path.unlink()
    (run.folder / "scores.json").unlink()
    assert run.missing_seeds == (1,)
    assert run.execute()["seeds"] == [0, 1]


# --- one worker at a time ----------------------------------------------------------------------


def test_a_run_has_one_worker_thread(dataset, tmp_path):
    run = create(Store(tmp_path), dataset, "busy", seeds=[0])
    begun, go_on = threading.Event(), threading.Event()

    def wait(step):
        begun.set()
        assert go_on.wait(60)

    worker = threading.Thread(target=run.execute, kwargs={"on_step": wait})
    worker.start()
    try:
        assert begun.wait(60)
        other = Store(tmp_path).open("busy")
        assert other.state == "running"
        with pytest.raises(RunError, match="another process"):
            other.execute()
        assert other.finished_seeds == ()
    finally:
        go_on.set()
        worker.join()
    assert other.state == "finished"


def test_a_run_has_one_worker_process(dataset, tmp_path):
    run = create(Store(tmp_path), dataset, "busy", seeds=[0])
    program = "import sys, filelock\nwith filelock.FileLock(sys.argv[1]):\n    print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program, run.folder / "lock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        assert run.state == "running"
        with pytest.raises(RunError, match="another process"):
            run.execute()
        holder.kill()
        holder.wait()
        assert run.state == "interrupted"
    assert run.execute()["seeds"] == [0]


# --- data that changed ---------------------------------------------------------------------------


def test_changed_data_are_noticed(tmp_path):
    data = save_planted(tmp_path / "data")
    run = create(Store(tmp_path / "home"), data, "a", min_gain=0)
    kill_early(run)
    before = on_disk(run)
    features = np.load(tmp_path / "data" / "phi2.npy")
    features[5, 3] += 1
    np.save(tmp_path / "data" / "phi2.npy", features)
    with pytest.raises(RunError, match="have changed"):
        run.execute()
    assert on_disk(run) == before
    assert run.state == "interrupted"
    (tmp_path / "data" / "phi2.npy").unlink()
    with pytest.raises(InputError, match=r"phi2\.npy does not exist"):
        run.execute()


def test_a_run_on_a_named_dataset_finds_it_in_the_home(tmp_path):
    save_planted(tmp_path / "datasets" / "mine" / "spaces")
    (tmp_path / "datasets" / "mine" / "spaces" / "labels.npy").rename(tmp_path / "datasets" / "mine" / "labels.npy")
    store = Store(tmp_path)
    run = create(store, store.load_dataset("mine"), seeds=[0])
    assert run.request.dataset == "mine"
    assert run.request.files is None
    assert run.execute()["vote"]["acc"] > 0.9
    other = Store(tmp_path / "other")
    by_folder = create(other, other.load_dataset(tmp_path / "datasets" / "mine"), seeds=[0])
    assert by_folder.request.dataset == str(tmp_path / "datasets" / "mine")
    assert by_folder.dataset().num_samples == CLASSES * SIZE


def test_arrays_without_files_cannot_be_stored(dataset, tmp_path):
    spaces = {name: replace(space, path=None) for name, space in dataset.spaces.items()}
    with pytest.raises(InputError, match=r"\.npy"):
        create(Store(tmp_path), replace(dataset, spaces=spaces))
    assert Store(tmp_path).runs() == []


# --- the registry --------------------------------------------------------------------------------


def test_two_stores_on_one_home_see_each_others_runs(dataset, tmp_path):
    first, second = Store(tmp_path), Store(str(tmp_path))
    create(first, dataset, "from-first")
    create(second, dataset, "from-second")
    assert {run.name for run in first.runs()} == {run.name for run in second.runs()} == {"from-first", "from-second"}
    with pytest.raises(InputError, match="already"):
        create(second, dataset, "from-first")


def test_runs_are_listed_the_newest_first(dataset, tmp_path):
    names = ["b", "c", "a", "d"]
    for name in names:
        create(Store(tmp_path), dataset, name)
    assert [run.name for run in Store(tmp_path).runs()] == names[::-1]


def test_a_folder_removed_by_hand_is_passed_over(dataset, tmp_path):
    store = Store(tmp_path)
    for name in ("kept", "removed"):
        create(store, dataset, name)
    (tmp_path / "runs" / "removed" / "run.json").unlink()
    (tmp_path / "runs" / "removed" / "seeds").rmdir()
    (tmp_path / "runs" / "removed").rmdir()
    assert [run.name for run in store.runs()] == ["kept"]
    with pytest.raises(RunError, match="removed"):
        store.open("removed")


def test_a_run_that_came_as_a_folder_is_listed_and_not_written_over(dataset, tmp_path):
    create(Store(tmp_path / "other"), dataset, "old", seeds=[0])
    (tmp_path / "home" / "runs").mkdir(parents=True)
    run_folder = shutil.copytree(tmp_path / "other" / "runs" / "old", tmp_path / "home" / "runs" / "old")
    store = Store(tmp_path / "home")
    assert store.names() == ["old"]
    with pytest.raises(InputError, match="old"):
        create(store, dataset, "old", seeds=[5])
    assert json.loads((run_folder / "run.json").read_text())["seeds"] == [0]
    assert store.names() == ["old"]


def test_of_two_that_want_a_name_at_once_one_gets_it(dataset, tmp_path):
    stores, start, made = [Store(tmp_path) for _ in range(8)], threading.Barrier(8), []

    def make(number):
        start.wait()
        with suppress(InputError):
            made.append(create(stores[number], dataset, "wanted", seeds=[number]).request.seeds)

    threads = [threading.Thread(target=make, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [Store(tmp_path).open("wanted").request.seeds]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["wanted"]


def test_what_a_kill_left_of_a_new_run_is_not_listed_and_blocks_no_name(dataset, tmp_path):
    for name in (".part-0123", "old-version"):
        (tmp_path / "runs" / name / "seeds").mkdir(parents=True)
    (tmp_path / "runs" / ".part-0123" / "run.json").write_text("{}")
    store = Store(tmp_path)
    assert store.names() == []
    create(store, dataset, "old-version", seeds=[3])
    assert store.names() == ["old-version"]
    assert store.open("old-version").request.seeds == (3,)


def test_a_run_that_cannot_be_made_leaves_nothing(dataset, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "file").write_text("")
    (tmp_path / "runs" / "full").mkdir()
    (tmp_path / "runs" / "full" / "notes.txt").write_text("")
    for name in ("file", "full"):
        with pytest.raises(InputError, match="exists already"):
            create(Store(tmp_path), dataset, name)
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {"file", "full"}


def test_runs_are_in_the_order_of_their_making_not_of_their_files(dataset, tmp_path):
    store = Store(tmp_path)
    for day, name in ((3, "c"), (1, "a"), (2, "b")):
        path = create(store, dataset, name).folder / "run.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"created": f"2026-01-0{day}T00:00:00+00:00"}))
    assert store.names() == ["c", "b", "a"]
    os.utime(tmp_path / "runs" / "a" / "run.json")
    assert store.names() == ["c", "b", "a"]


def test_a_damaged_run_takes_away_itself_only(dataset, tmp_path):
    store = Store(tmp_path)
    for name in ("whole", "torn", "later"):
        create(store, dataset, name)
    (tmp_path / "runs" / "torn" / "run.json").write_text("{")
    assert set(store.names()) == {"whole", "torn", "later"}
    assert store.open("whole").state == store.open("later").state == "interrupted"
    with pytest.raises(RunError, match="torn"):
        store.open("torn")


def test_a_damaged_request_is_named(dataset, tmp_path):
    run = create(Store(tmp_path), dataset, "a")
    for text in ("{", "[]", "{}"):
        (run.folder / "run.json").write_text(text)
        with pytest.raises(RunError, match=r"run\.json"):
            Store(tmp_path).open("a")


def test_runs_without_a_name_get_one_each(dataset, tmp_path):
    store = Store(tmp_path)
    names = [create(store, dataset).name for _ in range(3)]
    assert len(set(names)) == 3
    assert all(name.startswith("phi1-phi2-phi1-phi2-") for name in names)


@cases("name", ["a/b", "..", "../a", "-a", ".hidden", "a b", "a\n", "ä", "a" * 101, "a\\b", "/tmp/a"])
def test_names_that_cannot_be_folders_are_refused(name, dataset, tmp_path):
    with pytest.raises(InputError, match="cannot be named"):
        create(Store(tmp_path / "home"), dataset, name)
    assert Store(tmp_path / "home").runs() == []
    assert list(tmp_path.iterdir()) == []


def test_unknown_spaces_register_nothing(dataset, tmp_path):
    config, solver = preset("fast", num_classes=CLASSES, num_samples=240)
    with pytest.raises(InputError, match="third"):
        Store(tmp_path).create(dataset, phi1="phi1", phi2="third", config=config, solver=solver)
    assert Store(tmp_path).runs() == []


def test_the_home_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("HUME_HOME", str(tmp_path / "here"))
    assert Store().home == default_home() == tmp_path / "here"
    monkeypatch.delenv("HUME_HOME")
    assert default_home().name == "hume-explorer"


def test_a_home_that_is_a_file_is_one_sentence(dataset, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="HUME_HOME"):
        create(Store(tmp_path / "file"), dataset)
    with pytest.raises(RunError, match="HUME_HOME"):
        Store(tmp_path / "file").runs()


# --- writing ---------------------------------------------------------------------------------------


def test_an_atomic_write_replaces_the_whole_file(tmp_path):
    write_atomically(tmp_path / "a", b"long content")
    write_atomically(tmp_path / "a", b"short")
    assert (tmp_path / "a").read_bytes() == b"short"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    (tmp_path / "a").write_bytes(b"before")
    with pytest.raises(TypeError):
        write_atomically(tmp_path / "a", "text")
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="folder"):
        write_atomically(tmp_path / "folder", b"content")
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "none" / "a", b"content")
    assert (tmp_path / "a").read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "folder"]


def test_a_seed_that_cannot_be_written_is_one_sentence(dataset, tmp_path):
    run = create(Store(tmp_path), dataset, "a", seeds=[0], num_iterations=3)
    (run.folder / "seeds" / "00000.safetensors").mkdir()
    (run.folder / "seeds" / "00000.safetensors" / "inside").mkdir()
    request = replace(run.request, seeds=(0, 1))
    with pytest.raises(RunError, match="cannot"):
        replace(run, request=request).execute()
    assert list(tmp_path.rglob(".part-*")) == []


# --- the authors' layout ----------------------------------------------------------------------------


def test_an_export_comes_back_with_the_same_labels(finished, dataset, tmp_path):
    written = export_run(finished, tmp_path / "tasks")
    assert len(written) == 2 * len(SEEDS) + 1
    back = import_tasks(Store(tmp_path), tmp_path / "tasks", dataset, phi1="phi1", phi2="phi2", name="back")
    assert back.state == "finished"
    assert back.request.origin == "authors"
    assert back.request.config.centre
    assert back.scores()["vote"] == finished.scores()["vote"]
    assert np.mean(back.labelings() == finished.labelings()) >= 0.999
    assert np.isnan(back.objective()).all()
    assert back.execute() == back.scores()
    # Once more from what was imported.
    export_run(back, tmp_path / "again")
    np.testing.assert_array_equal(np.load(tmp_path / "again" / "phi1.npy"), np.load(tmp_path / "tasks" / "phi1.npy"))


def test_tasks_without_scores_are_scored(finished, dataset, tmp_path):
    export_run(finished, tmp_path / "tasks")
    (tmp_path / "tasks" / "results_2.pickle").unlink()
    back = import_tasks(Store(tmp_path), tmp_path / "tasks", dataset, phi1="phi1", phi2="phi2")
    np.testing.assert_allclose(back.cv_score(), finished.cv_score(), atol=0.01)


def test_a_half_imported_run_is_not_searched(finished, dataset, tmp_path):
    export_run(finished, tmp_path / "tasks")
    back = import_tasks(Store(tmp_path), tmp_path / "tasks", dataset, phi1="phi1", phi2="phi2", name="back")
    (back.folder / "scores.json").unlink()
    (back.folder / "seeds" / "00003.safetensors").unlink()
    with pytest.raises(RunError, match="import"):
        back.execute()


def test_an_import_that_does_not_fit_registers_nothing(dataset, tmp_path):
    store = Store(tmp_path / "home")
    write_tasks(tmp_path / "wide", [AuthorTask(0, np.eye(3, 20, dtype=np.float32), 0.5)])
    with pytest.raises(InputError, match="20 dimensions"):
        import_tasks(store, tmp_path / "wide", dataset, phi1="phi1", phi2="phi2")
    write_tasks(tmp_path / "fits", [AuthorTask(0, np.eye(3, 8, dtype=np.float32), 0.5)])
    np.save(tmp_path / "fits" / "phi1.npy", planted(9)[0])
    with pytest.raises(InputError, match="other rows"):
        import_tasks(store, tmp_path / "fits", dataset, phi1="phi1", phi2="phi2")
    (tmp_path / "fits" / "phi1.npy").unlink()
    features = dataset.spaces["phi1"].features.copy()
    features[7] = 0
    np.save(tmp_path / "phi1.npy", features)
    zero = dataset_from_files(tmp_path / "phi1.npy", dataset.spaces["phi2"].path)
    with pytest.raises(InputError, match="row 7 "):
        import_tasks(store, tmp_path / "fits", zero, phi1="phi1", phi2="phi2")
    assert store.runs() == []


def test_nothing_is_exported_from_an_unfinished_or_changed_run(tmp_path):
    data = save_planted(tmp_path / "data")
    run = create(Store(tmp_path / "home"), data, "a", seeds=[0], num_iterations=3)
    with pytest.raises(RunError, match="resume"):
        export_run(run, tmp_path / "out")
    run.execute()
    save_planted(tmp_path / "data", seed=1)
    with pytest.raises(RunError, match="changed"):
        export_run(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# --- a run that is scored before it is whole ---------------------------------------------------------


def test_without_a_search_the_seeds_that_are_there_are_scored(store, dataset, finished):
    run = create(store, dataset, "partly", min_gain=0)
    kill_early(run)
    there, before = run.finished_seeds, on_disk(run)
    values = run.execute(search=False, on_step=lambda step: pytest.fail("a seed was searched"))
    assert values["seeds"] == list(there)
    assert len(values["cv_score"]) == len(there) < len(SEEDS)
    assert run.state == "finished"
    assert set(run.missing_seeds) == set(SEEDS) - set(there)
    assert run.execute(search=False) == values

    values = run.execute()
    after = on_disk(run)
    assert {path: after[path] for path in before} == before
    assert values["seeds"] == list(SEEDS)
    for labeling, uninterrupted in zip(run.labelings(), finished.labelings(), strict=True):
        assert np.mean(labeling == uninterrupted) >= 0.995
    np.testing.assert_allclose(values["cv_score"], finished.cv_score(), atol=0.01)


def test_a_partly_scored_run_that_goes_on_has_no_scores_until_it_ends(store, dataset):
    run = create(store, dataset, "going-on", min_gain=0)
    kill_early(run)
    run.execute(search=False)

    def stop(step):
        assert not (run.folder / "scores.json").exists()
        raise StoppedError

    with pytest.raises(StoppedError):
        run.execute(on_step=stop)
    assert run.state == "interrupted"


def test_scores_stay_when_the_search_cannot_go_on(tmp_path):
    data = save_planted(tmp_path / "data")
    run = create(Store(tmp_path / "home"), data, "a", min_gain=0)
    kill_early(run)
    values = run.execute(search=False)
    save_planted(tmp_path / "data", seed=1)
    with pytest.raises(RunError, match="have changed"):
        run.execute()
    assert run.scores() == values
    assert run.state == "finished"


def test_without_a_search_and_without_seeds_there_is_nothing_to_score(dataset, tmp_path):
    run = create(Store(tmp_path), dataset, "a")
    with pytest.raises(RunError, match="no finished seed"):
        run.execute(search=False)
    assert run.state == "interrupted"


def test_a_version_changes_with_seeds_and_scores(dataset, tmp_path):
    run = create(Store(tmp_path), dataset, "a", min_gain=0)
    versions = [run.version]
    kill_early(run)
    versions.append(run.version)
    run.execute(search=False)
    versions.append(run.version)
    run.execute()
    versions.append(run.version)
    assert len(set(versions)) == 4
    run.execute()
    assert run.version == Store(tmp_path).open("a").version == versions[-1]


def test_one_array_of_one_seed(finished):
    for name, together in (("labeling", finished.labelings()), ("prototypes", finished.prototypes())):
        np.testing.assert_array_equal(finished.seed_array(4, name), together[4])
    for seed, curve in zip(finished.finished_seeds, finished.array("objective"), strict=True):
        np.testing.assert_array_equal(finished.seed_array(seed, "objective"), curve)
    with pytest.raises(RunError, match=r"00099\.safetensors"):
        finished.seed_array(99, "labeling")


def test_seeds_know_whether_they_had_settled(finished, dataset, tmp_path):
    lengths = np.array([len(curve) for curve in finished.array("objective")])
    assert finished.converged().all()
    assert (lengths < finished.request.config.num_iterations).all()
    run = create(Store(tmp_path), dataset, "short", num_iterations=3)
    assert run.converged().shape == (0,)
    run.execute()
    assert run.converged().tolist() == [False] * len(SEEDS)


# --- held, and looked at -----------------------------------------------------------------------------


def test_a_held_run_is_not_worked_on(dataset, tmp_path):
    store = Store(tmp_path)
    run = create(store, dataset, "a", seeds=[0], num_iterations=3)
    other = Store(tmp_path).open("a")
    with run.held():
        assert run.state == other.state == "running"
        with pytest.raises(RunError, match="another process"), other.held():
            pytest.fail("it was held twice")
    assert run.state == "interrupted"
    assert other.execute()["seeds"] == [0]


def test_a_look_does_not_make_a_run_seem_to_be_running(dataset, tmp_path):
    store = Store(tmp_path)
    create(store, dataset, "a")
    seen = []
    readers = [
        threading.Thread(target=lambda: seen.extend(store.open("a").state for _ in range(100))) for _ in range(3)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert seen == ["interrupted"] * 300


# --- renamed -----------------------------------------------------------------------------------------


def whole(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_renamed_run_is_the_same_run(dataset, tmp_path):
    store = Store(tmp_path)
    run = create(store, dataset, "old", seeds=[0], num_iterations=3)
    run.execute()
    before = whole(run.folder)
    new = store.rename("old", "new.name_2")
    assert (new.name, new.folder, new.request) == ("new.name_2", tmp_path / "runs" / "new.name_2", run.request)
    assert whole(new.folder).items() >= before.items()
    assert not run.folder.exists()
    assert Store(tmp_path).names() == ["new.name_2"]
    assert new.scores()["seeds"] == [0]
    assert store.rename("new.name_2", "old").folder == run.folder
    assert store.rename("old", "old").name == "old"


def test_former_names_open_a_run_until_another_takes_them(dataset, tmp_path):
    store = Store(tmp_path)
    create(store, dataset, "a", seeds=[0])
    store.rename("a", "b")
    store.rename("b", "c")
    assert [store.open(name).name for name in "abc"] == ["c", "c", "c"]
    assert store.names() == ["c"]
    create(store, dataset, "b", seeds=[1])
    assert store.open("b").request.seeds == (1,)
    store.delete("c")
    with pytest.raises(RunError, match="no run 'a'"):
        store.open("a")


def test_an_interrupted_run_goes_on_under_its_new_name(dataset, tmp_path):
    store = Store(tmp_path)
    run = create(store, dataset, "old", min_gain=0)
    kill_early(run)
    there = {path.name: content for path, content in on_disk(run).items()}
    new = store.rename("old", "new")
    assert new.execute()["seeds"] == list(SEEDS)
    after = {path.name: content for path, content in on_disk(new).items()}
    assert {name: after[name] for name in there} == there


def test_names_that_are_taken_or_impossible_are_refused(dataset, tmp_path):
    store = Store(tmp_path)
    for name in ("a", "b"):
        create(store, dataset, name)
    (tmp_path / "runs" / "in-the-way").mkdir()
    for new in ("b", "in-the-way"):
        with pytest.raises(InputError, match="already"):
            store.rename("a", new)
    for new in ("../c", "", "c d"):
        with pytest.raises(InputError, match="cannot be named"):
            store.rename("a", new)
    with pytest.raises(RunError, match="no run 'c'"):
        store.rename("c", "d")
    assert set(store.names()) == {"a", "b"}
    assert {store.open(name).state for name in "ab"} == {"interrupted"}


def test_the_name_of_a_folder_removed_by_hand_is_free(dataset, tmp_path):
    store = Store(tmp_path)
    for name in ("a", "gone"):
        create(store, dataset, name)
    shutil.rmtree(tmp_path / "runs" / "gone")
    with pytest.raises(RunError, match="renamed or deleted"):
        store.delete("gone")
    assert store.rename("a", "gone").folder == tmp_path / "runs" / "gone"
    assert store.names() == ["gone"]


def test_a_run_that_is_being_searched_keeps_its_name_and_place(dataset, tmp_path):
    store = Store(tmp_path)
    run = create(store, dataset, "busy", seeds=[0], num_iterations=3)
    begun, go_on = threading.Event(), threading.Event()

    def wait(step):
        begun.set()
        assert go_on.wait(60)

    worker = threading.Thread(target=run.execute, kwargs={"on_step": wait})
    worker.start()
    try:
        assert begun.wait(60)
        for call in (lambda: store.rename("busy", "b"), lambda: store.delete("busy")):
            with pytest.raises(RunError, match="another process"):
                call()
        assert store.names() == ["busy"]
        assert store.trash() == []
    finally:
        go_on.set()
        worker.join()
    assert run.state == "finished"


# --- deleted and restored ------------------------------------------------------------------------------


def test_a_restored_run_is_as_before(dataset, tmp_path):
    store = Store(tmp_path)
    for name in ("first", "a", "last"):
        create(store, dataset, name, seeds=[0], num_iterations=3)
    run = store.open("a")
    run.execute()
    before, version = whole(run.folder), run.version
    store.delete("a")
    assert not run.folder.exists()
    assert store.names() == ["last", "first"]
    assert store.trash() == ["a"]
    with pytest.raises(RunError, match="no run 'a'"):
        store.open("a")
    again = Store(tmp_path).restore("a")
    assert whole(again.folder) == before
    assert (again.folder, again.request, again.version) == (run.folder, run.request, version)
    assert set(store.names()) == {"first", "a", "last"}
    assert store.trash() == []
    assert again.execute() == run.scores()
    with pytest.raises(RunError, match="trash"):
        store.restore("a")


def test_looking_at_a_run_that_is_gone_leaves_its_place_free(dataset, tmp_path):
    store = Store(tmp_path)
    run = create(store, dataset, "a")
    store.delete("a")
    for look in (lambda: run.state, run.scores, run.execute, run.held().__enter__):
        with pytest.raises(RunError, match="renamed or deleted"):
            look()
    assert not run.folder.exists()
    assert store.restore("a").state == "interrupted"
    assert run.state == "interrupted"


def test_two_deleted_runs_of_one_name_can_both_be_restored(dataset, tmp_path):
    store = Store(tmp_path)
    places = []
    for seeds in ([0], [1]):
        create(store, dataset, "a", seeds=seeds)
        places.append(store.delete("a"))
    assert places == ["a", "a-2"]
    assert sorted(store.trash()) == places
    assert [store.restore(name).request.seeds for name in places] == [(0,), (1,)]
    with pytest.raises(RunError, match="no run 'b'"):
        store.delete("b")


def test_a_name_that_was_taken_meanwhile_keeps_its_run(dataset, tmp_path):
    store = Store(tmp_path)
    create(store, dataset, "a", seeds=[0])
    store.delete("a")
    create(store, dataset, "a", seeds=[1])
    with pytest.raises(InputError, match="already"):
        store.restore("a")
    assert store.open("a").request.seeds == (1,)
    assert store.trash() == ["a"]
    store.rename("a", "b")
    assert store.restore("a").request.seeds == (0,)
    assert set(store.names()) == {"a", "b"}


@pytest.mark.parametrize("damage", [lambda path: path.write_text("{"), lambda path: path.unlink()])
def test_a_damaged_run_can_be_deleted(damage, dataset, tmp_path):
    store = Store(tmp_path)
    run = create(store, dataset, "a")
    damage(run.folder / "run.json")
    store.delete("a")
    assert not run.folder.exists()
    assert store.runs() == []
    with pytest.raises(RunError, match=r"run\.json"):
        store.restore("a")
    assert store.empty_trash() == ["a"]


def test_the_trash_is_emptied_by_age(dataset, tmp_path):
    store = Store(tmp_path)
    assert store.trash() == store.empty_trash() == []
    for days, name in ((8, "old"), (6, "newer"), (0, "new")):
        create(store, dataset, name)
        store.delete(name)
        past = time() - days * 24 * 3600
        os.utime(tmp_path / "trash" / name, (past, past))
    assert store.trash() == ["new", "newer", "old"]
    assert store.empty_trash(timedelta(days=7)) == ["old"]
    assert store.empty_trash(timedelta(days=7)) == []
    assert store.trash() == ["new", "newer"]
    assert store.restore("newer").name == "newer"
    assert store.empty_trash() == ["new"]
    assert list((tmp_path / "trash").iterdir()) == []
    assert store.names() == ["newer"]


def test_the_age_in_the_trash_is_not_that_of_the_run(dataset, tmp_path):
    store = Store(tmp_path)
    run = create(store, dataset, "a")
    os.utime(run.folder, (0, 0))
    store.delete("a")
    assert store.empty_trash(timedelta(hours=1)) == []
    assert store.trash() == ["a"]


def test_a_run_knows_what_its_products_are_made_of_wherever_it_goes_on(store, dataset):
    run = create(store, dataset, "products", precision="auto")
    assert run.request.config.precision == "float32"
    assert store.open("products").request.config == run.request.config


def test_batches_of_a_size_are_not_for_a_cluster(store, dataset):
    config, solver = preset("fast", num_classes=CLASSES, num_samples=dataset.num_samples)
    with pytest.raises(InputError, match="leave out either --seed-batch or --cluster"):
        store.create(
            dataset, phi1="phi1", phi2="phi2", config=config, solver=solver, cluster="auto", seed_batch=5, name="both"
        )
    assert "both" not in store.names()
