"""What the pages tell a reader to type works: every command of the guides, every cell of the notebooks.

Searches end soon and trainings are of one epoch here; what they find is not looked at.
"""

import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from typer.testing import CliRunner

import hume
from hume.cli import app
from hume.features import pretrain
from tests.support.planted import planted
from tests.support.planted_runs import shorten

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GUIDES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
NOTEBOOKS = sorted(DOCS.glob("notebooks/*.ipynb"))
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<why>.+?) -->\n+)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
SHELL = ("bash", "console", "sh", "")  # a block without a name would be one that nobody checks
REASONS = {
    "installs from a package index",
    "sets up an environment from a package index",
    "a server that runs until it is stopped; tests/browser/test_wheel.py drives it",
    "a server that runs until it is stopped",
    "needs a GPU",
    "asks about this machine's GPU",
    "needs a running Ray cluster; tests/runs/test_ray_cluster.py starts one",
    "needs another machine",
    "needs Docker",
    "needs Docker and a GPU",
}
SLOW = {"no-labels.md", "my-images.md", "uneven-classes.md", "number-of-classes.md", "README.md"}


def blocks(page):
    """The shell blocks of a page: their text, and why they are not run, if so."""
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [(match["text"], match["why"]) for match in found if match["kind"] in SHELL]


def commands(page):
    """The commands of a page that are run, without comments."""
    lines = [line for text, why in blocks(page) if why is None for line in text.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


RUN = [
    pytest.param(page, id=page.name, marks=[pytest.mark.slow] if page.name in SLOW else [])
    for page in GUIDES
    if commands(page)
]


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """The folder of a reader who has what the guides speak of, with a home of its own."""
    digits = load_digits(n_class=4)
    for folder, rows in (("my-images", range(100)), ("more-images", range(100, 110))):
        (tmp_path / folder).mkdir()
        for i, row in enumerate(rows):
            picture = Image.fromarray((15 * digits.images[row]).astype(np.uint8)).resize((16, 16))
            picture.save(tmp_path / folder / f"{i:03d}.png")
    phi1, phi2, y = planted(classes=4, size=40)
    for name, array in (("phi1", phi1), ("phi2", phi2), ("y", y)):
        np.save(tmp_path / f"{name}.npy", array)
    np.savez(tmp_path / "features.npz", phi1=phi1, phi2=phi2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUME_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def quick(monkeypatch):
    """Searches end after 20 steps, trainings after one epoch."""
    from hume.cli import search
    from hume.experiments import number_of_classes

    shorten(monkeypatch, number_of_classes)
    by_name = search.preset_named

    def few(*arguments, **options):
        config, solver = by_name(*arguments, **options)
        return replace(config, num_iterations=20), solver

    monkeypatch.setattr(search, "preset_named", few)
    defaults = pretrain.defaults
    monkeypatch.setattr(pretrain, "defaults", lambda *args, **changes: defaults(*args, **{"epochs": 1} | changes))


def cells(desk):
    """An AnnData file with two embeddings."""
    anndata, pandas = pytest.importorskip("anndata"), pytest.importorskip("pandas")
    phi1, phi2, y = planted(classes=4, size=40)
    obs = pandas.DataFrame(
        {"cell_type": pandas.Categorical([f"type {each}" for each in y])}, index=[f"cell {i}" for i in range(y.size)]
    )
    counts = np.random.default_rng(0).poisson(0.5, (y.size, 9)).astype(np.float32)
    anndata.AnnData(counts, obs=obs, obsm={"X_pca": phi1, "X_model": phi2}).write_h5ad(desk / "cells.h5ad")


@pytest.mark.parametrize("page", RUN)
def test_every_command_of_a_page_works(page, desk, quick):
    if page.name == "cells.md":
        cells(desk)
    for words in commands(page):
        assert words[0] == "hume", f"{page.name}: mark what cannot be run here: {shlex.join(words)}"
        if "--import" in words:
            (desk / words[words.index("--import") + 1]).write_text("row,class\n0,1\n5,2\n", encoding="utf-8")
        done = CliRunner().invoke(app, words[1:])
        assert done.exit_code == 0, f"{shlex.join(words)}\n{done.output}{done.exception or ''}"


def test_little_is_left_out_and_each_block_says_why():
    left = {why for page in GUIDES for _, why in blocks(page) if why}
    assert left == REASONS
    assert sum(len(commands(page)) for page in GUIDES) > 40


def test_the_reference_has_every_public_name():
    listed = re.findall(r"^::: (\S+)$", (DOCS / "reference.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(name.rpartition(".")[2] for name in listed) == sorted(hume.__all__)


def test_the_site_has_every_page():
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")]
    assert [page for page in pages if f": {page}\n" not in settings] == []


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_asks_no_other_machine(tmp_path):
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 15
    loaded = re.compile(
        r"<(?:script|img|iframe)[^>]* src=\"?https?:[^>]*|<link[^>]* href=\"?https?:[^>]*stylesheet[^>]*"
    )
    assert [match[0] for page in pages for match in loaded.finditer(page.read_text(encoding="utf-8"))] == []


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_its_first_cell_to_its_last(notebook, monkeypatch, tmp_path):
    monkeypatch.setenv("HUME_HOME", str(tmp_path))
    namespace = {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
            exec(compile("".join(cell["source"]), notebook.name, "exec"), namespace)
