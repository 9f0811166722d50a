"""What a search reports: train and test rows kept apart, ground truth for display only, nothing invented without it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hume.common import devices
from hume.common.errors import InputError
from hume.data import splits
from hume.data.dataset import Dataset, Space
from hume.engine.config import Config
from hume.evaluation.metrics import clustering_accuracy
from hume.runs import discover, result, scores, searching
from tests.support.planted import planted
from tests.support.rules import cases

CLASSES, SIZE = 3, 100
SEEDS = range(4)


def as_dataset(phi1, phi2, labels=None, test_rows=None):
    spaces = {"first": Space("first", phi1), "second": Space("second", phi2)}
    return Dataset(name="planted", spaces=spaces, labels=labels, test_rows=test_rows)


@pytest.fixture(scope="module")
def split():
    """A dataset with ground truth, of which every third row is the test split."""
    phi1, phi2, truth = planted(size=SIZE)
    return as_dataset(phi1, phi2, truth, np.arange(len(truth)) % 3 == 0)


@pytest.fixture(scope="module")
def inductive(split):
    return discover.discover(
        split, num_classes=CLASSES, class_sizes="equal", seeds=SEEDS, setting="inductive", device="cpu"
    )


@pytest.fixture(scope="module")
def transductive(split):
    return discover.discover(split, num_classes=CLASSES, class_sizes="equal", seeds=SEEDS, device="cpu")


def test_rows_of_either_setting(split):
    np.testing.assert_array_equal(splits.searched_rows(split, "inductive"), ~split.test_rows)
    assert splits.searched_rows(split, "transductive").all()
    np.testing.assert_array_equal(splits.evaluated_rows(split), split.test_rows)
    whole = replace(split, test_rows=None)
    assert splits.searched_rows(whole, "inductive").all()
    assert splits.evaluated_rows(whole).all()


def test_the_result_says_what_was_asked_and_found(inductive, split):
    N = split.num_samples
    assert inductive.setting == "inductive"
    assert inductive.config.num_classes == CLASSES
    assert inductive.seeds == tuple(SEEDS)
    assert inductive.labelings.shape == (4, N)
    assert inductive.labelings.dtype == searching.LABEL_TYPE
    assert inductive.prototypes.shape == (4, CLASSES, 8)
    np.testing.assert_allclose(
        inductive.prototypes @ inductive.prototypes.transpose(0, 2, 1), np.tile(np.eye(CLASSES), (4, 1, 1)), atol=1e-5
    )
    assert np.isfinite(inductive.objective).all()
    assert inductive.objective.shape == inductive.scores.cv_score.shape == (4,)
    assert inductive.seconds > 0
    assert inductive.device == "cpu"


@pytest.mark.parametrize("setting", ["inductive", "transductive"])
def test_planted_classes_are_recovered(setting, inductive, transductive, split):
    found = {"inductive": inductive, "transductive": transductive}[setting]
    assert found.scores.vote_agreement.acc > 0.9
    assert clustering_accuracy(split.labels, found.scores.vote.labeling) > 0.9
    assert found.scores.cv_score.max() > 0.85


def test_an_inductive_search_never_sees_the_test_rows(inductive, split):
    """Other features in the test rows, another magnitude even, leave the prototypes as they were."""
    rng = np.random.default_rng(1)
    changed = {}
    for name, space in split.spaces.items():
        features = space.features.copy()
        features[split.test_rows] = 50 * rng.normal(size=(split.test_rows.sum(), 8)) + 7
        changed[name] = Space(name, features)
    again = discover.discover(
        replace(split, spaces=changed),
        num_classes=CLASSES,
        class_sizes="equal",
        seeds=SEEDS,
        setting="inductive",
        device="cpu",
    )
    np.testing.assert_array_equal(again.prototypes, inductive.prototypes)
    np.testing.assert_array_equal(again.objective, inductive.objective)
    train = ~split.test_rows
    np.testing.assert_array_equal(again.labelings[:, train], inductive.labelings[:, train])
    assert (again.labelings[:, ~train] != inductive.labelings[:, ~train]).any()


def test_a_transductive_search_sees_all_rows(inductive, transductive):
    assert np.abs(transductive.prototypes - inductive.prototypes).max() > 1e-3


def test_scores_are_those_of_the_test_rows(inductive, split):
    rows = split.test_rows
    np.testing.assert_array_equal(inductive.evaluated, rows)
    scores = inductive.scores
    assert scores.vote.labeling.shape == (split.num_samples,)
    assert scores.vote_agreement.acc == clustering_accuracy(split.labels[rows], scores.vote.labeling[rows])
    for labeling, agreement in zip(inductive.labelings, scores.seed_agreement, strict=True):
        assert agreement.acc == clustering_accuracy(split.labels[rows], labeling[rows])
    # Nonsense outside these rows goes unnoticed.
    noisy = inductive.labelings.copy()
    noisy[:, ~rows] = 0
    again = result.score_labelings(split, "second", noisy, CLASSES)
    np.testing.assert_array_equal(again.cv_score, scores.cv_score)
    assert again.vote_agreement == scores.vote_agreement


def test_without_ground_truth_nothing_is_claimed(transductive, split):
    blind = discover.discover(
        replace(split, labels=None), num_classes=CLASSES, class_sizes="equal", seeds=SEEDS, device="cpu"
    )
    assert blind.scores.vote_agreement is None
    assert blind.scores.seed_agreement is None
    assert blind.scores.correlation is None
    np.testing.assert_array_equal(blind.scores.cv_score, transductive.scores.cv_score)
    summary = scores.summary(blind.scores)
    assert summary["acc"] is summary["ari"] is summary["nmi"] is None
    assert set(summary["vote"].values()) == set(summary["correlation"].values()) == {None}
    assert scores.summary(transductive.scores)["vote"].keys() == summary["vote"].keys()


def test_ground_truth_never_influences_the_labels(transductive, split):
    shuffled = np.random.default_rng(2).permutation(split.labels)
    again = discover.discover(
        replace(split, labels=shuffled), num_classes=CLASSES, class_sizes="equal", seeds=SEEDS, device="cpu"
    )
    np.testing.assert_array_equal(again.labelings, transductive.labelings)
    np.testing.assert_array_equal(again.prototypes, transductive.prototypes)
    np.testing.assert_array_equal(again.scores.vote.labeling, transductive.scores.vote.labeling)
    np.testing.assert_array_equal(again.scores.cv_score, transductive.scores.cv_score)
    assert again.scores.vote_agreement.acc < 0.6


@cases("number", [1, 2, 3])
def test_a_summary_of_few_seeds_is_json_without_nan(number, split):
    found = discover.discover(split, num_classes=CLASSES, class_sizes="equal", seeds=range(number), device="cpu")
    text = json.dumps(scores.summary(found.scores), allow_nan=False)
    assert len(json.loads(text)["cv_score"]) == number
    if number < 3:
        assert found.scores.correlation is None


def test_steps_are_seen_and_seeds_keep_their_order(split):
    config = Config(num_classes=CLASSES, num_iterations=5, num_train=100, num_test=50, num_splits=1, centre=True)
    seen = []
    found = discover.discover(
        split, seeds=[7, 2], config=config, device="cpu", on_step=seen.append, num_classes=CLASSES
    )
    assert [step.iteration for step in seen] == [0, 1, 2, 3, 4]
    assert [step.progress for step in seen] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert found.seeds == (2, 7)
    assert found.config is config
    alone = discover.discover(split, seeds=[7], config=config, device="cpu", num_classes=CLASSES)
    assert np.mean(alone.labelings[0] == found.labelings[1]) >= 0.995


def test_spaces_can_be_named(split):
    config = Config(num_classes=CLASSES, num_iterations=3, num_train=100, num_test=50, num_splits=1)
    wide = replace(split, spaces={**split.spaces, "wide": Space("wide", np.tile(split.spaces["first"].features, 2))})
    found = discover.discover(
        wide, phi1="wide", phi2="first", seeds=[0], config=config, device="cpu", num_classes=CLASSES
    )
    assert found.prototypes.shape == (1, CLASSES, 16)


def test_what_cannot_be_searched_is_refused(split):
    with pytest.raises(InputError, match="num_classes"):
        discover.discover(split, seeds=[0])
    with pytest.raises(InputError, match="at least 1 seed"):
        discover.discover(split, num_classes=CLASSES, seeds=[])
    with pytest.raises(InputError, match="distinct"):
        discover.discover(split, num_classes=CLASSES, seeds=[1, 1], device="cpu")
    with pytest.raises(InputError, match="first, second"):
        discover.discover(split, num_classes=CLASSES, phi1="third")
    with pytest.raises(InputError, match="preset"):
        discover.discover(split, num_classes=CLASSES, preset="slow")
    with pytest.raises(InputError, match="tpu"):
        devices.choose_device("tpu")
    # The inductive search has 200 of the 300 rows.
    config = Config(num_classes=CLASSES, num_train=150, num_test=100)
    with pytest.raises(InputError, match="has 200"):
        discover.discover(split, seeds=[0], config=config, setting="inductive", device="cpu", num_classes=CLASSES)


def test_the_card_tells_the_number_of_classes(split):
    assert discover.classes_of(replace(split, classes=("a", "b")), None) == 2
    assert discover.classes_of(replace(split, classes=("a", "b")), 5) == 5
    with pytest.raises(InputError, match="planted does not say"):
        discover.classes_of(split, None)
