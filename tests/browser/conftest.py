"""A server, a browser and runs to look at; when a test fails, what both have to say."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, expect

import hume
from tests.support.chromium import PATIENCE, Tabs, browser, find_browser
from tests.support.finished_runs import NAMES, copy_dataset, search
from tests.support.server import AppServer

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a module's tests; a machine without one fails them."""
    try:
        find_browser()
    except FileNotFoundError as error:
        pytest.fail(str(error), pytrace=False)
    with browser() as launched:
        yield launched


@pytest.fixture
def tabs(chromium: Browser) -> Iterator[Tabs]:
    opened = Tabs(chromium)
    yield opened
    try:
        opened.check()
    finally:
        opened.close()


@pytest.fixture
def page(tabs: Tabs) -> Page:
    """A tab of a reader who has never been here."""
    return tabs.open()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[AppServer]:
    """A server on a home without any run, for one test."""
    with AppServer(tmp_path / "home") as server:
        yield server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """A server for tests that look at finished runs: `digits`, and `zoo` on named classes with larger pictures."""
    home = tmp_path_factory.mktemp("home")
    copy_dataset("digits", home / "datasets" / "zoo", classes=NAMES, pictures=True)
    search(home, "digits", "digits", 6)
    search(home, "zoo", "zoo", 3)
    with AppServer(home) as started:
        yield started


@pytest.fixture
def copy_run(server: AppServer) -> Iterator[Callable[[str, str], hume.Run]]:
    """Copies a run of the server's home under another name, so that a test may change it; gone afterwards."""
    store, made = hume.Store(server.home), []

    def copy(name: str, new: str) -> hume.Run:
        shutil.copytree(store.open(name).folder, server.home / "trash" / new)
        made.append(new)
        return store.restore(new)

    yield copy
    for name in made:
        if name in store.names():
            store.delete(name)
    store.empty_trash()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what server and pages said when a test fails."""
    report = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, AppServer) and value.log.exists():
                report.sections.append(("server's log", value.said()[-4000:]))
            if isinstance(value, Tabs):
                report.sections += [(f"page {watch.page.url}", _said(watch.page)) for watch in value.watched]
    return report


def _said(page: Page) -> str:
    try:
        return page.inner_text("body", timeout=5000)[-3000:]
    except Error as error:
        return str(error)
