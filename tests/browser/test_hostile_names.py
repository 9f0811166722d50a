"""In a real browser: names that come from data are text on every page, whatever they hold.

Each of them would fetch a picture from another machine where it were read as Markdown or HTML; `Tabs` fails for every
request that leaves this one.
"""

import json
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

import hume
from hume.runs import review
from tests.support.chromium import PAGES, settle
from tests.support.finished_runs import copy_dataset, search
from tests.support.server import AppServer

ELSEWHERE = "203.0.113.7"  # of the block for documentation: no machine has it
MARKDOWN = f"![x](http:&#47;&#47;{ELSEWHERE}&#47;m.png)"  # a folder may have this name
HTML = f"<img src='http://{ELSEWHERE}/h.png'><script>document.title='taken'</script>"
LINK = f"[{{}}](http://{ELSEWHERE}) $\\href{{x}}{{y}}$ :material/home: **bold**"

# What was read as markup and where; nothing for an address that is its own text, which a reader may click on.
AROUND = """node => node.tagName === "A" && node.textContent.startsWith("http://") ? "" :
  node.outerHTML.slice(0, 80) + " in " + node.closest("[data-testid^=st]")?.dataset.testid
  + " of " + node.closest("[class*=st-key]")?.className.match(/st-key-[^ ]*/)"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    home = tmp_path_factory.mktemp("hostile")
    folder = home / "datasets" / MARKDOWN
    classes = [f"{kind} {k}" for k, kind in enumerate((MARKDOWN, HTML, LINK) * 3 + (HTML,))]
    copy_dataset("digits", folder, classes=classes)
    for name in ("simclr", "lite0"):
        (folder / "spaces" / f"{name}.npy").rename(folder / "spaces" / f"{name} {MARKDOWN}.npy")
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    card["spaces"] = {f"{name} {MARKDOWN}": entry for name, entry in card["spaces"].items() if name != "pixels"}
    for entry in card["spaces"].values():
        entry |= dict.fromkeys(("title", "made", "licence"), HTML + MARKDOWN)
    pair = [f"{name} {MARKDOWN}" for name in ("simclr", "lite0")]
    card |= dict.fromkeys(("name", "summary", "source", "licence"), LINK + HTML) | {"default_pair": pair}
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    count = hume.load_dataset(folder).num_samples
    (folder / "files.txt").write_text("".join(f"{HTML}{i}.png\n" for i in range(count)), encoding="utf-8")
    shutil.rmtree(folder / "encoders", ignore_errors=True)
    run = search(home, str(folder), "hostile", 3)
    review.name_class(run, 0, MARKDOWN[:40])
    review.name_class(run, 1, HTML[:40])
    with AppServer(home) as server:
        yield server


@pytest.mark.slow
def test_names_from_data_are_never_markup(hostile: AppServer, page: Page) -> None:
    found: list[str] = []
    for path in [*PAGES, "data", "compare"]:
        page.goto(f"{hostile.url}/{path}?run=hostile&sample=3&rows=1,2,3&replay=true")
        expect(page.get_by_role("heading", level=1).first).to_be_visible()
        settle(page)
        marked = page.locator(f"img[src*='{ELSEWHERE}'], a[href*='{ELSEWHERE}']")
        found += [f"{path}: {around}" for each in marked.all() if (around := each.evaluate(AROUND))]
        assert page.title() != "taken", path
        assert page.get_by_text("Unexpected error").count() == 0, path
    assert not found, "\n".join(found)
