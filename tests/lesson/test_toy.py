"""The lesson's toy: which labelings can be fitted, which generalize in which view, and when classes collapse."""

import json

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from hume.common.errors import InputError
from hume.engine import linear
from hume.lesson import collapse
from hume.lesson.figures import toy as drawn
from hume.lesson.toy import (
    COMMON,
    LABELINGS,
    RIDGE,
    conclusion,
    cut,
    fit,
    make_toy,
    one_class,
    random_errors,
    random_labeling,
)
from tests.support.rules import cases

CHANCE = 0.5
SEEDS = range(4)  # toys drawn otherwise
LITTLE = 0.04
NEAR_CHANCE = 0.13  # 2.5 standard deviations of 96 tosses


@pytest.fixture(scope="module")
def toy():
    return make_toy()


@pytest.fixture(scope="module")
def found(toy):
    return {each.entropy_weight: each for each in collapse.search_toy(toy)}


def errors_on_new_points(toy, labeling):
    return [each.test_error for each in fit(toy, labeling)]


# --- which labelings generalize ----------------------------------------------------------------


@cases("seed", SEEDS)
@cases("name", LABELINGS)
def test_any_labeling_can_be_fitted(name, seed):
    other = make_toy(seed=seed)
    assert [each.train_error for each in fit(other, LABELINGS[name](other))] == [0, 0]


@cases("seed", SEEDS)
def test_the_human_labeling_generalizes_in_both_views(seed):
    other = make_toy(seed=seed)
    assert max(errors_on_new_points(other, other.shape)) <= LITTLE


@cases("seed", SEEDS)
def test_brightness_generalizes_in_the_first_view_only(seed):
    other = make_toy(seed=seed)
    first, second = errors_on_new_points(other, other.brightness)
    assert first <= LITTLE
    assert abs(second - CHANCE) < NEAR_CHANCE


def test_random_labelings_are_all_fitted_and_none_generalizes(toy):
    train, test = random_errors(toy, 300)
    assert train.shape == test.shape == (2, 300)
    assert train.max() == 0
    assert test.min() > 0.25
    assert np.abs(test.mean(1) - CHANCE).max() < 0.02


def test_many_random_labelings_at_once_are_as_one_by_one(toy):
    _, test = random_errors(toy, 3)
    alone = [errors_on_new_points(toy, random_labeling(toy, seed)) for seed in range(3)]
    assert np.allclose(test.T, alone, atol=0.03)  # fits end within a tolerance


def test_one_class_is_never_wrong(toy):
    fits = fit(toy, one_class(toy))
    assert [(each.train_error, each.test_error, each.guess_error) for each in fits] == [(0, 0, 0)] * 2
    for alone, shapes in zip(fits, fit(toy, toy.shape), strict=True):
        assert alone.test_loss < 0.5 * shapes.test_loss


def test_cuts_generalize_in_the_view_they_are_made_in_and_elsewhere_only_near_the_shapes(toy):
    shapes, between, brightness = (errors_on_new_points(toy, cut(toy, 0, degrees, 0)) for degrees in (0, 45, 90))
    assert max(shapes) <= LITTLE
    assert brightness[0] <= LITTLE
    assert brightness[1] > CHANCE - NEAR_CHANCE
    assert shapes[1] < between[1] < brightness[1] + LITTLE
    assert (cut(toy, 0, 180, 0) == 1 - cut(toy, 0, 0, 0)).all()
    assert cut(toy, 1, 30, 100).max() == 0


# --- the fit -------------------------------------------------------------------------------------


def test_the_classifier_is_logistic_regression_on_the_train_rows(toy):
    view, labeling = toy.views[1], toy.brightness
    rows = view.features.numpy().astype(np.float64)
    reference = LogisticRegression(C=1 / (RIDGE / 2 * toy.train.sum()), fit_intercept=False, tol=1e-8, max_iter=10_000)
    # Two weights that are each other's negative have twice the ridge of one.
    reference.fit(rows[toy.train], labeling[toy.train])
    found, weights = fit(toy, labeling)[1], reference.coef_[0]
    assert ((reference.predict(rows) != labeling) == found.wrong).mean() > 0.99
    expected = np.array([*weights[:2], COMMON * weights[-1]])
    assert np.linalg.norm(found.boundary - expected) < 0.05 * np.linalg.norm(expected)


def test_test_rows_do_not_change_the_fit(toy):
    labeling = toy.brightness.copy()
    labeling[~toy.train] = 1 - labeling[~toy.train]
    for given, turned in zip(fit(toy, toy.brightness), fit(toy, labeling), strict=True):
        assert given.boundary == turned.boundary
        assert turned.test_error == pytest.approx(1 - given.test_error)


def test_the_boundary_is_what_the_classifier_says_without_noise(toy):
    for view, each in zip(toy.views, fit(toy, toy.shape), strict=True):
        quiet = view.features.clone()
        quiet[:, 2:-1] = 0
        classifier = view.classifiers(torch.from_numpy(toy.shape)[None])
        said = linear.logits(quiet @ view.whitening.transform, classifier).argmax(1)[:, 0]
        a, b, c = each.boundary
        assert (said.numpy() == (view.plane @ [a, b] + c > 0)).all()


def test_everything_is_the_same_twice(toy):
    again = make_toy()
    assert all((one.features == two.features).all() for one, two in zip(toy.views, again.views, strict=True))
    assert (toy.train == again.train).all()
    assert (random_labeling(toy, 3) == random_labeling(again, 3)).all()
    assert errors_on_new_points(toy, toy.brightness) == errors_on_new_points(again, again.brightness)


@cases("labeling", [np.zeros(3, int), np.full(240, 2), np.full(240, -1)])
def test_other_labelings_are_refused(toy, labeling):
    with pytest.raises(InputError, match="240 points"):
        fit(toy, labeling)


# --- in words ------------------------------------------------------------------------------------


@cases(
    ("name", "says"),
    [
        ("human", "generalizes in both views"),
        ("brightness", "generalizes only in view 1"),
        ("random", "it is memorized"),
        ("one class", "useless"),
    ],
)
def test_the_conclusion_is_what_the_numbers_say(toy, name, says):
    labeling = LABELINGS[name](toy)
    assert says in conclusion(labeling, fit(toy, labeling))


def test_a_handful_of_points_cannot_pass_for_a_labeling_that_generalizes(toy):
    labeling = one_class(toy)
    labeling[:: toy.num_points // 6] = 1
    first, second = fit(toy, labeling)
    assert max(first.test_error, second.test_error) < 0.1  # nearly everything is in the other class
    assert "no better than guessing" in conclusion(labeling, (first, second))


# --- the entropy weight --------------------------------------------------------------------------


def test_without_the_entropy_term_everything_ends_in_one_class(found):
    assert found[0.0].shares.max() == 1
    assert found[0.0].collapsed > found[0.0].num_seeds / 2
    assert found[0.0].label_entropy == 0


def test_with_it_the_search_finds_the_shapes(found):
    for weight in (1.0, 2.0, 5.0, 10.0):
        assert found[weight].accuracy > 0.98
        assert found[weight].shares.min() > 0.45
    assert found[10.0].collapsed == 0


def test_the_weight_decides_which_of_the_two_is_better(found):
    collapsed, shapes = found[0.0], found[10.0]
    assert collapsed.test_error < shapes.test_error
    assert collapsed.objective(0) < shapes.objective(0)
    assert collapsed.objective(1) > shapes.objective(1)


def test_a_search_is_the_same_twice_and_tells_how_far_it_is(toy, found):
    shares = []
    (again,) = collapse.search_toy(toy, [2.0], on_progress=shares.append)
    assert (again.labeling == found[2.0].labeling).all()
    assert again.test_error == found[2.0].test_error
    assert shares == sorted(shares)
    assert shares[-1] == 1


# --- figures -------------------------------------------------------------------------------------


def fits_figure(toy, labeling):
    fits = fit(toy, labeling)
    return drawn.toy_fits(
        [view.plane for view in toy.views], labeling, toy.shape, toy.train, [each.wrong for each in fits],
        [each.boundary for each in fits], [each.guess_error for each in fits],
    )  # fmt: skip


def test_every_point_carries_its_number_in_both_views(toy):
    clouds = [trace for trace in fits_figure(toy, toy.shape).data if trace.customdata is not None]
    assert [list(cloud.customdata) for cloud in clouds] == [list(range(toy.num_points))] * 2
    assert np.allclose(clouds[1].y, toy.views[1].plane[:, 1])


def test_crosses_and_bars_are_the_errors(toy):
    fig, fits = fits_figure(toy, toy.brightness), fit(toy, toy.brightness)
    clouds = [
        trace for trace in fig.data if trace.type == "scatter" and trace.mode == "markers" and trace.showlegend is False
    ]
    crosses = [len(trace.x) for trace in clouds if trace.customdata is None]
    assert crosses == [each.wrong.sum() for each in fits]
    bars = [list(trace.x) for trace in fig.data if trace.type == "bar"]
    assert np.allclose(bars, [[100 * each.test_error, 100 * each.train_error] for each in fits])


def test_regions_meet_at_the_boundary():
    half, rest = drawn._beyond(1, 0, -0.5), drawn._beyond(-1, 0, 0.5)
    assert half[:, 0].min() == rest[:, 0].max() == pytest.approx(0.5)
    assert drawn._beyond(0, 0, 1).shape == (4, 2)
    assert drawn._beyond(0, 0, -1).shape == (0, 2)


def test_one_class_leaves_nothing_to_guess(toy):
    layout = json.loads(fits_figure(toy, one_class(toy)).to_json())["layout"]
    assert not layout.get("shapes")
    assert [note["text"] for note in layout["annotations"]] == ["View 1", "View 2"]


def test_shares_are_stacked_for_every_weight():
    fig = drawn.toy_shares(["0", "10"], [[0, 1], [0.5, 0.5]], 1)
    assert [list(bar.y) for bar in fig.data] == [[0, 50], [100, 50]]
    with pytest.raises(InputError):
        drawn.toy_shares(["0"], [[0, 1], [0.5, 0.5]], 0)
