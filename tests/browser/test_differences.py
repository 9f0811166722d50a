"""In a real browser: a click on a cell of two labelings shows its samples, and the address brings them back."""

import re

import pytest
from playwright.sync_api import Page, expect

from hume import Store
from hume.experiments import sides
from hume.experiments.comparison import Comparison
from tests.support.chromium import plot_in, points_of, rows_in, settle
from tests.support.server import AppServer


@pytest.mark.slow
def test_a_click_on_a_cell_shows_its_samples(server: AppServer, page: Page) -> None:
    store = Store(server.home)
    data = store.load_dataset("digits")
    Comparison(store.home, data, *data.default_pair, num_classes=10).run("kmeans-phi1")
    both = sides.compare(sides.side(store, "digits"), sides.side(store, "digits:kmeans-phi1"))
    page.goto(f"{server.url}/differences?run=digits&other=digits&second=kmeans-phi1")
    settle(page)
    cells = {
        flow.first * both.differences.num_second + flow.second: flow
        for flow in both.differences.flows
        if not flow.moved
    }
    x, y, number = max(point for point in points_of(plot_in(page, "who-went-where")) if point[2] in cells)
    flow = cells[number]
    page.mouse.click(x + 12, y)  # beside the middle of the cell
    expect(page).to_have_url(re.compile(f"[?&]cell={flow.first}-{flow.second}(&|$)"))
    settle(page)
    members = set(both.differences.members(flow.first, flow.second).tolist())
    shown = rows_in(page, "cell")
    assert shown
    assert set(shown) <= members
    page.reload()
    settle(page)
    assert rows_in(page, "cell") == shown
