"""Maps by columns of the data, and colours by columns and other labelings."""

import numpy as np
import pytest

from hume.common.errors import InputError
from hume.reporting import map_sentences
from hume.reporting.maps.colouring import of_column, of_labeling
from hume.reporting.maps.own import WORLD, coastline, own_map, usual_axes

N = 12
COLUMNS = {
    "depth": np.arange(N, dtype=float),
    "name": np.array([f"s{i}" for i in range(N)], object),
    "Lon": np.linspace(-170, 170, N),
    "Lat": np.linspace(-60, 60, N),
    "none": np.full(N, np.nan),
}


def test_columns_are_told_by_their_kinds():
    assert map_sentences.columns({}) == ""
    told = map_sentences.columns(
        {"a": COLUMNS["depth"], "b": np.array(["x", ""], object), "c": np.array(["NaT"], "M8[us]")}
    )
    assert told == "Columns: a (numbers), b (text, 1 missing), c (dates, 1 missing)."


def test_coordinates_are_known_by_their_names():
    assert usual_axes(COLUMNS) == ("Lon", "Lat")
    assert usual_axes({"spatial x": COLUMNS["Lon"], "a": COLUMNS["Lat"], "spatial y": COLUMNS["Lat"]}) == (
        "spatial x",
        "spatial y",
    )
    assert usual_axes({"b": COLUMNS["Lon"], "a": COLUMNS["Lat"]}) == ("b", "a")
    assert usual_axes({name: COLUMNS[name] for name in ("depth", "name", "none")}) is None


def test_only_degrees_lie_on_the_earth():
    assert own_map(COLUMNS, "Lon", "Lat").panel.box == WORLD
    metres = {"lon": COLUMNS["Lon"] * 1e4, "lat": COLUMNS["Lat"]}
    assert own_map(metres, "lon", "lat").panel.outline is None
    assert own_map(COLUMNS, "Lat", "Lon").panel.box is None
    assert not own_map(COLUMNS, "depth", "Lat").panel.keeps_shape


def test_the_land_lies_on_the_earth_without_lines_across_it():
    outline = coastline()
    steps = np.abs(np.diff(outline[:, 0]))
    assert np.nanmax(steps) < 180
    assert (np.nanmin(outline, axis=0) >= (-180.001, -90)).all()
    assert (np.nanmax(outline, axis=0) <= (180.001, 90)).all()


def test_samples_without_a_place_are_left_out_and_counted():
    longitude = COLUMNS["Lon"].copy()
    longitude[[0, 7]] = np.nan
    made = own_map({**COLUMNS, "Lon": longitude}, "Lon", "Lat")
    assert made.panel.map.rows.tolist() == [1, 2, 3, 4, 5, 6, 8, 9, 10, 11]
    assert map_sentences.own(made) == "2 samples without a number in one of the columns are left out."
    flat = own_map({"a": np.ones(N), "b": np.ones(N)}, "a", "b")
    assert map_sentences.own(flat) == "All samples have the same place: choose other columns."
    assert map_sentences.own(own_map(COLUMNS, "depth", "Lat")) == ""
    apart = {"a": np.where(np.arange(N) < 6, np.nan, 1.0), "b": np.where(np.arange(N) < 6, 1.0, np.nan)}
    with pytest.raises(InputError, match="no sample has both a and b"):
        own_map(apart, "a", "b")
    with pytest.raises(InputError, match=r"no column of numbers 'name': choose one of depth, Lon, Lat"):
        own_map(COLUMNS, "name", "Lat")


def test_frequent_values_have_colours_and_too_many_are_said():
    column = np.array(["b"] * 5 + ["a"] * 3 + [""] * 2 + [f"v{i}" for i in range(60)], object)
    colour = of_column("kind", column)
    assert len(colour.names) == 50
    assert {"a", "b"} <= set(colour.names)
    assert colour.rest == "none or one of 12 others"
    shown = [colour.names[k] if k >= 0 else None for k in colour.classes]
    assert all(name in (None, cell) for name, cell in zip(shown, column, strict=True))
    with pytest.raises(InputError, match="id has 1,000,000 values, too many to colour"):
        of_column("id", np.array([str(i) for i in range(1_000_000)], object))


def test_another_labeling_has_the_colours_of_its_counterparts():
    rng = np.random.default_rng(0)
    found = rng.integers(0, 4, 200)
    renamed = np.array([2, 3, 1, 0])[found]
    colour = of_labeling("other", renamed, found, ["a", "b", "c", "d"])
    np.testing.assert_array_equal(colour.classes, found)
    more = np.where(np.arange(200) < 5, 4, renamed)
    colour = of_labeling("other", more, found, ["a", "b", "c", "d"])
    assert colour.names[4] == "Class 4"
    assert (colour.classes[:5] == 4).all()
