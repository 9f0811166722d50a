"""Releases of the authors become datasets and runs, runs become releases, and nothing is lost on the way."""

import json
import os
import pickle
import shutil

import numpy as np
import pytest

from hume import Store
from hume.common.errors import InputError, RunError
from hume.engine.config import Config
from hume.engine.solvers import Implicit
from hume.exchange.author_files import AuthorTask, write_tasks
from hume.exchange.author_runs import import_tasks
from hume.exchange.releases import export_release, import_release, scan_release
from hume.exchange.releases.arrays import Joined
from hume.exchange.releases.names import choose_reading, pairs_meant, readings
from hume.reporting import figures
from hume.runs.findings import Findings
from tests.support.planted import planted
from tests.support.planted_runs import create, save_files, save_folder

TRAIN, TEST, K = 90, 60, 3


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def orthonormal(seed, d1=8):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(d1, K)))[0].T.astype(np.float32)


def tasks(seeds=range(3), **given):
    return [AuthorTask(seed, orthonormal(seed, **given), 0.5 + seed / 10) for seed in seeds]


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)


def save_splits(folder, name, array, splits=("train", "test", "traintest"), ending=""):
    rows = {"train": array[:TRAIN], "test": array[TRAIN:], "traintest": array}
    for split in splits:
        save(folder / f"{name}{split}{ending}.npy", rows[split])


@pytest.fixture
def arrays():
    """Rows of two spaces and their classes, the train rows first; the first far from the origin."""
    phi1, phi2, truth = planted(size=(TRAIN + TEST) // K)
    return phi1 + 1, phi2, truth


@pytest.fixture
def hume(tmp_path, arrays):
    """A release as the authors' README describes it: φ1 of unit norm, φ2 as it comes, pairs under short names."""
    folder = tmp_path / "release"
    phi1, phi2, truth = arrays
    save_splits(folder / "data/representations/mocov2", "birds", unit(phi1), ending="_l2")
    save_splits(folder / "data/representations/dino", "birds", phi2)
    save_splits(folder / "data/labels", "birds", truth, ending="_targets")
    for setting in ("inductive", "transductive"):
        write_tasks(folder / "tasks" / setting / "moco_dino" / "birds", tasks())
    return folder


@pytest.fixture
def turtle(tmp_path, arrays):
    folder = tmp_path / "turtle"
    phi1, phi2, truth = arrays
    for name, array in (("clip", phi1), ("dinov2", phi2)):
        save(folder / f"representations/{name}/birds_train.npy", array[:TRAIN])
        save(folder / f"representations/{name}/birds_val.npy", array[TRAIN:])
    save(folder / "labels/birds_train.npy", truth[:TRAIN])
    save(folder / "labels/birds_val.npy", truth[TRAIN:])
    checkpoint = folder / "task_checkpoints/1space/clip/birds/turtle_clip_seed42.pt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"a state dict")
    return folder


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home")


def reasons(found):
    return {one.path: one.reason for one in found.set_aside}


def dataset_of(store, name="birds"):
    return store.load_dataset(store.dataset_roots[0] / name)


# --- names -----------------------------------------------------------------------------------


def test_names_tell_dataset_split_and_norm():
    for stem, expected in {
        "stl10train": ("stl10", "train", False),
        "cifar10020test_l2": ("cifar10020", "test", True),
        "imagenet1000traintest_targets": ("imagenet1000", "traintest", False),
        "sun397_train": ("sun397", "train", False),
        "sun397_val": ("sun397", "test", False),
        "my_l2_train": ("my_l2", "train", False),
    }.items():
        first = readings(stem)[0]
        assert (first.dataset, first.split, first.unit) == expected
    assert [readings(stem) for stem in ("notes", "train", "_val", "_l2", "interval")] == [[]] * 5


def test_a_name_with_two_readings_is_what_other_names_confirm():
    found = readings("mytraintest")
    assert [(one.dataset, one.split) for one in found] == [("my", "traintest"), ("mytrain", "test")]
    assert choose_reading(found, []) == choose_reading(found, ["my"]) == found[0]
    assert choose_reading(found, ["mytrain"]) == found[1]
    assert choose_reading(found, ["my", "mytrain"]) is None


def test_pairs_are_called_after_their_spaces():
    names = ["mocov2", "dino", "dinov2", "clip_b", "clip"]
    assert pairs_meant("mocov2_dino", names) == [("mocov2", "dino")]
    assert pairs_meant("moco_dino", names) == [("mocov2", "dino")]
    assert pairs_meant("MoCo-DINOv2", names) == [("mocov2", "dinov2")]
    assert pairs_meant("clip_b_dino", names) == [("clip_b", "dino")]
    assert pairs_meant("moco_din", names) == [("mocov2", "dino"), ("mocov2", "dinov2")]
    assert pairs_meant("a_b_c", ["a_b", "c", "a", "b_c"]) == [("a", "b_c"), ("a_b", "c")]
    assert pairs_meant("moco", names) == pairs_meant("_dino", names) == pairs_meant("bit_dino", names) == []


# --- what is there ---------------------------------------------------------------------------


def test_a_release_of_hume_is_seen(hume):
    found = scan_release(hume)
    [birds] = found.datasets
    assert found.layout == "hume"
    assert (birds.name, birds.num_rows, birds.splits) == ("birds", TRAIN + TEST, {"train": TRAIN, "test": TEST})
    assert [(space.name, space.dims, bool(space.plain), bool(space.unit)) for space in birds.spaces] == [
        ("dino", 8, True, False),
        ("mocov2", 8, False, True),
    ]
    assert [(pair.setting, pair.phi1, pair.phi2, pair.seeds, pair.scored, pair.problem) for pair in found.pairs] == [
        (setting, "mocov2", "dino", (0, 1, 2), True, None) for setting in ("inductive", "transductive")
    ]
    assert found.set_aside == ()


def test_a_release_of_turtle_is_seen_and_says_what_it_cannot_give(turtle):
    found = scan_release(turtle)
    [birds] = found.datasets
    assert (found.layout, birds.splits) == ("turtle", {"train": TRAIN, "test": TEST})
    assert [space.name for space in birds.spaces] == ["clip", "dinov2"]
    [(path, reason)] = reasons(found).items()
    assert path.endswith("turtle_clip_seed42.pt")
    assert "not orthonormal prototypes" in reason


def test_data_alone_and_tasks_alone_are_releases(hume):
    alone = scan_release(hume / "data")
    assert len(alone.datasets) == 1
    assert alone.pairs == ()
    shutil.rmtree(hume / "data")
    found = scan_release(hume)
    assert found.datasets == ()
    assert {pair.problem for pair in found.pairs} == {"there are no representations of birds"}


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_other_folders_are_no_release(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"is not a folder|has neither"):
        scan_release(tmp_path / name)


def test_whatever_cannot_be_used_is_set_aside_with_its_reason(hume, store, tmp_path, arrays):
    data = hume / "data"
    bit = data / "representations" / "bit"
    save(tmp_path / "elsewhere.npy", arrays[1])
    save_splits(bit, "birds", arrays[1], ["train"])
    save(bit / "birdstest.npy", arrays[1][: TEST - 1])
    save(bit / "beestrain.npy", np.array([["an object"]], object))
    save(bit / "beestest.npy", np.ones((3, 2), np.int64))
    save(bit / "beestraintest.npy", np.ones(3))
    (bit / "waspstrain.npy").write_bytes((bit / "birdstrain.npy").read_bytes()[:200])
    (bit / "waspstest.npy").symlink_to(tmp_path / "elsewhere.npy")
    save(bit / "notes.npy", arrays[1])
    (bit / "readme.txt").write_text("hello")
    (data / "outside").symlink_to(tmp_path)
    (data / "datasets").mkdir()
    (hume / "tasks" / "semi").mkdir()
    (hume / "tasks" / "inductive" / "moco_dino" / "birds" / "linear_task_7_42.pt").write_bytes(b"")
    (hume / "tasks" / "inductive" / "moco_dino" / "birds" / "results_99.pickle").write_bytes(b"")
    os.mkfifo(bit / "pipetrain.npy")
    found = scan_release(hume)
    expected = {
        "bit/birdstrain.npy": "the other files of its space lack some of the train and test rows",
        "bit/birdstest.npy": "59 rows where the other files have 60",
        "bit/beestrain.npy": "pickled Python objects",
        "bit/beestest.npy": "int64 of shape",
        "bit/beestraintest.npy": "a floating-point row a sample",
        "bit/waspstrain.npy": "cut short",
        "bit/waspstest.npy": "leads out of the folder",
        "bit/notes.npy": "train, test, traintest",
        "bit/readme.txt": "train, test, traintest",
        "bit/pipetrain.npy": "neither a file nor a folder",
        "data/outside": "leads out of the folder",
        "data/datasets": "not part of the layout",
        "tasks/semi": "neither inductive nor transductive",
        "birds/linear_task_7_42.pt": "checkpoint of an unfinished search",
        "birds/results_99.pickle": "no task of its seed",
    }
    told = reasons(found)
    assert len(told) == len(expected)
    for path, reason in expected.items():
        [whole] = [one for one in told if one.endswith(path)]
        assert reason in told[whole]
    assert [dataset.name for dataset in found.datasets] == ["birds"]
    assert found.pairs[0].seeds == (0, 1, 2)
    report = import_release(found, store)
    assert len(report.runs) == 2
    assert report.set_aside == found.set_aside


def test_a_name_that_could_be_two_datasets_files_is_left(hume, arrays):
    for name in ("my", "mytrain"):
        save_splits(hume / "data/representations/bit", name, arrays[0], ["train", "test"])
    found = scan_release(hume)
    [(path, reason)] = reasons(found).items()
    assert path.endswith("bit/mytraintest.npy")
    assert "the traintest rows of my or the test rows of mytrain" in reason
    rows = {dataset.name: dataset.num_rows for dataset in found.datasets}
    assert (rows["my"], rows["mytrain"]) == (TRAIN + TEST, TRAIN)


def test_pairs_that_are_missing_or_ambiguous_say_so(hume, arrays):
    save_splits(hume / "data/representations/mocov3", "birds", arrays[0])
    for pair, dataset in (("byol_dino", "birds"), ("mocov2_dino", "bees"), ("mocov3_dino", "birds")):
        write_tasks(hume / "tasks/inductive" / pair / dataset, tasks())
    (hume / "tasks/inductive/mocov2_dino/birds").mkdir(parents=True)
    problems = {(pair.name, pair.dataset): pair.problem for pair in scan_release(hume).pairs}
    assert problems["mocov3_dino", "birds"] is None
    assert problems["moco_dino", "birds"] == "it can mean mocov2 and dino or mocov3 and dino: rename it"
    assert "there are dino, mocov2, mocov3" in problems["byol_dino", "birds"]
    assert problems["mocov2_dino", "bees"] == "there are no representations of bees"
    assert problems["mocov2_dino", "birds"] == "it holds no linear_task_*.pt"


def test_both_splits_in_one_file_are_told_apart_by_the_labels(tmp_path, arrays):
    save_splits(tmp_path / "data/representations/clip", "birds", arrays[0], ["traintest"])
    [alone] = scan_release(tmp_path).datasets
    assert (alone.num_rows, alone.splits) == (TRAIN + TEST, {})
    save_splits(tmp_path / "data/labels", "birds", arrays[2], ["test"], "_targets")
    [told] = scan_release(tmp_path).datasets
    assert told.splits == {"train": TRAIN, "test": TEST}


# --- imported --------------------------------------------------------------------------------


def test_a_release_of_hume_becomes_a_dataset_and_finished_runs(hume, store, arrays):
    phi1, phi2, truth = arrays
    done = []
    report = import_release(scan_release(hume), store, on_progress=done.append)
    assert report.datasets == ("birds",)
    assert report.runs == ("birds-mocov2-dino-inductive", "birds-mocov2-dino-transductive")
    assert report.set_aside == report.notes == ()
    assert done == sorted(done)
    assert done[-1] == 1
    birds = dataset_of(store)
    np.testing.assert_array_equal(birds.space("mocov2").features, unit(phi1))
    np.testing.assert_array_equal(birds.space("dino").features, phi2)
    np.testing.assert_array_equal(birds.labels, truth)
    np.testing.assert_array_equal(birds.test_rows, np.arange(TRAIN + TEST) >= TRAIN)
    assert birds.classes is None
    assert birds.default_pair == ("mocov2", "dino")
    assert birds.space("dino").kind == "imported"
    for run, setting in zip(reversed(store.runs()), ("inductive", "transductive"), strict=True):
        assert (run.state, run.request.setting, run.request.origin) == ("finished", setting, "authors")
        np.testing.assert_array_equal(run.cv_score(), [0.5, 0.6, 0.7])
        for seed, labeling in zip(run.finished_seeds, run.labelings(), strict=True):
            np.testing.assert_array_equal(labeling, (unit(phi1) @ orthonormal(seed).T).argmax(1))
        assert Findings(run).vote_agreement is not None


def test_large_files_are_linked_and_others_joined(hume, store):
    shutil.copytree(hume, hume.parent / "split")
    for path in (hume.parent / "split").rglob("*traintest*.npy"):
        path.unlink()
    import_release(scan_release(hume), store)
    theirs = hume / "data/representations/dino/birdstraintest.npy"
    assert theirs.samefile(store.dataset_roots[0] / "birds/spaces/dino.npy")
    again = import_release(scan_release(hume.parent / "split"), store)
    assert again.known_datasets == ("birds",)  # the same rows, whichever files they lie in
    other = Store(store.home / "other")
    import_release(scan_release(hume.parent / "split"), other)
    for name in ("dino", "mocov2"):
        ours, joined = dataset_of(store).space(name), dataset_of(other).space(name)
        assert ours.fingerprint == joined.fingerprint
        np.testing.assert_array_equal(ours.features, joined.features)


def test_rows_in_another_order_than_their_splits_are_not_taken_as_one_file(hume, store, arrays):
    save(hume / "data/representations/dino/birdstraintest.npy", arrays[1][::-1])
    report = import_release(scan_release(hume), store)
    assert "not those of the train file" in reasons(report)["data/representations/dino/birdstraintest.npy"]
    np.testing.assert_array_equal(dataset_of(store).space("dino").features, arrays[1])


def test_a_copy_is_made_where_no_link_can_be(hume, store, arrays, monkeypatch):
    def refuse(*_, **__):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    import_release(scan_release(hume), store)
    ours = store.dataset_roots[0] / "birds/spaces/dino.npy"
    assert ours.stat().st_nlink == 1
    np.testing.assert_array_equal(np.load(ours), arrays[1])


def test_one_split_alone_is_a_dataset_without_a_split(turtle, store):
    for path in turtle.rglob("*_train.npy"):
        path.unlink()
    import_release(scan_release(turtle), store)
    birds = dataset_of(store)
    assert (birds.num_samples, birds.test_rows, len(birds.labels)) == (TEST, None, TEST)


def test_a_release_of_turtle_becomes_a_dataset(turtle, store, arrays):
    report = import_release(scan_release(turtle), store)
    assert (report.datasets, report.runs) == (("birds",), ())
    assert "turtle_clip_seed42.pt" in report.set_aside[0].path
    np.testing.assert_array_equal(dataset_of(store).space("clip").features, arrays[0])
    np.testing.assert_array_equal(dataset_of(store).labels, arrays[2])


def test_what_is_there_is_left_and_what_is_missing_is_added(hume, store, arrays):
    import_release(scan_release(hume), store)
    save_splits(hume / "data/representations/bit", "birds", arrays[1] * 2)
    write_tasks(hume / "tasks/inductive/moco_bit/birds", tasks())
    report = import_release(scan_release(hume), store)
    assert (report.datasets, report.runs) == (("birds",), ("birds-mocov2-bit-inductive",))
    assert report.known_runs == ("birds-mocov2-dino-inductive", "birds-mocov2-dino-transductive")
    again = import_release(scan_release(hume), store)
    assert (again.datasets, again.runs, again.known_datasets, len(again.known_runs)) == ((), (), ("birds",), 3)
    write_tasks(hume / "tasks/inductive/moco_bit/birds", tasks(range(4)))
    assert import_release(scan_release(hume), store).runs == ("birds-mocov2-bit-inductive-2",)


def test_another_dataset_of_that_name_stays(hume, store, arrays):
    save_folder(store.dataset_roots[0] / "birds")
    save_splits(hume / "data/representations/clip", "digits", arrays[0])
    save_splits(hume / "data/representations/dino", "digits", arrays[1])
    report = import_release(scan_release(hume), store)
    assert report.datasets == ("birds-2", "digits-2")  # one digits is embedded
    assert report.runs[0] == "birds-2-mocov2-dino-inductive"
    assert "phi1" in dataset_of(store).spaces


def test_only_the_datasets_asked_for_are_imported(hume, store, arrays):
    save_splits(hume / "data/representations/dino", "bees", arrays[1])
    report = import_release(scan_release(hume), store, datasets=["bees"])
    assert (report.datasets, report.runs) == (("bees",), ())
    with pytest.raises(InputError, match="has no dataset 'wasps': choose one of bees, birds"):
        import_release(scan_release(hume), store, datasets=["wasps"])


class Payload:
    def __reduce__(self):
        return os.system, ("exit 1",)


def test_a_hostile_pickle_and_a_wrong_task_cost_only_their_own_run(hume, store, tmp_path):
    hostile, wide, linked = (hume / f"tasks/inductive/mocov2{joint}dino/birds" for joint in "-+_")
    write_tasks(hostile, tasks())
    (hostile / "results_1.pickle").write_bytes(pickle.dumps({"CV_Score": Payload()}))
    write_tasks(wide, tasks(d1=9))
    write_tasks(linked, tasks())
    (tmp_path / "score").write_bytes(pickle.dumps({"CV_Score": 0.9}))
    (linked / "results_1.pickle").unlink()
    (linked / "results_1.pickle").symlink_to(tmp_path / "score")
    report = import_release(scan_release(hume), store)
    assert report.runs == ("birds-mocov2-dino-inductive", "birds-mocov2-dino-transductive")
    told = reasons(report)
    assert "posix.system" in told["tasks/inductive/mocov2-dino/birds"]
    assert "9 dimensions" in told["tasks/inductive/mocov2+dino/birds"]
    assert "results_1.pickle is a link" in told["tasks/inductive/mocov2_dino/birds"]
    assert store.trash() == []


def test_a_space_with_a_bad_row_costs_only_its_own_runs(hume, store, arrays):
    bad = arrays[1].copy()
    bad[TRAIN + 5] = np.nan
    save_splits(hume / "data/representations/bit", "birds", bad, ["train", "test"])
    write_tasks(hume / "tasks/inductive/moco_bit/birds", tasks())
    report = import_release(scan_release(hume), store)
    told = reasons(report)
    assert "row 5 of" in told["data/representations/bit/birdstest.npy"]
    assert told["tasks/inductive/moco_bit/birds"] == "its space bit could not be imported"
    assert len(report.runs) == 2
    assert sorted(dataset_of(store).spaces) == ["dino", "mocov2"]


def test_a_dataset_whose_spaces_are_all_bad_leaves_nothing_behind(turtle, store):
    for path in turtle.glob("representations/*/*.npy"):
        np.save(path, np.full_like(np.load(path), np.inf))
    report = import_release(scan_release(turtle), store)
    assert report.datasets == ()
    assert "none of its spaces is usable" in report.notes[0]
    assert list(store.dataset_roots[0].iterdir()) == []


def test_missing_or_partial_labels_and_scores_are_said(hume, store):
    for split in ("train", "traintest"):
        (hume / f"data/labels/birds{split}_targets.npy").unlink()
    (hume / "tasks/inductive/moco_dino/birds/results_0.pickle").unlink()
    report = import_release(scan_release(hume), store)
    assert "labels of all rows" in reasons(report)["data/labels/birdstest_targets.npy"]
    assert [note.split(":")[0] for note in report.notes] == [
        "birds has no labels for all its rows",
        "birds-mocov2-dino-inductive",
    ]
    assert dataset_of(store).labels is None
    computed = store.open("birds-mocov2-dino-inductive").cv_score()
    assert not np.array_equal(computed, [0.5, 0.6, 0.7])


@pytest.mark.parametrize("bad", [-1, 0.5])
def test_labels_that_are_no_classes_are_left(hume, store, arrays, bad):
    labels = arrays[2].astype(np.float32)
    save_splits(hume / "data/labels", "birds", labels, ending="_targets")
    import_release(scan_release(hume), store)
    np.testing.assert_array_equal(dataset_of(store).labels, arrays[2])
    labels[3] = bad
    save_splits(hume / "data/labels", "birds", labels, ending="_targets")
    other = Store(store.home / "other")
    report = import_release(scan_release(hume), other)
    assert "whole numbers" in reasons(report)["data/labels/birdstrain_targets.npy"]
    assert dataset_of(other).labels is None


def test_rows_of_unit_norm_are_not_kept_beside_the_same_as_they_came(hume, store, arrays):
    save_splits(hume / "data/representations/mocov2", "birds", arrays[0].astype(np.float16))
    report = import_release(scan_release(hume), store)
    assert sorted(dataset_of(store).spaces) == ["dino", "mocov2"]
    assert "divided by their norms" in reasons(report)["data/representations/mocov2/birdstraintest_l2.npy"]
    assert not store.open("birds-mocov2-dino-inductive").request.config.centre


def test_rows_that_lost_their_mean_make_a_centred_run(hume, store, arrays):
    rows, centred = arrays[0], unit(arrays[0] - arrays[0].mean(0))
    save_splits(hume / "data/representations/mocov2", "birds", rows)
    save_splits(hume / "data/representations/mocov2", "birds", centred, ending="_l2")
    shutil.rmtree(hume / "tasks/inductive")
    report = import_release(scan_release(hume), store)
    run = store.open(*report.runs)
    assert (run.request.phi1, run.request.config.centre) == ("mocov2", True)
    np.testing.assert_array_equal(run.labelings()[0], (centred @ orthonormal(0).T).argmax(1))
    assert sorted(dataset_of(store).spaces) == ["dino", "mocov2"]


def test_other_rows_of_unit_norm_are_a_space_of_their_own(hume, store, arrays):
    """In one setting centred, in the other not: each run labels what the release has as φ1."""
    centred = unit(arrays[0] - arrays[0].mean(0))
    save_splits(hume / "data/representations/mocov2", "birds", arrays[0])
    save_splits(hume / "data/representations/mocov2", "birds", centred, ending="_l2")
    report = import_release(scan_release(hume), store)
    assert report.runs == ("birds-mocov2_l2-dino-inductive", "birds-mocov2-dino-transductive")
    assert "differ in directions" in report.notes[0]
    for run in store.runs():
        np.testing.assert_array_equal(run.labelings()[2], (centred @ orthonormal(2).T).argmax(1))
    again = import_release(scan_release(hume), store)
    assert (again.datasets, len(again.known_runs)) == ((), 2)


def test_two_folders_of_one_pair_are_two_runs_unless_their_tasks_are_the_same(hume, store):
    place = hume / "tasks/inductive"
    shutil.copytree(place / "moco_dino", place / "MOCO_DINO")
    write_tasks(place / "mocov2_dino/birds", [AuthorTask(seed, orthonormal(seed + 9), 0.5) for seed in range(3)])
    report = import_release(scan_release(hume), store)
    assert report.runs[:2] == ("birds-mocov2-dino-inductive", "birds-mocov2-dino-inductive-2")
    assert report.known_runs == ("birds-mocov2-dino-inductive",)
    assert len(import_release(scan_release(hume), store).known_runs) == 4


class StopError(Exception):
    pass


def test_an_import_that_is_stopped_can_be_made_again(hume, store):
    def stop(share):
        if share > 0.5:
            raise StopError

    with pytest.raises(StopError):
        import_release(scan_release(hume), store, on_progress=stop)
    report = import_release(scan_release(hume), store)
    assert len(report.runs + report.known_runs) == 2
    assert [path.name for path in store.dataset_roots[0].iterdir()] == ["birds"]
    assert not list(store.home.rglob(".part-*"))


def test_a_run_that_was_half_imported_is_made_again(hume, store):
    import_release(scan_release(hume), store)
    half = store.open("birds-mocov2-dino-inductive")
    (half.folder / "scores.json").unlink()
    report = import_release(scan_release(hume), store)
    assert (report.runs, store.trash()) == ((half.name,), [half.name])
    assert store.open(half.name).state == "finished"


def test_an_interrupted_search_of_that_name_stays(hume, store):
    store.home.mkdir()
    searched = create(store, save_files(store.home / "files"), "birds-mocov2-dino-inductive")
    report = import_release(scan_release(hume), store)
    assert report.runs[0] == "birds-mocov2-dino-inductive-2"
    assert (searched.state, store.trash()) == ("interrupted", [])


def test_a_damaged_card_or_run_is_no_reason_to_stop(hume, store):
    import_release(scan_release(hume), store)
    (store.dataset_roots[0] / "birds/card.json").write_text("{")
    (store.home / "runs/birds-mocov2-dino-inductive/run.json").write_text("{")
    report = import_release(scan_release(hume), store)
    assert report.datasets == ("birds-2",)
    assert len(report.runs) == 2


def test_rows_of_several_files_are_read_as_one(hume, arrays):
    ways = scan_release(hume).datasets[0].spaces[0].plain
    whole, split = (Joined(way) for way in ways)
    some = np.array([0, TRAIN - 1, TRAIN, TRAIN + TEST - 1, 3])
    np.testing.assert_array_equal(split[some], arrays[1][some])
    np.testing.assert_allclose(split.mean(TRAIN + 5), arrays[1][: TRAIN + 5].mean(0), rtol=1e-5)
    assert split.fingerprint == whole.fingerprint


# --- a setting that is told ------------------------------------------------------------------


def test_tasks_can_be_imported_in_a_setting_of_ones_choice(tmp_path, store):
    dataset = save_folder(tmp_path / "birds", test_rows=np.arange(240) >= 200)
    write_tasks(tmp_path / "tasks", tasks())
    given = import_tasks(store, tmp_path / "tasks", dataset, phi1="phi1", phi2="phi2", name="a", setting="inductive")
    assert (given.request.setting, given.request.config.centre) == ("inductive", False)
    both = {"setting": "inductive", "centre": True}
    centred = import_tasks(store, tmp_path / "tasks", dataset, phi1="phi1", phi2="phi2", name="b", **both)
    assert centred.request.config.centre
    assert not np.array_equal(given.labelings(), centred.labelings())
    left = import_tasks(store, tmp_path / "tasks", dataset, phi1="phi1", phi2="phi2", name="c")
    assert left.request.setting == "transductive"


# --- exported --------------------------------------------------------------------------------


def executed(store, dataset, name, **changes):
    run = create(store, dataset, name, num_iterations=20, **changes)
    run.execute()
    return run


def split_run(store, name="split", setting="inductive", folder="birds", test_rows=None, **config):
    """A run on a dataset with a test split, searched briefly."""
    place = store.dataset_roots[0] / folder
    if not place.is_dir():
        save_folder(place, test_rows=np.arange(240) >= 160 if test_rows is None else test_rows)
    asked = Config(num_classes=3, num_iterations=10, num_train=90, num_test=40, num_splits=1, **config)
    run = store.create(
        store.load_dataset(place), phi1="phi1", phi2="phi2", config=asked, solver=Implicit(truncation=0.01),
        setting=setting, seeds=range(3), name=name,
    )  # fmt: skip
    run.execute()
    return run


def same_findings(run, back, order=slice(None)):
    np.testing.assert_array_equal(back.labelings(), run.labelings()[:, order])
    np.testing.assert_array_equal(back.cv_score(), run.cv_score())
    ours, theirs = Findings(run), Findings(back)
    np.testing.assert_array_equal(theirs.vote.labeling, ours.vote.labeling[order])
    assert theirs.values["vote"] == ours.values["vote"]
    assert theirs.values["acc"] == ours.values["acc"]


def test_the_embedded_digits_come_back_with_all_that_was_found(tmp_path, store):
    digits = store.load_dataset("digits")
    config = Config(
        num_classes=10, num_iterations=12, step_size=0.05, num_train=800, num_test=400, num_splits=1,
        anneal_at=(), centre=True, encoder="retraction",
    )  # fmt: skip
    run = store.create(
        digits, phi1="simclr", phi2="lite0", config=config, solver=Implicit(), seeds=range(4), name="digits"
    )
    run.execute()
    written = export_release([run], tmp_path / "release")
    assert sorted(written) == sorted(path for path in (tmp_path / "release").rglob("*") if path.is_file())
    assert {path.name for path in written if path.suffix == ".npy"} == {
        "digitstraintest.npy", "digitstraintest_l2.npy", "digitstraintest_targets.npy"
    }  # fmt: skip
    other = Store(tmp_path / "other")
    report = import_release(scan_release(tmp_path / "release"), other)
    back = other.open(*report.runs)
    assert back.name == "digits-2-simclr-lite0-transductive"
    assert back.request.fingerprints == run.request.fingerprints
    assert (back.request.config.centre, back.request.setting) == (True, "transductive")
    same_findings(run, back)
    found = Findings(back)
    one = found.seed(2)
    names = [str(number) for number in range(10)]
    drawn = [
        figures.top_n([(back.name, found.top_n)]),
        figures.correlation(
            found.statistics.cv_score, found.statistics.accuracy, found.seeds, found.states, found.correlation
        ),
        figures.score_distribution(found.statistics.cv_score, found.seeds),
        figures.confusion(one.confusion, names, found.true_names),
    ]
    assert all(json.loads(figure.to_json())["data"] for figure in drawn)
    assert found.states == ["imported"] * 4


@pytest.mark.parametrize("centre", [False, True])
@pytest.mark.parametrize("setting", ["inductive", "transductive"])
def test_a_split_comes_back_whatever_the_search_saw(tmp_path, store, setting, centre):
    run = split_run(store, setting=setting, centre=centre)
    export_release([run], tmp_path / "release")
    other = Store(tmp_path / "other")
    report = import_release(scan_release(tmp_path / "release"), other)
    back = other.open(*report.runs)
    assert (back.request.setting, back.request.config.centre, back.request.phi1) == (setting, centre, "phi1")
    same_findings(run, back)


def test_the_authors_code_finds_the_same_labelings_with_the_l2_files(tmp_path, store):
    run = split_run(store, centre=True)
    export_release([run], tmp_path / "release")
    phi1 = np.load(tmp_path / "release/data/representations/phi1/birdstest_l2.npy")
    np.testing.assert_allclose(np.linalg.norm(phi1, axis=1), 1, rtol=1e-5)
    for prototypes, labeling in zip(run.prototypes(), run.labelings(), strict=True):
        np.testing.assert_array_equal((phi1 @ prototypes.T).argmax(1), labeling[160:])


def test_spaces_that_do_not_fit_into_memory_are_written_the_same(tmp_path, store, monkeypatch):
    run = split_run(store, centre=True)
    written = export_release([run], tmp_path / "memory")
    monkeypatch.setattr("hume.common.devices.COMFORTABLE_SHARE", 0.0)
    monkeypatch.setattr("hume.exchange.releases.exporting.BLOCK_BYTES", 1000)
    for one, other in zip(written, export_release([run], tmp_path / "disk"), strict=True):
        assert one.relative_to(tmp_path / "memory") == other.relative_to(tmp_path / "disk")
        if one.suffix == ".npy":
            np.testing.assert_allclose(np.load(other), np.load(one), rtol=0, atol=1e-6)


def test_test_rows_between_train_rows_come_back_behind_them(tmp_path, store):
    test_rows = np.arange(240) % 3 == 0
    run = split_run(store, test_rows=test_rows)
    export_release([run], tmp_path / "release")
    other = Store(tmp_path / "other")
    report = import_release(scan_release(tmp_path / "release"), other)
    same_findings(run, other.open(*report.runs), np.argsort(test_rows, kind="stable"))


def test_several_runs_make_one_release(tmp_path, store):
    runs = [split_run(store, setting, setting) for setting in ("inductive", "transductive")]
    runs.append(executed(store, save_files(tmp_path / "files", labels=False), "files"))
    export_release(runs, tmp_path / "release")
    found = scan_release(tmp_path / "release")
    assert found.set_aside == ()
    assert [(dataset.name, bool(dataset.labels)) for dataset in found.datasets] == [
        ("birds", True),
        ("phi1+phi2", False),
    ]
    report = import_release(found, Store(tmp_path / "other"))
    assert report.datasets == ("birds", "phi1-phi2")
    assert len(report.runs) == 3


def test_runs_that_one_release_cannot_hold_are_refused_before_anything_is_written(tmp_path, store):
    run, place = split_run(store), tmp_path / "release"
    twin, centred = split_run(store, "twin"), split_run(store, "centred", "transductive", centre=True)
    other = Store(tmp_path / "other")
    moved = split_run(other, "moved", "transductive", test_rows=np.arange(240) >= 200)
    unfinished = create(store, run.dataset(), "unfinished")
    for runs, message in (
        ([], "at least one"),
        ([run, twin], "'split' and 'twin' have the same data and setting"),
        ([run, centred], "'split' and 'centred' centre phi1 differently"),
        ([run, moved], "'split' and 'moved' are from different datasets"),
    ):
        with pytest.raises(InputError, match=message):
            export_release(runs, place)
    with pytest.raises(RunError, match="unfinished"):
        export_release([unfinished], place)
    assert not place.exists()
    place.mkdir()
    (place / "mine.txt").write_text("hello")
    with pytest.raises(InputError, match="not an empty folder"):
        export_release([run], place)


def test_ambiguous_names_are_refused(tmp_path, store):
    runs = [split_run(store, name, folder=name) for name in ("my", "mytrain")]
    with pytest.raises(InputError, match="would be read as another dataset's"):
        export_release(runs, tmp_path / "release")
    export_release(runs[1:], tmp_path / "alone")
    assert [dataset.name for dataset in scan_release(tmp_path / "alone").datasets] == ["mytrain"]
