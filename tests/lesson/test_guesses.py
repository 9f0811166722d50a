"""Guesses of a class: kept, changed and compared with what was found."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import hume
from hume.common.errors import InputError, RunError
from hume.lesson import comparison, guesses
from hume.lesson.comparison import Grouping
from hume.lesson.figures.flows import flow_table, flows
from hume.lesson.figures.hands import hands
from hume.lesson.guesses import Guesses
from tests.support.rules import cases


@pytest.fixture(scope="module")
def digits():
    return hume.load_dataset("digits")


def test_the_wall_is_the_same_for_everybody_and_asks_no_label(digits):
    assert guesses.wall(digits) == guesses.wall(replace(digits, labels=None))
    assert len(set(guesses.wall(digits))) == guesses.WALL
    few = replace(digits, spaces={}, labels=None)
    assert len(guesses.wall(few, number=10**6)) == digits.num_samples


def test_what_was_guessed_is_there_after_a_restart(tmp_path, digits):
    row, other, *_ = guesses.wall(digits)
    guesses.set_groups(tmp_path, digits, 3)
    guesses.place(tmp_path, digits, row, 2)
    guesses.place(tmp_path, digits, other, 0)
    guesses.place(tmp_path, digits, other, None)
    guesses.name_group(tmp_path, digits, 2, "  round \n things ")
    guesses.raise_hands(tmp_path, digits, 10, 7)
    guesses.raise_hands(tmp_path, digits, 4, 7)
    known = guesses.read(tmp_path, digits)
    assert known.placed == {row: 2}
    assert known.shown_names == ["Group 1", "Group 2", "round things"]
    assert known.hands == {4: 7, 10: 7}
    assert known.usual_kinds == 4
    assert guesses.raise_hands(tmp_path, digits, 4, 0).usual_kinds == 10
    assert guesses.start_over(tmp_path, digits) == Guesses(guesses.wall(digits)) == guesses.read(tmp_path, digits)


def test_pictures_of_a_group_that_goes_are_unsorted_again(tmp_path, digits):
    first, second, *_ = guesses.wall(digits)
    guesses.place(tmp_path, digits, first, 1)
    guesses.place(tmp_path, digits, second, 4)
    assert guesses.set_groups(tmp_path, digits, 2).placed == {first: 1}
    assert guesses.set_groups(tmp_path, digits, 5).placed == {first: 1}


def test_what_cannot_be_is_refused_and_changes_nothing(tmp_path, digits):
    absent = next(row for row in range(digits.num_samples) if row not in guesses.wall(digits))
    present = guesses.wall(digits)[0]
    for change in (
        partial(guesses.place, row=absent, group=0),
        partial(guesses.place, row=present, group=5),
        partial(guesses.place, row=present, group=-1),
        partial(guesses.set_groups, number=1),
        partial(guesses.set_groups, number=guesses.MOST_GROUPS + 1),
        partial(guesses.name_group, group=5, name="far"),
        partial(guesses.raise_hands, kinds=0, number=3),
        partial(guesses.raise_hands, kinds=3, number=-1),
    ):
        with pytest.raises(InputError):
            change(tmp_path, digits)
    assert guesses.read(tmp_path, digits) == Guesses(guesses.wall(digits))


def test_two_tabs_lose_none_of_each_others_moves(tmp_path, digits):
    rows = guesses.wall(digits)[:24]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda row: guesses.place(tmp_path, digits, row, row % 5), rows))
    assert guesses.read(tmp_path, digits).placed == {row: row % 5 for row in rows}


@cases("text", ["no json", "[]", '{"rows": 3}', '{"rows": [], "names": [], "placed": [], "hands": {}}'])
def test_a_damaged_file_is_named(tmp_path, digits, text):
    path = tmp_path / "lessons" / "digits.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(RunError, match=r"digits\.json.*remove it to start the lesson again"):
        guesses.read(tmp_path, digits)


def test_guesses_about_other_pictures_are_not_taken_for_these(tmp_path, digits):
    guesses.place(tmp_path, digits, guesses.wall(digits)[0], 1)
    path = tmp_path / "lessons" / "digits.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"rows": values["rows"][::-1]}))
    assert guesses.read(tmp_path, digits).placed == {}
    path.write_text(json.dumps(values | {"placed": {str(values["rows"][0]): 17}}))
    assert guesses.read(tmp_path, digits).placed == {}


# --- beside what was found ---------------------------------------------------------------------------


def sorted_by(digits, labels, number=20):
    rows = guesses.wall(digits)
    placed = {row: int(labels[row]) for row in rows[:number]}
    return Guesses(rows, names=("",) * 10, placed=placed)


def test_a_class_that_sees_what_people_see_agrees_with_them_entirely(digits):
    known = sorted_by(digits, digits.labels)
    renamed = (digits.labels + 3) % 10
    found = comparison.compare(known, renamed, digits.labels)
    assert found.guessed_true.acc == found.guessed_found.acc == found.found_true.acc == 1
    assert found.guessed_found.ari == pytest.approx(1)
    assert "**20 of 20**" in comparison.summary(found)


def test_only_sorted_pictures_count(digits):
    known = sorted_by(digits, digits.labels, 12)
    labeling = np.where(np.isin(np.arange(digits.num_samples), list(known.placed)), digits.labels, 0)
    found = comparison.compare(known, labeling, None)
    assert set(found.rows.tolist()) == set(known.placed)
    assert found.guessed_found.acc == 1
    assert found.guessed_true is found.found_true is found.true is None
    assert list(comparison.agreement_table(found)["between"]) == ["our groups and the found classes"]
    assert "people" not in comparison.summary(found)


def test_one_picture_is_no_grouping(digits):
    with pytest.raises(InputError, match="sort some in the first step"):
        comparison.compare(sorted_by(digits, digits.labels, 1), digits.labels, None)


def test_the_picture_has_a_band_for_all_that_two_groups_share(digits):
    known = sorted_by(digits, digits.labels % 3, 30)
    found = comparison.compare(known, digits.labels % 2, digits.labels)
    columns = comparison.groupings(known, found, ["even", "odd"], [str(k) for k in range(10)])
    drawn = flows(columns).data[0]
    assert len(drawn.node.label) == 10 + 2 + 10
    values = np.array(drawn.link.value)
    first = np.array(drawn.link.source) < 10
    assert values[first].sum() == values[~first].sum() == 30
    for source, target, value in zip(drawn.link.source, drawn.link.target, drawn.link.value, strict=True):
        if source < 10:
            assert value == np.sum((found.guessed == source) & (found.labeled == target - 10))
        else:
            assert value == np.sum((found.labeled == source - 10) & (found.true == target - 12))
    header, rows = flow_table(columns)
    assert header == ["Our groups", "Found classes", "People's labels"]
    assert len(rows) == 30


def test_names_in_the_picture_are_text(digits):
    known = replace(sorted_by(digits, digits.labels), names=("<b>bold</b>", *[""] * 9))
    found = comparison.compare(known, digits.labels, None)
    columns = comparison.groupings(known, found, [f"%{{x}} {k}" for k in range(10)], [])
    labels = flows(columns).data[0].node.label
    assert labels[0] == "&lt;b&gt;bold&lt;/b&gt;"
    assert "{" not in "".join(labels)


def test_flows_need_two_groupings_of_the_same_samples():
    one = Grouping("one", ["a"], np.zeros(3, np.int64))
    with pytest.raises(InputError, match="two or more"):
        flows([one])
    with pytest.raises(InputError, match="3 samples in column 1, 2 samples in column 2"):
        flows([one, replace(one, labels=np.zeros(2, np.int64))])


def test_hands_are_bars_and_the_answer_is_marked():
    drawn = hands({10: 3, 4: 8}, marked=10)
    assert list(drawn.data[0].x) == [4, 10]
    assert list(drawn.data[0].y) == [8, 3]
    assert drawn.layout.shapes[0].x0 == 10
    assert not hands({4: 1}).layout.shapes
