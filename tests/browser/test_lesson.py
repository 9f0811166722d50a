"""In a real browser: the whole lesson without a mouse, from the first guess to the hand-out."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from hume.lesson.plan import STEPS
from tests.support.chromium import Tabs, settle, words_of
from tests.support.keyboard import focused, press, tab_to
from tests.support.server import AppServer

SORTED = 8


def arrive(page: Page, key: str) -> None:
    """Follow the link to the next step."""
    step = next(step for step in STEPS if step.key == key)
    press(page, f"Next: {step.title}")
    expect(page.get_by_role("heading", name=step.question)).to_be_visible()
    settle(page)


@pytest.mark.slow
def test_the_lesson_from_the_first_step_to_the_hand_out_by_keyboard(
    server: AppServer, page: Page, tabs: Tabs, tmp_path: Path
) -> None:
    page.goto(f"{server.url}/learn?lesson_data=digits&run=digits")
    page.locator(".tile").first.wait_for()
    settle(page)
    guess(page)
    arrive(page, "fit")
    fit(page)
    arrive(page, "moves")
    moves(page)
    arrive(page, "seeds")
    seeds(page)
    arrive(page, "trust")
    trust(page)
    arrive(page, "compare")
    expect(page.get_by_text(f"of {SORTED} pictures into the same group").first).to_be_visible()
    arrive(page, "answers")
    answer(page)
    arrive(page, "handout")
    tab_to(page, "The lesson as one HTML file")
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    handed_out = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(handed_out)
    reader = tabs.open()
    reader.goto(handed_out.as_uri())
    reader.locator(".js-plotly-plot .main-svg").first.wait_for()
    told = words_of(reader)
    assert "curly ones" in told
    assert "What are 20 answers worth?" in told
    assert "Three exercises" in told


def guess(page: Page) -> None:
    """Hands are counted, pictures sorted with digits, a group is named."""
    tab_to(page, "Kinds")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("10")
    tab_to(page, "Hands for it")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("23")
    press(page, "Save hands")
    expect(page.get_by_text(re.compile(r"The most hands, 23 of 23, say"))).to_be_visible()
    settle(page)
    tab_to(page, "picture [0-9]+, Not sorted yet")
    for number in range(SORTED):
        assert "Not sorted yet" in focused(page)
        page.keyboard.press(str(1 + number % 4))
    expect(page.get_by_text(f"{SORTED} of 36 pictures are sorted.")).to_be_visible()
    settle(page)
    press(page, "Name the groups")
    tab_to(page, "Group 1$")
    page.keyboard.type("curly ones")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="curly ones, 2 pictures")).to_be_visible()
    settle(page)


def fit(page: Page) -> None:
    """Another labeling is chosen with the arrow keys; the answer changes."""
    answer = page.get_by_role("heading", level=4).or_(page.get_by_role("heading", level=3)).first
    before = answer.inner_text()
    tab_to(page, "What people see")
    page.keyboard.press("ArrowDown")
    expect(answer).not_to_have_text(before)
    settle(page)


def moves(page: Page) -> None:
    """One phase after another."""
    said = page.get_by_text("prototypes at right angles")
    expect(said).to_be_visible()
    press(page, "One step")
    expect(said).to_be_hidden()
    settle(page)
    slider = page.get_by_role("slider", name="Iteration").first
    before = slider.get_attribute("aria-valuenow")
    press(page, "Next iteration")
    expect(slider).not_to_have_attribute("aria-valuenow", str(before))
    settle(page)


def seeds(page: Page) -> None:
    """Where the seeds ended, then the accuracy and how they got there."""
    expect(page.get_by_role("button", name="Search again from 100 random starts")).to_be_visible()
    expect(page.get_by_text("How did they get there?")).to_be_visible()
    settle(page)
    assert "people do: r =" not in words_of(page)
    press(page, "Show people's labels", "Space")
    expect(page.get_by_text(re.compile(r"r = .*6.starts"))).to_be_visible()
    settle(page)
    moment = page.get_by_role("slider", name="Iterations done")
    before = moment.get_attribute("aria-valuenow")
    press(page, "Play")
    expect(page.get_by_role("slider", name="Iterations done")).not_to_have_attribute("aria-valuenow", str(before))
    pause = page.get_by_role("button", name="Pause")
    expect(pause).to_be_focused()  # it is the button that was pressed
    page.keyboard.press("Enter")
    expect(pause).to_be_hidden()
    expect(page.get_by_text(re.compile("just changed class")).first).to_be_visible()


def trust(page: Page) -> None:
    """Of a good and a hard pair only the hard one is warned of."""
    expect(page.get_by_text("The signs disagree, so do not rely on the ranking of the seeds here")).to_be_visible()
    expect(page.get_by_text("No evidence against the ranking of the seeds")).to_be_visible()
    settle(page)


def answer(page: Page) -> None:
    """A class is chosen by its number, taken back, chosen again; the computer answers the rest."""
    for key, number in (("3", 2), ("x", 3), ("Control+z", 2)):
        page.keyboard.press(key)
        expect(page.get_by_text(f"Question {number} of 20")).to_be_visible()
        settle(page)
    press(page, "Let the computer answer")
    expect(page.get_by_text("The computer gave 19 of the 20 answers")).to_be_visible()
    expect(page.get_by_text("random labels alone").first).to_be_visible()
    settle(page)
