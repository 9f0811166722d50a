"""Twenty questions to a class: asked in batches, kept apart from the run's review, compared with labels alone."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from hume import Store
from hume.common.errors import InputError, RunError
from hume.lesson import answer_sentences as sentences
from hume.lesson.answers import QUESTIONS, WEAK, TwentyQuestions, learned
from hume.lesson.figures import answers as drawn
from hume.runs import review
from hume.runs.answering import BATCH
from hume.runs.findings import Findings
from hume.runs.review_state import Review
from tests.support.app_driver import EXAMPLES, given
from tests.support.planted_runs import save_folder
from tests.support.rules import cases


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A run whose labeling takes a quarter of each class for the next one."""
    store = Store(tmp_path_factory.mktemp("lesson").resolve())
    dataset = save_folder(store.home / "datasets" / "birds", **EXAMPLES)
    shifted = (dataset.labels + (np.arange(dataset.num_samples) % 4 == 0)) % 4
    return Findings(given(store, dataset, "shifted", [shifted, shifted]))


@pytest.fixture(scope="module")
def asked(found):
    return TwentyQuestions(found)


def answer_all(asked, home, say):
    rows = []
    while (row := asked.next(asked.read(home))) is not None:
        rows.append(row)
        asked.answer(home, row, say(row))
    return rows


def test_every_question_is_about_another_picture_and_the_second_batch_knows_the_first_answers(found, asked, tmp_path):
    rows = answer_all(asked, tmp_path, lambda row: int(found.dataset.labels[row]))
    assert len(set(rows)) == len(rows) == QUESTIONS
    others = answer_all(asked, tmp_path / "other", lambda row: int(found.dataset.labels[row] + 1) % 4)
    assert others[:BATCH] == rows[:BATCH]
    assert others[BATCH:] != rows[BATCH:]


def test_answers_survive_a_restart_are_undone_one_by_one_and_leave_the_runs_review_alone(found, asked, tmp_path):
    rows = answer_all(asked, tmp_path, lambda row: row % 4)
    again = TwentyQuestions(Findings(found.run))
    kept = again.read(tmp_path)
    assert [(one.row, one.number) for one in kept] == [(row, row % 4) for row in rows]
    for row in rows[:-4:-1]:
        assert again.next(again.undo(tmp_path)) == row
    assert again.start_over(tmp_path) == ()
    assert review.read(found.run) == Review()


def test_another_labeling_has_answers_of_its_own(found, asked, tmp_path):
    other = given(Store(found.run.home), found.dataset, "right", [found.dataset.labels] * 2)
    asked.answer(tmp_path, asked.next(()), 1)
    assert TwentyQuestions(Findings(other)).read(tmp_path) == ()


def test_the_runs_own_answers_are_left_out(found, asked):
    merged = TwentyQuestions(found.corrected_by(Review(merged={3: 0})))
    assert merged.next(()) == asked.next(())
    assert merged.typical.tolist() == asked.typical.tolist()


def test_an_answer_to_an_old_page_changes_nothing(found, asked, tmp_path):
    first = asked.next(())
    asked.answer(tmp_path, first, 2)
    for row, number in ((first, 1), (asked.next(asked.read(tmp_path)), 4), (-1, 0)):
        with pytest.raises(InputError):
            asked.answer(tmp_path, row, number)
    assert [(one.row, one.number) for one in asked.read(tmp_path)] == [(first, 2)]


@cases(
    "text",
    ["no json", "[]", '{"answers": [{"row": 0}]}']
    + [
        json.dumps({"answers": [{"row": row, "class": number, "by_computer": False}] * times})
        for row, number, times in ((10**6, 0, 1), (0, 4, 1), ("0", 0, 1), (0, 0, 2), ([0], 0, 1))
    ],
)
def test_a_damaged_file_is_named_and_can_be_removed(asked, tmp_path, text):
    asked.answer(tmp_path, asked.next(()), 0)
    (path,) = (tmp_path / "lessons" / "answers").glob("*.json")
    path.write_text(text)
    with pytest.raises(RunError, match=r"birds-.*remove it to begin the questions anew"):
        asked.read(tmp_path)
    assert asked.start_over(tmp_path) == ()


def test_what_is_answered_is_so_and_what_changed_is_counted(found, asked, tmp_path):
    said = asked.let_the_computer_answer(tmp_path)
    assert len(said) == QUESTIONS
    assert all(one.by_computer for one in said)
    outcome = asked.outcome(said, False)
    after = asked.base.labeling.copy()
    after[outcome.change.rows] = outcome.change.after
    assert all(after[one.row] == one.number for one in said)
    assert (outcome.change.before == asked.base.labeling[outcome.change.rows]).all()
    assert (outcome.change.before != outcome.change.after).all()
    assert outcome.accuracies is None
    assert "people do" not in sentences.summary(outcome)

    known = asked.outcome(said, True).accuracies
    assert known.before == pytest.approx(found.agreement_of(asked.base.labeling).acc)
    assert known.after == pytest.approx(found.agreement_of(after).acc)  # no better names than those before
    assert known.same == QUESTIONS


def test_random_labels_alone_are_worth_the_same_whatever_was_found(found, asked, tmp_path):
    other = given(Store(found.run.home), found.dataset, "reversed", [found.dataset.labels[::-1].copy()] * 2)
    first, second = (
        each.outcome(each.let_the_computer_answer(tmp_path), True).accuracies.alone
        for each in (asked, TwentyQuestions(Findings(other)))
    )
    np.testing.assert_array_equal(first, second)
    assert len(set(first.tolist())) > 1


def test_the_classifier_in_the_span_of_its_rows_is_scikit_learns(found):
    x, labels = found.dataset.space("phi1").features, found.dataset.labels
    few = np.r_[np.arange(0, 240, 13), 0]  # one of them twice
    literal = LogisticRegression(C=WEAK, max_iter=10_000, tol=1e-8).fit(x[few], labels[few]).predict(x)
    assert (learned(x[few], labels[few], x) == literal).mean() > 0.99
    assert (learned(x[:3], np.array([2, 2, 2]), x) == 2).all()


def test_who_cannot_tell_gives_no_label(asked, tmp_path):
    rows = answer_all(asked, tmp_path, lambda row: None)
    outcome = asked.outcome(asked.read(tmp_path), True)
    assert len(rows) == QUESTIONS
    assert (outcome.num_answers, len(outcome.change.rows), outcome.accuracies) == (0, 0, None)
    assert "no label changed" in sentences.summary(outcome)


def test_the_bars_are_the_means_and_the_whisker_is_from_the_lowest_to_the_highest_draw(asked, tmp_path):
    known = asked.outcome(asked.let_the_computer_answer(tmp_path), True).accuracies
    alone, before, after = drawn.answers(known, 20).data
    assert [bar.x[0] for bar in (alone, before, after)] == pytest.approx(
        [100 * share for share in (known.alone.mean(), known.before, known.after)]
    )
    whisker = alone.error_x
    assert alone.x[0] - whisker.arrayminus[0] == pytest.approx(100 * known.alone.min(), abs=1e-3)
    assert alone.x[0] + whisker.array[0] == pytest.approx(100 * known.alone.max(), abs=1e-3)
    assert before.error_x.array is after.error_x.array is None


def test_without_peoples_labels_the_computer_cannot_answer(found, tmp_path):
    store = Store(tmp_path)
    dataset = save_folder(tmp_path / "datasets" / "nameless", labels=False, **EXAMPLES)
    asked = TwentyQuestions(Findings(given(store, dataset, "unlabeled", [found.dataset.labels] * 2)))
    with pytest.raises(InputError, match="let the class answer"):
        asked.let_the_computer_answer(tmp_path)
    assert asked.answer(tmp_path, asked.next(()), 0)
