"""How fast pages answer while a search runs: `python -m benchmarks.pages`.

Starts the app on a new home folder, opens every page in a real browser and times from the click on its link until its
script has ended and its heading is there: idle, beside a search of 100 seeds on the embedded Fashion-MNIST images, and
beside the making of a map.
"""

import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, expect
from rich.console import Console
from rich.table import Table

from hume import Store, preset
from tests.e2e.browser import browser, open_page, settle
from tests.e2e.server import AppServer

PAGES = {
    "Start": "Find the classes people see",
    "Search": "Which labelings generalize?",
    "Runs": "How do the runs compare?",
    "Objective and accuracy": "Can the objective be trusted?",
    "Aggregation": "How many seeds does the vote need?",
    "Reliable samples": "Which labels can be trained on?",
}
ROUNDS = 5
SCRIPT_ENDED = "() => document.querySelector('[data-testid=\"stApp\"]')?.dataset.testScriptState === 'notRunning'"


def main() -> None:
    with tempfile.TemporaryDirectory() as home, AppServer(Path(home)) as server, browser() as chromium:
        store = Store(home)
        data = store.load_dataset("fashion-mnist")
        config, solver = preset("fast", num_classes=10, num_samples=data.num_samples)
        run = store.create(
            data, phi1="simclr", phi2="lite0", config=config, solver=solver, seeds=range(4), name="ready"
        )
        run.execute()
        page = open_page(chromium)
        page.goto(f"{server.url}/search?run=ready")
        settle(page)
        rounds(page)  # every page once, so that nothing is read for the first time
        table = Table("page", "idle", "beside a search", "beside a map", box=None)
        idle = rounds(page)
        page.goto(f"{server.url}/explore?run=ready")
        expect(page.get_by_text("Making the map")).to_be_visible()
        mapping = rounds(page)
        page.goto(f"{server.url}/search?run=ready")
        settle(page)
        page.get_by_role("button", name="Launch 100 seeds").click()
        expect(page.get_by_text("What the leading seed sees now")).to_be_visible()
        address = page.url
        page.goto(f"{server.url}/?run=ready")
        settle(page)
        searching = rounds(page)
        page.goto(address)
        settle(page)
        under_way = page.get_by_role("button", name="Cancel").first.is_visible()
        for name in PAGES:
            table.add_row(name, *(said(times[name]) for times in (idle, searching, mapping)))
        Console(width=110).print(table)
        print("seconds from click to page, median (worst) of", ROUNDS)
        print(
            "the search was still under way at the end" if under_way else "the search had ended before the last round"
        )


def rounds(page: Page) -> dict[str, list[float]]:
    """Seconds from the click on each page's link until the page is there."""
    times: dict[str, list[float]] = {name: [] for name in PAGES}
    for _ in range(ROUNDS):
        for name, heading in PAGES.items():
            page.mouse.move(5, 5)
            start = time.perf_counter()
            page.get_by_role("link", name=name, exact=True).first.click()
            page.get_by_role("heading", name=heading, exact=True).wait_for()
            page.wait_for_function(SCRIPT_ENDED)
            times[name].append(time.perf_counter() - start)
    return times


def said(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} ({max(times):.2f})"


if __name__ == "__main__":
    main()
