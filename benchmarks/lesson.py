"""Latency of the lesson's controls: `python -m benchmarks.lesson`.

Opens the steps on the toy in a real browser and presses an arrow key on a control repeatedly: the time until another
sentence or another plot is shown. Run it on an idle machine.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page
from rich.console import Console
from rich.table import Table

from tests.support.chromium import browser, open_page, settle
from tests.support.server import AppServer

# Sentences and plot data from the server; a slider updates its own number in the browser.
DRAWN = """
() => [...document.querySelectorAll('.stMain .stMarkdown')].map(each => each.innerText).join()
  + JSON.stringify([...document.querySelectorAll('.stMain .js-plotly-plot')].map(each => each.data))
"""
CHANGED = f"before => ({DRAWN.strip()})() !== before"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12, help="presses of every key")
    rounds = parser.parse_args().rounds
    table = Table("step", "control", "median ms", "slowest ms", "n")
    with tempfile.TemporaryDirectory() as home, AppServer(Path(home)) as server, browser() as chromium:
        for (step, control), (focus, keys) in CONTROLS.items():
            page = open_page(chromium)
            page.goto(f"{server.url}/{step}")
            page.locator("h1").first.wait_for()
            settle(page)
            focus(page)
            times = [pressed(page, keys[i % len(keys)]) for i in range(rounds)]
            table.add_row(step, control, f"{statistics.median(times):.0f}", f"{max(times):.0f}", str(rounds))
            page.context.close()
    Console(width=120).print(table)


def pressed(page: Page, key: str) -> float:
    """Milliseconds until the page has responded to a key."""
    before = page.evaluate(DRAWN)
    start = time.perf_counter()
    page.keyboard.press(key)
    page.wait_for_function(CHANGED, arg=before, polling=5)
    seconds = time.perf_counter() - start
    settle(page)
    return 1000 * seconds


def labeling(page: Page) -> None:
    page.get_by_role("radio", name="What people see").focus()


def line(page: Page) -> None:
    page.get_by_text("Painted by you").click()
    settle(page)
    page.get_by_role("slider", name="Turn the line").focus()


def weight(page: Page) -> None:
    page.get_by_role("slider", name="Entropy weight").focus()


def iteration(page: Page) -> None:
    page.get_by_role("slider", name="Iteration").focus()


def temperature(page: Page) -> None:
    page.get_by_role("slider", name="Temperature").focus()


CONTROLS: dict[tuple[str, str], tuple[Callable[[Page], None], tuple[str, ...]]] = {
    ("learn-fit", "choose a labeling"): (labeling, ("ArrowDown",)),
    ("learn-fit", "turn the line"): (line, ("ArrowRight", "ArrowLeft")),
    ("learn-fit", "entropy weight"): (weight, ("ArrowRight", "ArrowLeft")),
    ("learn-moves", "scrub the iterations"): (iteration, ("ArrowRight", "ArrowLeft")),
    ("learn-moves", "temperature"): (temperature, ("ArrowRight", "ArrowLeft")),
}

if __name__ == "__main__":
    main()
