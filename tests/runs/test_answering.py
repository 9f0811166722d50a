"""A person's answers: they stay, pull their class along, are joined, audited and taken back."""

import shutil

import numpy as np
import pytest

from hume.common.csv_files import csv_bytes
from hume.common.errors import InputError, RunError
from hume.engine.finished_seed import FinishedSeed
from hume.exchange.export.request import export_request
from hume.experiments.semi_supervised import SemiSupervised
from hume.runs import answers_csv, review
from hume.runs.answering import Answering
from hume.runs.corrected import read_base
from hume.runs.findings import Findings
from hume.runs.joining import join
from hume.runs.review_state import NONE
from hume.runs.store import Store
from tests.support.app_driver import given
from tests.support.planted_runs import save_folder
from tests.support.rules import cases

K, SIZE = 4, 60
FILES = [f"{number}.png" for number in range(K * SIZE)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run whose vote has a third of class 1 in class 0."""
    store = Store(tmp_path_factory.mktemp("home"))
    dataset = save_folder(store.home / "datasets" / "birds", classes=K, size=SIZE, noise=0.3, files=FILES)
    truth = dataset.labels
    wrong = np.where((truth == 1) & (np.arange(len(truth)) % 3 == 0), 0, truth)
    given(store, dataset, "birds", [wrong, wrong], num_classes=K)
    return store.home


@pytest.fixture
def answering(made, tmp_path):
    return copied(made, tmp_path / "home")


def copied(made, home):
    shutil.copytree(made, home)
    return Answering(Findings(Store(home).open("birds")))


def classes_of(answering):
    """The found class of every true one."""
    return np.argsort(answering.found.match)[answering.found.dataset.labels]


def right(answering):
    return (answering.now().vote.labeling == classes_of(answering)).mean()


def test_answers_stay_and_the_others_follow(answering):
    truth, before = classes_of(answering), right(answering)
    asked = answering.questions(8)
    assert len(set(asked.tolist())) == 8
    for row in asked:
        answering.answer([row], truth[row])
    found = answering.now()
    assert (found.vote.labeling[asked] == truth[asked]).all()
    assert before < 0.95 < right(answering)
    assert {found.source[row] for row in asked} == {"answer"}
    assert set(found.source) == {"answer", "search", "refinement"}
    assert not set(answering.questions(8).tolist()) & set(asked.tolist())
    columns = list(zip(*found.label_table(answering.review), strict=True))
    assert [columns[2][row] for row in asked] == truth[asked].tolist()
    assert {columns[5][row] for row in asked} == {"1.0000"}


def test_a_new_reader_sees_the_same_and_undo_goes_back_to_the_beginning(answering):
    first = answering.now().vote.labeling
    assert Findings(answering.run).review is None
    answering.answer([0, 1, 2], 3)
    answering.split(0)
    answering.merge(1, 4)
    answering.new_class([9, 11], "owls")
    answering.set_aside([5])
    last = Findings(Store(answering.run.home).open("birds"))
    assert np.array_equal(last.vote.labeling, answering.now().vote.labeling)
    assert last.classes == [0, 1, 2, 3, 5]
    assert answering.review.name(5) == "owls"
    assert last.label_table(answering.review)[5] == (5, "5.png", "", "", "", "", "set aside")
    assert 5 not in last.chosen_rows("all")
    fresh = Answering(Findings(answering.run, "refined" if last.view == "refined" else "searched"))
    for _ in range(5):
        assert fresh.review.steps
        fresh.undo()
    assert fresh.review.steps == ()
    assert np.array_equal(fresh.now().vote.labeling, first)
    assert np.array_equal(Findings(answering.run).vote.labeling, first)
    fresh.restore(5)  # nothing that was taken back is lost
    assert np.array_equal(fresh.now().vote.labeling, last.vote.labeling)


def test_a_merged_class_is_whole_and_a_split_one_is_two(answering):
    truth, sizes = classes_of(answering), np.bincount(answering.now().vote.labeling, minlength=K)
    change = answering.merge(2, 3)
    labeling = answering.now().vote.labeling
    assert not (labeling == 3).any()
    assert abs((labeling == 2).sum() - sizes[2] - sizes[3]) <= 3
    assert change.flows[0][:2] == (3, 2)
    change = answering.split(2)
    labeling = answering.now().vote.labeling
    parts = {frozenset(np.flatnonzero(labeling == k)) for k in (2, 4)}
    assert all(any(len(set(np.flatnonzero(truth == k)) & part) > 50 for k in (2, 3)) for part in parts)
    assert (labeling == 4).sum() > 40


def test_files_of_a_merged_labeling_have_classes_without_a_gap(answering):
    answering.merge(1, 2)
    found = answering.now()
    assert found.classes == [0, 1, 3]
    samples, _ = found.reliable_samples(found.ranking(10), 5)
    handed = export_request(found, samples, answering.review)
    assert np.unique(handed.classes).tolist() == np.unique(handed.labeling).tolist() == [0, 1, 2]
    assert (handed.num_classes, handed.names[2]) == (3, "Class 3")
    assert handed.provenance["Class numbers of the run"] == "2 is 3"
    np.testing.assert_array_equal(np.array([0, 1, 3])[handed.labeling], found.vote.labeling)


def test_rows_set_aside_teach_no_head_and_judge_none(answering):
    whole = SemiSupervised(answering.now())
    teaching, judging = np.flatnonzero(whole.learning)[:3], np.flatnonzero(whole.held_out)[:2]
    answering.set_aside([*teaching, *judging])
    heads = SemiSupervised(answering.now())
    assert heads.learning.sum() == whole.learning.sum() - 3
    assert heads.held_out.sum() == whole.held_out.sum() - 2
    assert not (heads.learning | heads.held_out)[[*teaching, *judging]].any()


def test_an_answer_follows_its_class_through_a_merge(answering):
    answering.answer([0, 1], 3)
    answering.merge(2, 3)
    assert answering.review.answers == {0: 2, 1: 2}
    with pytest.raises(InputError, match="no class 3: name one of 0 to 2"):
        answering.answer([4], 3)


def test_another_search_does_not_change_what_an_answer_means(answering):
    answering.answer([0, 1], 3)
    labeling, run = answering.now().vote.labeling, answering.run
    (run.folder / "corrected.safetensors").unlink()
    nothing = np.zeros(1, np.float32)
    for seed in range(2):
        numbers = (run.seed_array(seed, "labeling") + 1) % K  # the same classes under other numbers
        prototypes = run.seed_array(seed, "prototypes")
        run.write_seed(FinishedSeed(seed, prototypes, nothing, nothing, True), numbers.astype(np.int32), 0.0)
    run.execute(search=False)
    again = Findings(run)
    assert (again.found_vote.labeling != read_base(run).labeling).all()
    assert np.array_equal(again.vote.labeling, labeling)
    assert again.vote.share.mean() > 0.9


@cases("step, why", [
    (lambda a: a.answer([0], 4), "no class 4"), (lambda a: a.answer([240], 0), "no sample 240"),
    (lambda a: a.answer([-1], 0), "no sample -1"), (lambda a: a.merge(1, 1), "with itself"),
    (lambda a: a.split(9), "fewer than two samples"), (lambda a: a.restore(3), "no version 3: choose 0 to 0"),
    (lambda a: a.audit(3, 0), "not in the audit"), (lambda a: a.draw_audit(3), "at least one of each of the 4"),
    (lambda a: a.draw_audit(300), "at most the 240"), (lambda a: a.new_class([0], "x" * 61), "60 visible"),
])  # fmt: skip
def test_what_cannot_be_done_is_one_sentence_and_no_step(answering, step, why):
    with pytest.raises(InputError, match=why):
        step(answering)
    assert answering.review.steps == ()


def test_two_classes_stay(answering):
    answering.merge(0, 1)
    answering.merge(0, 2)
    with pytest.raises(InputError, match="two classes are left"):
        answering.merge(0, 3)


def test_one_class_more_than_the_samples_allow_is_refused(answering):
    answering.answer([0], 0)
    for _ in range(K * SIZE // 5 - K):
        review.new_class(answering.run, [1])
    with pytest.raises(InputError, match="fewer than 5 samples a class"):
        answering.new_class([2])


def test_a_class_that_answers_empty_stays_to_be_filled(answering):
    labeling = answering.now().vote.labeling
    answering.answer(np.flatnonzero(labeling == 3), 2)
    assert answering.now().classes == [0, 1, 2, 3]
    assert np.isfinite(answering.now().confidence).all()
    answering.answer([0], 3)
    assert answering.now().vote.labeling[0] == 3


def test_the_audit_speaks_of_what_was_not_answered_and_trains_nothing(answering):
    truth = classes_of(answering)
    answering.answer([0], truth[0])
    drawn = answering.draw_audit(40).drawn
    rows = np.array([row for row, _, _ in drawn])
    assert len(set(rows.tolist())) == 40
    assert 0 not in rows
    assert sum(weight for _, _, weight in drawn) == pytest.approx(K * SIZE - 1)
    assert answering.estimate() is None
    before = answering.now().corrected.predicted
    for row in rows:
        answering.audit(row, truth[row])
    assert np.array_equal(answering.now().corrected.predicted, before)
    found = answering.estimate()
    assert found.overall.n == 40
    assert found.overall.low <= (before == truth).mean() <= found.overall.high
    assert (answering.now().vote.labeling[rows] == truth[rows]).all()
    assert not set(answering.questions(50).tolist()) & set(rows.tolist())
    answering.answer(rows, 0)  # a lasso over them: what the audit knows is not overwritten
    assert {answering.review.audited[row] for row in rows} == set(truth[rows])
    assert not set(answering.review.answers) & set(rows.tolist())
    answering.audit(rows[0], NONE)
    assert answering.estimate().overall.share < found.overall.share or found.overall.share < 1


# --- as CSV ------------------------------------------------------------------------------------------


def exported(answering):
    return csv_bytes(answers_csv.COLUMNS, answers_csv.table(answering.run, answering.review, answering.found.dataset))


def said(answering):
    now = answering.review
    return now.answers, now.audited, now.names, now.new, now.merged, now.rejected, now.drawn


def test_a_review_comes_back_whole(answering, made, tmp_path):
    answering.split(0)
    answering.answer([0, 7, 9], 4)
    answering.set_aside([3])
    answering.merge(1, 2)
    answering.new_class([11], "=owls")
    for row, k, _ in answering.draw_audit(20).drawn[:5]:
        answering.audit(row, k)
    other = copied(made, tmp_path / "other")
    joined = join(other, exported(answering), "ann")
    assert (joined.added, joined.known, joined.contradictions) == (10, 0, ())
    assert said(other) == said(answering)
    assert np.array_equal(other.now().vote.labeling, answering.now().vote.labeling)
    again = join(other, exported(answering), "ann")
    assert (again.added, again.known) == (0, 10)  # no answer counts twice
    assert said(other) == said(answering)


def test_two_people_join_their_answers_and_contradictions_are_listed(answering, made, tmp_path):
    answering.answer([0, 1, 2], 0)
    other = copied(made, tmp_path / "other")
    other.answer([2, 3], 1)
    other.answer([1], 0)
    joined = join(answering, exported(other), "bob")
    assert (joined.added, joined.known, joined.contradictions) == (1, 1, ((2, 0, 1),))
    assert answering.review.answers == {0: 0, 1: 0, 2: 0, 3: 1}
    assert {step.get("by") for step in answering.review.steps} == {None, "bob"}


def test_a_plain_table_of_files_and_names_is_enough(answering):
    review.name_class(answering.run, 2, "jays")
    joined = join(answering, b"file,class_name\n7.png,jays\n9.png,Class 1\n", "list")
    assert joined.added == 2
    assert answering.review.answers == {7: 2, 9: 1}


@cases("content, why", [
    (b"", "needs the columns"), (b"a,b\n1,2\n", "needs the columns"), (b"row,class\n", "at least one line"),
    (b"row,class\n0,9\n", "no class 9"), (b"row,class\n240,0\n", "line 2: no sample '240'"),
    (b"row,class\n0,0\nx,0\n-1,0\n", "2 lines cannot be used: line 3: no sample 'x'; line 4"),
    (b"file,class\nowl.png,0\n", "no sample has the file 'owl.png'"), (b"row,class\n0,owl\n", "no class 'owl'"),
    (b"\xff\xfe", "no sample|not a CSV"), (b"row,class,labeling\n0,0,abc\n", "about another labeling"),
    (b"row,class,kind\n0,0,dance\n", "of the kind 'dance'"),
    (b"row,class,kind,other\n0,0,draw,x\n", "'x' is not how many"),
])  # fmt: skip
def test_a_file_that_cannot_be_joined_is_one_sentence_and_changes_nothing(answering, content, why):
    with pytest.raises(InputError, match=why):
        join(answering, content, "bad")
    assert answering.review.steps == ()


def test_answers_without_their_labeling_are_refused(answering):
    answering.answer([0], 1)
    (answering.run.folder / "corrected.safetensors").unlink()
    (answering.run.folder / "base.safetensors").unlink()
    with pytest.raises(RunError, match=r"remove its history\.jsonl"):
        _ = Findings(answering.run).vote
