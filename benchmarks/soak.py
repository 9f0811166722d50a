"""Twenty tabs, background work, a second server, a kill: `python -m benchmarks.soak`, in ten minutes.

    python -m benchmarks.soak --minutes 1     # a smoke test

Starts the app on a new home folder with a finished run on the embedded Fashion-MNIST images. Twenty tabs of a real
browser go round all pages, some of them on a second server of the same home, while searches, imports of a zip and
computations of a map follow one another. A run is renamed, then deleted, under a tab that shows it; the command line
works on the same home; after three tenths of the time the first server is killed and started again.

Prints a Markdown table, a line at the start and every minute: pages that were shown, errors, and of the first server
its own memory, files that it has mapped, which the system can take back, open files and threads. An error is a message
of Streamlit or a traceback on a page, an error in the browser's console, a request to another machine, an answer of
status 500 or above, a page that is not whole after two minutes, or a command that fails. Ends with status 1 where there
is an error, or where the last server's own memory grew by 5 % or more after its first minute.
"""

import argparse
import io
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count, cycle
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from playwright.sync_api import Browser, Error, Locator, Page, Response

from benchmarks.pages import RUN, make_run
from hume import Store
from tests.support.chromium import PAGES, Watch, browser, open_page
from tests.support.server import ROOT, AppServer

TABS, ON_SECOND = 20, 3
QUESTIONS = {**PAGES, "data": "What is in the data?", "compare": "How does HUME compare?"}  # headings, by address
# How Streamlit finds its server, below a deep link too, and what it says while that is away.
SEEKING = re.compile("_stcore/(health|host-config)|disconnected from server|DoInitPings timed|Connection timed out")
BY_LINK = 0.8  # of the ways to a page; the others are by its address, which opens a new session
AT_REST = 120.0  # seconds in which a page is whole
READING = (10.0, 60.0)  # seconds that a page is read
KILL_AT = 0.3  # of the time
MOST_GROWTH = 0.05
COMMAND_EVERY = 10.0  # seconds
IMPORT_EVERY = 30.0
PROMPT = 5_000.0  # milliseconds in which an element that is there does what it is asked to
COMMANDS = (("list",), ("show", RUN, "--json"), ("datasets",), ("--help",), ("modes", RUN))
_SHOWN = """
question => ({
  whole: [...document.querySelectorAll("h1")].some(heading => heading.innerText.trim() === question)
    && !document.querySelector('[data-testid="stMain"] [data-stale="true"], [data-testid="stSkeleton"]'),
  wrong: [...document.querySelectorAll('[data-testid="stException"]')].map(each => each.innerText.slice(0, 500)),
  quiet: document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === "notRunning",
  traceback: document.body?.innerText.includes("Traceback (most recent") ?? false,
})
"""
_CLICK = """
address => {
  const link = document.querySelector(`[data-testid="stSidebarNavLink"][href$="${address}"]`)
  link?.click()
  return link !== null
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        home = Path(folder) / "home"
        make_run(home)
        with AppServer(home) as server, AppServer(home) as second:
            soak = Soak(chromium, server, second)
            soak.go(60 * minutes)
            status = soak.verdict()
    sys.exit(status)


class Tab:
    """One reader, who goes from page to page."""

    def __init__(self, page: Page, server: AppServer, seed: int):
        self.page, self.server = page, server
        self.watch = Watch(self.page)
        self.page.on("response", self._response)
        self._random = random.Random(seed)
        self._address, self._since = "", 0.0  # of the page that is asked for, and when it was
        self._read_until: float | None = self._random.uniform(0, READING[1]) + time.monotonic()

    def turn(self) -> bool:
        """Look at the page, read it once it rests, then go to another; whether it came to rest."""
        if self._read_until is not None:
            if time.monotonic() > self._read_until:
                self.go(self._random.choice([address for address in QUESTIONS if address != self._address]))
            return False
        rests, late = self.look()
        if rests or late:
            self._read_until = time.monotonic() + self._random.uniform(*READING)
        return rests

    def look(self, *, quiet: bool = False) -> tuple[bool, bool]:
        """Whether the page rests (quiet: and its script does), and whether it ought to."""
        try:
            shown = self.page.evaluate(_SHOWN, QUESTIONS.get(self._address, ""))
        except Error:  # it is between two pages
            return False, False
        if shown["wrong"] or shown["traceback"]:
            self.note(f"{self.page.url}: {' '.join(shown['wrong']) or 'a traceback'}")
        rests, late = shown["whole"] and (shown["quiet"] or not quiet), time.monotonic() - self._since > AT_REST
        if late and not rests:
            self.note(f"{self.page.url} is not shown after {AT_REST:.0f} s")
        return bool(rests), late

    def go(self, address: str, query: str = f"run={RUN}") -> None:
        """Ask for a page, by a click on its link or by its address."""
        self._address, self._since, self._read_until = address, time.monotonic(), None
        by_link = query == f"run={RUN}" and self._random.random() < BY_LINK
        with suppress(Error):  # it is between two pages
            if not (by_link and self.page.evaluate(_CLICK, f"/{address}")):
                self.page.evaluate("url => { location.href = url }", f"{self.server.url}/{address}?{query}")

    def again(self) -> None:
        """Ask once more for a page that a server owed when it was killed: half of it loads nothing more by itself."""
        if self._read_until is None and self._address:
            self.page.goto("about:blank")
            self.go(self._address)

    def note(self, problem: str) -> None:
        self.watch.problems.append(problem)

    def _response(self, response: Response) -> None:
        if response.status >= 500:
            self.note(f"status {response.status} of {response.url}")


class Soak:
    """The tabs, the work behind them, and what is measured."""

    def __init__(self, chromium: Browser, server: AppServer, second: AppServer):
        self.server, self.store = server, Store(server.home)
        first = open_page(chromium)
        self.worker = Tab(first, server, TABS)
        self.tabs = [Tab(first.context.new_page(), second if i < ON_SECOND else server, i) for i in range(TABS)]
        self.shown, self.errors = 0, Counter[str]()
        self.memory: list[tuple[float, float]] = []  # seconds since the server was started, MB
        self._started = time.monotonic()
        self._background = [self._command_line(), self._searches_and_imports()]

    def go(self, seconds: float) -> None:
        print("| minute | pages shown | errors | memory, MB | mapped, MB | processes, MB | open files | threads | |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        begun, minute, kill_at = time.monotonic(), 0, KILL_AT * seconds
        self._report(0, "start")
        self._change(0)
        while (passed := time.monotonic() - begun) < seconds:
            if passed > kill_at:
                kill_at = float("inf")
                self._kill()
                self._report((time.monotonic() - begun) / 60, "killed and started again")
            elif passed > 60 * (minute + 1):
                minute += 1
                self._report(passed / 60)
                self._change(minute)
            for tab in self.tabs:
                self.shown += tab.turn()
            for each in self._background:
                next(each)
            self._collect()
        self._report((time.monotonic() - begun) / 60, "end")

    def verdict(self) -> int:
        """Say how much memory the last server gained after its first minute; 1 where something is not as it should."""
        warm = [memory for since, memory in self.memory if since > 60]
        growth = warm[-1] / warm[0] - 1 if warm else 0.0
        print(f"\nmemory after the first minute of the last server: {growth:+.1%}")
        ended = sum(run.state == "finished" and run.name.startswith("fashion") for run in self.store.runs())
        added = len(list(self.server.home.glob("datasets/*/card.json")))
        print(f"{ended} searches of 100 seeds ended, {added} datasets were added")
        for error, number in self.errors.most_common():
            print(f"{number} × {error}")
        return int(bool(self.errors) or growth >= MOST_GROWTH)

    # --- what goes on behind the tabs ------------------------------------------------------------------

    def _change(self, minute: int) -> None:
        """Have a map computed anew, and a run that is renamed and one that is deleted under tabs that show them."""
        for made in self.server.home.glob("maps/*.safetensors"):
            made.unlink(missing_ok=True)
        self.tabs[-1].go("explore", f"run={RUN}&map=both")
        name, last = f"shown-{minute}", f"shown-{minute - 1}-again"
        if last in self.store.names():
            self.tabs[-2].go("explore", f"run={last}")
            self.store.delete(last)
        shutil.copytree(self.store.open(RUN).folder, self.store.home / "trash" / name)
        self.store.restore(name)
        self.tabs[-3].go("explore", f"run={name}")
        self.store.rename(name, f"{name}-again")

    def _searches_and_imports(self) -> Iterator[None]:
        """One reader, who launches a search where none is under way and imports a zip, without anyone waiting."""
        page = self.worker.page
        launch = page.get_by_role("button", name=re.compile("Launch .* seeds")).first
        add, chooser = page.get_by_role("button", name="Add", exact=True), page.locator('input[type="file"]')
        for number in count():
            began = time.monotonic()
            if not any(run.state == "running" for run in self.store.runs()):
                yield from self._open("search", "dataset=fashion-mnist")
                yield from self._do(launch, partial(launch.dispatch_event, "click", timeout=PROMPT))
            yield from self._open("data", "ways_in=Upload")
            archive = _archive(self.server.home.parent / f"wardrobe-{number}.zip")
            yield from self._do(chooser, partial(chooser.set_input_files, archive, timeout=PROMPT))
            yield from self._do(add, partial(add.dispatch_event, "click", timeout=PROMPT))
            while time.monotonic() - began < IMPORT_EVERY:
                yield

    def _open(self, address: str, query: str) -> Iterator[None]:
        self.worker.page.goto("about:blank")  # so that the page before is not taken for it
        self.worker.go(address, query)
        while not any(self.worker.look(quiet=True)):
            yield

    def _do(self, what: Locator, act: Callable[[], object]) -> Iterator[None]:
        """Wait until an element is there, then use it."""
        began = time.monotonic()
        while time.monotonic() - began < AT_REST:
            with suppress(Error):
                if what.count():
                    act()
                    return
            yield
        self.worker.note(f"{self.worker.page.url}: {what} cannot be used after {AT_REST:.0f} s")

    def _command_line(self) -> Iterator[None]:
        """One command after the other, without waiting for any."""
        for words in cycle(COMMANDS):
            began = time.monotonic()
            with tempfile.TemporaryFile() as said:
                process = subprocess.Popen(
                    [sys.executable, "-m", "hume", *words], cwd=ROOT, env=self.server.environment, stdout=said,
                    stderr=subprocess.STDOUT,
                )  # fmt: skip
                while process.poll() is None or time.monotonic() - began < COMMAND_EVERY:
                    yield
                if process.returncode:
                    said.seek(0)
                    self.errors[f"hume {' '.join(words)}: {said.read().decode()[-500:]}"] += 1

    def _kill(self) -> None:
        """End the server as a crash would, and start it again; its tabs find it again by themselves."""
        self._collect()
        self.server.kill()
        self.server.start()
        self.memory.clear()
        self._started = time.monotonic()
        until = time.monotonic() + 20
        while time.monotonic() < until:  # they were refused while it was away
            self.worker.page.wait_for_timeout(500)
        for tab in self._on_server():
            tab.watch.forgive()
            tab.again()

    # --- what is measured ------------------------------------------------------------------------------

    def _on_server(self) -> list[Tab]:
        return [tab for tab in (*self.tabs, self.worker) if tab.server is self.server]

    def _collect(self) -> None:
        for tab in (*self.tabs, self.worker):
            problems = [each for each in tab.watch.problems if not SEEKING.search(each)]
            self.errors.update(re.sub(r"127\.0\.0\.1:\d+", "server", each) for each in problems)
            tab.watch.forgive()

    def _report(self, minute: float, remark: str = "") -> None:
        process = psutil.Process(self.server.pid)
        info = process.memory_info()
        own, mapped = (info.rss - info.shared) / 1e6, info.shared / 1e6
        self.memory.append((time.monotonic() - self._started, own))
        others = sum(each.memory_info().rss for each in process.children(recursive=True)) / 1e6
        print(
            f"| {minute:.1f} | {self.shown} | {self.errors.total()} | {own:.0f} | {mapped:.0f} | {others:.0f} "
            f"| {process.num_fds()} | {process.num_threads()} | {remark} |",
            flush=True,
        )


def _archive(path: Path) -> Path:
    """A zip of two classes of small pictures."""
    pixels = np.load(ROOT / "assets" / "datasets" / "digits" / "images.npz")["images"]
    with zipfile.ZipFile(path, "w") as made:
        for i in range(200):
            content = io.BytesIO()
            Image.fromarray(pixels[i]).save(content, "PNG")
            made.writestr(f"{path.stem}/{'even' if i % 2 else 'odd'}/{i:03d}.png", content.getvalue())
    return path


if __name__ == "__main__":
    main()
