"""What the pages say is there is there: names resolve, the paper is covered, public functions say what they do."""

import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
METHOD = ROOT / "docs" / "method.md"
PAGES = [page for page in (*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md") if page.exists()]
MODULES = sorted(
    f"hume.{package}.{path.stem}"
    for package in ("data", "engine", "evaluation")
    for path in (ROOT / "hume" / package).glob("[a-z]*.py")
)

EQUATIONS = [f"Eq. {number}" for number in range(1, 8)]
ALGORITHMS = ["Algorithm 1", "Algorithm G1", "Definition 1", "Definition 2"]
FIGURES = [f"Figure {name}" for name in ("1", "2", "3a", "3b", "B1", "D1", "E1", "F1")]
TABLES = [f"Table {name}" for name in ("1", "2", "3", "4", "C1", "E1", "E2")]


def names_in(text: str) -> list[str]:
    """The dotted names below `hume` that stand in backticks, without the arguments that may follow."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return sorted(set(re.findall(r"`(hume(?:\.\w+)+)(?:\([^`]*\))?`", prose)))


def resolve(name: str) -> Any:
    """Import the longest module in a dotted name and follow the rest."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        module = ".".join(parts[:length])
        try:
            found: Any = importlib.import_module(module)
        except ModuleNotFoundError as error:
            # A name that goes beyond the module, not a dependency that is missing inside it.
            if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                raise
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(name)


def public_members(module: ModuleType) -> list[tuple[str, Any]]:
    return [
        (name, member)
        for name, member in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(member) or inspect.isclass(member))
        and member.__module__ == module.__name__
    ]


def first_cells(text: str) -> list[str]:
    """What the first column of every table row holds."""
    return [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_name_in_backticks_exists(page: Path) -> None:
    missing = []
    for name in names_in(page.read_text(encoding="utf-8")):
        try:
            resolve(name)
        except (ImportError, AttributeError):
            missing.append(name)
    assert not missing, f"{page.name} names what does not exist: {', '.join(missing)}"


def test_names_are_found_with_and_without_arguments_and_not_in_blocks() -> None:
    text = "`hume.engine.search.search` and `hume.engine.solvers.Unrolled(bias=True)`\n```python\n`hume.nowhere`\n```\n"
    assert names_in(text) == ["hume.engine.search.search", "hume.engine.solvers.Unrolled"]


@pytest.mark.parametrize("name", ["hume.nowhere", "hume.engine.search.nowhere", "hume.engine.solvers.Unrolled.nowhere"])
def test_a_name_that_does_not_exist_is_noticed(name: str) -> None:
    with pytest.raises((ImportError, AttributeError)):
        resolve(name)


def test_method_names_functions_at_all() -> None:
    assert len(names_in(METHOD.read_text(encoding="utf-8"))) > 30


@pytest.mark.parametrize("item", [*EQUATIONS, *ALGORITHMS, *FIGURES, *TABLES])
def test_method_has_a_row_for(item: str) -> None:
    """A row that says which function computes it, or plainly that none does."""
    text = METHOD.read_text(encoding="utf-8")
    assert item in first_cells(text), f"docs/method.md has no row for {item}"
    row = next(line for line in text.splitlines() if line.startswith(f"| {item} |"))
    said = names_in(row) or any(words in row for words in ("not computed", "nothing to compute", "as Figure"))
    assert said, f"docs/method.md does not say what computes {item}"


@pytest.mark.parametrize("name", MODULES)
def test_public_functions_and_classes_are_described(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} has no docstring"
    members = public_members(module)
    assert members
    # dataclass writes a signature where nobody wrote a docstring.
    bare = [
        member_name
        for member_name, member in members
        if not (member.__doc__ or "").strip() or member.__doc__.startswith(f"{member_name}(")
    ]
    assert not bare, f"{name} has members without a docstring: {', '.join(bare)}"
