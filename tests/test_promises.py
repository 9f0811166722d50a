"""What the library promises whoever uses it: light imports, one direction, no pickles, no global seeds, known data."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import hume

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "hume"
SOURCES = sorted(PACKAGE.rglob("*.py"))
DATASETS = sorted(path for path in (ROOT / "assets" / "datasets").iterdir() if path.is_dir())
MEGABYTES = 1_000_000

GLOBAL_SEEDS = {
    "torch.manual_seed",
    "torch.seed",
    "torch.random.manual_seed",
    "torch.random.seed",
    "torch.cuda.manual_seed",
    "torch.cuda.manual_seed_all",
    "torch.mps.manual_seed",
    "torch.set_rng_state",
    "numpy.random.seed",
    "numpy.random.set_state",
    "random.seed",
    "random.setstate",
}
UNPICKLERS = {
    f"{module}.{name}" for module in ("pickle", "_pickle", "cPickle", "dill") for name in ("load", "loads", "Unpickler")
} | {"joblib.load", "pandas.read_pickle", "shelve.open", "marshal.load", "marshal.loads"}


def parsed(source: Path | str) -> ast.Module:
    return ast.parse(source if isinstance(source, str) else source.read_text(encoding="utf-8"))


def aliases(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for: np -> numpy, manual_seed -> torch.manual_seed."""
    known = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                known[name.asname or name.name.split(".")[0]] = name.name if name.asname else name.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                known[name.asname or name.name] = f"{node.module}.{name.name}"
    return known


def dotted(node: ast.expr, known: dict[str, str]) -> str:
    """The full name of what is called, empty where it is called on a value and not on a module."""
    if isinstance(node, ast.Name):
        return known.get(node.id, "")
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value, known)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    known = aliases(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield dotted(node.func, known), node


def is_constant(call: ast.Call, keyword: str, value: bool) -> bool:
    given = next((each.value for each in call.keywords if each.arg == keyword), None)
    return isinstance(given, ast.Constant) and given.value is value


def may_unpickle(name: str, call: ast.Call) -> bool:
    """Whether a call could run code that a file holds."""
    if name in UNPICKLERS:
        return True
    if name in ("torch.load", "torch.serialization.load"):
        return not is_constant(call, "weights_only", True)
    if name.startswith("numpy."):
        given = any(each.arg in ("allow_pickle", None) for each in call.keywords)
        return given and not is_constant(call, "allow_pickle", False)
    return False


def imported(tree: ast.Module) -> set[str]:
    """Every module that a source imports, with the names it takes from it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports in hume are absolute"
            found |= {node.module or "", *(f"{node.module}.{name.name}" for name in node.names)}
    return found


def imports_any(source: Path, *modules: str) -> set[str]:
    found = imported(parsed(source))
    return {name for name in found for module in modules if name == module or name.startswith(f"{module}.")}


def places(source: Path, lines: list[int]) -> list[str]:
    return [f"{source.relative_to(ROOT)}:{line}" for line in lines]


# --- imports -------------------------------------------------------------------------------------


def test_importing_hume_loads_no_page_and_no_plot() -> None:
    heavy = {"streamlit", "plotly", "matplotlib", "typer", "umap", "PIL", "ray", "faiss"}
    script = f"import sys, hume; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_imports_streamlit(source: Path) -> None:
    assert not imports_any(source, "streamlit")


def test_only_main_imports_the_command_line() -> None:
    users = [str(path.relative_to(PACKAGE)) for path in SOURCES if imports_any(path, "hume.cli")]
    assert {user for user in users if not user.startswith("cli/")} == {"__main__.py"}


def test_only_what_is_handed_out_draws_and_only_a_command_loads_it() -> None:
    def users(*modules: str) -> set[str]:
        return {path.relative_to(PACKAGE).as_posix() for path in SOURCES if imports_any(path, *modules)}

    reports = {"report.py", "lesson/handout.py"}
    assert not users("pandas")  # scikit-learn loads it where it is there
    assert {name for name in users("hume.reporting.figures") if not name.startswith("figures/")} == reports
    assert {name for name in users("plotly") if not name.startswith("figures/")} == {"document.py"}
    assert users("hume.reporting.report", "hume.reporting.document") == {"cli/runs.py", *reports}
    nodes = parsed(PACKAGE / "cli" / "runs.py").body
    at_the_top = ast.Module([node for node in nodes if not isinstance(node, ast.FunctionDef)])
    assert not {name for name in imported(at_the_top) if name.startswith("hume.reporting.report")}


@pytest.mark.parametrize("name", ["search", "inner", "task", "simplex", "spaces", "crossval"])
def test_the_engine_knows_neither_disk_nor_results_nor_terminal(name: str) -> None:
    assert not imports_any(
        PACKAGE / f"{name}.py", "hume.runs.store", "hume.runs.run", "hume.runs.discover", "hume.cli", "hume.exchange"
    )


def test_all_is_sorted_complete_and_resolves() -> None:
    assert len(set(hume.__all__)) == len(hume.__all__)
    # The order that ruff keeps: names in capitals, classes, functions, each by the alphabet.
    assert hume.__all__ == sorted(hume.__all__, key=lambda name: (not name.isupper(), name.islower(), name))
    for name in hume.__all__:
        assert getattr(hume, name, None) is not None, name
    tree = parsed(PACKAGE / "__init__.py")
    public = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert {name for name in public if not name.startswith("_")} == set(hume.__all__)


# --- nothing in a file runs, nothing global changes ------------------------------------------------


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_file_is_unpickled(source: Path) -> None:
    found = [call.lineno for name, call in calls(parsed(source)) if may_unpickle(name, call)]
    assert not found, places(source, found)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_global_seed_is_set(source: Path) -> None:
    found = [call.lineno for name, call in calls(parsed(source)) if name in GLOBAL_SEEDS]
    assert not found, places(source, found)


@pytest.mark.parametrize(
    "code",
    [
        "import pickle\npickle.load(f)",
        "from pickle import loads as l\nl(b)",
        "import numpy as np\nnp.load(p, allow_pickle=True)",
        "import numpy as np\nnp.load(p, **options)",
        "import torch\ntorch.load(p)",
        "import torch\ntorch.load(p, weights_only=False)",
    ],
)
def test_unsafe_loading_is_noticed(code: str) -> None:
    assert any(may_unpickle(name, call) for name, call in calls(parsed(code)))


@pytest.mark.parametrize(
    "code",
    [
        "import torch\ntorch.load(p, weights_only=True)",
        "import numpy as np\nnp.load(p)",
        "import numpy as np\nnp.load(p, allow_pickle=False)",
        "import pickle\npickle.dumps(1.0)",
        "import json\njson.load(f)",
    ],
)
def test_safe_loading_is_allowed(code: str) -> None:
    assert not any(may_unpickle(name, call) for name, call in calls(parsed(code)))


def test_a_global_seed_is_told_from_a_generator() -> None:
    seeded = "import torch\nimport numpy as np\nimport random\ntorch.manual_seed(0)\nnp.random.seed(0)\nrandom.seed(0)"
    assert sum(name in GLOBAL_SEEDS for name, _ in calls(parsed(seeded))) == 3
    own = "import torch\ng = torch.Generator().manual_seed(0)\ng.manual_seed(1)"
    assert not any(name in GLOBAL_SEEDS for name, _ in calls(parsed(own)))


# --- the embedded data -----------------------------------------------------------------------------


def test_the_embedded_data_are_small() -> None:
    assert DATASETS
    size = sum(path.stat().st_size for path in (ROOT / "assets" / "datasets").rglob("*") if path.is_file())
    assert size < 40 * MEGABYTES


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
