"""The wheel alone, in an environment of its own: the command line, and the app in a real browser."""

import os
import re
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import hume
from tests.support.chromium import settle
from tests.support.server import ROOT, START, AppServer

pytestmark = pytest.mark.slow
Hume = Callable[..., subprocess.CompletedProcess[str]]


class InstalledApp(AppServer):
    """`hume app` of an environment, started away from any checkout."""

    def __init__(self, program: Path, home: Path):
        super().__init__(home)
        self.program, self.folder = program, home.parent

    @property
    def command(self) -> list[str]:
        return [str(self.program), "app", "--port", str(self.port), "--home", str(self.home)]

    @property
    def environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `hume` of a fresh environment: the wheel, made from the source archive, beside our packages."""
    place = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(place / "dist"), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = (place / "dist").glob("*.whl")
    assert [path.name for path in (place / "dist").glob("*.tar.gz")] == [f"hume_explorer-{hume.__version__}.tar.gz"]
    venv.create(place / "env", with_pip=False)
    python = place / "env" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    (packages,) = (place / "env" / "lib").glob("python*/site-packages")
    (packages / "ours.pth").write_text(sysconfig.get_path("purelib"))
    return place / "env" / "bin" / "hume"


@pytest.fixture
def installed(program: Path, tmp_path: Path) -> Hume:
    """Runs the command in an empty folder; home: the one that its environment names."""

    def call(*arguments: str, home: Path = tmp_path / "home") -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment |= {"HUME_HOME": str(home), "COLUMNS": "200"}
        return subprocess.run([str(program), *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True)

    return call


@pytest.fixture
def server(program: Path, tmp_path: Path) -> Iterator[InstalledApp]:
    (tmp_path / "pages").mkdir()  # of another project, where the command is given
    (tmp_path / "app.py").write_text("raise SystemExit('not this one')")
    with InstalledApp(program, tmp_path / "home") as started:
        yield started


def test_the_app_labels_the_embedded_digits(server: InstalledApp, page: Page) -> None:
    page.goto(server.url)
    expect(page.get_by_role("heading", name="What does HUME find?", level=1)).to_be_visible()
    page.goto(f"{server.url}/search?dataset=digits")
    expect(page.get_by_role("button", name="Launch 100 seeds")).to_be_enabled()
    settle(page)
    page.get_by_label("Seeds", exact=True).fill("2")
    page.get_by_role("button", name=re.compile("^.*Launch")).click()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    page.goto("about:blank")  # a page that follows a search takes time from it where there is little
    store = hume.Store(server.home)
    (run,) = store.names()
    until = time.monotonic() + START
    while store.open(run).state != "finished":
        assert time.monotonic() < until, "the search does not end"
        time.sleep(1)
    page.goto(f"{server.url}/objective?run={run}")
    expect(page.get_by_role("heading", name="Is this labeling reliable?")).to_be_visible()
    settle(page)
    page.goto(page.url.replace("/objective", "/reliable"))
    expect(page.locator(".st-key-reliable-0 button.tile").first).to_be_visible()  # scripts and styles came along
    settle(page)


def test_the_command_line_works(installed: Hume, tmp_path: Path) -> None:
    assert installed("--version").stdout == f"hume-explorer {hume.__version__}\n"
    done = installed("demo", "--seeds", "1")
    assert done.returncode == 0, done.stderr
    assert "k-means" in done.stdout
    (run,) = hume.Store(tmp_path / "home").names()
    done = installed("report", run, "report.html")
    assert done.returncode == 0, done.stderr
    assert f"hume-explorer {hume.__version__}" in (tmp_path / "report.html").read_text(encoding="utf-8")
