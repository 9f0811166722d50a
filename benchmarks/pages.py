"""Latency of pages while a search runs: `python -m benchmarks.pages`.

    python -m benchmarks.pages --rounds 1     # a smoke test

Starts the app on a new home folder with one finished run on the embedded Fashion-MNIST images, opens every page in a
real browser and times two actions, until the result is shown and the page's script has ended: a click on the page's
link, and a click on a control of the page. On Explore also until a lasso shows its first picture, until a filter lists
what passes, and until a click on a picture opens the sample. Idle, during searches of 100 seeds, during the computation
of a map, and during both. Run it on an idle machine.
"""

import argparse
import re
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page
from rich.console import Console
from rich.table import Table

from hume import Store, preset
from tests.support.chromium import browser, circle, map_in, open_page, settle
from tests.support.server import AppServer

RUN = "ready"
QUEUED = 12  # searches of 100 seeds, so that one is under way to the end
DRAWN = ".stage[data-drawn]"  # a map
SCRIPT_ENDED = "() => document.querySelector('[data-testid=\"stApp\"]')?.dataset.testScriptState === 'notRunning'"
Times = dict[tuple[str, str], list[float]]  # page and what was done there -> seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="visits of every page, in every condition")
    rounds = parser.parse_args().rounds
    measured: dict[str, Times] = {}
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        home = Path(folder)
        make_run(home)
        with AppServer(home) as server:
            page = open_page(chromium)
            page.goto(f"{server.url}/explore?run={RUN}")
            page.locator(DRAWN).first.wait_for()
            visits(page)  # every page once, so that nothing is read for the first time
            conditions = {"idle": (False, False), "map": (False, True), "search": (True, False), "both": (True, True)}
            for name, (searching, mapping) in conditions.items():
                if searching and name == "search":
                    launch(chromium, server)
                measured[name] = defaultdict(list)
                for _ in range(rounds):
                    with map_under_way(chromium, server, home) if mapping else no_map():
                        for what, seconds in visits(page).items():
                            measured[name][what] += seconds
                print_state(name, home)
            show(measured)


# --- background work -------------------------------------------------------------------------


def make_run(home: Path) -> None:
    store = Store(home)
    data = store.load_dataset("fashion-mnist")
    config, solver = preset("fast", num_classes=10, num_samples=data.num_samples)
    phi1, phi2 = data.default_pair
    store.create(data, phi1=phi1, phi2=phi2, config=config, solver=solver, seeds=range(8), name=RUN).execute()


def launch(chromium: Browser, server: AppServer) -> None:
    """Queue searches from the Search page."""
    page = open_page(chromium)
    page.goto(f"{server.url}/search?dataset=fashion-mnist")
    for number in range(1, QUEUED + 1):
        settle(page)
        page.get_by_role("button", name="Launch 100 seeds").click()
        while len(Store(server.home).names()) <= number:
            page.wait_for_timeout(100)
    page.get_by_text("waits for").first.wait_for()
    page.context.close()


@contextmanager
def map_under_way(chromium: Browser, server: AppServer, home: Path) -> Iterator[None]:
    """Compute the map of both spaces, the slowest one, watched by another tab."""
    known = set(home.glob("maps/*.safetensors"))
    page = open_page(chromium)
    page.goto(f"{server.url}/explore?run={RUN}&map=both")
    page.get_by_text("Computing the map").wait_for()
    yield
    ended = page.locator(DRAWN).count() > 0
    print("  the map was computed", "before the round ended" if ended else "throughout the round")
    page.locator(DRAWN).first.wait_for(timeout=600_000)
    page.context.close()
    for created in set(home.glob("maps/*.safetensors")) - known:
        created.unlink()


@contextmanager
def no_map() -> Iterator[None]:
    yield


def print_state(name: str, home: Path) -> None:
    runs = [run for run in Store(home).runs() if run.name != RUN]
    ended, running = (sum(run.state == state for run in runs) for state in ("finished", "running"))
    print(f"{name}: at its end {running} search under way, {ended} ended, {len(runs) - running - ended} waiting")


# --- timed actions -----------------------------------------------------------------------------


def blind(page: Page) -> None:
    """Hide the ground truth, which redraws the page."""
    page.get_by_test_id("stSidebar").get_by_text("Blind mode", exact=True).click()
    page.get_by_role("button", name="Reveal").first.wait_for()


def see(page: Page) -> None:
    page.get_by_role("button", name="Reveal").first.click()
    page.get_by_role("button", name="Reveal").first.wait_for(state="detached")


def more_seeds(page: Page) -> None:
    page.get_by_label("Seeds", exact=True).fill("99")
    page.get_by_label("Seeds", exact=True).press("Enter")
    page.get_by_role("button", name="Launch 99 seeds").wait_for()


def usual_seeds(page: Page) -> None:
    page.get_by_label("Seeds", exact=True).fill("100")
    page.get_by_label("Seeds", exact=True).press("Enter")
    page.get_by_role("button", name="Launch 100 seeds").wait_for()


def tick(page: Page) -> None:
    """Tick the last run of the table, which is the finished one."""
    table = page.locator(".st-key-runs .dvn-scroller").first
    box = table.bounding_box()
    assert box is not None
    table.click(position={"x": 16, "y": min(box["height"] - 20, 10 * 35)})
    page.get_by_role("button", name="All files as ZIP").wait_for()


def leave(page: Page) -> None:
    """Nothing to undo."""


# Page -> its heading, an action, and how to undo it.
PAGES: dict[str, tuple[str, Callable[[Page], None], Callable[[Page], None]]] = {
    "Start": ("What does HUME find?", blind, see),
    "Search": ("Which labelings generalize?", more_seeds, usual_seeds),
    "Runs": ("How do the runs compare?", tick, leave),
    "Objective and accuracy": ("Is the ranking of the seeds reliable?", blind, see),
    "Aggregation": ("How many seeds does the vote need?", blind, see),
    "Explore": ("Which samples are uncertain?", blind, see),
    "Reliable samples": ("Which labels can be trained on?", blind, see),
}
ACTIONS: dict[Callable[[Page], None], str] = {blind: "blind mode", more_seeds: "number of seeds", tick: "tick a run"}


def visits(page: Page) -> Times:
    """Open every page, do its action, undo it."""
    times: Times = {}
    for name, (heading, act, undo) in PAGES.items():
        page.mouse.move(5, 5)
        start = time.perf_counter()
        page.get_by_role("link", name=name, exact=True).first.click()
        page.get_by_role("heading", name=heading, exact=True).wait_for()
        page.wait_for_function(SCRIPT_ENDED)
        times[name, "open"] = [time.perf_counter() - start]
        settle(page)
        start = time.perf_counter()
        act(page)
        page.wait_for_function(SCRIPT_ENDED)
        times[name, ACTIONS[act]] = [time.perf_counter() - start]
        undo(page)
        settle(page)
        if name == "Explore":
            times |= {(name, what): [seconds] for what, seconds in of_samples(page).items()}
    return times


def of_samples(page: Page) -> dict[str, float]:
    """Select on the map, filter, and open a sample, of 10,000."""
    times = {}
    stage = map_in(page)
    page.get_by_role("button", name="Whole").click()  # an open sample is moved to
    settle(page)
    circle(page, stage)
    start = time.perf_counter()
    page.locator(".st-key-selection .tile img").first.evaluate("picture => picture.decode()")
    times["lasso"] = time.perf_counter() - start
    settle(page)
    start = time.perf_counter()
    page.locator(".st-key-selection .tile").nth(3).click()
    page.get_by_role("heading", name=re.compile(r"^Sample \d+")).wait_for()
    times["open a sample"] = time.perf_counter() - start
    settle(page)
    page.get_by_role("button", name="samples Shortcut Esc").click()
    settle(page)
    page.get_by_role("button", name="Clear Shortcut Esc").click()
    settle(page)
    page.get_by_text("Table", exact=True).click()
    page.get_by_text(re.compile("All 10,000 samples")).wait_for()
    settle(page)
    for text, what in (("class 3", "filter"), ("", "leave")):
        search = page.get_by_placeholder("Search", exact=True)
        search.fill(text)
        start = time.perf_counter()
        search.press("Enter")
        page.get_by_text(re.compile("samples of 10,000" if text else "All 10,000 samples")).wait_for()
        times[what] = time.perf_counter() - start
        settle(page)
    page.get_by_text("Pictures", exact=True).click()
    settle(page)
    del times["leave"]
    return times


def show(measured: dict[str, Times]) -> None:
    table = Table("page", "click on", *measured, box=None)
    for name, what in next(iter(measured.values())):
        table.add_row(name, what, *(formatted(times[name, what]) for times in measured.values()))
    Console(width=120).print(table)
    print("seconds, median (worst)")


def formatted(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} ({max(times):.2f})"


if __name__ == "__main__":
    main()
