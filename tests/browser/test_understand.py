"""In a real browser: open a seed with a click, circle samples on the map, and come back by the address."""

import io
import math
import re
from collections.abc import Sequence
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from hume import Store
from tests.support.chromium import Tabs, download, plot_in, points_of, rows_in, settle
from tests.support.server import AppServer

PER_PAGE = 60  # pictures of a selection
# Whether the camera button of a plot saves this kind of file; another kind draws the plot anew.
SAVES = """
([key, kind]) => {
  const plots = [...document.querySelectorAll(`[class*="st-key-${key}"] .js-plotly-plot`)]
  return plots.length === 1 && plots[0]._context?.toImageButtonOptions.format === kind
}
"""


def lasso(page: Page, corners: Sequence[tuple[float, float]]) -> None:
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in [*corners[1:], corners[0]]:
        page.mouse.move(*corner, steps=4)
    page.mouse.up()


# --- a seed --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_click_on_a_point_opens_its_seed(server: AppServer, page: Page) -> None:
    page.goto(f"{server.url}/objective?run=digits")
    settle(page)
    opened = page.get_by_role("heading", name=re.compile(r"Seed \d+: rank 1 of 6"))
    best = opened.inner_text()
    points = points_of(plot_in(page, "cloud-digits"))
    assert sorted({seed for *_, seed in points}) == list(range(6))
    x, y, seed = next(point for point in points if f"Seed {point[2]}:" not in best)
    page.mouse.click(x, y)
    heading = page.get_by_role("heading", name=re.compile(f"^Seed {seed}: rank [2-6] of 6"))
    expect(heading).to_be_visible()
    expect(page).to_have_url(re.compile(f"[?&]seed={seed}(&|$)"))

    page.reload()
    expect(heading).to_be_visible()
    expect(plot_in(page, "confusion-digits")).to_be_visible()
    settle(page)
    labelings = Store(server.home).open("digits").labelings()
    assert len(np.unique(labelings[seed])) == page.locator('[class*="st-key-typical-"] .grid').count()
    assert len(rows_in(page, "typical-0")) == 12


@pytest.mark.slow
def test_a_click_opens_a_seed_in_blind_mode(server: AppServer, page: Page) -> None:
    page.goto(f"{server.url}/objective?run=digits&blind=true")
    settle(page)
    x, y, seed = points_of(plot_in(page, "cloud-digits"))[2]
    page.mouse.click(x, y)
    expect(page.get_by_role("heading", name=re.compile(f"^Seed {seed}: rank"))).to_be_visible()
    assert page.locator('[class*="st-key-confusion"]').count() == 0


# --- the map -------------------------------------------------------------------------------------


@pytest.fixture
def map_page(server: AppServer, page: Page) -> Page:
    """The Explore page with its map, which is made when the first test asks for it."""
    page.goto(f"{server.url}/explore?run=digits")
    plot_in(page, "map-digits")
    settle(page)
    return page


def circle(page: Page, radius: float = 90) -> set[int]:
    """Draw a lasso around the middle point of the map; returns the samples well within it."""
    points = np.array(points_of(plot_in(page, "map-digits")))
    middle = points[np.argsort(points[:, 0])[len(points) // 2], :2]
    turns = np.linspace(0, 2 * math.pi, 13)[:-1]
    lasso(page, [(middle[0] + radius * math.cos(turn), middle[1] + radius * math.sin(turn)) for turn in turns])
    return {int(row) for *place, row in points if np.hypot(*(place - middle)) < 0.9 * radius}


def selected_count(page: Page) -> int:
    words = page.get_by_text(re.compile(r"^[\d,]+ samples? ·")).inner_text()
    return int(words.split()[0].replace(",", ""))


@pytest.mark.slow
def test_the_map_is_made_while_the_page_shows_how_far_it_is(server: AppServer, page: Page) -> None:
    page.goto(f"{server.url}/explore?run=zoo&map=φ2")
    expect(page.get_by_text(re.compile("Computing the map, once for all runs"))).to_be_visible()
    page.get_by_role("link", name="Aggregation").click()
    expect(page.get_by_role("heading", name="How many seeds does the vote need?")).to_be_visible()
    page.get_by_role("link", name="Explore", exact=True).click()
    plot_in(page, "map-zoo")


@pytest.mark.slow
def test_a_lasso_shows_pictures_and_survives_another_colour(map_page: Page) -> None:
    page = map_page
    within = circle(page)
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
    page.get_by_text("Table", exact=True).click()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Select points on the map")).to_be_visible()


@pytest.mark.slow
def test_a_picture_leads_to_neighbours_and_votes(map_page: Page) -> None:
    page = map_page
    circle(page)
    page.locator(".st-key-selection button.tile").nth(1).click()
    row = rows_in(page, "selection")[1]
    heading = page.get_by_role("heading", name=f"Sample {row}", exact=True)
    expect(heading).to_be_visible()
    expect(page).to_have_url(re.compile(f"[?&]sample={row}(&|$)"))
    page.reload()
    expect(heading).to_be_visible()
    settle(page)
    near = {space: rows_in(page, f"near-{space}") for space in ("phi1", "phi2")}
    assert all(len(rows) == 24 and row not in rows for rows in near.values())
    assert near["phi1"] != near["phi2"]
    expect(page.get_by_text(re.compile(r"^\d of 6 seeds vote for"))).to_be_visible()
    expect(plot_in(page, "votes")).to_be_visible()
    page.locator(".st-key-near-phi2 button.tile").first.click()
    expect(page.get_by_role("heading", name=f"Sample {near['phi2'][0]}", exact=True)).to_be_visible()
    page.get_by_role("button", name="Back").click()
    expect(heading).to_be_visible()


@pytest.mark.slow
def test_a_short_selection_comes_back_by_the_address(map_page: Page, tabs: Tabs) -> None:
    circle(map_page, radius=9)
    expect(map_page).to_have_url(re.compile("[?&]rows="))
    settle(map_page)
    other = tabs.open()
    other.goto(map_page.url)
    expect(other.locator(".st-key-selection button.tile").first).to_be_visible()
    settle(other)
    assert sorted(rows_in(other, "selection")) == sorted(rows_in(map_page, "selection"))


# --- taking plots away -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["PNG", "SVG"])
def test_a_plot_downloads_as_a_picture(server: AppServer, page: Page, kind: str) -> None:
    page.goto(f"{server.url}/aggregation?run=digits")
    settle(page)
    page.get_by_test_id("stSidebar").get_by_text(kind, exact=True).click()
    page.wait_for_function(SAVES, arg=["top-n", kind.lower()])
    plot = plot_in(page, "top-n")
    plot.hover()
    name, content = download(page, plot.locator('[data-title*="Download plot"]'))
    assert name == f"digits-aggregation.{kind.lower()}"
    if kind == "PNG":
        assert Image.open(io.BytesIO(content)).width > 1500
    else:
        assert ElementTree.fromstring(content).tag.endswith("svg")


@pytest.mark.slow
def test_the_data_of_a_plot_download_as_csv(server: AppServer, page: Page) -> None:
    page.goto(f"{server.url}/aggregation?run=digits")
    settle(page)
    name, content = download(page, page.get_by_role("button", name="Data as CSV"))
    header, *lines = content.decode("utf-8-sig").splitlines()
    assert (name, header) == ("digits-aggregation.csv", "run,n,acc,ari,consistency")
    assert len(lines) == 6
