"""The lesson's second step: every labeling is drawn with its errors, painting changes them, the weight is turned."""

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from hume.lesson.toy import conclusion, cut, fit, make_toy, random_labeling
from pages._lesson.entropy import WEIGHT
from pages._lesson.fit import CHOICE, CHOICES, CUT_ANGLE, CUT_OFFSET, CUT_VIEW
from tests.support.app_driver import DEADLINE, figures, says
from tests.support.rules import cases


def step():
    import streamlit as st

    from pages._lesson import fit

    if st.toggle("elsewhere", key="elsewhere"):  # another step of the lesson
        st.write("another step")
    else:
        fit.show()


@pytest.fixture
def at():
    return whole(AppTest.from_function(step, default_timeout=DEADLINE).run())


@pytest.fixture(scope="module")
def toy():
    return make_toy()


def whole(at):
    assert [error.message for error in at.exception] == []
    return at


def choose(at, choice):
    return whole(at.radio(key=CHOICE).set_value(choice).run())


def sentence(at):
    """What the step concludes, above the picture."""
    return at.markdown[1].value


def cloud(at, view=1):
    figure = next(figure for key, figure in figures(at).items() if key.startswith("toy views"))
    axes = {1: ("x", "x1"), 2: ("x2",)}[view]
    traces = [trace for trace in figure["data"] if "customdata" in trace and trace["xaxis"] in axes]
    return traces[0]


def labeling_of(at):
    """The classes that the colours show, the lower one that of the first class."""
    colors = np.array(cloud(at)["marker"]["color"])
    return (colors == colors[0]).astype(int)


def circle(at, points):
    """Select points of the picture, as a lasso does."""
    chart = next(each for each in at.get("plotly_chart") if each.key.startswith("toy views"))
    states = at._tree.get_widget_states()
    state = states.widgets.add()
    selection = {"points": [{"customdata": point} for point in points]}
    state.id, state.string_value = chart.proto.id, json.dumps({"selection": selection})
    return whole(at._run(states))


# --- labelings -----------------------------------------------------------------------------------


@cases(
    ("choice", "part"),
    [
        ("human", "generalizes in both views"),
        ("brightness", "generalizes only in view 1"),
        ("random", "it is memorized"),
        ("one class", "useless"),
        ("painted", "of the new points"),
    ],
)
def test_every_labeling_is_drawn_and_judged(at, choice, part):
    choose(at, choice)
    assert part in sentence(at)
    assert len(cloud(at, 1)["x"]) == len(cloud(at, 2)["x"]) == 240


def test_every_labeling_can_be_chosen(at):
    assert at.radio(key=CHOICE).options == list(CHOICES.values())
    assert at.radio(key=CHOICE).value == "human"


def test_the_noise_that_is_not_drawn_is_named(at, toy):
    (caption,) = at.caption
    says(caption.value, f"{toy.num_hidden} more", f"{toy.train.sum()} points to learn from")


def test_equations_are_shown(at):
    error, whole_objective = (each.value for each in at.latex)
    assert r"\arg\min" in error
    assert r"\eta" not in error
    assert r"\eta" in whole_objective


def test_another_toss_is_another_labeling(at, toy):
    choose(at, "random")
    assert (labeling_of(at) == same_way(random_labeling(toy, 0))).all()
    whole(at.button(key="toss").click().run())
    assert (labeling_of(at) == same_way(random_labeling(toy, 1))).all()
    says(" ".join(each.value for each in at.markdown), "500 random labelings", "all can be fitted without an error")


def same_way(labeling):
    return (labeling == labeling[0]).astype(int)


# --- painting ------------------------------------------------------------------------------------


def test_a_line_is_turned_from_shape_to_brightness(at, toy):
    choose(at, "painted")
    seen = []
    for degrees in (0, 45, 90):
        whole(at.slider(key=CUT_ANGLE).set_value(degrees).run())
        labeling = cut(toy, 0, degrees, 0)
        assert (labeling_of(at) == same_way(labeling)).all()
        assert conclusion(labeling, fit(toy, labeling)) in sentence(at)
        seen.append(sentence(at))
    assert "both views" in seen[0]
    assert "only in view 1" in seen[2]
    assert len(set(seen)) == 3


def test_a_line_is_shifted_and_drawn_in_the_other_view(at, toy):
    choose(at, "painted")
    whole(at.slider(key=CUT_OFFSET).set_value(1.0).run())
    assert (labeling_of(at) == same_way(cut(toy, 0, 45, 1.0))).all()
    whole(at.segmented_control(key=CUT_VIEW).set_value(2).run())
    whole(at.slider(key=CUT_ANGLE).set_value(60).run())
    assert (labeling_of(at) == same_way(cut(toy, 1, 60, 1.0))).all()


def test_circled_points_are_given_a_class(at, toy):
    choose(at, "painted")
    assert at.button(key="paint class B").disabled
    before = labeling_of(at)
    flipped = np.flatnonzero(cut(toy, 0, 45, 0) == 0)[:30]
    circle(at, flipped.tolist())
    says(" ".join(each.value for each in at.markdown), "30 points chosen")
    whole(at.button(key="paint class B").click().run())
    painted = cut(toy, 0, 45, 0)
    painted[flipped] = 1
    assert (labeling_of(at) == same_way(painted)).all()
    assert (labeling_of(at) != before).any()
    assert conclusion(painted, fit(toy, painted)) in sentence(at)
    assert at.button(key="paint class B").disabled  # the lasso is gone


def test_what_was_chosen_is_there_after_another_step(at, toy):
    choose(at, "painted")
    whole(at.slider(key=CUT_ANGLE).set_value(90).run())
    whole(at.select_slider(key=WEIGHT).set_value(2.0).run())
    whole(at.toggle(key="elsewhere").set_value(True).run())
    assert not at.radio
    whole(at.toggle(key="elsewhere").set_value(False).run())
    assert at.radio(key=CHOICE).value == "painted"
    assert at.slider(key=CUT_ANGLE).value == 90
    assert (labeling_of(at) == same_way(cut(toy, 0, 90, 0))).all()
    assert at.select_slider(key=WEIGHT).value == 2.0


# --- the entropy weight --------------------------------------------------------------------------


def test_the_weight_decides_whether_classes_are_there(at):
    texts = " ".join(each.value for each in at.markdown)
    says(texts, "With η = 0", "all 240 points into one class", "one class |")
    whole(at.select_slider(key=WEIGHT).set_value(10.0).run())
    texts = " ".join(each.value for each in at.markdown)
    says(texts, "With η = 10", "none of 6 random starts", "two classes |")
    shares = np.array([bar["y"] for bar in figures(at)["toy shares"]["data"]])
    assert shares[:, 0].max() == 100
    assert shares[:, -1].min() > 45
