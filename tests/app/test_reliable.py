"""The Reliable page: what is kept, thrown out and named, and the files to leave with."""

import io
import zipfile
from importlib.util import find_spec

import numpy as np
import pytest

from hume.cli.tables import write_reliable
from hume.evaluation import approximate_neighbors
from hume.runs import review
from hume.runs.findings import Findings
from tests.support.app_driver import (
    birds,
    click,
    figures,
    finished,
    galleries,
    given,
    look,
    press,
    rerun,
    tables,
    tiles,
    type_on,
    words,
)
from tests.support.rules import cases

TEST_ROWS = np.arange(240) % 3 == 0
FILES = [f"bilder/vögel {row:03}.jpg" for row in range(240)]


@pytest.fixture
def run(home):
    return finished(home, birds(home, test_rows=TEST_ROWS, files=FILES), "split")


def command_line(run, folder, **options):
    """What `python -m hume reliable` writes."""
    path = folder / "reliable.csv"
    write_reliable(run.name, path, **options)
    return path.read_bytes()


def warned(at):
    return [warning.value for warning in at.warning]


def marks(at, k=0):
    return {row: mark for row, _, mark in tiles(at, f"reliable {k}")}


# --- keeping and throwing out -----------------------------------------------------------------------


def test_pictures_stand_most_reliable_first(run):
    found = Findings(run)
    samples, _ = found.reliable_samples(found.ranking(30), 20)
    at = look("reliable", run="split", per_class="20", neighbors="30")
    assert galleries(at) == [f"reliable {k}" for k in range(4)]
    for k in range(4):
        rows = samples.rows[samples.classes == k].tolist()
        assert [tile[0] for tile in tiles(at, f"reliable {k}")] == rows
        wrong = [row for row, mark in marks(at, k).items() if mark == "wrong"]
        assert wrong == [row for row in rows if not found.right[row]]


def test_a_click_throws_a_sample_out_and_another_takes_it_back(run):
    at = look("reliable", run="split")
    kept, row = len(marks(at)), tiles(at, "reliable 0")[3][0]
    click(at, "reliable 0", row)
    assert review.read(run).rejected == {row}
    assert marks(at)[row] == "rejected"
    assert any(f"{kept} samples, 1 rejected" in text.value for text in at.markdown)
    assert "**99 of 100**" in at.markdown[0].value
    click(at, "reliable 0", row)
    assert review.read(run).rejected == set()
    assert marks(at)[row] != "rejected"


def test_enter_on_a_picture_opens_its_sample_on_explore(run):
    at = look("reliable")
    row = tiles(at, "reliable 0")[0][0]
    at = type_on(at, "reliable 0", row, "Enter")
    assert (at.title[0].value, at.query_params["sample"]) == ("Which samples are uncertain?", str(row))


def test_a_click_in_one_tab_is_seen_in_another_and_after_a_reload(run):
    one, other = look("reliable", run="split"), look("reliable", run="split")
    row = tiles(one, "reliable 2")[0][0]
    click(one, "reliable 2", row)
    assert marks(rerun(other), 2)[row] == "rejected"
    assert marks(look("reliable", run="split"), 2)[row] == "rejected"


def test_every_step_is_taken_back_in_turn(run):
    at = look("reliable", run="split")
    assert at.button(key="undo").disabled
    row = tiles(at, "reliable 1")[0][0]
    click(at, "reliable 1", row)
    at.text_input(key="name 1").set_value("Jays")
    rerun(at)
    assert (review.read(run).name(1), review.read(run).rejected) == ("Jays", {row})
    press(at, "undo")
    assert (review.read(run).name(1), review.read(run).rejected) == ("Class 1", {row})
    assert at.text_input(key="name 1").value == ""
    press(at, "undo")
    assert review.read(run).rejected == set()
    assert at.button(key="undo").disabled


# --- naming -----------------------------------------------------------------------------------------


def test_a_class_is_named_on_all_pages(run):
    at = look("reliable", run="split")
    at.text_input(key="name 2").set_value("  Wrens   and others ")
    assert any("**Wrens and others**" in text.value for text in rerun(at).markdown)
    for page in ("start", "objective", "explore", "reliable"):
        at = look(
            page, run="split", start_data="birds", sample=str(np.flatnonzero(Findings(run).vote.labeling == 2)[0])
        )
        assert any("Wrens and others" in text for text in words(at))
    assert look("reliable", run="split").text_input(key="name 2").value == "Wrens and others"


def test_a_name_that_cannot_be_is_refused_and_the_old_one_stays(run):
    review.name_class(run, 0, "Owls")
    at = look("reliable", run="split")
    at.text_input(key="name 0").set_value("owl\u202e")
    rerun(at)
    assert "visible characters" in at.toast[0].value
    assert review.read(run).name(0) == "Owls"
    assert at.text_input(key="name 0").value == "Owls"


def test_names_belong_to_their_run(home, run):
    finished(home, birds(home, "others"), "other")
    review.name_class(run, 0, "Owls")
    at = look("reliable", run="split")
    at.selectbox(key="run").set_value("other")
    assert rerun(at).text_input(key="name 0").value == ""
    assert review.read(home.open("other")).names == {}
    at.selectbox(key="run").set_value("split")
    assert rerun(at).text_input(key="name 0").value == "Owls"


# --- the files --------------------------------------------------------------------------------------


@cases(
    ("query", "options"),
    [
        ({}, {}),
        ({"per_class": "7", "neighbors": "20"}, {"per_class": 7, "neighbors": 20}),
        ({"order": "votes, then neighbours (Appendix G's text)"}, {"order": "prose"}),
        ({"rows_of": "test"}, {"rows": "test"}),
        ({"rows_of": "train", "per_class": "60"}, {"rows": "train", "per_class": 60}),
    ],
)
def test_the_csv_is_the_command_lines_byte_for_byte(run, tmp_path, download, query, options):
    review.name_class(run, 1, '=Häher, "blue"')
    found = Findings(run)
    review.reject(run, int(found.reliable_samples(found.ranking(20), 5)[0].rows[0]))
    at = look("reliable", run="split", **query)
    assert download(at, "reliable csv") == command_line(run, tmp_path, **options)


@pytest.mark.skipif(find_spec("faiss") is None, reason="faiss-cpu is an extra")
def test_neighbours_that_are_approximate_are_said_to_be_and_are_the_command_lines(run, tmp_path, download, monkeypatch):
    told = "Neighbours are approximate: "
    assert not any(told in caption.value for caption in look("reliable", run="split", neighbors="20").caption)
    monkeypatch.setattr(approximate_neighbors, "EXACT_SECONDS", -1)  # as if there were a million samples
    at = look("reliable", run="split", neighbors="30")
    assert any(told in caption.value for caption in at.caption)
    assert download(at, "reliable csv") == command_line(run, tmp_path, neighbors=30)


def test_the_csv_follows_the_review(run, tmp_path, download):
    at = look("reliable", run="split", per_class="5")
    row = tiles(at, "reliable 0")[0][0]
    click(at, "reliable 0", row)
    at.text_input(key="name 0").set_value("Owls")
    rerun(at)
    content = download(at, "reliable csv")
    assert content == command_line(run, tmp_path, per_class=5)
    assert next(line for line in content.decode("utf-8-sig").splitlines() if line.startswith(f"{row},")).endswith(
        ",no,search"
    )


def test_the_labeled_index_holds_what_is_kept(run, download):
    at = look("reliable", run="split", per_class="5")
    rejected = [tiles(at, f"reliable {k}")[0][0] for k in (0, 2)]
    for k, row in zip((0, 2), rejected, strict=True):
        click(at, f"reliable {k}", row)
    archive = zipfile.ZipFile(io.BytesIO(download(at, "labeled index")))
    labels = np.load(io.BytesIO(archive.read("found_labels.npy")))
    assert np.bincount(labels).tolist() == [4, 5, 4, 5]
    rows = next(np.load(io.BytesIO(archive.read(name))) for name in archive.namelist() if name.startswith("lb_"))
    assert set(rejected).isdisjoint(rows.tolist())
    assert len(rows) == 18


def test_when_everything_is_thrown_out_there_is_no_index(run):
    found = Findings(run)
    samples, _ = found.reliable_samples(found.ranking(), 1)
    for row in samples.rows:
        review.reject(run, row)
    at = look("reliable", run="split", per_class="1")
    assert at.download_button(key="labeled index").disabled
    assert "**0 of 4**" in at.markdown[0].value


# --- warnings and numbers -----------------------------------------------------------------------------


def test_short_and_empty_classes_are_told(home):
    data = birds(home)
    labeling = np.where(data.labels == 3, 2, data.labels)
    labeling[np.flatnonzero(labeling == 1)[5:]] = 0
    given(home, data, "uneven", [labeling, labeling], num_classes=4)
    at = look("reliable", run="uneven", per_class="20")
    assert len(warned(at)) == 3
    assert any("has only 5 of 20 requested samples" in text for text in warned(at))
    assert any("is empty in the vote" in text for text in warned(at))
    assert any("Mixed classes" in text and "Class 1" in text for text in warned(at))
    assert any("No sample has this class." in caption.value for caption in at.caption)
    assert look("reliable", run="uneven", per_class="5").warning.len == 2
    for page in ("start", "objective", "aggregation", "explore"):
        assert look(page, run="uneven", start_data="birds", sample="0").error.len == 0
    assert any("random starts: 3 classes" in head.value for head in look(run="uneven", start_data="birds").subheader)


def test_classes_whose_neighbours_disagree_are_told(home):
    data = birds(home)
    given(home, data, "mixed", [np.random.default_rng(0).integers(4, size=240)] * 2)
    assert [text for text in warned(look("reliable", run="mixed", neighbors="20")) if text.startswith("Mixed")] != []
    given(home, data, "clear", [data.labels] * 2)
    assert look("reliable", run="clear", neighbors="20").warning.len == 0


def test_the_tables_and_the_curve_say_how_right_and_how_balanced_the_samples_are(run):
    found = Findings(run)
    samples, quality = found.reliable_samples(found.ranking(30), 20)
    at = look("reliable", run="split", per_class="20", neighbors="30")
    by_class, by_truth = (table.value for table in at.dataframe)
    assert by_class["right"].tolist() == [round(100 * share, 1) for share in quality.accuracy_per_class]
    assert by_class["samples"].tolist() == np.bincount(samples.classes, minlength=4).tolist()
    assert by_truth["samples"].tolist() == quality.balance.tolist()
    line = figures(at)["reliability curve"]["data"][0]
    assert np.isclose(line["y"][line["x"].index(20)], 100 * quality.accuracy)
    assert tables(at).keys() == {""}


def test_the_settings_of_a_large_run_do_not_break_a_small_one(home, run):
    finished(home, birds(home, "few", size=10), "small")
    at = look("reliable", run="split", per_class="55", neighbors="200")
    assert at.slider(key="per_class").value == 55
    at.selectbox(key="run").set_value("small")
    assert rerun(at).error.len == 0
    assert all(len(marks(at, k)) <= 10 for k in range(4))
    assert look("reliable", run="small", per_class="55", neighbors="200").error.len == 0


def test_a_hundred_pictures_of_a_class_are_shown_when_asked_for(home):
    data = birds(home, classes=2, size=120, names=["owl", "jay"])
    given(home, data, "large", [data.labels] * 2, num_classes=2)
    at = look("reliable", run="large", per_class="100")
    assert len(tiles(at, "reliable 0")) == 60
    at.toggle(key="more 0").set_value(True)
    assert len(tiles(rerun(at), "reliable 0")) == 100
    assert len(tiles(at, "reliable 1")) == 60
