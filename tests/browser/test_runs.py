"""In a real browser: take a run away as one file, compare, delete and bring back."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from hume import Store
from hume.runs.run import Run
from tests.support.chromium import Tabs, download, settle, words_of
from tests.support.finished_runs import NAMES
from tests.support.server import AppServer

ROW = 35  # pixels of the table, its head as well
CopyRun = Callable[[str, str], Run]


def open_runs(page: Page, server: AppServer, query: str) -> None:
    page.goto(f"{server.url}/runs?{query}")
    table(page).wait_for()
    settle(page)


def table(page: Page) -> Locator:
    return page.get_by_test_id("stDataFrame").locator(".dvn-scroller").first


def tick(page: Page, line: int) -> None:
    """Tick a line of the table, from 0; it is drawn on a canvas."""
    table(page).click(position={"x": 16, "y": (line + 1.5) * ROW})
    settle(page)


@pytest.mark.slow
def test_a_run_leaves_as_zip_and_as_one_page(server: AppServer, page: Page, tabs: Tabs, tmp_path: Path) -> None:
    open_runs(page, server, "name_contains=zoo")
    tick(page, 0)
    expect(page.get_by_role("heading", name="zoo", exact=True)).to_be_visible()
    name, content = download(page, page.get_by_role("button", name="All files as ZIP"))
    assert name == "zoo.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert {"zoo/run.json", "zoo/scores.json", "zoo/vote.csv"} <= set(archive.namelist())
    name, content = download(page, page.get_by_role("button", name="Report"))
    assert name == "zoo.html"
    assert b"Zoo" in content
    assert NAMES[0].encode() in content
    handed_out = tmp_path / name
    handed_out.write_bytes(content)
    reader = tabs.open()
    reader.goto(handed_out.as_uri())
    reader.locator(".js-plotly-plot .main-svg").first.wait_for()
    assert "Zoo" in words_of(reader)


@pytest.mark.slow
def test_a_report_in_blind_mode_holds_no_true_name(server: AppServer, page: Page) -> None:
    open_runs(page, server, "name_contains=zoo&blind=true")
    tick(page, 0)
    _, content = download(page, page.get_by_role("button", name="Report without ground truth"))
    assert b"Zoo" in content
    assert [name for name in NAMES if name.encode() in content] == []


@pytest.mark.slow
def test_two_runs_are_compared(server: AppServer, copy_run: CopyRun, page: Page) -> None:
    copy_run("digits", "beside-zoo")
    open_runs(page, server, "name_contains=zoo")
    tick(page, 0)
    tick(page, 1)
    expect(page.get_by_role("heading", name="2 runs compared")).to_be_visible()
    expect(page.get_by_text("Different settings")).to_be_visible()
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()


@pytest.mark.slow
def test_a_deleted_run_comes_back(server: AppServer, copy_run: CopyRun, page: Page) -> None:
    store = Store(server.home)
    copy_run("digits", "unwanted")
    open_runs(page, server, "name_contains=unwanted&run=unwanted")
    tick(page, 0)
    page.get_by_role("button", name="Delete", exact=True).click()
    restore = page.locator(".st-key-restore-unwanted button").first
    expect(restore).to_be_visible()
    settle(page)
    assert "unwanted" not in store.names()
    assert "run=unwanted" not in page.url
    restore.click()
    expect(restore).to_have_count(0)
    assert "unwanted" in store.names()
    page.goto(f"{server.url}/objective?run=unwanted")
    expect(page.get_by_text("(6 seeds)")).to_be_visible()


@pytest.mark.slow
def test_a_run_is_renamed_and_opened(server: AppServer, copy_run: CopyRun, page: Page) -> None:
    store = Store(server.home)
    copy_run("digits", "old-name")
    open_runs(page, server, "name_contains=-name&run=old-name")
    tick(page, 0)
    page.get_by_text("Rename", exact=True).first.click()
    field = page.get_by_role("textbox", name="New name")
    field.fill("../new")
    field.press("Enter")
    settle(page)
    page.locator(".st-key-rename button").first.click()
    expect(page.get_by_test_id("stAlert")).to_contain_text("a run cannot be named")
    field.fill("new-name")
    field.press("Enter")
    settle(page)
    page.locator(".st-key-rename button").first.click()
    expect(page).to_have_url(re.compile("[?&]run=new-name(&|$)"))
    assert "new-name" in store.names()
    assert "old-name" not in store.names()
    store.delete("new-name")
