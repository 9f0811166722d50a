"""The page Answer: questions in batches, what they change, an audit, and the same state in every tab."""

import io
import zipfile

import numpy as np
import pytest

from hume import Store
from hume.cli.tables import write_labels
from hume.exchange.export import export_request
from hume.experiments import sides
from hume.reporting import review_sentences
from hume.reporting.report import report
from hume.runs import answering, review
from hume.runs.findings import Findings
from tests.support.app_driver import (
    birds,
    click,
    galleries,
    given,
    look,
    markdown,
    press,
    rerun,
    says,
    tables,
    tick,
    tiles,
)


@pytest.fixture
def run(home):
    """Its seeds agree on a labeling in which a tenth of the samples is in the next class."""
    dataset = birds(home, noise=0.8)
    labeling = dataset.labels.copy()
    labeling[::10] = (labeling[::10] + 1) % 4
    return given(home, dataset, "written", [labeling, labeling])


def asked(at):
    return tiles(at, "asked")[0][0]


def say(at, number):
    return press(at, f"say {asked(at)} {number}")


def progress(at):
    return at.get("progress")[0].proto.text


def sentences(at):
    return " ".join(markdown(at)).replace("\\", "")


def keys(at):
    return [button.key for button in at.button]


def test_ten_answers_correct_the_labels_and_undo_goes_back_to_the_first(run):
    truth, rows = run.dataset().labels, []
    at = look("answer", run="written")
    for number in range(10):
        assert says(progress(at), f"Question {number + 1} of 10", f"{number} answers" if number != 1 else "1 answer")
        rows.append(asked(at))
        assert asked(look("answer", run="written")) == rows[-1], "another tab is asked the same"
        at = say(at, truth[rows[-1]])
    assert len(set(rows)) == 10
    before, found = Findings(run, "searched").vote.labeling, Findings(run)
    assert found.view == "searched"
    assert np.array_equal(found.vote.labeling[rows], truth[rows])
    change = answering.change(before, found)
    assert review_sentences.moved(change.flows, review.read(run)) in sentences(at)
    shown = [row for key in galleries(at) if key.startswith("moved") for row, *_ in tiles(at, key)]
    assert set(shown) <= set(change.rows.tolist())
    assert next(radio.value for radio in at.radio if radio.key == "labeling") == "corrected"
    following = press(look("answer", run="written"), "next")
    assert asked(following) not in rows
    for row in rows[::-1]:
        following = press(following, "undo")
        assert asked(following) == row
    assert not review.read(run).corrects
    assert following.button(key="undo").disabled
    assert "labeling" not in [radio.key for radio in following.radio]


def test_a_sample_can_be_skipped_set_aside_or_start_a_class(run, tmp_path, download):
    at = look("answer", run="written")
    skipped = asked(at)
    at = press(at, f"skip {skipped}")
    aside = asked(at)
    at = press(at, f"aside {aside}")
    new = asked(at)
    at = press(at, f"none {new}")
    at.text_input(key=f"name {new}").set_value("kea")
    at = rerun(at.button(key=f"FormSubmitter:form {new}-Add the class").click())
    assert at.button(key=f"say {asked(at)} 4").label == "kea"
    assert [row for row, *_ in tiles(at, "of class 4")] == [new]
    now = review.read(run)
    assert (now.skipped, now.set_aside, now.answers[new]) == ({skipped}, {aside}, 4)
    content = download(at, "labels csv")
    write_labels("written", tmp_path / "labels.csv")
    assert content == (tmp_path / "labels.csv").read_bytes()
    at = press(at, "undo")
    assert f"say {asked(at)} 4" not in keys(at), "the class and its name were one step"
    assert review.read(run).names == {}


def test_an_audit_gives_an_interval_and_changes_no_label(run):
    truth = run.dataset().labels
    at = look("answer", run="written", answering="an audit")
    at.number_input(key="audit size written").set_value(20)
    at = press(rerun(at), "draw audit")
    drawn = [row for row, _, _ in review.read(run).drawn]
    for number, row in enumerate(drawn):
        assert says(progress(at), f"sample {number + 1} of 20")
        assert asked(at) == row
        assert {button.proto.type for button in at.button if str(button.key).startswith("say")} == {"secondary"}
        at = say(at, truth[row]) if number else press(at, f"none {row}")
    found = Findings(run)
    assert not review.read(run).corrects
    audit = answering.estimate(found, review.read(run))
    labeling = found.vote.labeling
    assert audit.overall.n == 20
    assert audit.overall.share == pytest.approx((labeling[drawn[1:]] == truth[drawn[1:]]).sum() / 20, abs=0.02)
    assert says(sentences(at), "By an audit of 20 samples drawn at random", f"{audit.overall.low:.1%}")
    [table] = [table for table in tables(at).values() if "audited" in table]
    assert table["audited"].sum() == 20
    at = press(at, "undo")
    assert asked(at) == drawn[-1]


def test_of_many_classes_ten_have_a_button_and_all_can_be_chosen(home):
    dataset = birds(home, "flock", classes=14, size=20, dim=16, names=[f"bird {k}" for k in range(14)])
    run = given(home, dataset, "many", [dataset.labels, dataset.labels], num_classes=14)
    at = look("answer", run="many")
    row = asked(at)
    answerable = [key for key in keys(at) if str(key).startswith("say")]
    assert len(answerable) == 10
    likely = answering.Answering(Findings(run)).likely(row)
    assert answerable == [f"say {row} {k}" for k in likely[:10]]
    at = rerun(at.selectbox(key=f"any {row}").select(likely[-1]))
    assert review.read(run).answers == {row: likely[-1]}
    assert asked(at) != row


def test_a_selection_on_the_map_is_put_into_a_class_set_aside_or_asked_about(run):
    at = look("explore", run="written", rows="4,5,6")
    version = review.read(run).version
    at = rerun(at.selectbox(key=f"put {version}").set_value(2))
    assert review.read(run).answers == {4: 2, 5: 2, 6: 2}
    assert [caption for _, caption, _ in tiles(at, "selection")] == ["Class 2"] * 3
    assert "3 samples: Class 2" in at.toast[0].value.replace("\\", "")
    at = press(at, "set aside")
    assert review.read(run).set_aside == {4, 5, 6}
    at = press(press(at, "undo correction"), "undo correction")
    assert review.read(run).steps == ()
    at = press(at, "ask about")
    assert asked(at) in (4, 5, 6)
    assert says(progress(at), "Question 1 of 3")


def test_a_rejected_picture_is_given_its_class(run):
    at = look("reliable", run="written", per_class="5", neighbors="30")
    row = tiles(at, "reliable 0")[0][0]
    at = click(at, "reliable 0", row)
    at = rerun(at.selectbox(key=f"right class {row} {review.read(run).version}").set_value(3))
    now = review.read(run)
    assert (now.answers, now.rejected) == ({row: 3}, frozenset())
    assert row not in [each for each, *_ in tiles(at, "reliable 0")]


@pytest.mark.parametrize("page", ["start", "objective"])
def test_classes_are_merged_split_and_named_where_their_sizes_are(run, page):
    at = look(page, run="written", start_data="birds")
    sizes = np.bincount(Findings(run).vote.labeling)
    at = rerun(at.selectbox(key="merged into it written").set_value(2))
    at = press(at, "merge")
    found = Findings(run)
    assert found.classes == [0, 1, 3]
    assert np.bincount(found.vote.labeling)[0] > sizes[0]
    at = rerun(at.selectbox(key="parted written").set_value(1))
    at = press(at, "split")
    assert Findings(run).classes == [0, 1, 3, 4]
    if page == "start":
        assert sorted(key for key in galleries(at) if key.startswith("class ")) == [f"class {k}" for k in (0, 1, 3, 4)]
    at = rerun(at.text_input(key="its name 0 ").set_value("owls"))
    assert review.read(run).names == {0: "owls"}
    for _ in range(3):
        at = press(at, "undo correction")
    assert Findings(run).classes == [0, 1, 2, 3]


def test_what_leaves_says_which_version_it_is_and_has_nothing_that_was_set_aside(run, download):
    asking = answering.Answering(Findings(run))
    asking.set_aside([3, 7])
    asking.answer([4], 2)
    drawn = asking.draw_audit(20).drawn
    for row, k, _ in drawn:
        asking.audit(row, k)
    found, given = asking.now(), asking.review
    version, audit = f"version {given.version}", review_sentences.audit(answering.estimate(found, given))
    page = report(found)
    assert version in page
    assert audit in page
    line = tables(look("runs", run="written"))["runs"].iloc[0]
    assert line["labeling"] == "corrected"
    assert line["vote ACC"] == pytest.approx(found.vote_agreement.acc)
    for name in ("start", "explore", "reliable"):
        said = sentences(look(name, run="written", start_data="birds"))
        assert version in said
        assert audit in said
    samples, _ = found.reliable_samples(found.ranking(30), 10)
    request = export_request(found, samples, given)
    assert version in request.provenance["Labeling"]
    assert "20 samples drawn at random" in request.provenance["Audit"]
    assert request.labeling[[3, 7]].tolist() == [-1, -1]
    assert not {3, 7} & set(request.rows.tolist())
    content = download(look("reliable", run="written"), "labeled index")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        lists = [np.load(io.BytesIO(archive.read(name))) for name in archive.namelist() if name.endswith("_idx.npy")]
    assert sorted(np.concatenate(lists).tolist()) == [row for row in range(240) if row not in (3, 7)]


def test_answers_of_two_people_are_joined_and_contradictions_are_listed(run, download):
    answering.Answering(Findings(run)).answer([8], 1)
    at = look("answer", run="written")
    assert download(at, "answers csv").count(b"answer") >= 1
    at = rerun(
        at.file_uploader(key="answers file written").set_value(("ada.csv", b"row,class\n8,2\n9,3\n", "text/csv"))
    )
    at = press(at, "add answers")
    assert at.success[0].value == "1 answer added, 0 known already."
    [table] = [table for table in tables(at).values() if "the file" in table]
    assert table.to_numpy().tolist() == [[8, "Class 1", "Class 2"]]
    assert review.read(run).answers == {8: 1, 9: 3}
    at = rerun(at.file_uploader(key="answers file written").set_value(("bad.csv", b"row,class\n9000,2\n", "text/csv")))
    at = press(at, "add answers")
    assert "no sample '9000'" in at.toast[0].value
    assert review.read(run).answers == {8: 1, 9: 3}


def test_an_earlier_version_is_restored(run):
    asking = answering.Answering(Findings(run))
    asking.answer([8], 1)
    asking.answer([9], 2)
    at = tick(look("answer", run="written"), "versions written", [1])
    at = press(at, "restore")
    assert review.read(run).answers == {8: 1}
    at = press(at, "restore first")
    assert review.read(run).steps == ()
    at = press(tick(at, "versions written", [0]), "restore")
    assert review.read(run).answers == {8: 1, 9: 2}


def test_what_changed_since_a_version_is_shown_beside_it(run):
    asking = answering.Answering(Findings(run))
    asking.answer([8], int(Findings(run).vote.labeling[8] + 1) % 4)
    review.name_class(run, 0, "owls")
    asking.answer([9], int(Findings(run).vote.labeling[9] + 1) % 4)
    at = press(tick(look("answer", run="written"), "versions written", [1]), "changed since")
    assert at.query_params["second"] == "version-2"
    both = sides.compare(*(sides.side(Store(run.home), f"written:{what}") for what in ("corrected", "version-2")))
    assert 9 in both.differences.moved
    assert any(f"{len(both.differences.moved)} sample" in text for text in markdown(at))


def test_an_answer_about_a_class_that_another_tab_merged_away_is_a_sentence(run):
    at = look("answer", run="written")
    row = asked(at)
    review.merge(run, 0, 1)
    at = press(at, f"say {row} 1")
    assert "has no class 1" in at.toast[0].value
    assert not review.read(run).answers
    assert f"say {asked(at)} 1" not in keys(at)
