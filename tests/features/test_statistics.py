"""Facts about a space: what was planted is counted, and spectra agree with numpy's."""

import numpy as np
import pytest

from hume.data.dataset import Space
from hume.data.npy_files import FileArray
from hume.features import statistics as module
from hume.features.statistics import space_facts


def facts_of(rows, **options):
    return space_facts(Space("planted", np.asarray(rows)), **options)


@pytest.fixture
def rows():
    return np.random.default_rng(0).standard_normal((60, 7)).astype(np.float32)


def test_planted_rows_and_columns_are_counted(rows):
    rows[:, 3] = 2.5
    rows[[4, 9]] = rows[1]
    rows[20] = rows[7]
    rows[11] = 0
    rows[12] = -0.0
    rows[30] = 2.5
    rows[40, 2] = np.nan
    rows[41] = np.inf
    found = facts_of(rows)
    assert found.num_rows == 60
    assert found.num_columns == 7
    assert found.duplicate_pairs == ((1, 4), (1, 9), (11, 12), (7, 20))
    assert found.num_duplicates == 4
    assert found.zero_rows == (11, 12)
    assert (found.num_zero, found.num_constant, found.constant_rows) == (2, 1, (30,))
    assert (found.num_not_finite, found.not_finite_rows) == (2, (40, 41))
    assert found.num_constant_columns == 0  # the rows of zeros differ there
    rows[[11, 12]] = rows[13]
    again = facts_of(rows)
    assert again.num_constant_columns == 1


def test_norms_and_their_histogram(rows):
    rows = np.abs(rows) + 1
    norms = np.linalg.norm(rows.astype(np.float64), axis=1)
    found = facts_of(rows)
    assert found.norm_median == pytest.approx(np.median(norms))
    assert found.norm_edges[[0, -1]] == pytest.approx([norms.min(), norms.max()])
    assert found.norm_counts.sum() == 60
    assert len(found.norm_edges) == len(found.norm_counts) + 1


@pytest.mark.parametrize("shape", [(60, 7), (9, 40)], ids=["more rows", "more columns"])
def test_the_spectrum_is_that_of_the_covariance(shape):
    rows = np.random.default_rng(1).standard_normal(shape) * np.linspace(0.1, 3, shape[1]) + 10
    expected = np.sort(np.linalg.eigvalsh(np.cov(rows.T)))[::-1].clip(0)
    shares = expected / expected.sum()
    found = facts_of(rows.astype(np.float32))
    np.testing.assert_allclose(found.spectrum, shares, atol=1e-5)
    assert found.effective_rank == pytest.approx(1 / (shares**2).sum(), rel=1e-4)
    assert found.directions_90 == int((shares.cumsum() < 0.9).sum()) + 1
    assert found.spectrum_rows == shape[0]
    assert not found.sampled


def test_equal_variance_in_every_direction_has_full_rank():
    corners = np.concatenate([np.eye(4), -np.eye(4)]).astype(np.float16)
    found = facts_of(corners)
    assert found.effective_rank == pytest.approx(4)
    assert found.directions_90 == 4
    assert found.dtype == "float16"


def test_one_row_over_and_over_has_no_spectrum():
    found = facts_of(np.tile(np.float32([1, 2, 3]), (5, 1)))
    assert found.num_duplicates == 4
    assert found.num_constant_columns == 3
    assert found.effective_rank == 0
    assert not found.spectrum.any()


def test_a_large_space_is_sampled_for_its_spectrum_only(rows, monkeypatch):
    monkeypatch.setattr(module, "SPECTRUM_ROWS", 30)
    rows[59] = rows[0]
    found = facts_of(rows)
    assert found.sampled
    assert found.spectrum_rows == 30
    assert found.num_duplicates == 1
    assert found.norm_counts.sum() == 60


def test_rows_on_disk_in_small_blocks_give_the_same(rows, tmp_path, monkeypatch):
    rows[50] = rows[2]
    np.save(tmp_path / "rows.npy", rows)
    whole = facts_of(rows)
    monkeypatch.setattr(module, "BLOCK_BYTES", 4 * 7 * 8)
    told = []
    streamed = space_facts(Space("planted", FileArray.open(tmp_path / "rows.npy")), told.append)
    assert streamed.duplicate_pairs == whole.duplicate_pairs == ((2, 50),)
    np.testing.assert_array_equal(streamed.spectrum, whole.spectrum)
    assert streamed.norm_median == whole.norm_median
    assert len(told) == 9
    assert told == sorted(told)
    assert told[-1] == 1


def test_nothing_but_rows_that_are_not_finite():
    found = facts_of(np.full((3, 2), np.nan, np.float32))
    assert found.num_not_finite == 3
    assert found.num_duplicates == found.num_zero == found.num_constant_columns == 0
