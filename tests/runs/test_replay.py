"""A run seen again: what its seeds labeled how at every recorded moment, and how that is drawn."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hume.common.errors import InputError
from hume.evaluation.metrics import clustering_accuracy
from hume.reporting.figures import changes_curve, cloud_at
from hume.runs import replay
from hume.runs.store import Store
from tests.support.planted_runs import create, save_files, save_folder

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


@pytest.fixture(scope="module")
def cloud(run, dataset):
    return replay.cloud(run, dataset)


# --- labelings ----------------------------------------------------------------------------------


def rows_of(run, dataset, number=replay.NUM_ROWS):
    rows = replay.sample_rows(dataset, number)
    return rows, run.phi1_rows(dataset)[torch.from_numpy(rows)]


def test_the_last_frame_labels_as_the_run_does(run, dataset):
    rows, phi1 = rows_of(run, dataset)
    assert len(rows) == dataset.num_samples
    for seed, labeling, prototypes in zip(SEEDS, run.labelings(), run.prototypes(), strict=True):
        found = replay.labelings(phi1, replay.read_trajectory(run, seed))
        assert found.shape == (len(replay.read_trajectory(run, seed).iterations), len(rows))
        closeness = np.sort(phi1.numpy() @ prototypes.T, axis=1)
        clear = closeness[:, -1] - closeness[:, -2] > 2e-3  # more than float16 can blur
        np.testing.assert_array_equal(found[-1, clear], labeling[clear])
        assert clear.mean() > 0.9


def test_the_sample_is_small_evaluated_and_always_the_same(tmp_path):
    test_rows = np.arange(240) % 3 == 0
    dataset = save_folder(tmp_path / "birds", test_rows=test_rows)
    rows = replay.sample_rows(dataset, 50)
    assert len(set(rows)) == 50
    assert test_rows[rows].all()
    np.testing.assert_array_equal(rows, replay.sample_rows(dataset, 50))
    assert len(replay.sample_rows(dataset)) == 80


def test_changes_and_what_is_settled_are_counted():
    labeled = np.array([[0, 0, 1, 2], [1, 0, 1, 1], [1, 0, 1, 2]], np.int32)
    np.testing.assert_allclose(replay.changes(labeled), [0.5, 0.25])
    np.testing.assert_allclose(replay.settled(labeled), [0.75, 0.75, 1])
    np.testing.assert_allclose(replay.accuracy(labeled, np.array([5, 7, 5, 9])), [0.75, 0.75, 1])


def test_the_objective_is_averaged_over_the_way_before_and_ends_as_the_run_tells():
    curve = np.arange(100, dtype=np.float32)
    found = replay.objective_at(curve, np.array([0, 3, 8, 40, 99, 100]))
    np.testing.assert_allclose(found, [0, 3, 7.5, 35.5, 89.5, 89.5])
    np.testing.assert_allclose(replay.objective_at(curve[:5], np.array([5])), [2])


def test_the_cloud_ends_as_the_run_does(run, dataset, cloud):
    num_frames = len(cloud.iterations)
    assert list(cloud.seeds) == list(SEEDS)
    assert cloud.objective.shape == cloud.settled.shape == cloud.acc.shape == (num_frames, 5)
    assert cloud.changes.shape == (num_frames - 1, 5)
    assert list(cloud.ends) == [len(run.seed_array(seed, "objective")) for seed in SEEDS]
    assert cloud.iterations[0] == 0
    assert cloud.iterations[-1] == cloud.ends.max()
    np.testing.assert_allclose(cloud.objective[-1], run.objective(), rtol=1e-5)
    expected = [clustering_accuracy(dataset.labels, labeling) for labeling in run.labelings()]
    np.testing.assert_allclose(cloud.acc[-1], expected, atol=0.02)
    assert (cloud.settled[-1] == 1).all()
    assert cloud.acc[-1].mean() > cloud.acc[0].mean() + 0.2


def test_seeds_that_ended_stay_where_they_ended(cloud):
    early = cloud.ends.argmin()
    after = cloud.iterations >= cloud.ends[early]
    assert after.sum() > 1
    for values in (cloud.objective, cloud.settled, cloud.acc):
        assert len(np.unique(values[after, early])) == 1
    assert (cloud.changes[after[:-1], early] == 0).all()


def test_a_cloud_of_some_seeds_without_truth_tells_how_far_it_is(tmp_path):
    dataset = save_files(tmp_path / "data", labels=False)
    run = create(Store(tmp_path / "home"), dataset, "a", seeds=SEEDS)
    run.execute()
    told = []
    found = replay.cloud(run, dataset, [3, 1, 99], num_rows=100, on_progress=told.append)
    assert list(found.seeds) == [1, 3]
    assert found.acc is None
    assert len(found.rows) == 100
    assert told == [0.5, 1]


def test_movers_come_back_the_latest_or_the_most_restless_first():
    labeled = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 0, 1], [0, 1, 1, 1]], np.int32)
    rows = np.array([10, 20, 30, 40])
    recent = replay.movers(labeled, rows)
    assert recent.rows.tolist() == [30, 40, 20]
    assert recent.number.tolist() == [3, 1, 1]
    assert recent.latest.tolist() == [3, 2, 1]
    assert (recent.before.tolist(), recent.after.tolist()) == ([0, 0, 0], [1, 1, 1])
    part = replay.movers(labeled, rows, start=0, end=2, order="often")
    assert part.rows.tolist() == [30, 40, 20]
    assert part.number.tolist() == [2, 1, 1]
    assert part.latest.tolist() == [2, 2, 1]
    assert part.after.tolist() == [0, 1, 1]
    assert replay.movers(labeled, rows, start=1, end=1).rows.size == 0
    assert replay.movers(labeled[:1], rows).rows.size == 0


# --- drawn ---------------------------------------------------------------------------------------


def test_a_followed_seed_ends_as_it_is_shown_everywhere(run, dataset, cloud):
    names = np.array([2, 0, 1], np.int32)  # the classes as another seed calls them
    for seed, labeling in zip(SEEDS, run.labelings(), strict=True):
        found = replay.followed(run, dataset, cloud, seed, names[labeling])
        assert found.shape == (len(cloud.iterations), len(cloud.rows))
        assert (found[-1] == names[labeling][cloud.rows]).mean() > 0.98
        moved = replay.changes(found)
        np.testing.assert_allclose(moved, cloud.changes[:, SEEDS.index(seed)])
    with pytest.raises(InputError, match="was not recorded: follow another one"):
        replay.followed(run, dataset, cloud, 99, labeling)


def points(figure):
    """The traces that stand for seeds, by their names."""
    return {trace.name: trace for trace in figure.data if trace.customdata is not None}


@pytest.mark.parametrize("truth", [True, False])
def test_the_axes_are_the_same_at_all_frames_and_hold_every_seed(cloud, truth):
    figures = [cloud_at(cloud, at, truth=truth) for at in range(len(cloud.iterations))]
    assert len({(fig.layout.xaxis.range, fig.layout.yaxis.range, fig.layout.xaxis.ticktext) for fig in figures}) == 1
    (left, right), (low, high) = figures[0].layout.xaxis.range, figures[0].layout.yaxis.range
    assert left > right  # lower is better, and better is to the right
    for fig in figures:
        assert sorted(np.concatenate([trace.customdata for trace in points(fig).values()])) == list(SEEDS)
        for trace in points(fig).values():
            assert all(right < np.log10(x) < left for x in trace.x)
            assert all(low <= y <= high for y in trace.y)


def test_seeds_that_ended_are_filled_and_the_tail_leads_to_each(cloud):
    first, last = (cloud_at(cloud, at, truth=True) for at in (0, len(cloud.iterations) - 1))
    assert len(points(first)["running"].x) == len(points(last)["ended"].x) == len(SEEDS)
    tail = last.data[0]
    ends = np.flatnonzero(np.isnan(tail.y)) - 1
    np.testing.assert_allclose(tail.x[ends], points(last)["ended"].x)
    np.testing.assert_allclose(tail.y[ends], points(last)["ended"].y)


def test_the_truth_is_drawn_only_where_it_may_be_shown(cloud):
    at = len(cloud.iterations) // 2
    shown, blind = cloud_at(cloud, at, truth=True), cloud_at(cloud, at, truth=False, selected=2)
    assert "Accuracy" in shown.layout.yaxis.title.text
    assert "ccuracy" not in blind.to_json()
    unknown = cloud_at(replace(cloud, acc=None), at, truth=True)
    assert unknown.to_json() == cloud_at(cloud, at, truth=False).to_json()
    assert [trace.name for trace in blind.data if "selected" in (trace.name or "")] == ["selected: seed 2"]
    with pytest.raises(InputError, match="no frame 99"):
        cloud_at(cloud, 99, truth=True)


def test_one_seed_that_never_moves_can_be_drawn():
    still = replay.Cloud(
        seeds=np.array([7]), iterations=np.array([0, 1]), ends=np.array([1]), objective=np.full((2, 1), -2.0),
        settled=np.ones((2, 1)), changes=np.zeros((1, 1)), acc=None, rows=np.arange(3),
    )  # fmt: skip
    assert np.isfinite(cloud_at(still, 1, truth=True).layout.xaxis.range).all()
    lost = replace(still, objective=np.full((2, 1), np.nan))
    assert len(cloud_at(lost, 0, truth=False).data) == 3


def test_the_curve_counts_the_seeds_under_way_and_marks_the_moment(cloud):
    fig = changes_curve(cloud, 3)
    mean = next(trace for trace in fig.data if "mean" in trace.name)
    assert list(mean.x) == list(cloud.iterations[1:])
    np.testing.assert_allclose(mean.y[0], 100 * cloud.changes[0].mean(), rtol=1e-5)
    under_way = cloud.ends > cloud.iterations[-2]
    np.testing.assert_allclose(mean.y[-1], 100 * cloud.changes[-1, under_way].mean(), rtol=1e-5)
    assert fig.data[-1].x[0] == cloud.iterations[3]
    assert len(changes_curve(cloud).data) == 2
