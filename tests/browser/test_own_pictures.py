"""In a real browser: from a few pictures of one's own to a labeled set, by what each page offers next."""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, expect

from tests.support.chromium import PATIENCE, download, open_page, settle
from tests.support.server import AppServer

EACH, SIDE = 30, 20
WIDTHS = (1400, 1024, 420)


def drawing(kind: int, rng: np.random.Generator) -> bytes:
    """A disc on a dark ground or a pair of bars on a light one, somewhere, in some colour."""
    light, dark = (tuple(int(c) for c in rng.integers(low, low + 60, 3)) for low in (190, 10))
    picture = Image.new("RGB", (SIDE, SIDE), dark if kind else light)
    draw, (x, y) = ImageDraw.Draw(picture), rng.integers(2, 7, 2)
    if kind:
        draw.ellipse((x, y, x + 11, y + 11), fill=light)
    else:
        draw.rectangle((x, 1, x + 2, SIDE - 2), fill=dark)
        draw.rectangle((x + 7, 1, x + 9, SIDE - 2), fill=dark)
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip as people have them: pictures, some in a sub-folder, a broken one and a note."""
    path, rng = tmp_path_factory.mktemp("album") / "album.zip", np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as made:
        for i in range(2 * EACH):
            folder = "album/holiday" if i % 3 == 0 else "album"
            made.writestr(f"{folder}/{'disc' if i < EACH else 'bars'}-{i:02d}.png", drawing(i < EACH, rng))
        made.writestr("album/broken.jpg", b"no picture")
        made.writestr("album/notes.txt", b"no picture")
        made.writestr("__MACOSX/album/._disc-00.png", b"x")
    return path


@pytest.fixture(params=WIDTHS)
def reader(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    page = open_page(chromium, width=request.param)
    yield page
    page.context.close()


def go(page: Page, link: str, heading: str) -> None:
    page.get_by_test_id("stMain").get_by_role("link", name=link).first.click()
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    settle(page)


def fill(page: Page, label: str, number: int) -> None:
    field = page.get_by_role("spinbutton", name=label, exact=True)
    field.fill(str(number))
    field.press("Enter")
    settle(page)


def each_space(page: Page) -> None:
    """Make both spaces one by one, with settings of one's own."""
    expect(page.get_by_role("button", name="Make both spaces")).to_be_visible()
    fill(page, "Side, pixels", 32)
    page.get_by_role("button", name="Compute features").click()
    expect(page.get_by_text("The space efficientnet-lite0-32 of album is ready.")).to_be_visible()
    expect(page.get_by_role("button", name="Make φ1")).to_be_visible()
    page.get_by_role("tab", name="Self-supervised training").click()
    settle(page)
    fill(page, "Epochs", 3)
    expect(page.get_by_text("at the machine's pace now").last).to_be_visible()
    page.get_by_role("button", name="Train", exact=True).click()


@pytest.mark.slow
def test_own_pictures_become_a_labeled_set_by_what_each_page_offers_next(
    empty: AppServer, reader: Page, album: Path
) -> None:
    page = reader
    page.goto(empty.url)
    settle(page)
    go(page, "Use pictures of your own", "What is in the data?")
    page.get_by_role("tab", name="Upload").click()
    settle(page)
    page.locator('input[type="file"]').set_input_files(album)
    expect(page.get_by_text("61 pictures without labels.")).to_be_visible()
    expect(page.get_by_role("radio", name="Nothing")).to_be_checked()
    expect(page.get_by_text("holiday 20, no folder 41")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("60 of 63 given files are in album; 3 were set aside.")).to_be_visible()
    settle(page)

    if (page.viewport_size or {})["width"] == WIDTHS[1]:
        page.get_by_role("button", name="Make both spaces").click()
    else:
        each_space(page)
    expect(page.get_by_text(re.compile(r"The space simclr\S* of album is ready\."))).to_be_visible(timeout=3 * PATIENCE)
    settle(page)

    go(page, "Search with two of them", "Which labelings generalize?")
    expect(page.get_by_text("60 colour images")).to_be_visible()
    page.get_by_text("Estimate K, the number of classes: it is unknown here").click()
    settle(page)
    for _ in range(8):
        page.get_by_role("slider").last.press("ArrowLeft")
    settle(page)
    page.get_by_role("button", name="Search 3 numbers of classes").click()
    use = page.get_by_role("button", name=re.compile(r"Use K = \d+"))
    expect(use).to_be_visible()
    settle(page)
    K = int(use.inner_text().rsplit("=", 1)[1])
    use.click()
    settle(page)
    expect(page.get_by_role("spinbutton", name="Classes K")).to_have_value(str(K))
    fill(page, "Seeds", 10)
    page.get_by_role("textbox", name="Name of the run").fill("mine")
    page.get_by_role("textbox", name="Name of the run").press("Enter")
    settle(page)
    page.get_by_role("button", name="Launch 10 seeds").click()
    expect(page.get_by_text(re.compile("Run mine has finished: 10 seeds"))).to_be_visible()
    settle(page)
    expect(page.get_by_role("button", name="All", exact=True).first).to_be_visible()

    go(page, "Reliable samples", "Which labels can be trained on?")
    expect(page.get_by_text(re.compile(rf"Run mine · dataset album · K = {K}"))).to_be_visible()
    page.get_by_role("button", name="Export for").click()
    _, content = download(page, page.get_by_role("button", name="Download for Image folder"))
    with zipfile.ZipFile(io.BytesIO(content)) as made:
        exported = [name for name in made.namelist() if name.endswith(".png")]
    folders = {name.rsplit("/", 2)[-2] for name in exported}
    assert len(folders) == K
    assert len(exported) >= 2 * K
