"""What the browser gets to draw a map: rows travel with their points, selections come back whole."""

import base64

import numpy as np
import pytest

from hume.common.errors import InputError
from hume.reporting.figures import palette
from hume.reporting.maps import Map
from hume.reporting.maps.scene import Colour, Panel, normalized, rows_of, scene, selection_of
from tests.support.rules import cases

RNG = np.random.default_rng(0)


def read(made, given):
    array = made.arrays[given["key"]]
    assert array.dtype.name == given["type"]
    return array


@pytest.mark.parametrize("order", ["rising", "part"])
def test_rows_travel_with_their_points(order):
    """What a point stands for never depends on its place in an array."""
    rows = np.arange(50) if order == "rising" else np.sort(RNG.permutation(50)[:20])
    positions = RNG.normal(size=(len(rows), 2)).astype(np.float32)
    classes = RNG.integers(-1, 4, 50)
    made = scene([Panel("a", Map(rows, positions, 50))], [Colour("kind", classes, list("abcd"))], num_samples=50)
    (panel,) = made.data["panels"]
    sent = rows if panel["rows"] is None else read(made, panel["rows"])
    np.testing.assert_array_equal(sent, rows)
    places = read(made, panel["places"]).reshape(-1, 2)
    assert (places.min(), places.max()) == (-1, 1)
    low, high = positions.min(axis=0), positions.max(axis=0)
    np.testing.assert_allclose(low + (places + 1) / 2 * (high - low), positions, atol=1e-5)
    codes = read(made, made.data["colours"][0]["codes"]).astype(int)
    np.testing.assert_array_equal(np.where(codes == 255, -1, codes), classes)


def test_many_classes_and_gaps_in_numbers():
    classes = np.arange(300) - 1
    many = Colour("kind", classes, [str(k) for k in range(299)])
    panel = Panel("a", Map(np.arange(300), np.zeros((300, 2), np.float32), 300))
    made = scene([panel], [many], num_samples=300)
    codes = read(made, made.data["colours"][0]["codes"]).astype(int)
    np.testing.assert_array_equal(np.where(codes == 65535, -1, codes), classes)
    made = scene([panel], [Colour("depth", values=np.array([np.nan, -np.inf, *range(298)]))], num_samples=300)
    assert [made.data["colours"][0][key] for key in ("low", "high", "missing")] == [0, 297, 2]
    with pytest.raises(InputError, match=r"kind has 1,001 values: a map can tell 1,000 apart"):
        scene([panel], [Colour("kind", classes, ["x"] * 1001)], num_samples=300)
    with pytest.raises(InputError, match=r"shape \(3,\) for 300 samples"):
        scene([panel], [Colour("kind", np.arange(3), ["x"])], num_samples=300)


def test_places_keep_their_precision_and_shape():
    far = np.array([[5e6, 1.0], [5e6 + 0.5, 3.0], [5e6 + 1, 2.0]])
    places, aspect = normalized(far)
    np.testing.assert_array_equal(places, [[-1, -1], [0, 1], [1, 0]])
    assert aspect == 0.5
    np.testing.assert_array_equal(normalized(np.ones((3, 2)))[0], np.zeros((3, 2)))
    np.testing.assert_array_equal(normalized([[0, 0], [90, 45]], (-180, 180, -90, 90))[0], [[0, 0], [0.5, 0.5]])


@cases("count", [0, 3, 2000, 2001, 5000])
def test_a_selection_goes_to_the_browser_and_comes_back(count):
    rows = np.sort(RNG.permutation(5000)[:count])
    sent = selection_of(rows, 5000)
    assert ("mask" in sent) == (count > 2000)
    np.testing.assert_array_equal(rows_of(sent, 5000), rows)


@cases(
    "message",
    [None, 7, [1], {}, {"rows": "1"}, {"rows": list(range(3000))}, {"mask": 5}, {"mask": "é"}, {"mask": "A" * 10**6}],
)
def test_what_no_map_sends_is_no_selection(message):
    assert rows_of(message, 5000) is None


def test_rows_of_no_sample_are_left_out():
    assert rows_of({"rows": [3, -1, 99, True, 2.0, "4", None, 3, 1]}, 10).tolist() == [3, 1]
    assert rows_of({"mask": base64.b64encode(b"\xff" * 2).decode()}, 10).tolist() == list(range(10))


@pytest.mark.parametrize("name", palette.CLASS_PALETTES)
def test_a_chosen_palette_colours_every_figure(name):
    token = palette.class_palette.set(name)
    try:
        looks = list(zip(palette.class_colors(40), palette.class_symbols(40), strict=True))
        assert len(set(looks)) == 40
        assert looks[0] == (palette.CLASS_PALETTES[name][0], "circle")
    finally:
        palette.class_palette.reset(token)
