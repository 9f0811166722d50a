"""A real browser, driven as a reader would, and what must hold on every page that it opens."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "no browser was found: `make test` installs Chromium, or set HUME_BROWSER to the path of one"
# Without these the browser asks its maker for news in the background.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]
PATIENCE = 300_000  # milliseconds: another program may have the processor
QUIET = 400  # milliseconds without a change that count as settled
# Streamlit looks for its server below a deep link first; the 404 is how it learns where the server is.
KNOWN = re.compile(r"/_stcore/(health|host-config)$")

_SETTLED = """
quiet => {
  const app = document.querySelector('[data-testid="stApp"]')
  const still = app?.dataset.testScriptState === "notRunning" && app.dataset.testConnectionState === "CONNECTED"
    && !document.querySelector('[data-stale="true"], [data-testid="stSkeleton"]')
    && !document.querySelector('[data-testid="stSpinner"]')
  const now = performance.now()
  const words = document.body.textContent
  if (!still || words !== window.humeWords) [window.humeWords, window.humeSince] = [words, now]
  return still && now - window.humeSince > quiet
}
"""
# The words of a page as a reader or a screen reader meets them, those within components too.
_WORDS = """
() => {
  const LABELS = ["aria-label", "title", "alt", "placeholder", "value"]
  const words = []
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return words.push(node.data)
    if (["SCRIPT", "STYLE", "NOSCRIPT"].includes(node.tagName)) return
    for (const name of LABELS) words.push(node.getAttribute?.(name) ?? "")
    for (const child of node.shadowRoot?.childNodes ?? []) walk(child)
    for (const child of node.childNodes) walk(child)
  }
  walk(document.body)
  return words.filter(Boolean).join("\\n")
}
"""
# Where on the screen the points of a plot are, with the number that each carries.
_POINTS = """
plot => {
  const { left, top } = plot.getBoundingClientRect()
  const points = []
  for (const trace of plot._fullData) {
    if (!trace.customdata || trace.visible !== true) continue
    const axis = (id) => plot._fullLayout[id[0] + "axis" + id.slice(1)]
    const [x, y] = [axis(trace.xaxis ?? "x"), axis(trace.yaxis ?? "y")]
    for (let i = 0; i < trace.x.length; i++) {
      const number = [trace.customdata[i]].flat()[0]
      points.push([left + x._offset + x.d2p(trace.x[i]), top + y._offset + y.d2p(trace.y[i]), Number(number)])
    }
  }
  return points
}
"""


PAGES = {  # by their address, and what each asks
    "": "What does HUME find?",
    "search": "Which labelings generalize?",
    "runs": "How do the runs compare?",
    "objective": "Is the ranking of the seeds reliable?",
    "aggregation": "How many seeds does the vote need?",
    "differences": "How do two labelings differ?",
    "explore": "Which samples are uncertain?",
    "answer": "Which class is this?",
    "reliable": "Which labels can be trained on?",
}


def find_browser() -> str:
    """The path of a browser; raises FileNotFoundError where there is none."""
    asked = os.environ.get("HUME_BROWSER")
    found = shutil.which(asked) if asked else next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise FileNotFoundError(MISSING if asked is None else f"HUME_BROWSER names no program: {asked}")
    return found


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        try:
            yield launched
        finally:
            launched.close()


def open_page(chromium: Browser, *, dark: bool = False, width: int = 1400, height: int = 1000) -> Page:
    """A new tab of a reader who has never been here."""
    context = chromium.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE)
    context.set_default_navigation_timeout(PATIENCE)
    return context.new_page()


def settle(page: Page) -> None:
    """Wait until the page's script has ended and its words stay the same for a moment."""
    page.wait_for_function(_SETTLED, arg=QUIET, timeout=PATIENCE)


def words_of(page: Page) -> str:
    """Every word on the page: text, labels of pictures and fields, within components too."""
    words: str = page.evaluate(_WORDS)
    return words


def rows_in(page: Page, key: str) -> list[int]:
    """The samples that a gallery shows."""
    tiles = page.locator(f".st-key-{key} button.tile")
    return [int(row) for row in tiles.evaluate_all("tiles => tiles.map(tile => tile.dataset.row)")]


def plot_in(page: Page, key: str) -> Locator:
    """A plot that is drawn, by the beginning of its key."""
    plot = page.locator(f'[class*="st-key-{key}"] .js-plotly-plot')
    plot.locator(".main-svg").first.wait_for()
    plot.scroll_into_view_if_needed()
    return plot


def points_of(plot: Locator) -> list[tuple[float, float, int]]:
    return [(x, y, int(number)) for x, y, number in plot.evaluate(_POINTS)]


def map_in(page: Page, panel: int = 0) -> Locator:
    """A map of samples that is drawn."""
    stage = page.locator(".stage").nth(panel)
    stage.wait_for()
    settle(page)
    page.locator(".stage[data-drawn]").nth(panel).wait_for()
    stage.scroll_into_view_if_needed()
    return stage


def points_on(stage: Locator) -> NDArray[np.float64]:
    """Where the points of a map stand in the window, with the row of each: (P, 3)."""
    return np.array(stage.evaluate("stage => stage.pointsInWindow()")).reshape(-1, 3)


def circle(page: Page, stage: Locator, radius: float = 90) -> set[int]:
    """Draw a lasso around the middle point of a map; returns the samples well within it."""
    points = points_on(stage)
    middle = points[np.argsort(points[:, 0])[len(points) // 2], :2]
    corners = [middle + radius * np.array([np.cos(turn), np.sin(turn)]) for turn in np.linspace(0, 2 * np.pi, 13)]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=4)
    page.mouse.up()
    return {int(row) for *place, row in points if np.hypot(*(place - middle)) < 0.9 * radius}


def download(page: Page, button: Locator) -> tuple[str, bytes]:
    with page.expect_download() as waiting:
        button.click()
    return waiting.value.suggested_filename, waiting.value.path().read_bytes()


class Watch:
    """Notes what no page may do: ask another machine, fail in the console, show a traceback."""

    def __init__(self, page: Page):
        self.problems: list[str] = []
        self.page = page
        page.on("request", self._request)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"an error in the page: {error}"))

    def forgive(self) -> None:
        """Forget what has been noted: the server was ended on purpose."""
        self.problems.clear()

    def _request(self, request: Request) -> None:
        place = urlsplit(request.url)
        if place.scheme in ("http", "https", "ws", "wss") and place.hostname != "127.0.0.1":
            self.problems.append(f"a request to {request.url}")

    def _console(self, message: ConsoleMessage) -> None:
        known = "404" in message.text and KNOWN.search(urlsplit(message.location.get("url", "")).path)
        if message.type == "error" and not known:
            self.problems.append(f"console: {message.text} ({message.location.get('url')})")

    def check(self) -> None:
        """Fail with everything noted."""
        if not self.page.is_closed() and "Traceback (most recent" in words_of(self.page):
            self.problems.append("a traceback is on the page")
        assert not self.problems, "\n".join(self.problems)


class Tabs:
    """Tabs of one reader each; every one is watched until the test ends."""

    def __init__(self, chromium: Browser):
        self._chromium = chromium
        self.watched: list[Watch] = []

    def open(self, **options: Any) -> Page:
        page = open_page(self._chromium, **options)
        self.watched.append(Watch(page))
        return page

    def forgive(self) -> None:
        """Forget what has been noted so far: the test ended the server on purpose."""
        for watch in self.watched:
            watch.problems.clear()

    def check(self) -> None:
        for watch in self.watched:
            watch.check()

    def close(self) -> None:
        for watch in self.watched:
            watch.page.context.close()
