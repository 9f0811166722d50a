"""The lesson's step on how the search moves: steps, iterations, scrubbing, playing, both kinds of data."""

import pytest
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.testing.v1 import AppTest

from hume.lesson import moves
from hume.lesson.moves import PHASES, PROTOTYPES, TASK, TEST, UPDATE
from pages._widgets import player
from tests.support.app_driver import figures, galleries, press, rerun, tiles, whole


def script():
    from pages._lesson import moves

    moves.show()


@pytest.fixture
def at(home, monkeypatch):
    monkeypatch.setattr(player, "monotonic", lambda: 0.0)  # only `later` lets time pass
    tab = AppTest.from_function(script, default_timeout=600)
    tab._bidi_component_manager = BidiComponentManager()
    return rerun(tab)


def sentence(at):
    return at.markdown[0].value


def says(iteration, phase):
    recording = moves.of_toy()
    return moves.describe(recording.at(recording.frame(iteration - 1, phase)), "point")


def control(at, start):
    return next(each for each in (*at.slider, *at.button_group) if each.key.startswith(start))


def shown(at):
    """The iteration and the phase that the controls name."""
    return control(at, "moves iteration").value, PHASES.index(control(at, "moves phase").value)


def choose(at, start, value):
    return rerun(control(at, start).set_value(value))


def later(at, seconds):
    """The page as the browser asks for it when so much time has passed since the picture moved."""
    at.session_state["lesson player"].since -= seconds
    return rerun(at)


def test_it_begins_at_the_beginning_and_stands_still(at):
    assert sentence(at) == says(1, PROTOTYPES)
    assert shown(at) == (1, PROTOTYPES)
    assert sentence(rerun(at)) == says(1, PROTOTYPES)
    assert at.button(key="moves play").label == "Play"


def test_one_step_goes_through_the_phases(at):
    for phase in range(1, len(PHASES)):
        press(at, "moves step")
        assert sentence(at) == says(1, phase)
        assert shown(at) == (1, phase)
    press(at, "moves step")
    assert shown(at) == (2, PROTOTYPES)


def test_the_next_iteration_is_shown_complete(at):
    press(at, "moves next")
    assert shown(at) == (1, UPDATE)
    press(at, "moves next")
    assert shown(at) == (2, UPDATE)
    assert sentence(at) == says(2, UPDATE)


def test_scrubbing_goes_both_ways(at):
    for iteration in (80, 20, 100, 1):
        choose(at, "moves iteration", iteration)
        assert shown(at) == (iteration, UPDATE)
        assert sentence(at) == says(iteration, UPDATE)
        known = figures(at)["moves falling"]["data"][1]["x"]
        assert len(known) == iteration


def test_a_phase_can_be_chosen(at):
    choose(at, "moves iteration", 12)
    choose(at, "moves phase", PHASES[TEST])
    assert sentence(at) == says(12, TEST)
    choose(at, "moves phase", PHASES[TASK])
    assert shown(at) == (12, TASK)


def test_the_last_moment_is_the_end(at):
    choose(at, "moves iteration", 100)
    assert at.button(key="moves step").disabled
    assert at.button(key="moves next").disabled
    press(at, "moves play")  # begins anew
    assert shown(at) == (1, PROTOTYPES)


def test_playing_goes_on_by_itself_and_stops_at_the_end(at):
    choose(at, "moves speed", "fast")
    choose(at, "moves iteration", 93)
    press(at, "moves play")
    assert at.button(key="moves play").label == "Pause"
    assert shown(later(at, 1)) == (97, UPDATE)
    assert shown(later(at, 1)) == (100, UPDATE)
    assert at.button(key="moves play").label == "Play"


def test_playing_may_go_phase_by_phase_and_a_pause_holds(at):
    choose(at, "moves speed", "phase by phase")
    press(at, "moves play")
    assert shown(later(at, 2)) == (1, TASK)
    press(at, "moves play")
    there = shown(at)
    assert shown(later(at, 2)) == there


def test_who_comes_back_finds_the_picture_standing(at):
    press(at, "moves play")
    assert shown(later(at, 1000)) == (1, PROTOTYPES)
    assert at.button(key="moves play").label == "Play"


def test_what_moves_is_lit(at):
    def lit():
        return at.latex[0].value.count("colorbox")

    counts = [lit()]
    for _ in PHASES[1:]:
        press(at, "moves step")
        counts.append(lit())
    assert min(counts) >= 1


def test_the_temperature_moves_the_triangle_alone(at):
    choose(at, "moves iteration", 5)
    before = figures(at)
    choose(at, "moves temperature", 1.0)
    after = figures(at)
    assert before["moves triangles"] != after["moves triangles"]
    assert all(before[key] == after[key] for key in before if key != "moves triangles")


def test_digits_show_what_the_prototypes_see(at):
    choose(at, "moves case", "digits")
    assert sentence(at).startswith("10 prototypes")
    press(at, "moves next")
    first = {key: tiles(at, key) for key in galleries(at)}
    assert len(first) == 10
    assert len(figures(at)["moves shares"]["data"][0]["y"]) == 10
    choose(at, "moves iteration", 60)
    assert {key: tiles(at, key) for key in galleries(at)} != first


def test_both_stay_where_they_were_left(at):
    choose(at, "moves iteration", 40)
    choose(at, "moves case", "digits")
    choose(at, "moves iteration", 7)
    choose(at, "moves case", "toy")
    assert shown(at) == (40, UPDATE)
    whole(choose(at, "moves case", "digits"))
    assert shown(at) == (7, UPDATE)
