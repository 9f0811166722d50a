"""Maps of many samples in a real browser: `python -m benchmarks.maps`.

    python -m benchmarks.maps --samples 10000     # a smoke test

For each number of samples: starts the app on a home folder with one run whose data have coordinates of their own, opens
Explore in one tab again and again, circles most of the map and points at a sample. Times are in seconds until the map
is drawn, until the first pictures of the selection are there, and until that of the sample is; memory is that of the
server's processes at the end. The browser draws without a graphics card here. Run it on an idle machine.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from playwright.sync_api import Page
from rich.console import Console
from rich.table import Table

from hume import Store, preset
from hume.engine.finished_seed import FinishedSeed
from tests.support.chromium import browser, open_page, settle
from tests.support.server import AppServer

RUN, K, DIM, SEEDS = "many", 10, 16, 3
DRAWN = ".stage[data-drawn]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3, help="times that the map is opened, after the first")
    options = parser.parse_args()
    table = Table("samples", "first open", "open", "lasso", "selected", "hover", "server", box=None)
    for num_samples in options.samples:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            make_run(home, num_samples)
            table.add_row(f"{num_samples:,}", *measured(home, options.rounds))
            Console(width=120).print(table)


def measured(home: Path, rounds: int) -> list[str]:
    opened, circled, pointed, selected = [], [], [], 0
    with AppServer(home) as server, browser() as chromium:
        page = open_page(chromium)  # one tab, which keeps the app's script as a reader's browser does
        for _ in range(rounds + 1):
            start = time.perf_counter()
            page.goto(f"{server.url}/explore?run={RUN}&map=columns&colour=Found class")
            page.locator(DRAWN).wait_for()
            opened.append(time.perf_counter() - start)
            settle(page)
            seconds, selected = lasso(page)
            circled.append(seconds)
            pointed.append(hover(page))
        rss = memory(server)
    middle = [f"{statistics.median(times):.2f}" for times in (opened[1:], circled[1:])]
    return [
        f"{opened[0]:.2f}",
        *middle,
        f"{selected:,}",
        f"{statistics.median(pointed[1:]):.2f}",
        f"{rss / 2**20:.0f} MiB",
    ]


def lasso(page: Page) -> tuple[float, int]:
    """Circle a quarter of the map's width; seconds from the end of the circle to the first pictures."""
    box = page.locator(".stage").bounding_box()
    assert box is not None
    x, y, radius = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["width"] / 4
    page.mouse.move(x + radius, y)
    page.mouse.down()
    for turn in np.linspace(0, 2 * np.pi, 40):
        page.mouse.move(x + radius * np.cos(turn), y + radius * np.sin(turn))
    start = time.perf_counter()
    page.mouse.up()
    page.locator(".st-key-selection button.tile").first.wait_for()
    seconds = time.perf_counter() - start
    settle(page)
    words = page.get_by_text(" samples · ").first.inner_text()
    return seconds, int(words.split()[0].replace(",", ""))


def hover(page: Page) -> float:
    box = page.locator(".stage").bounding_box()
    assert box is not None
    start = time.perf_counter()
    page.mouse.move(box["x"] + box["width"] / 2 + 7, box["y"] + box["height"] / 2)
    page.locator(".tip img[src]").wait_for()
    return time.perf_counter() - start


def memory(server: AppServer) -> int:
    """Resident bytes of the process that listens on the server's port, and of its children."""
    for process in psutil.process_iter():
        try:
            if any(each.laddr.port == server.port and each.status == "LISTEN" for each in process.net_connections()):
                return sum(each.memory_info().rss for each in (process, *process.children(recursive=True)))
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            continue
    return 0


# --- data ------------------------------------------------------------------------------------


def make_run(home: Path, num_samples: int) -> None:
    """Clusters with coordinates of their own, and a finished run whose seeds found them nearly."""
    rng = np.random.default_rng(0)
    folder = home / "datasets" / "many"
    (folder / "spaces").mkdir(parents=True)
    labels = rng.integers(0, K, num_samples)
    centres = rng.normal(size=(K, DIM)).astype(np.float32)
    for name in ("phi1", "phi2"):
        np.save(
            folder / "spaces" / f"{name}.npy",
            centres[labels] + rng.normal(size=(num_samples, DIM), scale=0.3).astype("f4"),
        )
    np.save(folder / "images.npy", rng.integers(0, 256, (num_samples, 8, 8), np.uint8))
    (folder / "card.json").write_text(json.dumps({"default_pair": ["phi1", "phi2"]}))
    places = 3 * rng.normal(size=(K, 2))[labels] + rng.normal(size=(num_samples, 2))
    np.savetxt(folder / "columns.csv", places, "%.4f", ",", header="x,y", comments="")
    store = Store(home)
    config, solver = preset("fast", num_classes=K, num_samples=num_samples)
    run = store.create(
        store.load_dataset("many"), phi1="phi1", phi2="phi2", config=config, solver=solver, seeds=range(SEEDS), name=RUN
    )
    for seed in range(SEEDS):
        found = np.where(rng.random(num_samples) < 0.02, rng.integers(0, K, num_samples), labels)
        nothing = np.zeros(1, np.float32)
        run.write_seed(
            FinishedSeed(seed, np.eye(K, DIM, dtype=np.float32), nothing, nothing, True), found.astype("i4"), 0.0
        )
    run.execute(search=False)


if __name__ == "__main__":
    main()
