"""In a real browser: a filter selects on both sides, a selection has a name, a sample opens beside the map, keys."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from hume.reporting.maps import Map, map_key, save_map
from hume.runs import review, selections
from hume.runs.findings import Findings
from hume.runs.run import Run
from tests.support.chromium import Tabs, rows_in, settle
from tests.support.server import AppServer

CopyRun = Callable[[str, str], Run]
ROWS = [5, 9, 40, 41]


@pytest.fixture
def run(server: AppServer, copy_run: CopyRun) -> Run:
    """A run of its own whose map is there."""
    made = copy_run("zoo", "sampled")
    space = made.dataset().space(made.request.phi1)
    path = server.home / "maps" / f"{map_key(space)}.safetensors"
    if not path.exists():
        rows = np.arange(len(space.features))
        save_map(path, Map(rows=rows, positions=np.array(space.features[:, :2], np.float32), num_samples=len(rows)))
    return made


@pytest.mark.slow
def test_a_filter_selects_and_its_selection_is_kept_for_the_export(server: AppServer, run: Run, page: Page) -> None:
    page.goto(f"{server.url}/explore?run=sampled")
    settle(page)
    page.get_by_text("Table", exact=True).click()
    page.get_by_placeholder("Search").fill("class 3")
    page.get_by_placeholder("Search").press("Enter")
    third = np.flatnonzero(Findings(run).vote.labeling == 3)
    expect(page.get_by_text(re.compile(f"^{len(third)} samples of 1,797"))).to_be_visible()
    expect(page.get_by_text(re.compile(f"^{len(third)} samples · "))).to_be_visible()
    expect(page).to_have_url(re.compile("[?&]filter="))
    settle(page)

    page.get_by_role("button", name=re.compile("Selections")).click()
    page.get_by_label(f"Keep {len(third)} samples as").fill("threes")
    page.get_by_role("button", name="Keep", exact=False).last.click()
    expect(page.get_by_role("button", name="Selections (1)")).to_be_visible()
    settle(page)
    assert selections.read(run).rows("threes").tolist() == third.tolist()
    page.reload()
    settle(page)
    expect(page.get_by_role("button", name="Selections (1)")).to_be_visible()
    expect(page.get_by_text(re.compile(f"^{len(third)} samples · "))).to_be_visible()

    page.goto(f"{server.url}/reliable?run=sampled&per_class=12&among=“threes”")
    expect(page.get_by_text(re.compile("12 of 12 reliable samples are kept"))).to_be_visible()
    settle(page)
    assert set(rows_in(page, "reliable-3")) <= set(third.tolist())
    assert len(rows_in(page, "reliable-3")) == 12


@pytest.mark.slow
def test_a_click_opens_a_sample_beside_the_map_and_its_address_shows_it(
    server: AppServer, run: Run, page: Page, tabs: Tabs
) -> None:
    page.goto(f"{server.url}/explore?run=sampled&rows={','.join(map(str, ROWS))}")
    settle(page)
    page.locator('.st-key-selection button.tile[data-row="9"]').click()
    heading = page.get_by_role("heading", name="Sample 9")
    expect(heading).to_be_in_viewport()
    settle(page)
    the_map = page.locator('[class*="st-key-map-"]').first.bounding_box()
    beside = heading.bounding_box()
    assert the_map is not None
    assert beside is not None
    assert beside["x"] > the_map["x"] + the_map["width"] / 2
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="Sample 40")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator('.st-key-selection button.tile[data-row="40"]')).to_be_visible()

    other = tabs.open(width=420, height=800)
    other.goto(f"{server.url}/explore?run=sampled&sample=9")
    expect(other.get_by_role("heading", name="Sample 9")).to_be_visible()
    settle(other)
    expect(other.get_by_role("heading", name="Sample 9")).to_be_in_viewport()


@pytest.mark.slow
def test_keys_set_aside_put_into_a_class_and_undo_but_not_while_typing(server: AppServer, run: Run, page: Page) -> None:
    page.goto(f"{server.url}/explore?run=sampled&rows={','.join(map(str, ROWS))}")
    settle(page)
    page.keyboard.press("ArrowRight")  # to the first picture
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    expect(page.get_by_text("sample 9 set aside")).to_be_visible()
    settle(page)
    assert review.read(run).set_aside == {9}
    number = (int(Findings(run).vote.labeling[9]) + 1) % 10
    page.keyboard.press(str(number))
    expect(page.get_by_text(re.compile(r"sample 9: Class \d"))).to_be_visible()
    settle(page)
    assert review.read(run).answers == {9: number}
    page.keyboard.press("u")
    expect(page.get_by_text(re.compile("Undone"))).to_be_visible()
    settle(page)
    assert review.read(run).set_aside == {9}
    page.keyboard.press("Shift+U")
    expect(page.get_by_text("Done again.")).to_be_visible()
    settle(page)
    assert review.read(run).answers == {9: number}

    page.get_by_text("Table", exact=True).click()
    settle(page)
    page.get_by_placeholder("Search").press_sequentially("u?x")
    settle(page)
    assert page.get_by_role("dialog").count() == 0
    assert review.read(run).answers == {9: number}
    page.get_by_placeholder("Search").fill("")
    page.keyboard.press("Tab")
    page.locator("h1").first.click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("undoes what was done last")


@pytest.mark.slow
def test_reliable_samples_are_rejected_and_opened_by_key(server: AppServer, run: Run, page: Page) -> None:
    page.goto(f"{server.url}/reliable?run=sampled&per_class=12")
    settle(page)
    page.keyboard.press("ArrowRight")
    row = rows_in(page, "reliable-0")[0]
    page.keyboard.press("x")
    expect(page.get_by_text("119 of 120 reliable samples are kept")).to_be_visible()
    page.keyboard.press("u")
    expect(page.get_by_text("120 of 120 reliable samples are kept")).to_be_visible()
    assert review.read(run).rejected == frozenset()
    settle(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Sample {row}")).to_be_visible()
    expect(page).to_have_url(re.compile(f"explore.*sample={row}"))
