"""In a real browser: name a class, throw a picture out, and leave with files."""

import io
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Response, expect

from hume.runs import review
from hume.runs.run import Run
from tests.support.chromium import download, rows_in, settle
from tests.support.server import ROOT, AppServer

MEGABYTE = 2**20
# Marks every picture that has come.
LOADED = "all => Promise.all(all.map(i => i.decode().then(() => (i.dataset.loaded = 'yes'))))"
CopyRun = Callable[[str, str], Run]


@pytest.fixture
def reviewed(server: AppServer, copy_run: CopyRun, page: Page) -> Run:
    """A run of its own, opened on the page of reliable samples."""
    run = copy_run("digits", "reviewed")
    page.goto(f"{server.url}/reliable?run=reviewed&per_class=12&neighbors=60")
    expect(page.get_by_text(re.compile("120 of 120 reliable samples are kept"))).to_be_visible()
    settle(page)
    return run


def tile(page: Page, k: int, row: int) -> Locator:
    return page.locator(f'.st-key-reliable-{k} button.tile[data-row="{row}"]')


def written_by_command(server: AppServer, run: str, path: Path) -> bytes:
    command = [
        sys.executable,
        "-m",
        "hume",
        "reliable",
        run,
        "--per-class",
        "12",
        "--neighbors",
        "60",
        "--csv",
        str(path),
    ]
    done = subprocess.run(command, cwd=ROOT, env=server.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return path.read_bytes()


@pytest.mark.slow
def test_a_review_leaves_with_the_files_of_the_command_line(
    server: AppServer, reviewed: Run, page: Page, tmp_path: Path
) -> None:
    field = page.get_by_label("Name of class 2", exact=True)
    field.fill("=ducks, mostly")
    field.press("Enter")
    expect(page.get_by_test_id("stMarkdown").get_by_text("=ducks, mostly")).to_be_visible()
    row = rows_in(page, "reliable-3")[4]
    tile(page, 3, row).click()
    expect(page.get_by_text("119 of 120 reliable samples are kept")).to_be_visible()
    expect(tile(page, 3, row)).to_have_attribute("data-mark", "rejected")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("120 of 120 reliable samples are kept")).to_be_visible()
    expect(tile(page, 3, row)).not_to_have_attribute("data-mark", "rejected")
    tile(page, 3, row).click()
    expect(page.get_by_text("119 of 120 reliable samples are kept")).to_be_visible()
    assert review.read(reviewed).rejected == {row}

    name, content = download(page, page.get_by_role("button", name="CSV", exact=True))
    assert name == "reliable.csv"
    assert content == written_by_command(server, "reviewed", tmp_path / "reliable.csv")
    assert b'"=ducks, mostly"' in content, "text stays as it is"
    assert len(content.splitlines()) == 121

    _, content = download(page, page.get_by_role("button", name="Labeled index"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        labeled = next(name for name in archive.namelist() if name.startswith("lb_labels119"))
        rows = np.load(io.BytesIO(archive.read(labeled)))
        assert archive.read("classes.txt").decode().splitlines()[2] == "2\t=ducks, mostly"
    assert len(rows) == 119
    assert row not in rows

    page.reload()
    expect(tile(page, 3, row)).to_have_attribute("data-mark", "rejected")
    expect(page.get_by_label("Name of class 2", exact=True)).to_have_value("=ducks, mostly")


@pytest.mark.slow
def test_pictures_clicked_in_quick_succession_are_all_rejected(reviewed: Run, page: Page) -> None:
    rows = rows_in(page, "reliable-1")[:5]
    places = [tile(page, 1, row).bounding_box() for row in rows]
    for place in places:
        assert place is not None
        page.mouse.click(place["x"] + 20, place["y"] + 20)
    expect(page.get_by_text("115 of 120 reliable samples are kept")).to_be_visible()
    assert review.read(reviewed).rejected == set(rows)


@pytest.mark.slow
def test_every_slider_stands_in_the_address(reviewed: Run, page: Page) -> None:
    slider = page.get_by_role("slider", name="Samples per class")
    slider.focus()
    slider.press("ArrowLeft")
    expect(page.get_by_text("110 of 110 reliable samples are kept")).to_be_visible()
    expect(page).to_have_url(re.compile("[?&]per_class=11(&|$)"))


@pytest.mark.slow
def test_250_pictures_are_light(server: AppServer, page: Page) -> None:
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer) if "/thumbnails/" in answer.url else None)
    page.goto(f"{server.url}/reliable?run=zoo&per_class=25")
    settle(page)
    shown = 0
    for k in range(10):
        pictures = page.locator(f".st-key-reliable-{k} .tile img")
        for picture in (pictures.first, pictures.last):
            picture.scroll_into_view_if_needed()  # they are fetched when they come near
        missing = page.locator(f".st-key-reliable-{k} .tile img:not([data-loaded])")
        pictures.evaluate_all(LOADED)
        expect(missing).to_have_count(0)
        shown += pictures.count()
    assert shown >= 200
    assert sum(answer.request.sizes()["responseBodySize"] for answer in answers) < 5 * MEGABYTE
