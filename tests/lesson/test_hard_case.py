"""The lesson's hard case: one of two pairs misleads, and the panel says which without a label."""

from dataclasses import replace

import numpy as np
import pytest

import hume
from hume.common.errors import InputError
from hume.lesson import hard_case
from pages._state import datasets
from tests.support.app_driver import figures, look, press, rerun, until


@pytest.fixture(scope="module")
def digits():
    return hume.load_dataset("digits")


@pytest.fixture(scope="module")
def searched(tmp_path_factory, digits):
    """A home in which both pairs were searched, and the progress that was told."""
    home, told = tmp_path_factory.mktemp("home"), []
    hard_case.search_both(home, digits, told.append)
    return home, told


@pytest.fixture
def cases(searched, digits):
    return hard_case.read_both(searched[0], digits)


def test_brightness_profiles_are_means_of_rows_and_columns(digits):
    space = hard_case.with_profiles(digits).space(hard_case.HARD)
    assert space.features.shape == (digits.num_samples, 16)
    picture = digits.images[7].astype(float) / digits.images.max()
    np.testing.assert_allclose(space.features[7], [*picture.mean(0), *picture.mean(1)], rtol=1e-5)
    assert set(digits.spaces) == {"simclr", "lite0", "pixels"}
    with pytest.raises(InputError, match="no pictures"):
        hard_case.with_profiles(replace(digits, folder=None))


def test_the_misleading_pair_scores_higher_and_is_worse(cases):
    good, hard = cases
    assert hard.kept.cv_score.mean() > good.kept.cv_score.mean() + 0.05
    assert hard.vote_accuracy < good.vote_accuracy - 0.1
    assert hard.correlation.high < 0 < good.correlation.low


def test_the_panel_warns_of_it_and_only_of_it_without_labels(cases, searched, digits):
    assert [case.trust.verdict for case in cases] == ["trustworthy", "not to be trusted"]
    blind = hard_case.read_both(searched[0], replace(digits, labels=None))
    assert [case.trust.sentence for case in blind] == [case.trust.sentence for case in cases]
    with pytest.raises(InputError, match="no labels"):
        blind[0].vote_accuracy  # noqa: B018


def test_progress_rises_to_its_end(searched):
    told = searched[1]
    assert told == sorted(told)
    assert told[-1] == 1


def test_nothing_is_there_before_the_search(tmp_path, digits):
    assert hard_case.read_both(tmp_path, digits) is None


def test_the_step_searches_both_pairs_and_hides_peoples_labels(home, monkeypatch):
    monkeypatch.setattr(hard_case, "NUM_SEEDS", 10)
    at = look("learn-trust")
    press(at, "hard case")
    until(lambda: hard_case.read_both(home.home, datasets.dataset("digits")) is not None)
    rerun(at)
    assert {"lite0 judged", "profiles judged"} <= set(figures(at))
    assert not [text.value for text in at.markdown if "agrees with people" in text.value]
    rerun(at.toggle(key="lesson_truth").set_value(True))
    assert {"lite0 revealed", "profiles revealed"} <= set(figures(at))
    assert len([text.value for text in at.markdown if "agrees with people" in text.value]) == 2
