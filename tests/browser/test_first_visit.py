"""In a real browser, from an empty home to reliable samples: one server for all of it."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from hume import Store
from tests.support.chromium import PAGES, plot_in, points_of, rows_in, settle
from tests.support.planted_runs import save_folder
from tests.support.server import AppServer

EXAMPLES = {"classes": 4, "size": 60, "noise": 0.5}  # seeds disagree on a third of the samples


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """A server on a home with a small dataset and without any run."""
    home = tmp_path_factory.mktemp("own") / "home"
    save_folder(home / "datasets" / "birds", **EXAMPLES, names=["owl", "jay", "wren", "tit"])
    with AppServer(home) as started:
        yield started


def test_every_page_says_what_to_do_when_there_is_no_run(own: AppServer, page: Page) -> None:
    for path, question in PAGES.items():
        page.goto(f"{own.url}/{path}")
        expect(page.get_by_role("heading", name=question, level=1)).to_be_visible()
        settle(page)
        if path not in ("", "search"):
            expect(page.get_by_test_id("stAlert")).to_contain_text("no run yet", ignore_case=True)
            expect(page.get_by_role("link", name="Start a search")).to_be_visible()
    page.get_by_role("link", name="Start a search").click()
    expect(page.get_by_role("heading", name=PAGES["search"])).to_be_visible()


def test_a_search_leads_to_a_seed_and_to_reliable_samples(own: AppServer, page: Page) -> None:
    page.goto(f"{own.url}/search?dataset=birds")
    expect(page.get_by_role("button", name="Launch 100 seeds")).to_be_enabled()
    settle(page)
    page.get_by_label("Seeds", exact=True).fill("6")
    page.get_by_role("button", name=re.compile("^.*Launch")).click()
    expect(page.get_by_text("has finished: 6 seeds")).to_be_visible()
    expect(page.get_by_test_id("stAlert")).to_contain_text(re.compile(r"best cross-validation score is \d+\.\d\s?%"))
    (name,) = Store(own.home).names()
    expect(page).to_have_url(re.compile(f"[?&]run={name}(&|$)"))

    page.get_by_role("link", name="Is this labeling reliable?").click()
    expect(page.get_by_role("heading", name="Is this labeling reliable?")).to_be_visible()
    settle(page)
    best = page.get_by_role("heading", name=re.compile(r"Seed \d+: rank 1 of 6")).inner_text()
    points = points_of(plot_in(page, "cloud-"))
    assert sorted({seed for *_, seed in points}) == list(range(6))
    x, y, seed = next(point for point in points if f"Seed {point[2]}:" not in best)
    page.mouse.click(x, y)
    expect(page.get_by_role("heading", name=re.compile(f"^Seed {seed}: rank [2-6] of 6"))).to_be_visible()
    expect(page).to_have_url(re.compile(f"[?&]seed={seed}(&|$)"))

    page.goto(f"{own.url}/reliable?run={name}&per_class=12&neighbors=60")
    expect(page.get_by_text("48 of 48 reliable samples are kept")).to_be_visible()
    settle(page)
    assert len(rows_in(page, "reliable-0")) == 12
