"""The lesson's hard case: one of two pairs misleads, and the panel says which without a label."""

from dataclasses import replace

import numpy as np
import pytest

import hume
from hume.common.errors import InputError
from hume.lesson import hard_case
from pages._state import datasets
from tests.support.app_driver import figures, look, press, rerun, until
from tests.support.planted_runs import shorten


@pytest.fixture(scope="module")
def digits():
    return hume.load_dataset("digits")


@pytest.fixture(scope="module")
def both(digits, tmp_path_factory):
    return hard_case.read_both(tmp_path_factory.mktemp("home"), digits)


@pytest.fixture
def of_others(monkeypatch, tmp_path):
    """What is recorded is of other digits; searches are short."""
    np.savez(tmp_path / "others.npz", fingerprints=["of", "other", "digits"])
    monkeypatch.setattr(hard_case, "RECORDED", tmp_path / "others.npz")
    monkeypatch.setattr(hard_case, "NUM_SEEDS", 10)
    shorten(monkeypatch, hard_case)


def test_brightness_profiles_are_means_of_rows_and_columns(digits):
    space = hard_case.with_profiles(digits).space(hard_case.HARD)
    assert space.features.shape == (digits.num_samples, 16)
    picture = digits.images[7].astype(float) / digits.images.max()
    np.testing.assert_allclose(space.features[7], [*picture.mean(0), *picture.mean(1)], rtol=1e-5)
    assert set(digits.spaces) == {"simclr", "lite0", "pixels"}
    with pytest.raises(InputError, match="no pictures"):
        hard_case.with_profiles(replace(digits, folder=None))


def test_the_misleading_pair_scores_higher_and_is_worse(both):
    good, hard = both
    assert hard.cv_score.mean() > good.cv_score.mean() + 0.05
    assert hard.vote_accuracy < good.vote_accuracy - 0.1
    assert hard.correlation.high < 0 < good.correlation.low


def test_the_panel_warns_of_it_and_only_of_it_without_labels(both, digits, tmp_path):
    assert [case.trust.verdict for case in both] == ["reliable", "not reliable"]
    blind = hard_case.read_both(tmp_path, replace(digits, labels=None))
    assert [case.trust.evidence for case in blind] == [case.trust.evidence for case in both]
    with pytest.raises(InputError, match="no labels"):
        blind[0].vote_accuracy  # noqa: B018


@pytest.mark.usefixtures("of_others")
def test_other_digits_are_searched_and_what_is_found_is_kept(tmp_path, digits):
    assert hard_case.read_both(tmp_path, digits) is None
    told = []
    hard_case.search_both(tmp_path, digits, told.append)
    assert told == sorted(told)
    assert told[-1] == 1
    kept = hard_case.read_both(tmp_path, digits)
    hard_case.record(hard_case.RECORDED, digits)
    for one, other in zip(kept, hard_case.read_both(tmp_path / "new", digits), strict=True):
        np.testing.assert_array_equal(one.labelings, other.labelings)
        np.testing.assert_array_equal(one.cv_score, other.cv_score)
        np.testing.assert_array_equal(one.trust.phi1_score, other.phi1_score)


@pytest.mark.usefixtures("of_others")
def test_the_step_offers_a_search_of_other_digits(home):
    at = look("learn-trust")
    press(at, "hard case")
    until(lambda: hard_case.read_both(home.home, datasets.dataset("digits")) is not None)
    assert {"lite0 judged", "profiles judged"} <= set(figures(rerun(at)))


@pytest.mark.usefixtures("home")
def test_the_step_shows_both_pairs_and_hides_peoples_labels():
    at = look("learn-trust")
    assert {"lite0 judged", "profiles judged"} <= set(figures(at))
    assert not [text.value for text in at.markdown if "agrees with people" in text.value]
    rerun(at.toggle(key="lesson_truth").set_value(True))
    assert {"lite0 revealed", "profiles revealed"} <= set(figures(at))
    assert len([text.value for text in at.markdown if "agrees with people" in text.value]) == 2
