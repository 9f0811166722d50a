"""In a real browser: a method is run from the Compare page and takes its place beside the others."""

import pytest
from playwright.sync_api import Page, expect

from hume import Store
from hume.experiments.comparison import Comparison
from hume.experiments.methods import METHODS
from tests.support.chromium import settle
from tests.support.server import AppServer

THERE, CHOSEN = METHODS["kmeans-phi1"].title, METHODS["kmeans-phi2"].title


@pytest.mark.slow
def test_a_method_that_was_run_takes_its_place(server: AppServer, page: Page) -> None:
    store = Store(server.home)
    data = store.load_dataset("digits")
    Comparison(store.home, data, *data.default_pair, num_classes=10).run("kmeans-phi1")
    page.goto(f"{server.url}/compare?compared=digits")
    board = page.locator(".st-key-leaderboard .js-plotly-plot").first
    expect(board).to_contain_text(THERE)
    expect(board).not_to_contain_text(CHOSEN)
    settle(page)
    page.get_by_text("Choose among all methods (1 of").click()
    settle(page)
    page.get_by_role("combobox", name="Methods").fill(CHOSEN)
    page.get_by_role("option", name=CHOSEN, exact=True).click()
    settle(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(board).to_contain_text(CHOSEN)
    settle(page)
    page.reload()  # it is still there for the next reader
    expect(board).to_contain_text(CHOSEN)
