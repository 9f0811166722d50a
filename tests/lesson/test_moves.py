"""The lesson's recordings: the engine's own path, and what every phase of it holds."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hume.common.errors import InputError
from hume.engine.search import search
from hume.engine.solvers import Implicit
from hume.evaluation.metrics import clustering_accuracy
from hume.lesson import moves
from hume.lesson.figures import moves as drawn
from hume.lesson.moves import FIT, PHASES, PROTOTYPES, SPLIT, TASK, TEST, UPDATE
from tests.support.planted import planted


@pytest.fixture(scope="module")
def toy():
    return moves.of_toy()


@pytest.fixture(scope="module")
def some():
    """A search in which a split leaves rows out and the temperature is annealed."""
    phi1, phi2, _ = planted()
    phi1 = torch.nn.functional.normalize(torch.from_numpy(phi1))
    config = replace(moves.TOY, num_iterations=12, num_train=100, num_test=50, anneal_at=(6,))
    return phi1, torch.from_numpy(phi2), config, Implicit(inner_steps=3)


def same_as_the_engine(recording, phi1, phi2, seed):
    steps = list(search(phi1, phi2, recording.config, solver=recording.solver, seeds=[seed]))
    assert len(steps) == recording.num_iterations
    for t, step in enumerate(steps):
        np.testing.assert_array_equal(recording.prototypes[t], step.prototypes[0])
        np.testing.assert_array_equal(recording.objective[t], step.objective[0])
        np.testing.assert_array_equal(recording.test_error[t], step.test_error[0])
    (ended,) = steps[-1].finished
    np.testing.assert_array_equal(recording.prototypes[-1], ended.prototypes)
    return True


def test_the_toy_is_searched_by_the_engine(toy):
    assert same_as_the_engine(toy, *moves.toy(), moves.TOY_SEED)


def test_the_digits_are_searched_by_the_engine():
    digits, recording = moves.of_digits()
    assert same_as_the_engine(
        recording, torch.from_numpy(recording.phi1), torch.from_numpy(recording.phi2), moves.DIGITS_SEED
    )
    assert [len(rows) for rows in recording.at(0).typical(5)] == [5] * 10
    assert digits.num_samples == len(recording.phi1) == recording.task.shape[1]


def test_any_search_is_recorded_as_it_is(some):
    recording = moves.record(*some, seed=4)
    assert same_as_the_engine(recording, some[0], some[1], 4)
    again = moves.record(*some, seed=4)
    np.testing.assert_array_equal(again.task, recording.task)
    np.testing.assert_array_equal(again.classifier, recording.classifier)


def test_only_one_split_an_iteration_can_be_shown(some):
    phi1, phi2, config, solver = some
    with pytest.raises(InputError, match="num_splits=2"):
        moves.record(phi1, phi2, replace(config, num_splits=2), solver, seed=0)


@pytest.mark.parametrize("which", ["toy", "some"])
def test_quantities_of_the_phases_follow_from_one_another(which, toy, some):
    found = toy if which == "toy" else moves.record(*some, seed=1)
    config, T = found.config, found.num_iterations
    np.testing.assert_allclose(found.task.sum(2), 1, atol=1e-5)
    assert (found.task >= 0).all()
    assert (found.task == 0).any()
    for t in range(T):
        moment = found.at(found.frame(t, UPDATE))
        learned, tested = moment.split
        assert (len(learned), len(tested)) == (config.num_train, config.num_test)
        assert np.intersect1d(learned, tested).size == 0
        scores = moves.on_simplex(moment.cosines, found.temperature(t)).sparsemax
        np.testing.assert_allclose(moment.task, scores, atol=1e-4)
        np.testing.assert_allclose(moment.prototypes @ moment.prototypes.T, np.eye(3), atol=1e-4)
        np.testing.assert_allclose(moment.errors.mean(), found.test_error[t], rtol=1e-3)
        np.testing.assert_allclose(moment.shares, moment.task[np.concatenate(moment.split)].mean(0), atol=1e-5)
        entropy = -(moment.shares * np.log(np.maximum(moment.shares, 1e-8))).sum()
        np.testing.assert_allclose(found.entropy[t], entropy, atol=1e-5)
    np.testing.assert_allclose(found.objective, found.test_error - config.entropy_weight * found.entropy, rtol=1e-5)


def test_the_toy_shows_what_it_is_for(toy):
    """One class begins nearly empty; the entropy opens it, then the test error falls and the groups are found."""
    assert toy.shares[0].min() < 0.05
    assert toy.shares[-1].min() > 0.3
    assert toy.test_error[-20:].mean() < toy.test_error[:20].mean() / 2
    assert 5 < (moves.support(toy.task[0]) > 1).sum() < 90
    angle = np.degrees(np.arctan2(*toy.phi2.T[::-1]))
    groups = np.abs((angle[:, None] - [90, 210, 330] + 180) % 360 - 180).argmin(1)  # as the second view has them
    assert clustering_accuracy(groups, toy.at(toy.num_frames).cosines.argmax(1)) > 0.95


def test_a_phase_renews_its_own_variable_and_no_other(toy):
    variables = {
        PROTOTYPES: lambda moment: moment.prototypes,
        TASK: lambda moment: moment.task,
        SPLIT: lambda moment: np.concatenate(moment.split),
        FIT: lambda moment: moment.classifier,
        TEST: lambda moment: moment.num_tested,
    }
    for phase in range(1, len(PHASES)):
        before, after = (toy.at(toy.frame(30, p)) for p in (phase - 1, phase))
        changed = {of for of, look in variables.items() if not np.array_equal(look(before), look(after))}
        assert changed == ({phase} if phase in variables else set())
    over = toy.at(toy.frame(31, PROTOTYPES))
    np.testing.assert_array_equal(over.prototypes, after.moved)
    assert over.task is not None
    assert over.moved is None
    np.testing.assert_array_equal(over.errors, after.errors)
    assert toy.at(toy.frame(31, SPLIT)).errors is None  # the new split is not tested yet


def test_moments_can_be_visited_in_any_order(toy):
    order = np.random.default_rng(0).permutation(toy.num_frames)[:40]
    there = {frame: moves.describe(toy.at(frame), "point") for frame in order}
    assert there == {frame: moves.describe(toy.at(frame), "point") for frame in sorted(order)}
    assert (toy.at(-5).iteration, toy.at(-5).phase) == (0, PROTOTYPES)
    assert (toy.at(10**6).iteration, toy.at(10**6).phase) == (99, UPDATE)


def test_at_the_beginning_nothing_is_known(toy):
    first = toy.at(0)
    assert [first.task, first.shares, first.split, first.classifier, first.errors, first.moved] == [None] * 6
    assert first.num_tested == 0


def test_sentences_hold_the_numbers_of_the_iteration(toy):
    said = {PHASES[p]: moves.describe(toy.at(toy.frame(20, p)), "point") for p in range(len(PHASES))}
    assert len(set(said.values())) == len(PHASES)
    assert "120 points" in said["Split"]
    assert f"{toy.train_error[20]:.2f} nats" in said["Inner fit"]
    assert f"wrong by {toy.test_error[20]:.2f} nats on the other 60" in said["Test error"]
    assert f"{toy.entropy[20]:.3f} of at most 1.099" in said["Test error"]
    alone = int((moves.support(toy.task[20]) == 1).sum())
    assert f"{alone} of 180 points" in said["Task"]


def test_sparsemax_reaches_corners_and_softmax_never_does(toy):
    cosines = toy.at(0).cosines
    cold, warm = (moves.on_simplex(cosines, temperature) for temperature in (0.02, 1.0))
    for found in (cold, warm):
        np.testing.assert_allclose(found.sparsemax.sum(1), 1)
        np.testing.assert_allclose(found.softmax.sum(1), 1)
        assert (moves.support(found.softmax) == 3).all()
        np.testing.assert_array_equal(found.sparsemax.argmax(1), found.softmax.argmax(1))
    assert (moves.support(cold.sparsemax) == 1).mean() > (moves.support(warm.sparsemax) == 1).mean()
    assert "180 of 180" in moves.compare(cold, "point")


def test_figures_draw_every_moment(toy):
    for frame in (0, 1, 2, 3, 4, 5, 6, 8, toy.num_frames - 1):
        moment = toy.at(frame)
        globe = drawn.globe(toy.phi1, moment.prototypes, task=moment.task, moved=moment.moved, trail=moment.trail)
        plane = drawn.plane(
            toy.phi2, task=moment.task, split=moment.split, classifier=moment.classifier, errors=moment.errors
        )
        known = drawn.falling(toy.objective, toy.test_error, toy.entropy, moment.num_tested, np.log(3))
        assert all(figure.to_json() for figure in (globe, plane, known))
        assert [len(trace.x) for trace in known.data[1::2]] == [moment.num_tested] * 3


def test_discs_show_shares_by_their_area():
    shares = np.array([[0.6, 0.3, 0.1], [0, 1, 0]])
    rows = np.array([[1, 0, 0], [0, 1, 0.2]], np.float32)
    figure = drawn.globe(rows, np.eye(3), task=shares)
    discs = [trace for trace in figure.data if trace.mode == "markers"]
    areas = [np.square(np.asarray(trace.marker.size)) for trace in discs]
    np.testing.assert_allclose([area[0] / areas[0][0] for area in areas], [1, 0.4, 0.1], rtol=1e-5)
    assert [area.size for area in areas] == [2, 1, 1]
    assert [trace.marker.color[0] for trace in discs] == [0, 1, 2]


def test_regions_are_where_the_classifier_chooses():
    classifier = np.array([[1.0, -1.0], [0.0, 0.0]])  # class 0 to the right
    figure = drawn.plane(np.array([[1.0, 0.0], [-1.0, 0.0]]), classifier=classifier)
    areas = [trace for trace in figure.data if trace.fill == "toself"]
    sides = {trace.fillcolor: float(np.mean(trace.x)) for trace in areas}
    assert [side > 0 for side in sides.values()] == [True, False]
