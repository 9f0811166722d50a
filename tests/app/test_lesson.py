"""The lesson: every step by its own link, guesses that stay, and people's labels hidden until they are switched on."""

import json
import re
import shutil

import pytest

from hume.lesson import guesses
from hume.lesson.handout import handout
from hume.lesson.plan import EXERCISES, STEPS
from hume.runs import review
from pages._state import runs
from tests.support.app_driver import (
    LESSON,
    NAMES,
    click,
    ended,
    figures,
    look,
    press,
    rerun,
    sort_into,
    tiles,
    until,
    words,
)
from tests.support.rules import cases

OF_A_RUN = ("learn-seeds", "learn-trust", "learn-compare", "learn-answers", "learn-handout")
OF_TRUTH = re.compile(
    r"people (say|have|call|give)|(are|is) right|and people's labels|accuracy and|in the right class|agrees on",
    re.IGNORECASE,
)


def board(at):
    """The table of the first step: bins, and the pictures in them."""
    element = next(each for each in at.get("bidi_component") if each.key == "lesson bins")
    return json.loads(element.proto.json)


@cases(("page", "step"), list(zip(LESSON, STEPS, strict=True)))
def test_every_step_has_a_link_of_its_own_and_keeps_notes_off_the_projector(home, page, step):
    at = look(page)
    assert [title.value for title in at.title] == [step.question]
    labels = [link.label for link in at.page_link]
    assert labels[: len(STEPS)] == [f"{i} · {each.title}" for i, each in enumerate(STEPS, start=1)]
    assert not any(line in text for line in step.notes for text in words(at))
    assert [link.proto.url for link in at.get("link_button")] == ["learn-notes"]
    assert at.error.len == 0
    assert at.warning.len == (page == "learn-trust")  # of the hard case


def test_the_presenter_has_the_notes_of_all_steps(home):
    at = look("learn-notes")
    said = "\n".join(words(at))
    assert all(line in said for step in STEPS for line in step.notes)
    assert all(f"about {step.minutes} min" in said for step in STEPS)
    assert [link.label for link in at.page_link] == [f"**{i} · {step.title}**" for i, step in enumerate(STEPS, start=1)]


def test_the_lesson_takes_twenty_minutes():
    assert sum(step.minutes for step in STEPS) == 20
    assert len(EXERCISES) == 3


@cases("page", OF_A_RUN[1:])
def test_without_a_run_a_step_shows_the_way(home, page):
    assert "100 seeds" in " ".join(words(look(page)))


# --- guesses ---------------------------------------------------------------------------------------


def test_pictures_are_where_they_were_put_in_every_tab(data, home):
    at = look("learn", lesson_data="birds")
    first, second = (row for row, _ in board(at)["tiles"][:2])
    assert {place for _, place in board(at)["tiles"]} == {-1}
    sort_into(at, first, 2)
    sort_into(at, second, 0)
    sort_into(at, second, -1)
    for tab in (at, look("learn", lesson_data="birds")):
        assert dict(board(tab)["tiles"])[first] == 2
        assert dict(board(tab)["tiles"])[second] == -1
        assert "**1 of 36** pictures are sorted." in [text.value for text in tab.markdown]
    assert guesses.read(home.home, data).placed == {first: 2}


def test_nonsense_from_a_browser_changes_nothing(data, home):
    at = look("learn", lesson_data="birds")
    absent = next(row for row in range(data.num_samples) if row not in dict(board(at)["tiles"]))
    for row, place in ((absent, 0), (board(at)["tiles"][0][0], 5), (board(at)["tiles"][0][0], "1"), (None, 1)):
        sort_into(at, row, place)
    assert guesses.read(home.home, data).placed == {}


def test_groups_have_the_number_and_names_that_were_given(data, home):
    at = look("learn", lesson_data="birds")
    row = board(at)["tiles"][0][0]
    sort_into(at, row, 4)
    assert next(field for field in at.number_input if field.label == "Groups").min == 5  # the fifth holds a picture
    sort_into(at, row, -1)
    rerun(next(field for field in at.number_input if field.label == "Groups").set_value(3))
    assert board(at)["bins"] == ["Group 1", "Group 2", "Group 3"]
    assert dict(board(at)["tiles"])[row] == -1
    rerun(next(field for field in at.text_input if field.label == "Group 2").set_value("<i>small</i>"))
    assert board(at)["bins"][1] == "<i>small</i>"
    press(at, "forget guesses")
    assert board(at)["bins"] == [f"Group {k}" for k in range(1, 6)]


def test_hands_are_counted(data):
    at = look("learn", lesson_data="birds")
    for kinds, hands in ((4, 9), (7, 3)):
        at.number_input(key="lesson kinds birds").set_value(kinds)
        at.number_input(key="lesson hands birds").set_value(hands)
        press(at, "note hands")
    bars = figures(at)["hands"]["data"][0]
    assert (bars["x"], bars["y"]) == ([4, 7], [9, 3])
    assert "The most hands, 9 of 12, say **4**" in " ".join(text.value for text in at.markdown)


# --- the truth -------------------------------------------------------------------------------------


@pytest.fixture
def guessed(library):
    data = library.load_dataset("birds")
    for row in guesses.wall(data)[:20]:
        guesses.place(library.home, data, row, int(data.labels[row]) % 3)
    yield data
    guesses.start_over(library.home, data)


@cases("page", OF_A_RUN)
def test_peoples_labels_are_hidden_until_they_are_switched_on(guessed, page):
    for query in ({}, {"lesson_truth": "true", "blind": "true"}):
        at = look(page, lesson_data="birds", run="first", **query)
        text = " ".join(words(at))
        assert not [name for name in NAMES if name in text]
        assert not OF_TRUTH.search(text), OF_TRUTH.search(text)


def test_the_accuracy_appears_when_it_is_revealed(guessed):
    at = look("learn-seeds", lesson_data="birds", run="first")
    assert "lesson hidden cloud" in figures(at)
    rerun(at.toggle(key="lesson_truth").set_value(True))
    assert "lesson cloud" in figures(at)
    shown = look("learn-compare", lesson_data="birds", run="first", lesson_truth="true")
    assert "the found classes and people's labels" in " ".join(words(shown))
    assert any(name in " ".join(words(shown)) for name in NAMES)


def test_the_groups_of_the_class_are_compared_with_the_found_classes(guessed):
    at = look("learn-compare", lesson_data="birds", run="first")
    link = figures(at)["lesson flows"]["data"][0]["link"]
    assert sum(link["value"]) == 20
    shown = look("learn-compare", lesson_data="birds", run="first", lesson_truth="true")
    assert sum(figures(shown)["lesson flows"]["data"][0]["link"]["value"]) == 40


def test_without_a_ground_truth_there_is_nothing_to_reveal(library):
    for page in OF_A_RUN:
        at = look(page, lesson_data="nameless", run="unlabeled")
        offered = [toggle for toggle in at.toggle if toggle.key == "lesson_truth"]
        assert len(offered) == (page == "learn-trust")  # of the hard case's digits


def test_the_hand_out_holds_the_guesses_and_the_truth_only_when_it_is_shown(guessed, library):
    found = runs.findings(library.open("first"))
    known = guesses.name_group(library.home, guessed, 1, "<b>the & loud</b>")
    for truth in (False, True):
        page = handout(found, known, ["A", "B", "C", "D"], show_truth=truth)
        assert "What did we guess?" in page
        assert "&lt;b&gt;the &amp; loud&lt;/b&gt;" in page
        assert all(each.answer.split(".")[0] in page for each in EXERCISES)
        text = page.split("<script")[0] + "".join(re.findall(r'<script type="application/json">(.*?)</script>', page))
        assert bool(re.search(rf"\b({'|'.join(NAMES)})\b", text)) is truth
    assert "What did we guess?" not in handout(found, guesses.Guesses(known.rows), ["A", "B", "C", "D"])


# --- twenty answers ----------------------------------------------------------------------------------


def ask(**query):
    return look("learn-answers", lesson_data="birds", run="first", **query)


@pytest.fixture
def unanswered(library):
    yield library
    shutil.rmtree(library.home / "lessons" / "answers", ignore_errors=True)


def test_answers_are_the_same_in_every_tab_and_can_be_taken_back(unanswered):
    at = ask()
    (asked,) = tiles(at, "lesson asked")
    press(at, "lesson class 2")
    click(at, "lesson typical 1", tiles(at, "lesson typical 1")[0][0])
    press(at, "lesson no answer")
    for tab in (at, ask()):
        assert tab.get("progress")[0].proto.text.startswith("**Question 4 of 20**")
    for _ in range(3):
        press(at, "lesson undo")
    assert tiles(at, "lesson asked") == [asked]
    press(at, "lesson class 0")
    press(at, "lesson forget answers")
    assert tiles(ask(), "lesson asked") == [asked]
    assert not review.read(unanswered.open("first")).steps


def test_of_many_classes_the_probable_ones_have_buttons_and_all_are_in_a_list(unanswered, monkeypatch):
    monkeypatch.setattr("pages._lesson.answers.FEW", 2)
    at = ask()
    (row,), names = tiles(at, "lesson asked")[0][:1], [button.key for button in at.button]
    assert len([key for key in names if key and re.fullmatch(r"lesson class \d+", key)]) == 2
    every = at.selectbox(key=f"lesson any {row}")
    rerun(every.set_value(every.options[-1]))
    assert ask().get("progress")[0].proto.text.startswith("**Question 2 of 20**")


def test_the_result_waits_for_peoples_labels_and_goes_into_the_hand_out(unanswered, download):
    at = ask()
    assert "lesson computer" not in [button.key for button in at.button]
    press(at, "lesson class 0")
    shown = ask(lesson_truth="true")
    press(shown, "lesson computer")
    assert len(figures(shown)["lesson answers"]["data"]) == 3
    assert "The computer gave 19 of the 20 answers" in " ".join(words(shown))
    rerun(at)
    assert "lesson answers" not in figures(at)
    assert "20 answers changed" in " ".join(words(at))
    assert not OF_TRUTH.search(" ".join(words(at)))
    for truth in (False, True):
        at = look("learn-handout", lesson_data="birds", run="first", **({"lesson_truth": "true"} if truth else {}))
        file = download(at, "handout").decode()
        assert "What are 20 answers worth?" in file
        assert ("random labels alone" in file) is truth
    press(shown, "lesson undo")
    assert re.search(r"Question 20 of 20\W+the first 10 answers changed \d+ label", " ".join(words(shown)))


# --- a search --------------------------------------------------------------------------------------


def test_a_search_begins_with_a_button_and_is_shown_when_it_has_ended(data, home):
    at = look("learn-seeds", lesson_data="birds")
    press(at, "lesson launch")
    until(lambda: bool(home.names()))
    (name,) = home.names()
    assert ended(name) == "finished"
    rerun(at)
    assert "lesson hidden cloud" in figures(at)
    assert "lesson likelihood" in figures(at)
    shown = look("learn-seeds", lesson_data="birds", run=name, lesson_truth="true")
    assert "lesson refined cloud" in figures(shown)
    assert "most likely refined" in " ".join(words(shown))
