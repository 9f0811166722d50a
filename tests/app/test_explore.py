"""The Explore page: colours, selections, single samples, and links that restore them."""

import numpy as np
import pytest

from hume.data.columns import write_columns
from hume.evaluation.differences import differences
from hume.reporting.maps import Map, map_key, save_map
from hume.runs.findings import Findings
from hume.runs.sample_table import vote_margin
from tests.support.app_driver import (
    birds,
    circle,
    click,
    component,
    drawn,
    figures,
    galleries,
    given,
    look,
    pick,
    press,
    rerun,
    says,
    tables,
    tiles,
    words,
)
from tests.support.rules import cases

COLOURS = [
    "Found class", "Vote share", "Vote margin", "Neighbour agreement", "φ1/φ2 disagreement",
    "Second labeling of the seeds", "True class", "Right or wrong",
]  # fmt: skip
FIRST = "map first"


@pytest.fixture
def first(library):
    return Findings(library.open("first"))


def sent(at):
    return component(at, FIRST)


def selected(at):
    return [tile[0] for tile in tiles(at, "selection")] if "selection" in galleries(at) else []


# --- the map and its colours --------------------------------------------------------------------------


@cases("colour", COLOURS)
def test_the_map_is_coloured_as_asked(first, colour):
    at = look("explore", run="first")
    assert at.selectbox(key="colour").options[:8] == COLOURS
    at.selectbox(key="colour").set_value(colour)
    points = drawn(rerun(at), FIRST)
    assert sorted(points) == list(range(240))
    shown = [points[row] for row in range(240)]
    vote = first.vote
    numbers = {"Vote share": vote.share, "Vote margin": vote_margin(vote.aligned, vote.labeling, 4)}
    numbers |= {"Neighbour agreement": first.ranking().neighbor_share}
    if colour in numbers:
        np.testing.assert_allclose(shown, numbers[colour], rtol=1e-5)
        return
    if colour.startswith("Second"):
        every = first.modes
        assert any("found one labeling" in caption.value for caption in at.caption) == (len(every) == 1)
        second = differences(vote.labeling, every[min(1, len(every) - 1)].vote.labeling).second
        assert shown == [f"Class {k}" for k in second]
        return
    kinds = {
        "Found class": [f"Class {k}" for k in first.vote.labeling],
        "φ1/φ2 disagreement": first.expected == first.vote.labeling,
        "True class": [first.true_names[k] for k in first.dataset.labels],
        "Right or wrong": first.right,
    }[colour]
    pairs = {(str(kind), name) for kind, name in zip(kinds, shown, strict=True)}
    assert len(pairs) == len({kind for kind, _ in pairs}) == len({name for _, name in pairs})
    if colour in ("Found class", "True class"):
        assert all(kind in name for kind, name in pairs)


def test_without_labels_there_is_nothing_to_colour_by_the_truth(library):
    at = look("explore", run="unlabeled", colour="True class")
    assert not {"True class", "Right or wrong"} & set(at.selectbox(key="colour").options)
    assert at.selectbox(key="colour").value == "Found class"


def test_the_answer_counts_the_samples_that_all_seeds_agree_on(first):
    united = first.vote.share == 1
    at = look("explore", run="first")
    assert says(at.markdown[0].value, f"{united.mean():.1%}", f"{first.right[united].mean():.1%}")


@cases("where", ["φ1", "φ2", "both"])
def test_each_space_has_its_map(first, where):
    at = look("explore", run="first", map=where)
    assert at.segmented_control(key="map").value == where
    assert sorted(drawn(at, FIRST)) == list(range(240))


def test_a_map_of_a_sample_says_so(home):
    data = birds(home)
    given(home, data, "first", [data.labels])
    some = Map(rows=np.arange(0, 240, 2), positions=np.zeros((120, 2), np.float32), num_samples=240)
    save_map(home.home / "maps" / f"{map_key(data.space('phi1'))}.safetensors", some)
    at = look("explore", run="first", rows="1,2")
    assert any("120 random samples of 240" in caption.value for caption in at.caption)
    assert len(drawn(at, FIRST)) == 120
    assert selected(at) == [1, 2]


def test_a_damaged_map_is_named(home):
    data = birds(home)
    given(home, data, "first", [data.labels])
    path = home.home / "maps" / f"{map_key(data.space('phi1'))}.safetensors"
    path.write_bytes(b"nothing")
    assert path.name in look("explore", run="first").error[0].value


def test_the_points_of_the_map_download(first, download):
    lines = download(look("explore", run="first", colour="Vote share"), "map csv").decode("utf-8-sig").splitlines()
    assert lines[0] == "row,x,y,Vote share"
    assert [float(line.split(",")[3]) for line in lines[1:]] == first.vote.share.tolist()


def test_the_map_is_coloured_by_columns_and_other_labelings(home):
    """Every column that came with the data, and labelings of other runs in the colours of their counterparts."""
    data = birds(home)
    sites = [("north", "south", "")[row % 3] for row in range(240)]
    days = [np.datetime64("2020-01-01") + row for row in range(240)]
    columns = {"site": sites, "depth": np.where(np.arange(240) < 5, np.nan, np.arange(240.0)), "taken": np.array(days)}
    write_columns(data.folder / "columns.csv", {**columns, "id": [f"bird {row}" for row in range(240)]})
    given(home, data, "first", [data.labels])
    given(home, data, "other", [(data.labels + 1) % 4])

    def shown(colour):
        points = drawn(look("explore", run="first", colour=colour), FIRST)
        return [points[row] for row in range(240)]

    assert shown("site") == [site or None for site in sites]
    np.testing.assert_array_equal(shown("depth"), columns["depth"])
    np.testing.assert_array_equal(shown("taken"), np.array(days, "M8[D]").astype(int))
    assert shown("id").count(None) == 190, "50 of 240 values are named"
    labels = look("explore", run="first").selectbox(key="colour").options
    (other,) = [name for name in labels if name.endswith("as searched (other)")]
    assert shown(other) == shown("Found class")


def test_two_columns_are_a_map_and_two_maps_share_a_selection(home):
    data = birds(home)
    place = np.arange(240.0) - 120
    longitude = np.where(np.arange(240) % 10 == 0, np.nan, place)
    write_columns(data.folder / "columns.csv", {"longitude": longitude, "latitude": place / 2, "depth": np.ones(240)})
    given(home, data, "first", [data.labels])
    at = look("explore", run="first", map="columns", second_map="φ2", second_colour="depth", rows="1,2")
    assert any("24 samples without a number" in caption.value for caption in at.caption)
    assert sorted(drawn(at, FIRST)) == [row for row in range(240) if row % 10]
    assert set(drawn(at, FIRST, 1).values()) == {1.0}
    data = sent(at)
    assert data["panels"][0]["aspect"] == 2
    assert data["panels"][0]["outline"] is not None, "the land is behind longitude and latitude"
    assert data["selected"]["rows"] == [1, 2]
    at.selectbox(key="x_column").set_value("depth")
    at.selectbox(key="y_column").set_value("depth")
    assert any("All samples have the same place" in caption.value for caption in rerun(at).caption)
    assert sent(at)["panels"][0]["outline"] is None


# --- selections -----------------------------------------------------------------------------------------


def test_circled_points_are_shown_as_pictures_and_named_by_the_link(first):
    at = look("explore", run="first")
    assert "Select points on the map" in at.info[0].value
    circle(at, FIRST, [7, 3, 3, 11])
    assert selected(at) == [7, 3, 11]
    assert at.query_params["rows"] == "7,3,11"
    for row, caption, wrong in tiles(at, "selection"):
        assert caption == f"Class {first.vote.labeling[row]}"
        assert (wrong == "wrong") == (not first.right[row])
    assert any(text.value.startswith("**3 samples** · ") for text in at.markdown)


def test_a_selection_stays_while_colours_and_spaces_change(first):
    at = circle(look("explore", run="first"), FIRST, [7, 3, 11])
    at.selectbox(key="colour").set_value("Vote share")
    assert selected(rerun(at)) == [7, 3, 11]
    at.segmented_control(key="map").set_value("φ2")
    assert selected(rerun(at)) == [7, 3, 11]


def test_a_selection_is_cleared(first):
    at = circle(look("explore", run="first"), FIRST, [7, 3, 11])
    press(at, "clear selection")
    assert selected(at) == []
    assert "rows" not in at.query_params
    circle(at, FIRST, [7, 3, 11])
    assert selected(at) == [7, 3, 11]


def test_a_large_selection_has_pages_and_no_place_in_the_link(first):
    at = circle(look("explore", run="first", rows="1"), FIRST, list(range(100)))
    assert selected(at) == list(range(60))
    assert "rows" not in at.query_params
    at.pagination[0].set_value(2)
    assert selected(rerun(at)) == list(range(60, 100))
    circle(at, FIRST, [5, 6])
    assert selected(at) == [5, 6]


def test_a_selection_is_a_table_and_a_file(first, download):
    at = circle(look("explore", run="first"), FIRST, [7, 3])
    at.segmented_control(key="as").set_value("Table")
    table = tables(rerun(at))["samples"]
    assert table.index.tolist() == [7, 3]
    assert table["found class"].tolist() == [f"Class {k}" for k in first.vote.labeling[[7, 3]]]
    assert table["vote share"].tolist() == first.vote.share[[7, 3]].tolist()
    assert table["true class"].tolist() == [first.true_names[k] for k in first.dataset.labels[[7, 3]]]
    lines = download(at, "selection csv").decode("utf-8-sig").splitlines()
    assert lines[0] == "row,class,class_name,vote_share,true_class"
    assert [line.split(",")[0] for line in lines[1:]] == ["7", "3"]


# --- one sample -----------------------------------------------------------------------------------------


def test_a_picture_leads_to_its_neighbours_and_on_and_back(first):
    at = circle(look("explore", run="first"), FIRST, [7, 3])
    click(at, "selection", 3)
    assert at.query_params["sample"] == "3"
    assert at.subheader[0].value == "Sample 3"
    for space in ("phi1", "phi2"):
        near = first.neighbors(3, space, 24)
        assert [tile[0] for tile in tiles(at, f"near {space}")] == near.tolist()
        same = (first.vote.labeling[near] == first.vote.labeling[3]).sum()
        assert any(f"{same} of 24 in the same found class" in text.value for text in at.markdown)
    further = tiles(at, "near phi2")[0][0]
    click(at, "near phi2", further)
    assert at.subheader[0].value == f"Sample {further}"
    press(at, "back")
    assert at.subheader[0].value == "Sample 3"
    assert at.button(key="back").disabled


def test_a_sample_is_opened_on_the_map_and_found_there(first):
    at = pick(look("explore", run="first"), FIRST, 3)
    assert at.subheader[0].value == "Sample 3"
    assert (sent(at)["opened"], sent(at)["centre"]) == (3, "")
    press(at, "find on map")
    centred = sent(at)["centre"]
    assert centred
    pick(at, FIRST, 8)
    assert (sent(at)["opened"], sent(at)["centre"]) == (8, centred)  # its place is in sight: the map stays
    assert sent(look("explore", run="first", sample="17"))["centre"], "a link leads to the sample's place"


def test_the_votes_on_a_sample_are_counted(first):
    row = int(np.argmin(first.vote.share))
    at = look("explore", run="first", sample=str(row))
    k, votes = first.vote.labeling[row], first.vote.counts[row]
    assert f"{votes[k]} of 5 seeds vote for **Class {k}**." in [text.value for text in at.markdown]
    assert f"Ground truth: **{first.true_names[first.dataset.labels[row]]}**." in [text.value for text in at.markdown]
    bars = figures(at)["votes"]["data"][0]
    assert sorted(bars["x"]) == sorted(int(vote) for vote in votes if vote > 0)


def test_a_sample_has_the_name_of_its_file(home):
    data = birds(home, files=[f"bird_{row}.png" for row in range(240)])
    given(home, data, "first", [data.labels])
    assert look("explore", run="first", sample="8").subheader[0].value == r"Sample 8 · bird\_8\.png"


# --- links ----------------------------------------------------------------------------------------------


def test_a_link_restores_the_view(first):
    view = {"run": "first", "map": "φ2", "colour": "Vote share", "rows": "5,9,200", "sample": "17", "blind": "true"}
    at = look("explore", **view)
    assert at.segmented_control(key="map").value == "φ2"
    assert at.selectbox(key="colour").value == "Vote share"
    assert at.toggle(key="blind").value is True
    assert at.subheader[0].value == "Sample 17"
    press(at, "close sample")
    assert selected(at) == [5, 9, 200]
    assert "sample" not in at.query_params


@cases(
    ("rows", "kept"),
    [
        ("1,,x,3", [1, 3]),
        (" 4 ,5", [5]),
        ("999999999,2,-1,240", [2]),
        ("²,٣,1e3", [3]),  # the last but one is a digit where Arabic is written
        ("9" * 5000, []),
        (",".join(map(str, range(100))), list(range(40))),
        ("", []),
    ],
)
def test_only_rows_of_the_data_are_taken_from_a_link(first, rows, kept):
    at = look("explore", run="first", rows=rows)
    assert selected(at) == kept
    assert at.error.len == 0


@cases("sample", ["999999999", "240", "-1", "abc", "1.5", "", "9" * 5000, "²"])
def test_a_sample_that_is_none_is_ignored(first, sample):
    at = look("explore", run="first", sample=sample)
    assert at.subheader.len == at.error.len == 0
    assert "near phi1" not in galleries(at)


def test_another_run_is_looked_at_by_itself(first):
    at = circle(look("explore", run="first"), FIRST, [7, 3])
    at.selectbox(key="run").set_value("second")
    rerun(at)
    assert sorted(drawn(at, "map second")) == list(range(240))
    assert at.error.len == 0
    circle(at, "map second", [7, 3])
    assert selected(at) == [7, 3]


def test_a_run_without_a_tie_has_a_sentence_of_its_own(home):
    data = birds(home)
    given(home, data, "sure", [data.labels, data.labels])
    at = look("explore", run="sure")
    assert at.error.len == 0
    assert says(at.markdown[0].value, "100.0%")
    assert words(at)
