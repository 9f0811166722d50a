"""In a real browser: hover, circle, isolate and open samples on the map, and come back by the address."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from hume import Store
from hume.runs.findings import Findings
from tests.support.chromium import Tabs, circle, download, map_in, plot_in, points_on, rows_in, settle
from tests.support.finished_runs import search
from tests.support.server import AppServer

PER_PAGE = 60  # pictures of a selection


@pytest.fixture
def stage(server: AppServer, page: Page) -> Locator:
    """The map of the Explore page, which is made when the first test asks for it."""
    page.goto(f"{server.url}/explore?run=digits")
    return map_in(page)


def selected_count(page: Page) -> int:
    words = page.get_by_text(re.compile(r"^[\d,]+ samples? ·")).inner_text()
    return int(words.split()[0].replace(",", ""))


def apart(points: np.ndarray) -> np.ndarray:
    """A point that has no other within the pointer's reach."""
    near = np.hypot(*(points[:, None, :2] - points[None, :, :2]).transpose(2, 0, 1)) < 3
    return points[np.argmin(near.sum(axis=1))]


@pytest.mark.slow
def test_the_map_is_made_while_the_page_shows_how_far_it_is(server: AppServer, page: Page) -> None:
    page.goto(f"{server.url}/explore?run=zoo&map=φ2")
    expect(page.get_by_text(re.compile("Computing the map, once for all runs"))).to_be_visible()
    page.get_by_role("link", name="Aggregation").click()
    expect(page.get_by_role("heading", name="How many seeds does the vote need?")).to_be_visible()
    page.get_by_role("link", name="Explore", exact=True).click()
    map_in(page)


@pytest.mark.slow
def test_a_point_shows_its_picture_and_opens_its_sample(server: AppServer, page: Page, stage: Locator) -> None:
    """The picture, the class and the sample are those of the point, also while others are hidden."""
    labeling = Findings(Store(server.home).open("digits")).vote.labeling
    page.locator(".legend button").filter(has_text="Class 3").click()
    points = points_on(stage)
    assert {labeling[int(row)] for *_, row in points} == {3}
    assert len(points) == (labeling == 3).sum()
    x, y, row = apart(points)
    page.mouse.move(x, y)
    expect(page.locator(".tip")).to_have_text(f"Class 3 row {row:.0f}")
    expect(page.locator(".tip img")).to_have_attribute("src", re.compile(rf"/thumbnails/\w+/{row:.0f}(\?|$)"))
    assert page.locator(".tip img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    page.mouse.click(x, y)
    expect(page.get_by_role("heading", name=f"Sample {row:.0f}", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(f"[?&]sample={row:.0f}(&|$)"))
    settle(page)
    page.locator(".legend button").filter(has_text="Class 3").click()
    assert len(points_on(stage)) == len(labeling)


@pytest.mark.slow
def test_a_lasso_shows_pictures_and_survives_another_colour(page: Page, stage: Locator) -> None:
    within = circle(page, stage)
    expect(page.locator(".st-key-selection button.tile").first).to_be_visible()
    settle(page)
    count = selected_count(page)
    assert len(within) > PER_PAGE
    assert count >= len(within)
    shown = rows_in(page, "selection")
    assert len(shown) == min(count, PER_PAGE) == len(set(shown))
    page.get_by_role("combobox", name="Colour").click()
    page.get_by_role("option", name="Vote share").click()
    expect(page).to_have_url(re.compile("[?&]colour=Vote"))
    settle(page)
    assert selected_count(page) == count
    assert rows_in(page, "selection") == shown
    stage.focus()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Select points on the map")).to_be_visible()


@pytest.mark.slow
def test_the_map_is_used_by_keys_alone(page: Page, stage: Locator) -> None:
    stage.focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    said = page.locator(".spoken")
    expect(said).to_have_text(re.compile(r"^Class \d, row \d+$"))
    first = said.inner_text()
    page.keyboard.press("ArrowDown")
    expect(said).not_to_have_text(first)
    row = said.inner_text().split()[-1]
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Sample {row}", exact=True)).to_be_visible()


@pytest.mark.slow
def test_a_picture_leads_to_neighbours_votes_and_its_place(page: Page, stage: Locator) -> None:
    circle(page, stage)
    page.locator(".st-key-selection button.tile").nth(1).click()
    row = rows_in(page, "selection")[1]
    heading = page.get_by_role("heading", name=f"Sample {row}", exact=True)
    expect(heading).to_be_visible()
    expect(page).to_have_url(re.compile(f"[?&]sample={row}(&|$)"))
    page.reload()
    expect(heading).to_be_visible()
    points, box = points_on(map_in(page)), stage.bounding_box()
    assert box is not None
    (place,) = points[points[:, 2] == row, :2]
    assert np.allclose(place, (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2), atol=2)
    near = {space: rows_in(page, f"near-{space}") for space in ("phi1", "phi2")}
    assert all(len(rows) == 24 and row not in rows for rows in near.values())
    assert near["phi1"] != near["phi2"]
    expect(plot_in(page, "votes")).to_be_visible()
    page.locator(".st-key-near-phi2 button.tile").first.click()
    expect(page.get_by_role("heading", name=f"Sample {near['phi2'][0]}", exact=True)).to_be_visible()
    page.get_by_role("button", name="Back").click()
    expect(heading).to_be_visible()


@pytest.mark.slow
def test_a_short_selection_comes_back_by_the_address(page: Page, stage: Locator, tabs: Tabs) -> None:
    circle(page, stage, radius=5)
    expect(page).to_have_url(re.compile("[?&]rows="))
    settle(page)
    other = tabs.open()
    other.goto(page.url)
    expect(other.locator(".st-key-selection button.tile").first).to_be_visible()
    settle(other)
    assert sorted(rows_in(other, "selection")) == sorted(rows_in(page, "selection"))


@pytest.mark.slow
def test_the_map_downloads_as_a_picture(page: Page, stage: Locator) -> None:
    name, content = download(page, page.get_by_role("button", name="PNG", exact=True))
    assert name == "digits-map.png"
    picture = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10, "there are points on it"


@pytest.mark.slow
def test_a_browser_without_webgl_says_so_and_has_the_points_as_csv(server: AppServer, page: Page) -> None:
    page.add_init_script("""
        const get = HTMLCanvasElement.prototype.getContext
        HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
          return kind === "webgl2" ? null : get.call(this, kind, ...more)
        }""")
    page.goto(f"{server.url}/explore?run=digits")
    expect(page.get_by_text("This browser draws no WebGL 2")).to_be_visible()
    expect(page.get_by_role("button", name="Data as CSV")).to_be_visible()


@pytest.mark.slow
def test_a_lasso_on_one_map_shows_on_the_other(server: AppServer, page: Page) -> None:
    """The samples, not their places, are what two maps share; hovering one rings it on both."""
    page.goto(f"{server.url}/explore?run=digits&map=φ1&second_map=φ2&second_colour=Vote share")
    first, second = map_in(page), map_in(page, 1)
    within = circle(page, second, 40)
    expect(page.locator(".st-key-selection button.tile").first).to_be_visible()
    settle(page)
    chosen = [set(map(int, stage.evaluate("stage => stage.chosenRows()"))) for stage in (first, second)]
    assert chosen[0] == chosen[1] >= within
    assert len(chosen[0]) == selected_count(page)
    places = [points_on(stage) for stage in (first, second)]
    assert not np.allclose(places[0][:, :2] - places[0][0, :2], places[1][:, :2] - places[1][0, :2], atol=5)


@pytest.mark.slow
def test_coordinates_of_the_data_are_a_map_of_the_earth(server: AppServer, page: Page) -> None:
    search(server.home, "earth", "earth", 1)
    page.goto(f"{server.url}/explore?run=earth&map=columns")
    stage = map_in(page)
    points, columns = points_on(stage), Store(server.home).open("earth").dataset().columns
    order = points[:, 2].astype(int)
    for axis, name, upwards in ((0, "longitude", 1), (1, "latitude", -1)):
        degrees = columns[name][order]
        slope, offset = np.polyfit(degrees, points[:, axis], 1)
        assert slope * upwards > 0
        assert np.abs(slope * degrees + offset - points[:, axis]).max() < 0.5
    drawn = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((value) => value)"
    assert stage.locator("canvas.under").evaluate(drawn), "the outline of the land"
