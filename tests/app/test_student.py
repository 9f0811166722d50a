"""What reliable samples are worth, on their page: trained in the queue, kept, hidden where the truth is."""

import io
import zipfile
from threading import Event

import numpy as np
import pytest

from hume.common import devices
from hume.experiments.semi_supervised import SemiSupervised
from hume.runs import review
from hume.runs.findings import Findings
from pages._state import services
from tests.support.app_driver import (
    EXAMPLES,
    birds,
    figures,
    finished,
    look,
    markdown,
    numbers,
    press,
    rerun,
    tiles,
    until,
)
from tests.support.planted import planted

LINES = {"from reliable samples", "from random true labels", "reliable samples that are right"}


@pytest.fixture
def run(home):
    return finished(home, birds(home, files=[f"owl/{row}.png" for row in range(240)]), "split")


def open_page(name="split", **query):
    return look("reliable", run=name, **query)


def done():
    work = services.services().work
    until(lambda: work.statuses() and not any(status.under_way for status in work.statuses()))
    return [status.state for status in work.statuses()]


def train(run, amounts=(1, 4), **options):
    student = SemiSupervised(Findings(run))
    student.run(amounts, seeds=range(2), **options)
    return student


def said(at):
    """The texts of the page as a reader sees them."""
    return [text.replace("\\", "") for text in markdown(at)]


def table(at):
    """The scores as a data frame."""
    return next(frame.value for frame in at.dataframe if "as the vote" in frame.value)


def names(at):
    return {trace.get("name") for trace in figures(at)["students"]["data"]}


def test_training_waits_in_the_queue_and_is_there_after_a_reload(run):
    at = open_page()
    assert "No classifier was trained on these samples yet." in said(at)
    assert "students" not in figures(at)
    press(at, "train students")
    assert done() == ["finished"]
    at = open_page()
    assert names(at) > LINES
    assert at.button(key="train students").disabled
    points = SemiSupervised(Findings(run)).points()
    assert [point.per_class for point in points] == [1, 4, 10, 25]
    assert table(at)["from reliable samples"].tolist() == [point.reliable.mean for point in points]
    assert table(at)["from true labels"].tolist() == [point.true.mean for point in points]
    assert any(text.startswith("With 1 label a class, the held-out accuracy of a classifier is") for text in said(at))
    assert any("no test split" in text for text in said(at))


def test_in_blind_mode_only_agreement_with_the_vote_is_shown(run, download):
    student = train(run)
    at = open_page(blind="true")
    assert names(at) == {None, "from reliable samples"}
    assert not {"from true labels", "from reliable samples", "right of them"} & set(table(at))
    assert any("a classifier agrees with the vote on" in text for text in said(at))
    shown = numbers(at)
    agreements = {point.agreement.mean for point in student.points()}  # which are shown, and may equal an accuracy
    hidden = {mean for point in student.points() for mean in (point.reliable.mean, point.true.mean)} - agreements
    assert hidden
    assert not np.isin(list(hidden), shown).any()
    assert not any("Printed in the paper" in text for text in said(at))
    assert b"owl/" not in download(at, "student labels")
    assert b"owl/" in download(open_page(), "student labels")


def test_without_labels_there_is_no_accuracy(home):
    run = finished(home, birds(home, "nameless", labels=False), "unlabeled")
    train(run)
    at = open_page("unlabeled")
    assert names(at) == {None, "from reliable samples"}
    assert any("needs a ground truth" in text for text in said(at))
    assert not any("random true labels" in text for text in said(at))


def test_a_rejected_sample_asks_for_another_training(run):
    student = train(run)
    gone = int(student.saved(4).picked.rows[0])
    review.reject(run, gone)
    at = open_page()
    assert any("train again" in warning.value for warning in at.warning)
    assert not at.button(key="train students").disabled
    press(at, "train students")
    done()
    assert gone not in student.saved(4).picked.rows
    assert not any("train again" in warning.value for warning in open_page().warning)


@pytest.mark.parametrize(
    ("meanwhile", "message"),
    [((1, 4), "10, 25 labels per class in"), ((1, 4, 10, 25), "Already trained for all numbers of labels per class.")],
)
def test_what_is_missing_and_rejected_is_asked_when_its_turn_comes(run, meanwhile, message):
    gone = int(train(run, (1,)).saved(1).picked.rows[0])
    work, may_go_on = services.services().work, Event()
    work.do("something before", lambda tell: str(may_go_on.wait()), devices.devices()[0])
    at = open_page()
    press(at, "train students")
    assert at.button(key="train students").disabled  # no second click
    assert open_page().button(key="train students").disabled
    review.reject(run, gone)
    student = train(run, meanwhile, rejected={gone})
    may_go_on.set()
    assert done() == ["finished", "finished"]
    assert student.missing({gone}) == []
    assert work.statuses()[0].result.startswith(message)


def test_labels_that_come_later_ask_for_another_training(home):
    data = birds(home, "late", labels=False)
    run = finished(home, data, "late")
    train(run, (1, 4, 10, 25))
    np.save(data.folder / "labels.npy", planted(**EXAMPLES)[2])
    at = open_page("late")
    assert any("true labels changed" in warning.value for warning in at.warning)
    press(at, "train students")
    assert done() == ["finished"]
    at = open_page("late")
    assert not at.warning
    assert at.button(key="train students").disabled
    assert table(at)["from true labels"].notna().all()


def test_another_space_is_another_classifier(run):
    train(run)
    at = open_page()
    assert "students" in figures(at)
    box = at.selectbox(key="student of split")
    assert box.value == "phi1"
    assert "students" not in figures(rerun(box.set_value("phi2")))


def test_labels_carry_the_readers_names(run, download):
    review.name_class(run, 0, "=jay")
    train(run)
    text = download(open_page(), "student labels").decode("utf-8-sig").splitlines()
    assert text[0] == "row,file,class,class_name,vote_share"
    assert any("jay" in line for line in text)
    assert len(text) == 241


def test_the_paper_stands_apart(run):
    train(run)
    at = open_page()
    printed = next(frame.value for frame in at.dataframe if "source" in frame.value)
    assert set(printed["source"]) == {"Gadetsky and Brbić (2023), Table 4"}
    assert tiles(at, "reliable 0")


def test_true_labels_are_handed_over_only_on_request_and_never_blind(run, download):
    at = rerun(open_page().radio(key="format").set_value("usb"))

    def files(at):
        return zipfile.ZipFile(io.BytesIO(download(at, "handover"))).namelist()

    assert not [name for name in files(at) if "true" in name]
    at = rerun(at.checkbox(key="true labels").check())
    assert [name for name in files(at) if name.endswith("freematch-true.yaml")]
    at = rerun(at.toggle(key="blind").set_value(True))
    assert "true labels" not in [box.key for box in at.checkbox]
    assert not [name for name in files(at) if "true" in name]
