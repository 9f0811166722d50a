"""What the library promises its callers: light imports, a complete public face, no unsafe loading, known data.

Which package may import which, and which calls are banned, is held by `make lint`.
"""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hume
from tests.support.app_driver import birds, finished

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "hume"
SOURCES = sorted(PACKAGE.rglob("*.py"))
DATASETS = sorted(path for path in (ROOT / "assets" / "datasets").iterdir() if path.is_dir())
MEGABYTES = 1_000_000

# --- imports -------------------------------------------------------------------------------------


SCRIPT = """
import io, json, os, pkgutil, random, sys, warnings
from contextlib import redirect_stdout

def state():
    return dict(os.environ), list(warnings.filters), random.getstate()

def loaded():
    return sorted({name.partition(".")[0] for name in sys.modules})

before = state()
import hume
alone, unchanged = loaded(), state() == before
listed = [(run.name, run.state) for run in hume.Store(os.environ["HUME_HOME"]).runs()]
import hume.cli
with redirect_stdout(io.StringIO()) as said:
    for words in ("--help", "list", "show one", "show one --json", "datasets", "selections one", "answers one"):
        hume.cli.app(words.split(), standalone_mode=False)
looked = loaded()
from hume import *
public, changed = loaded(), sorted(name for name, _ in os.environ.items() - before[0].items())
for command in pkgutil.iter_modules(hume.cli.__path__, "hume.cli."):
    __import__(command.name)
values = {"alone": alone, "looked": looked, "public": public, "cli": loaded(), "listed": listed}
print(json.dumps({**values, "said": said.getvalue(), "unchanged": unchanged, "changed": changed}))
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a fresh interpreter has loaded after `import hume`, a look at a home, its public names and all commands."""
    store = hume.Store(tmp_path_factory.mktemp("home"))
    finished(store, birds(store), "one")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env={**os.environ, "HUME_HOME": str(store.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    values: dict[str, Any] = json.loads(done.stdout)
    return values


def test_importing_hume_alone_loads_neither_torch_nor_numba(imported: dict[str, Any]) -> None:
    assert not {"torch", "numba", "sklearn"} & set(imported["alone"])
    assert {"torch", "numba", "sklearn"} <= set(imported["public"])


def test_looking_at_a_home_loads_nothing_that_computes(imported: dict[str, Any]) -> None:
    assert imported["listed"] == [["one", "finished"]]
    assert "Label the embedded images" in imported["said"]
    assert "seeds' ACC" in imported["said"]
    assert not {"torch", "numba", "sklearn", "pandas"} & set(imported["looked"])


def test_the_public_names_load_no_page_and_no_plot(imported: dict[str, Any]) -> None:
    heavy = {"streamlit", "plotly", "matplotlib", "typer", "umap", "PIL", "ray", "faiss"}
    assert not heavy & (set(imported["public"]) - set(imported["looked"]))


def test_importing_hume_changes_nothing_in_the_process(imported: dict[str, Any]) -> None:
    assert imported["unchanged"]  # environment, warning filters, Python's random state
    assert set(imported["changed"]) <= {"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"}  # set by scikit-learn


def test_the_command_line_loads_no_plot(imported: dict[str, Any]) -> None:
    assert not {"streamlit", "plotly", "umap"} & set(imported["cli"])


def test_all_is_complete_and_resolves() -> None:
    assert len(set(hume.__all__)) == len(hume.__all__)
    for name in hume.__all__:
        assert getattr(hume, name, None) is not None, name
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    public = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert public == set(hume.__all__)


# --- loading -----------------------------------------------------------------------------------

UNSAFE = [r"allow_pickle\s*=\s*(?!False)", r"torch\.load\((?!(?:[^()]|\([^()]*\))*weights_only=True)"]


def test_no_file_is_loaded_unrestricted() -> None:
    """ruff's S301 bans pickle itself; what numpy and torch unpickle on request is looked for here."""
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in SOURCES
        for unsafe in UNSAFE
        for match in re.finditer(unsafe, path.read_text(encoding="utf-8"))
    ]
    assert not found


@pytest.mark.parametrize(
    "code",
    [
        "np.load(p, allow_pickle=True)",
        "np.load(p, allow_pickle=trusted)",
        "torch.load(p)",
        "torch.load(p, weights_only=False)",
        "torch.load(checked(p), weights_only=False)",
    ],
)
def test_unsafe_loading_is_noticed(code: str) -> None:
    assert any(re.search(unsafe, code) for unsafe in UNSAFE)


# --- the wheel ---------------------------------------------------------------------------------


def test_the_wheel_holds_every_file_that_the_pages_read() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    held = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    files = [path for path in (ROOT / "assets").iterdir() if path.suffix in (".css", ".js", ".png")]
    assert len(files) > 5
    for path in files:
        assert held[f"assets/{path.name}"] == f"hume/_app/assets/{path.name}"


# --- the embedded data -----------------------------------------------------------------------------


def test_the_embedded_data_are_small() -> None:
    assert DATASETS
    size = sum(path.stat().st_size for path in (ROOT / "assets" / "datasets").rglob("*") if path.is_file())
    assert size < 50 * MEGABYTES


@pytest.mark.parametrize("folder", DATASETS, ids=lambda path: path.name)
def test_spaces_are_stored_in_half_precision(folder: Path) -> None:
    spaces = sorted((folder / "spaces").glob("*.npy"))
    assert spaces
    assert {path.name: np.load(path, mmap_mode="r").dtype for path in spaces} == {
        path.name: np.dtype(np.float16) for path in spaces
    }


@pytest.mark.parametrize("folder", DATASETS, ids=lambda path: path.name)
def test_a_card_says_where_everything_comes_from(folder: Path) -> None:
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    for key in ("name", "licence", "source"):
        assert card[key].strip(), key
    on_disk = {path.stem for path in (folder / "spaces").glob("*.npy")}
    assert set(card["spaces"]) == on_disk
    assert set(card["default_pair"]) <= on_disk
    for name, space in card["spaces"].items():
        for key in ("title", "kind", "made", "licence"):
            assert space[key].strip(), f"{name}: {key}"


@pytest.mark.parametrize("folder", DATASETS, ids=lambda path: path.name)
def test_a_card_names_every_class(folder: Path) -> None:
    classes = json.loads((folder / "card.json").read_text(encoding="utf-8"))["classes"]
    assert all(name.strip() for name in classes)
    assert len(set(classes)) == len(classes)
    if (folder / "labels.npy").exists():
        assert set(np.load(folder / "labels.npy").tolist()) == set(range(len(classes)))
