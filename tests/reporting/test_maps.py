"""Maps keep neighbours, are made once in a process of their own, and are found again on disk."""

import time
from dataclasses import replace

import numpy as np
import psutil
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from hume.common.errors import InputError, RunError
from hume.data.dataset import load_space
from hume.reporting import maps
from hume.reporting.maps import Map, MapConfig, Maps, layout
from tests.support.planted import planted


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two spaces in files, 240 samples of 3 classes."""
    folder = tmp_path_factory.mktemp("spaces")
    first, second, _ = planted(size=80, dim=8)
    np.save(folder / "first.npy", first)
    np.save(folder / "second.npy", second.astype(np.float16))
    return folder


@pytest.fixture
def pair(folder):
    return load_space(folder / "first.npy"), load_space(folder / "second.npy")


@pytest.fixture(scope="module")
def both(folder):
    """The map of both spaces, made in this process."""
    return maps.make_map(load_space(folder / "first.npy"), load_space(folder / "second.npy"))


@pytest.fixture
def background(tmp_path):
    """Maps on an empty home, closed at the end."""
    opened = Maps(tmp_path / "home")
    yield opened
    opened.close()


def wait_until(condition, seconds=600):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def processes():
    """The processes that are making maps for this one."""
    make = "hume.reporting.maps.layout:make_and_save"
    return [child for child in psutil.Process().children() if make in child.cmdline()]


def settled(background, key):
    """Whether a requested map is done, failed or forgotten."""
    progress = background.progress(key)
    return progress is None or progress.state == "failed"


def changed(tmp_path, space, row, value):
    """The space in a file of its own, with one row overwritten."""
    features = np.array(space.features)
    features[row] = value
    path = tmp_path / f"{space.name}.npy"
    np.save(path, features)
    return path


# --- what a map is -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("which", ["phi1", "phi2", "both"])
def test_neighbours_stay_neighbours(which, pair, both):
    first, second, truth = planted(size=80, dim=8)
    features = {"phi1": first, "phi2": second, "both": np.hstack([first, second])}[which]
    positions = both.positions if which == "both" else maps.make_map(pair[which == "phi2"]).positions
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    linear = PCA(2).fit_transform(unit)  # reaches 0.91; a random placement 0.5
    trust, baseline = (trustworthiness(unit, each, n_neighbors=15) for each in (positions, linear))
    assert trust > max(baseline, 0.925)
    distance = np.linalg.norm(positions[:, None] - positions, axis=2)
    nearest = distance.argsort(axis=1)[:, 1:16]
    assert np.mean(truth[nearest] == truth[:, None]) > 0.95


def test_the_same_seed_gives_the_same_map(pair, both):
    again = maps.make_map(*pair)
    np.testing.assert_array_equal(again.positions, both.positions)
    np.testing.assert_array_equal(again.rows, np.arange(240))
    other = maps.make_map(*pair, MapConfig(seed=1))
    assert not np.array_equal(other.positions, both.positions)


def test_both_spaces_make_another_map_than_one_and_in_any_order(pair, both):
    assert not np.array_equal(maps.make_map(pair[0]).positions, both.positions)
    np.testing.assert_array_equal(maps.make_map(pair[1], pair[0]).positions, both.positions)


def test_the_length_of_rows_does_not_matter(pair):
    features = np.asarray(pair[0].features)
    scale = 2.0 ** np.random.default_rng(0).integers(-3, 4, size=(len(features), 1))  # exact in floating point
    np.testing.assert_array_equal(maps.compute(features * scale), maps.compute(features))


def test_exact_neighbours_are_those_of_all_pairs(pair):
    rows = np.asarray(pair[0].features) / np.linalg.norm(pair[0].features, axis=1, keepdims=True)
    numbers, distances = layout._exact_neighbors(rows, 5, lambda share, stage: None)
    every = 1 - rows @ rows.T
    np.fill_diagonal(every, -1)  # a sample itself stands in front
    np.testing.assert_array_equal(numbers, every.argsort(axis=1)[:, :5])
    np.fill_diagonal(every, 0)
    np.testing.assert_allclose(distances, np.take_along_axis(every, numbers, axis=1), atol=1e-6)


def test_progress_goes_up_and_is_told_in_sentences(pair, monkeypatch):
    monkeypatch.setattr(layout, "CHUNK_ROWS", 60)
    told = []
    maps.compute(pair[0].features, on_progress=lambda share, stage: told.append((share, stage)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] <= 1
    stages = {stage.split(":")[0].rstrip(".") for _, stage in told}
    assert stages == {"Looking for neighbours", "Preparing the layout", "Laying out"}
    assert sum(stage.startswith("Looking") for _, stage in told) == 4


def test_a_larger_dataset_is_sampled_and_says_so(pair, both):
    made = maps.make_map(*pair, MapConfig(max_rows=100))
    assert made.is_sample
    assert not both.is_sample
    assert made.num_samples == 240
    assert made.positions.shape == (100, 2)
    assert len(set(made.rows.tolist())) == 100
    assert (np.diff(made.rows) > 0).all()
    assert made.rows[-1] > 200  # drawn from all rows, not from the first ones


@pytest.mark.parametrize(
    "features",
    [
        np.ones((30, 4), np.float32),  # all samples are equal
        np.zeros((30, 4), np.float32),  # no sample has a direction
        np.linspace(-1, 1, 30, dtype=np.float32)[:, None],  # one dimension
        np.eye(4, dtype=np.float32),  # as few as can be
        np.repeat(np.eye(3, dtype=np.float32), 20, axis=0),  # more equal samples than neighbours
    ],
)
def test_degenerate_features_still_have_a_map(features):
    positions = maps.compute(features)
    assert positions.shape == (len(features), 2)
    assert np.isfinite(positions).all()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: maps.compute(np.ones((3, 2))), "at least 4 samples, got 3"),
        (lambda: maps.compute(np.array([[1.0], [np.nan], [1.0], [1.0]])), "row 1"),
        (lambda: maps.compute(np.array([[1.0], [1.0], [1e300], [1.0]])), "row 2"),
        (lambda: MapConfig(num_neighbors=1), "num_neighbors is 1"),
        (lambda: MapConfig(min_dist=2), "min_dist is 2"),
        (lambda: MapConfig(max_rows=3), "max_rows is 3"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(InputError, match=says):
        call()


# --- which map it is ---------------------------------------------------------------------------


def test_a_key_follows_the_features_and_the_parameters(pair, tmp_path):
    first, second = pair
    features = np.array(first.features)
    features[-1, 0] += 1
    others = [
        maps.map_key(second),
        maps.map_key(first, second),
        maps.map_key(replace(first, features=features)),
        maps.map_key(first, config=MapConfig(seed=1)),
        maps.map_key(first, config=MapConfig(num_neighbors=10)),
        maps.map_key(first, config=MapConfig(min_dist=0.2)),
        maps.map_key(first, config=MapConfig(max_rows=100)),
    ]
    assert len({maps.map_key(first), *others}) == 8


def test_runs_that_share_a_space_share_its_map(pair, background):
    first, second = pair
    elsewhere = replace(second, name="another name", path=None)
    assert background.key(first, second, "phi2") == background.key(elsewhere, first, "phi1")
    assert background.key(first, second, "both") == background.key(second, first, "both")
    # A limit that is not reached changes nothing.
    assert maps.map_key(first) == maps.map_key(first, config=MapConfig(max_rows=240))


# --- on disk -----------------------------------------------------------------------------------


def test_a_map_comes_back_from_disk(both, tmp_path):
    path = tmp_path / "maps" / "a.safetensors"
    sample = Map(rows=both.rows[::2], positions=both.positions[::2], num_samples=240)
    maps.save_map(path, sample)
    again = maps.load_map(path)
    np.testing.assert_array_equal(again.rows, sample.rows)
    np.testing.assert_array_equal(again.positions, sample.positions)
    assert (again.num_samples, again.is_sample) == (240, True)
    assert [each.name for each in path.parent.iterdir()] == ["a.safetensors"]


def test_a_damaged_map_is_named_and_can_be_removed(pair, both, background, tmp_path):
    key = background.key(*pair, "both")
    path = tmp_path / "home" / "maps" / f"{key}.safetensors"
    maps.save_map(path, both)
    whole = path.read_bytes()
    np.testing.assert_array_equal(background.get(*pair, "both").positions, both.positions)
    for content in (b"", whole[:40], whole[:-8]):
        path.write_bytes(content)
        with pytest.raises(RunError, match=rf"{key}\.safetensors .*remove it"):
            background.get(*pair, "both")
    path.unlink()
    assert background.get(*pair, "both") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": np.arange(240)[::-1].copy()},
        {"rows": np.arange(240) + 5},
        {"rows": np.arange(240) - 1},
        {"rows": np.arange(239)},
        {"rows": np.arange(240.0)},
        {"rows": np.empty(0, np.int64), "positions": np.empty((0, 2), np.float32)},
        {"positions": np.full((240, 2), np.nan, np.float32)},
        {"positions": np.ones((240, 3), np.float32)},
        {"positions": np.ones((240, 2))},
    ],
)
def test_a_file_with_other_contents_is_no_map(wrong, both, tmp_path):
    path = tmp_path / "a.safetensors"
    maps.save_map(path, both)
    save_file(load_file(path) | wrong, path, {"num_samples": "240"})
    with pytest.raises(RunError, match=r"a\.safetensors holds no map: remove it"):
        maps.load_map(path)


@pytest.mark.parametrize("metadata", [None, {}, {"num_samples": "many"}])
def test_a_file_that_does_not_tell_its_samples_is_no_map(metadata, both, tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"rows": both.rows, "positions": both.positions}, path, metadata)
    with pytest.raises(RunError, match=r"a\.safetensors cannot be read .*remove it"):
        maps.load_map(path)


def test_a_map_that_cannot_be_written_is_told(both, tmp_path):
    (tmp_path / "maps").write_text("a file where the folder should be")
    with pytest.raises(RunError, match="cannot write"):
        maps.save_map(tmp_path / "maps" / "a.safetensors", both)


# --- in the background -------------------------------------------------------------------------


@pytest.mark.slow
def test_a_process_makes_the_map_once_for_all(pair, both, background, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the app may be started anywhere
    assert background.get(*pair, "both") is None
    key = background.request(*pair, "both")
    running = processes()
    waiting = background.request(*pair, "phi1")
    assert background.request(*pair, "both") == background.request(pair[1], pair[0], "both") == key
    assert processes() == running
    assert len(running) == 1
    assert background.progress(waiting).state == "waiting"
    background.cancel(waiting)
    assert background.progress(waiting) is None

    seen = []
    while (progress := background.progress(key)) is not None:
        assert progress.state == "running", progress.error
        seen.append(progress.share)
        time.sleep(0.01)
    assert seen == sorted(seen)
    assert max(seen) > 0.4

    made = background.get(*pair, "both")
    np.testing.assert_array_equal(made.rows, np.arange(240))
    np.testing.assert_array_equal(made.positions, both.positions)
    background.request(*pair, "both")
    assert background.progress(key) is None, "a map that is there was made again"
    assert [path.name for path in (tmp_path / "home" / "maps").iterdir()] == [f"{key}.safetensors"]
    restarted = Maps(tmp_path / "home")
    np.testing.assert_array_equal(restarted.get(*pair, "both").positions, both.positions)


@pytest.mark.slow
def test_what_went_wrong_is_one_sentence_and_can_be_tried_again(pair, background, tmp_path):
    path = changed(tmp_path, pair[0], 0, 1)
    broken = load_space(path)
    other = load_space(changed(tmp_path, pair[1], 0, 1))
    keys = background.request(broken, other, "phi1"), background.request(broken, other, "phi2")
    changed(tmp_path, pair[0], 7, np.nan)
    changed(tmp_path, pair[1], 0, 2)
    wait_until(lambda: all(settled(background, key) for key in keys))
    errors = [background.progress(key).error for key in keys]
    assert errors[0].startswith(f"row 7 of {path} has NaN")
    assert "has changed since the map was requested" in errors[1]
    assert not any("\n" in error or "Traceback" in error for error in errors)
    assert background.request(broken, other, "phi1") == keys[0]
    assert background.progress(keys[0]).state == "running"
    assert not list((tmp_path / "home").rglob("*"))


def test_a_process_that_is_killed_has_failed(pair, background):
    key = background.request(*pair, "phi1")
    processes()[0].kill()
    wait_until(lambda: settled(background, key))
    assert background.progress(key).state == "failed"
    assert "signal 9" in background.progress(key).error


def test_a_cancelled_map_is_forgotten_and_the_next_one_starts(pair, background, tmp_path):
    key = background.request(*pair, "phi1")
    (first,) = processes()
    after = background.request(*pair, "phi2")
    background.cancel(key)
    assert background.progress(key) is None
    wait_until(lambda: background.progress(after).state == "running")
    assert not first.is_running()
    background.cancel(key)
    background.cancel("never requested")
    assert len(processes()) == 1
    background.close()
    assert processes() == []
    assert background.progress(after) is None
    assert background.progress(background.request(*pair, "phi1")) is None
    assert not (tmp_path / "home").exists()


def test_a_space_without_a_file_cannot_be_mapped(pair, background):
    first, second = pair
    for which in ("phi1", "both"):
        with pytest.raises(InputError, match="lies in no file"):
            background.request(replace(first, path=None), second, which)
    with pytest.raises(InputError, match="no map of 'phi3'"):
        background.key(first, second, "phi3")
