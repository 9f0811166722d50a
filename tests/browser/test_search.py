"""In a real browser: launch, watch, cancel, and what a killed server leaves."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from hume import Store
from tests.support.chromium import Tabs, settle
from tests.support.server import AppServer


def fill(page: Page, label: str, value: object) -> None:
    """Type into a number field and wait until the app knows it."""
    field = page.get_by_label(label, exact=True)
    field.fill(str(value))
    field.press("Enter")
    settle(page)


def open_search(page: Page, server: AppServer, num_seeds: int, **advanced: object) -> None:
    page.goto(f"{server.url}/search?dataset=digits")
    settle(page)
    fill(page, "Seeds", num_seeds)
    if advanced:
        page.get_by_text("Advanced: hyperparameters").click()
    for name, value in advanced.items():
        label = page.locator(f'[class*="st-key-{name}"] input').get_attribute("aria-label")
        assert label is not None
        fill(page, label, value)
    expect(page.get_by_role("button", name=f"Launch {num_seeds} seeds")).to_be_enabled()


def launch(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^.*Launch")).click()


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 600) -> None:
    """Ask until it is so."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"after {seconds:.0f} s still not: {what}"
        time.sleep(0.02)


def seeds_on_disk(home: Path) -> int:
    return len(list(home.glob("runs/*/seeds/*.safetensors")))


@pytest.mark.slow
def test_both_tabs_see_a_search_and_its_end(server: AppServer, tabs: Tabs) -> None:
    store, first = Store(server.home), tabs.open()
    before = set(store.names())
    open_search(first, server, 4, num_iterations=100_000, patience=0)
    launch(first)
    expect(first.get_by_text("Objective of every seed")).to_be_visible()
    address = first.url
    first.close()
    both = [tabs.open(), tabs.open()]
    for page in both:
        page.goto(address)
        expect(page.get_by_role("progressbar").first).to_be_visible()
        expect(page.get_by_text("Classes of the leading seed now")).to_be_visible()
        iteration = page.get_by_text(re.compile(r"iteration \d+"))
        expect(iteration).not_to_have_text(iteration.inner_text())
    both[0].get_by_test_id("stMain").get_by_role("button", name="Cancel").click()
    for page in both:
        expect(page.get_by_text("was cancelled: no seed has ended yet")).to_be_visible()
        expect(page.get_by_role("button", name="Resume")).to_be_visible()
    (name,) = set(store.names()) - before
    store.delete(name)
    store.empty_trash()


@pytest.mark.slow
def test_a_killed_server_loses_no_finished_seed(empty: AppServer, page: Page, tabs: Tabs) -> None:
    num_seeds = 16
    open_search(page, empty, num_seeds, step_size=0.002)  # small steps: seeds end one after the other
    launch(page)
    wait_for(lambda: seeds_on_disk(empty.home) > 0, "the first seed is on disk")
    empty.kill()
    found = seeds_on_disk(empty.home)
    assert 0 < found < num_seeds, "the search was over too early to be interrupted"
    kept = {path: path.read_bytes() for path in empty.home.glob("runs/*/seeds/*.safetensors")}
    empty.start()
    page.reload()
    expect(page.get_by_text(f"was interrupted: {found} of {num_seeds} seeds have ended and are saved")).to_be_visible()
    tabs.forgive()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text(f"has finished: {num_seeds} seeds")).to_be_visible()
    assert {path: path.read_bytes() for path in kept} == kept, "a seed was searched again"
