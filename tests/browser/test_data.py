"""In a real browser: unlabeled images in, labels to train on out."""

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from hume import Store
from hume.exchange.releases import export_release
from tests.support.chromium import download, rows_in, settle
from tests.support.finished_runs import search
from tests.support.server import ROOT, AppServer

CLASSES = {"bag": 8, "boot": 9, "trouser": 1}  # labels of Fashion-MNIST that look least alike
PER_CLASS = 40


def images(name: str) -> tuple[np.ndarray, np.ndarray]:
    folder = ROOT / "assets" / "datasets" / name
    return np.load(folder / "images.npz")["images"], np.load(folder / "labels.npy")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """A server for tests that add what others do not expect."""
    with AppServer(tmp_path_factory.mktemp("own") / "home") as started:
        yield started


@pytest.fixture
def new_run(own: AppServer) -> Callable[[], str]:
    """The name of the only run that was not there when the test began."""
    before = set(Store(own.home).names())

    def name() -> str:
        (new,) = set(Store(own.home).names()) - before
        return new

    return name


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip of class folders as people have them: real pictures, a broken one and a note."""
    path = tmp_path_factory.mktemp("given") / "wardrobe.zip"
    pixels, labels = images("fashion-mnist")
    with zipfile.ZipFile(path, "w") as made:
        for name, label in CLASSES.items():
            for i, row in enumerate(np.flatnonzero(labels == label)[:PER_CLASS]):
                content = io.BytesIO()
                Image.fromarray(pixels[row]).save(content, "PNG")
                made.writestr(f"wardrobe/{name}/{i:03d}.png", content.getvalue())
        made.writestr("wardrobe/bag/cut-short.png", content.getvalue()[:90])
        made.writestr("wardrobe/notes.txt", "not a picture")
    return path


def wait_until_done(page: Page, words: str | re.Pattern[str]) -> None:
    expect(page.get_by_text(words)).to_be_visible()
    settle(page)


@pytest.mark.slow
def test_a_zip_of_images_goes_in_and_labeled_sets_come_out(
    own: AppServer, new_run: Callable[[], str], archive: Path, page: Page, tmp_path: Path
) -> None:
    page.goto(f"{own.url}/data?ways_in=Upload")
    settle(page)
    page.locator('input[type="file"]').set_input_files(archive)
    expect(page.get_by_label("Name", exact=True)).to_have_value("wardrobe")
    page.get_by_role("button", name="Add", exact=True).click()
    wait_until_done(page, "120 of 122 given files are in wardrobe; 2 were set aside")
    page.goto(f"{own.url}/data?data=wardrobe")
    settle(page)
    expect(page.get_by_text("2 files set aside")).to_be_visible()
    assert len(rows_in(page, "pictures")) == 48

    page.get_by_role("spinbutton", name="Side, pixels").fill("64")
    page.get_by_role("spinbutton", name="Side, pixels").press("Enter")
    settle(page)
    page.get_by_role("button", name="Compute features").click()
    wait_until_done(page, "The space efficientnet-lite0-64 of wardrobe is ready.")

    page.get_by_role("tab", name="Self-supervised training").click()
    settle(page)
    page.get_by_label("Epochs", exact=True).fill("2")
    page.get_by_label("Epochs", exact=True).press("Enter")
    page.get_by_label("Batch", exact=True).fill("40")
    page.get_by_label("Batch", exact=True).press("Enter")
    settle(page)
    page.get_by_role("button", name="Train", exact=True).click()
    wait_until_done(page, re.compile(r"The space simclr\S* of wardrobe is ready\."))
    expect(page.get_by_text("efficientnet-lite0-64").first).to_be_visible()

    page.get_by_role("link", name="Search with two of them").click()
    expect(page.get_by_role("heading", name="Which labelings generalize?")).to_be_visible()
    settle(page)
    page.goto(f"{own.url}/search?dataset=wardrobe")
    settle(page)
    seeds = page.get_by_label("Seeds", exact=True)
    seeds.fill("6")
    seeds.press("Enter")
    settle(page)
    page.get_by_role("button", name="Launch 6 seeds").click()
    expect(page.get_by_text("has finished: 6 seeds")).to_be_visible()

    run = new_run()
    page.goto(f"{own.url}/reliable?run={run}&per_class=12&neighbors=30")
    expect(page.get_by_text(re.compile("36 of 36 reliable samples are kept"))).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Export for").click()
    _, content = download(page, page.get_by_role("button", name="Download for Image folder"))
    check_image_folder(content, tmp_path / "images")
    page.get_by_text("USB: FreeMatch, FixMatch", exact=True).click()
    settle(page)
    _, content = download(page, page.get_by_role("button", name="Download for USB"))
    check_usb(content)


def check_image_folder(content: bytes, place: Path) -> None:
    from torchvision.datasets import ImageFolder

    with zipfile.ZipFile(io.BytesIO(content)) as made:
        made.extractall(place)
    folders = {path.parent for path in place.rglob("*.png")}
    assert len(folders) == 3
    found = ImageFolder(next(iter(folders)).parent)
    assert len(found) == 36
    assert np.bincount(found.targets).tolist() == [12, 12, 12]
    assert found[0][0].size == (28, 28)


def check_usb(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as made:
        names = made.namelist()
        labeled = next(name for name in names if "/lb_labels36_" in name)
        unlabeled = next(name for name in names if "/ulb_labels36_" in name)
        rows = [np.load(io.BytesIO(made.read(name))) for name in (labeled, unlabeled)]
    assert len(rows[0]) == 36
    assert sorted(np.concatenate(rows).tolist()) == list(range(120))


@pytest.mark.slow
def test_a_folder_in_the_layout_of_the_authors_opens_with_all_its_plots(
    own: AppServer, new_run: Callable[[], str], page: Page, tmp_path: Path
) -> None:
    made = search(tmp_path / "elsewhere", "digits", "found", 4)
    release = own.home.parent / "release"
    export_release([made], release)
    page.goto(f"{own.url}/data")
    settle(page)
    if not page.get_by_label("Path", exact=True).is_visible():  # folded where the home has datasets
        page.get_by_text("Add data", exact=True).click()
    page.get_by_label("Path", exact=True).fill(str(release))
    page.get_by_label("Path", exact=True).press("Enter")
    expect(page.get_by_text("A release in HUME's layout: 1 dataset")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Add", exact=True).click()
    wait_until_done(page, "1 dataset and 1 finished run were added")
    run = new_run()
    for place, words in {
        "objective": "Is the ranking of the seeds reliable?",
        "aggregation": "How many seeds",
        "reliable": "Which labels can be trained on?",
    }.items():
        page.goto(f"{own.url}/{place}?run={run}")
        expect(page.get_by_role("heading", name=words)).to_be_visible()
        settle(page)
        assert page.get_by_test_id("stException").count() == 0
        assert page.locator(".js-plotly-plot").count() > 0
