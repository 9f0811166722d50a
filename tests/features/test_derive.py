"""Derived spaces: each step against its formula, PCA against numpy's, nothing made twice."""

import numpy as np
import pytest

from hume.common.errors import InputError
from hume.data.importers.arrays import import_features
from hume.features import derive as module
from hume.features.derive import derive
from hume.features.recipe import Recipe
from tests.support.rules import cases


@pytest.fixture
def made(tmp_path):
    generator = np.random.default_rng(0)
    mixing = generator.standard_normal((6, 6)) * np.float64([5, 3, 2, 1, 0.5, 0.2])[:, None]
    first = generator.standard_normal((80, 6)) @ mixing + 3
    second = generator.standard_normal((80, 4)) * 20
    split = np.arange(80) % 4 == 0
    return import_features({"first": first, "second": second}, tmp_path, "two", test_rows=split, licence="MIT")


def rows_of(folder, name):
    return np.asarray(folder.load().space(name).features, dtype=np.float64)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3 * np.abs(expected).max())


def test_side_by_side_each_of_unit_length(made):
    name = derive(made, Recipe(spaces=("first", "second")))
    close(rows_of(made, name), np.hstack([unit(rows_of(made, "first")), unit(rows_of(made, "second"))]))


def test_side_by_side_each_scaled_or_left(made):
    first, second = rows_of(made, "first"), rows_of(made, "second")
    scaled = derive(made, Recipe(spaces=("first", "second"), balance="scale"))
    expected = [each / np.sqrt(np.square(each).sum(1).mean()) for each in (first, second)]
    close(rows_of(made, scaled), np.hstack(expected))
    left = derive(made, Recipe(spaces=("second", "first"), balance="none"))
    close(rows_of(made, left), np.hstack([second, first]))


def test_centred_then_of_unit_length(made):
    rows = rows_of(made, "first")
    close(rows_of(made, derive(made, Recipe(spaces=("first",), centre=True))), rows - rows.mean(0))
    both = derive(made, Recipe(spaces=("first",), centre=True, unit=True))
    close(rows_of(made, both), unit(rows - rows.mean(0)))


@cases("exact", [True, False])
@cases("whiten", [False, True])
def test_pca_agrees_with_a_singular_value_decomposition(made, monkeypatch, exact, whiten):
    if not exact:
        monkeypatch.setattr(module, "EXACT_DIM", 2)
        monkeypatch.setattr(module, "SPARE", 1)
    rows = rows_of(made, "first")
    centred = rows - rows.mean(0)
    values, directions = np.linalg.svd(centred, full_matrices=False)[1:]
    expected = centred @ directions[:3].T / (values[:3] / np.sqrt(80) if whiten else 1)
    name = derive(made, Recipe(spaces=("first",), pca=3, whiten=whiten))
    found = rows_of(made, name)
    close(found * np.sign((found * expected).sum(0)), expected)
    share = (values[:3] ** 2).sum() / (values**2).sum()
    assert f"{100 * share:.1f} % of the variance" in made.load().space(name).made


def test_small_blocks_change_nothing(made, monkeypatch):
    recipe = Recipe(spaces=("first", "second"), balance="scale", centre=True, unit=True, pca=4)
    whole = rows_of(made, derive(made, recipe, "whole"))
    made.drop_space("whole")
    monkeypatch.setattr(module, "BLOCK_BYTES", 4 * 10 * 7)
    monkeypatch.setattr(module, "MOMENT_ROWS", 3)
    told = []
    close(rows_of(made, derive(made, recipe, "parts", on_progress=told.append)), whole)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)


def test_training_rows_alone_can_be_asked(made):
    rows, test = rows_of(made, "first"), made.load().test_rows
    name = derive(made, Recipe(spaces=("first",), centre=True, train_rows=True))
    close(rows_of(made, name), rows - rows[~test].mean(0))
    assert name != derive(made, Recipe(spaces=("first",), centre=True))
    (made.path / "test_rows.npy").unlink()
    with pytest.raises(InputError, match="no training rows"):
        derive(made, Recipe(spaces=("first",), unit=True, train_rows=True))


def test_nothing_is_made_twice(made):
    recipe = Recipe(spaces=("first", "second"), pca=2)
    name = derive(made, recipe)
    assert derive(made, recipe, "another name") == name
    assert derive(made, Recipe(spaces=("first", "second"), pca=3)) != name


def test_the_card_says_how_it_was_made(made):
    name = derive(made, Recipe(spaces=("first", "second"), centre=True, unit=True, pca=5, whiten=True))
    space = made.load().space(name)
    assert space.features.dtype == np.float16
    assert space.kind == "derived"
    assert space.licence == "MIT"
    assert space.title == "first + second, centred, L2, PCA 5, whitened"
    assert space.made.startswith("Derived from first (6 dimensions) and second (4 dimensions), concatenated")
    assert made.card()["spaces"][name]["recipe"]["pca"] == 5
    assert not list(made.path.glob(".part-*"))


@cases(
    ("options", "message"),
    [
        ({"spaces": ()}, "at least one"),
        ({"spaces": ("a", "a")}, "twice"),
        ({"spaces": ("a",)}, "stay unchanged"),
        ({"spaces": ("a", "b"), "balance": "half"}, "balance"),
        ({"spaces": ("a",), "pca": 0}, "at least 1"),
        ({"spaces": ("a",), "unit": True, "whiten": True}, "whitening needs a PCA"),
    ],
)
def test_a_recipe_that_cannot_be(options, message):
    with pytest.raises(InputError, match=message):
        Recipe(**options)


def test_what_cannot_be_derived_leaves_nothing(made):
    with pytest.raises(InputError, match="PCA to 7 dimensions of 6"):
        derive(made, Recipe(spaces=("first",), pca=7))
    with pytest.raises(InputError, match="no space 'third'"):
        derive(made, Recipe(spaces=("third",), unit=True))
    with pytest.raises(InputError, match="already"):
        derive(made, Recipe(spaces=("first",), unit=True), "second")
    with pytest.raises(RuntimeError, match="stop"):
        derive(made, Recipe(spaces=("first",), unit=True), on_progress=stop)
    assert made.space_names() == ["first", "second"]
    assert not list(made.path.glob(".part-*"))


def stop(_):
    raise RuntimeError("stop")


def test_rows_without_a_direction_are_named(tmp_path):
    rows = np.random.default_rng(0).standard_normal((10, 3))
    rows[6] = 0
    folder = import_features(
        {"zero": rows, "line": rows[:, :1] * [[1.0, 2.0]], "same": np.ones((10, 3))}, tmp_path, "d"
    )
    with pytest.raises(InputError, match="row 6 of zero is all zeros"):
        derive(folder, Recipe(spaces=("zero",), unit=True))
    with pytest.raises(InputError, match=r"row 6 of .*zero.npy is all zeros"):
        derive(folder, Recipe(spaces=("zero", "line")))
    with pytest.raises(InputError, match="only 1 directions"):
        derive(folder, Recipe(spaces=("line",), pca=2, whiten=True))
    with pytest.raises(InputError, match="are equal"):
        derive(folder, Recipe(spaces=("same",), pca=1))
