"""In a real browser: open a seed with a click, circle samples on the map, and come back by the address."""

import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from hume import Store
from tests.support.chromium import download, plot_in, points_of, rows_in, settle
from tests.support.server import AppServer

# Whether the camera button of a plot saves this kind of file; another kind draws the plot anew.
SAVES = """
([key, kind]) => {
  const plots = [...document.querySelectorAll(`[class*="st-key-${key}"] .js-plotly-plot`)]
  return plots.length === 1 && plots[0]._context?.toImageButtonOptions.format === kind
}
"""


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
