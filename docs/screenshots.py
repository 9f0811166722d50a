"""Pictures of every page, light and dark, for the README: `make screenshots`.

Searches the embedded Fashion-MNIST images in a new home folder, as the app's first button does, and opens the pages
in a real browser; `--only earth` and `--only explore` take one of them alone. Writes
`docs/images/<page>-<light or dark>.png`.
"""

import argparse
import io
import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from hume import Store, preset
from hume.lesson.plan import STEPS
from tests.support.chromium import browser, open_page, settle
from tests.support.server import AppServer

FOLDER = Path(__file__).parent / "images"
MAP = ".stage[data-drawn]"
SEEDS = 100
COLOURS = 256  # in a picture's palette
SEARCHED = 900_000  # milliseconds
DRAWN = 1500  # milliseconds until a plot has been drawn
MOVES = 40  # of the mouse around a lasso
RADIUS = 130  # pixels
SORTED = 24  # pictures of the lesson's wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["earth", "explore"])
    only = parser.parse_args().only
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home, AppServer(Path(home)) as server, browser() as chromium:
        if only != "explore":
            earth(chromium, server)
        if only is None:
            look(chromium, server, "", "start-first", wait="button.tile")
            search(chromium, server)
            for page, (wait, act) in PAGES.items():
                look(chromium, server, page, page or "start", wait=wait, act=act)
            lesson(chromium, server)
        if only == "explore":
            make_run(server.home, "fashion-mnist")
            wait, act = PAGES["explore"]
            look(chromium, server, "explore", "explore", wait=wait, act=act)


def earth(chromium: Browser, server: AppServer) -> None:
    """The found classes of the satellite tiles beside those of MODIS, on the earth."""
    make_run(server.home, "earth")
    for theme in ("light", "dark"):
        page = open_page(chromium, dark=theme == "dark")
        page.goto(f"{server.url}/explore?run=earth&map=columns&second_map=columns&second_colour=True class")
        page.locator(MAP).nth(1).wait_for()
        settle(page)
        page.wait_for_timeout(DRAWN)
        box = page.locator(".map").bounding_box()
        assert box is not None
        left, top, width, height = (box[name] for name in ("x", "y", "width", "height"))
        clip = {"x": left - 8, "y": top + 32, "width": width + 16, "height": height - 24}
        write(page.screenshot(clip=clip), f"earth-{theme}")
        page.context.close()
    store = Store(server.home)
    store.delete("earth")
    store.empty_trash()


def make_run(home: Path, dataset: str) -> None:
    """A finished run of the same name, as the app's first button makes it."""
    store = Store(home)
    data = store.load_dataset(dataset)
    config, solver = preset("fast", num_classes=10, num_samples=data.num_samples)
    phi1, phi2 = data.default_pair
    store.create(data, phi1=phi1, phi2=phi2, config=config, solver=solver, seeds=range(SEEDS), name=dataset).execute()


def look(
    chromium: Browser,
    server: AppServer,
    path: str,
    name: str,
    *,
    wait: str,
    act: Callable[[Page], None] | None = None,
    themes: Sequence[str] = ("light", "dark"),
) -> None:
    """Open a page in each theme, act as a user and take a screenshot."""
    for theme in themes:
        page = open_page(chromium, dark=theme == "dark")
        page.goto(f"{server.url}/{path}")
        page.locator(wait).first.wait_for()
        settle(page)
        if act is not None:
            act(page)
            settle(page)
        save(page, f"{name}-{theme}")
        page.context.close()


def lesson(chromium: Browser, server: AppServer) -> None:
    """Every step of the lesson as the class sees it, the pictures sorted and people's labels shown in the end."""
    look(chromium, server, "learn", "learn-guess", wait=".tile", act=sort_pictures, themes=("light",))
    for step in STEPS[1:]:
        path = f"learn-{step.key}" + "?lesson_truth=true" * (step.key in REVEALED)
        act = REVEALED.get(step.key)
        look(chromium, server, path, f"learn-{step.key}", wait="h1", act=act, themes=("light",))


def sort_pictures(page: Page) -> None:
    """Sort some of the wall's pictures, into one group after the other."""
    page.locator(".tile").first.focus()
    for number in range(SORTED):
        page.keyboard.press(str(1 + number % 5))
    page.get_by_text(f"{SORTED} of 36 pictures are sorted").wait_for()


def to_the_hard_case(page: Page) -> None:
    """Scroll to the comparison of the good and the hard pair."""
    last = page.get_by_text("score and accuracy: r =").last
    last.wait_for()
    settle(page)
    last.scroll_into_view_if_needed()


def let_the_computer_answer(page: Page) -> None:
    """Answer the twenty questions, and scroll to what they are worth."""
    page.get_by_role("button", name="Let the computer answer").click()
    page.get_by_text("The computer gave").wait_for()
    page.mouse.move(900, 500)
    page.mouse.wheel(0, -5000)


def to_the_plot(page: Page) -> None:
    page.locator(".js-plotly-plot").first.scroll_into_view_if_needed()


def search(chromium: Browser, server: AppServer) -> None:
    """Launch the search from the Search page, take screenshots while it runs, and wait for its end."""
    page = open_page(chromium)
    page.goto(f"{server.url}/search")
    page.get_by_role("button", name="Launch 100 seeds").click()
    page.get_by_text("Classes of the leading seed now").wait_for()
    page.wait_for_timeout(10_000)  # until there is something to see
    other = open_page(chromium, dark=True)
    other.goto(page.url)
    other.get_by_text("Classes of the leading seed now").wait_for()
    for tab, theme in ((page, "light"), (other, "dark")):
        tab.get_by_text("Objective of every seed").scroll_into_view_if_needed()
        tab.mouse.move(700, 500)
        tab.mouse.wheel(0, 330)
        tab.wait_for_timeout(DRAWN)
        save(tab, f"search-{theme}")
    other.context.close()
    page.get_by_text("has finished: 100 seeds").wait_for(timeout=SEARCHED)
    page.context.close()


def save(page: Page, name: str) -> None:
    page.wait_for_timeout(DRAWN)
    write(page.screenshot(), name)


def write(content: bytes, name: str) -> None:
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(FOLDER / f"{name}.png", optimize=True)
    print(f"{name}.png", (FOLDER / f"{name}.png").stat().st_size // 1000, "kB")


def lasso(page: Page) -> None:
    """Circle the middle of the map."""
    page.wait_for_timeout(DRAWN)
    box = page.locator(MAP).first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x + RADIUS, y)
    page.mouse.down()
    for i in range(1, MOVES + 1):
        angle = 2 * math.pi * i / MOVES
        page.mouse.move(x + RADIUS * math.cos(angle), y + RADIUS * math.sin(angle))
    page.mouse.up()
    page.locator(".st-key-selection button.tile").first.wait_for()


def tick(page: Page) -> None:
    """Tick the first run of the table."""
    box = page.locator(".st-key-runs canvas").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 16, box["y"] + 52)


# Page -> what has to be visible before the screenshot, and what to do.
PAGES: dict[str, tuple[str, Callable[[Page], None] | None]] = {
    "": ("text=The refined vote of", None),
    "data": ("button.tile", None),
    "runs": (".st-key-runs canvas", tick),
    "objective": (".js-plotly-plot:visible", None),
    "aggregation": (".js-plotly-plot:visible", None),
    "explore": (MAP, lasso),
    "answer": (".st-key-asked button.tile", None),
    "reliable": ("button.tile", None),
}

# The steps of the lesson that are shown with people's labels, and what to do there.
REVEALED: dict[str, Callable[[Page], None] | None] = {
    "seeds": None,
    "trust": to_the_hard_case,
    "compare": to_the_plot,
    "answers": let_the_computer_answer,
}

if __name__ == "__main__":
    main()
