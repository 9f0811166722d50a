"""The Runs page: filter, compare, rename, delete and bring back, take away; damaged runs are named and harm no page."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from hume.cli import app
from hume.exchange.run_archive import run_zip
from hume.reporting.report import report
from hume.runs import review
from hume.runs.evenness import Evenness, Way
from hume.runs.findings import Findings
from hume.runs.request import write_request
from pages._state import services
from tests.support.app_driver import (
    birds,
    endless,
    figures,
    finished,
    interrupted,
    look,
    press,
    quick,
    rerun,
    says,
    tables,
    tick,
    words,
)
from tests.support.planted_runs import create, save_files

OF_TRUTH = ["seeds' ACC", "seeds' ACC ±", "seeds' ARI", "seeds' ARI ±", "vote ACC", "vote ARI"]


def listed(at):
    """The table of runs, a line a run."""
    return tables(at)["runs"].set_index("run")


def chosen(at, *names):
    """Tick these runs."""
    order = list(listed(at).index)
    return tick(at, "runs", [order.index(name) for name in names])


# --- the table --------------------------------------------------------------------------------------


def test_the_table_holds_what_was_asked_and_found(library):
    table = listed(look("runs"))
    assert list(table.index) == library.names()
    found = Findings(library.open("first"))
    line = table.loc["first"]
    assert line[["state", "dataset", "φ1", "φ2", "K", "seeds", "setting", "solver"]].tolist() == [
        "finished", "birds", "phi1", "phi2", 4, "5 of 5", "transductive", "implicit",
    ]  # fmt: skip
    expected = [
        found.statistics.cv_score.mean(),
        found.statistics.cv_score.std(),
        found.statistics.accuracy.mean(),
        found.statistics.accuracy.std(),
    ]
    assert line[["cv score", "cv score ±", "seeds' ACC", "seeds' ACC ±"]].tolist() == expected
    assert line[["vote ACC", "vote ARI"]].tolist() == [found.vote_agreement.acc, found.vote_agreement.ari]


def test_without_any_labels_the_table_and_a_comparison_have_no_accuracy(home):
    data = birds(home, labels=False)
    for name in ("one", "two"):
        finished(home, data, name)
    at = look("runs")
    assert [column for column in OF_TRUTH if column in listed(at)] == []
    assert figures(chosen(at, "one", "two")) == {}


def test_runs_are_filtered_by_data_state_and_name(home, data):
    quick(home, data, "Alpha")
    interrupted(home, data, "beta")
    quick(home, birds(home, "other"), "gamma")
    at = look("runs", of_dataset="birds")
    assert set(listed(at).index) == {"Alpha", "beta"}
    at.multiselect(key="in_state").select("interrupted")
    assert set(listed(rerun(at)).index) == {"beta"}
    at = look("runs", name_contains=" ALPH ")
    assert set(listed(at).index) == {"Alpha"}
    at.text_input(key="name_contains").set_value("nothing like it")
    assert rerun(at).error.len == 0


def test_the_table_downloads_as_it_is_shown(library, download):
    at = look("runs", of_dataset="birds")
    lines = download(at, "runs csv").decode("utf-8-sig").splitlines()
    assert lines[0].split(",")[:3] == ["run", "K", "vote ACC"]
    assert {line.split(",")[0] for line in lines[1:]} == {"first", "second"}
    assert repr(Findings(library.open("first")).vote_agreement.acc)[:8] in "\n".join(lines)


# --- one run ----------------------------------------------------------------------------------------


def test_a_finished_run_is_opened(library):
    at = press(chosen(look("runs", blind="true"), "first"), "open")
    assert at.title[0].value == "Is the ranking of the seeds reliable?"
    assert at.selectbox(key="run").value == "first"
    assert at.toggle(key="blind").value is True


def test_evidence_against_equal_sizes_is_said_wherever_the_run_is(home, data):
    run = quick(home, data, "uneven")
    ways = tuple(Way(entropy_weight=eta, centre=True, likelihood=nats) for eta, nats in ((10, -5.0), (1, -4.5)))
    write_request(run.folder, replace(run.request, evenness=Evenness(ways, chosen=1)))
    sentence = "The evidence is against classes of equal size: with η = 1 instead of 10"
    pages = [look(page, run="uneven", start_data="birds") for page in ("start", "search", "objective", "reliable")]
    for at in (*pages, chosen(look("runs"), "uneven")):
        assert sum(sentence in text.value for text in at.caption) == 1
    assert sentence in report(Findings(home.open("uneven")))
    out = CliRunner(env={"HUME_HOME": str(home.home)}).invoke(app, ["show", "uneven"]).stdout
    assert sentence in " ".join(out.split())


def test_an_unfinished_run_is_opened_where_it_can_be_watched(home, data):
    interrupted(home, data, "stopped")
    quick(home, data, "newer")
    at = press(chosen(look("runs"), "stopped"), "open")
    assert at.title[0].value == "Which labelings generalize?"
    assert at.selectbox(key="run").value == "stopped"
    assert "was interrupted" in at.warning[0].value


def test_a_run_is_taken_away_as_a_zip_and_as_a_report(library, download):
    at, run = chosen(look("runs"), "first"), library.open("first")
    archive = zipfile.ZipFile(io.BytesIO(download(at, "zip")))
    assert archive.testzip() is None
    assert archive.namelist() == zipfile.ZipFile(io.BytesIO(run_zip(run))).namelist()
    assert any(name.endswith("scores.json") for name in archive.namelist())
    assert download(at, "report") == report(Findings(run), show_truth=True)
    blind = chosen(look("runs", blind="true"), "first")
    assert blind.download_button(key="report").label == "Report without ground truth"
    assert download(blind, "report") == report(Findings(run), show_truth=False)


def test_an_unfinished_run_has_no_report(home, data):
    interrupted(home, data, "stopped")
    at = chosen(look("runs"), "stopped")
    assert [button.key for button in at.download_button] == ["runs csv", "zip"]


# --- renaming ---------------------------------------------------------------------------------------


def rename(at, old, new):
    at.text_input(key=f"rename {old}").set_value(new)
    return press(rerun(at), "rename")


def test_a_run_is_renamed_and_stays_the_chosen_one(home, data):
    run = quick(home, data, "old")
    quick(home, data, "newer")
    review.name_class(run, 0, "Owls")
    at = rename(chosen(look("runs", run="old"), "old"), "old", "better")
    assert set(listed(at).index) == {"better", "newer"}
    assert at.selectbox(key="run").value == "better"
    assert review.read(home.open("better")).name(0) == "Owls"
    assert look("objective", run="better").error.len == 0
    by_old_link = look("objective", run="old")
    assert by_old_link.selectbox(key="run").value == "better"
    assert says(by_old_link.toast[0].value, "old is now called better")


@pytest.mark.parametrize("name", ["taken", "../up", "a b", "", "**bold**", "x" * 200])
def test_a_name_that_cannot_be_is_refused_in_one_sentence(home, data, name):
    quick(home, data, "old")
    quick(home, data, "taken")
    at = rename(chosen(look("runs"), "old"), "old", name)
    assert at.error.len == 1
    assert "**" not in at.error[0].value
    assert set(home.names()) == {"old", "taken"}
    assert rerun(at).error.len == 0  # said once


# --- deleting ---------------------------------------------------------------------------------------


def test_a_run_is_deleted_and_brought_back(home, data):
    for name in ("first", "second"):
        quick(home, data, name)
    at = press(chosen(look("runs", run="second"), "second"), "delete")
    assert home.names() == ["first"]
    assert at.selectbox(key="run").value == "first"
    assert at.expander[0].label == "Trash: 1 run"
    press(at, "restore second")
    assert set(home.names()) == {"first", "second"}
    assert at.error.len == 0
    assert look("objective", run="second").error.len == 0


def test_after_a_run_is_deleted_no_other_is_ticked_in_its_place(home, data):
    for name in ("first", "second", "third"):
        quick(home, data, name)
    at = press(chosen(look("runs"), "third"), "delete")
    assert at.subheader.len == 0
    assert all(button.key != "delete" for button in at.button)


def test_several_runs_are_deleted_at_once(home, data):
    for name in ("first", "second", "third"):
        quick(home, data, name)
    at = chosen(look("runs"), "first", "third")
    assert at.button(key="delete").label == "Delete 2 runs"
    press(at, "delete")
    assert home.names() == ["second"]
    assert sorted(home.trash()) == ["first", "third"]


def test_the_last_run_can_be_deleted_and_brought_back(home, data):
    quick(home, data, "only")
    at = press(chosen(look("runs"), "only"), "delete")
    assert "No run yet" in at.info[0].value
    assert all(select.label != "Run" for select in at.selectbox)
    press(at, "restore only")
    assert list(listed(at).index) == ["only"]


def test_a_name_that_is_taken_again_keeps_a_run_in_the_trash(home, data):
    quick(home, data, "name")
    at = press(chosen(look("runs"), "name"), "delete")
    quick(home, data, "name")
    press(at, "restore name")
    assert at.error.len == 1
    assert home.trash() == ["name"]


def test_a_run_that_is_under_way_is_not_deleted_and_not_renamed(home, data):
    endless(home, data, "long")
    jobs = services.services().jobs
    jobs.submit("long")
    at = press(chosen(look("runs"), "long"), "delete")
    assert "is under way: cancel it first" in at.error[0].value
    assert home.names() == ["long"]
    rename(chosen(at, "long"), "long", "short")
    assert home.names() == ["long"]
    assert at.error.len == 1


# --- comparing --------------------------------------------------------------------------------------


def test_runs_are_compared_by_accuracy_and_by_what_was_set_differently(library, download):
    at = chosen(look("runs"), "first", "second")
    assert at.subheader[0].value == "2 runs compared"
    dots = figures(at)["compare"]["data"][0]
    means = {name: 100 * Findings(library.open(name)).statistics.accuracy.mean() for name in ("first", "second")}
    assert np.allclose([means[name] for name in dots["y"]], dots["x"])
    assert download(at, "compare csv").decode("utf-8-sig").splitlines()[0] == "run," + ",".join(OF_TRUTH)
    differing = tables(at)[""].set_index("")
    assert differing.loc["seeds", ["first", "second"]].tolist() == ["5", "6"]


def test_runs_with_the_same_settings_say_so(home, data):
    for name in ("one", "two"):
        create(home, data, name)
    at = chosen(look("runs"), "one", "two")
    assert "These runs have the same settings." in [caption.value for caption in at.caption]


def test_runs_with_and_without_labels_stand_beside_each_other(home, download):
    options = {"classes": 4, "size": 60, "noise": 0.5}
    finished(home, save_files(home.home / "a", **options), "with")
    finished(home, save_files(home.home / "b", labels=False, **options), "without")
    at = chosen(look("runs"), "with", "without")
    assert "no ground truth" in words(at)
    for page in ("objective", "aggregation"):
        at = look(page, run="with", beside="without")
        assert at.multiselect(key="beside").value == ["without"]
        assert at.error.len == 0
    lines = [line.split(",") for line in download(at, "top n csv").decode("utf-8-sig").splitlines()]
    assert {len(line) for line in lines} == {len(lines[0])}


def test_the_address_carries_which_runs_are_ticked(library):
    at = look("runs")
    names = tables(at)["runs"]["run"].tolist()
    at = tick(at, "runs", [names.index("first"), names.index("second")])
    assert set(at.query_params["ticked"].split(",")) == {"first", "second"}
    again = look("runs", ticked=at.query_params["ticked"])
    assert any("2 runs compared" in each.value for each in again.subheader)
    assert look("runs", ticked="gone,<b>").subheader.len == 0
    assert tables(at)["runs"].columns[:3].tolist() == ["run", "K", "vote ACC"]
