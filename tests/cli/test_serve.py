"""`hume app` starts the pages, or says in one sentence why it cannot."""

import inspect
import json
import os
import socket
import sys
import tomllib

import pytest

import hume
from hume.cli import serve
from hume.runs.home import MARK
from hume.runs.store import Store
from tests.cli.test_cli import call, check_refusal
from tests.support.server import ROOT


@pytest.fixture
def started(monkeypatch):
    """What the command would put in its own place: arguments and environment."""
    seen = []
    monkeypatch.setattr(os, "execve", lambda program, arguments, environment: seen.append((arguments, environment)))
    return seen


@pytest.fixture
def port():
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_app_of_the_checkout_listens_on_this_machine_alone(tmp_path, started, port, monkeypatch):
    monkeypatch.setenv("HUME_ALLOWED_HOSTS", "one.example")
    arguments = ("--home", tmp_path / "mine", "--allow-host", "two.example")
    code, out, err = call(tmp_path / "home", "app", "--port", port, *arguments)
    assert (code, out, err) == (0, "", "")
    [(arguments, environment)] = started
    assert arguments[:6] == [sys.executable, "-P", "-m", "streamlit", "run", str(ROOT / "app.py")]
    assert arguments[6:] == ["--server.port", str(port), "--server.address", "127.0.0.1"]
    assert environment["HUME_HOME"] == str(tmp_path / "mine")
    assert environment["HUME_ALLOWED_HOSTS"] == "one.example,two.example"
    assert [path.name for path in (tmp_path / "mine").iterdir()] == [MARK]


def test_a_taken_port_is_named(tmp_path, started):
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        check_refusal(call(tmp_path / "home", "app", "--port", taken), taken, "Address already in use", "--port")
    assert not started


def test_missing_packages_are_named_with_the_command_that_brings_them(tmp_path, started, port, monkeypatch):
    monkeypatch.setattr(serve, "PACKAGES", {"numpy": "numpy", "no_such_module": "no-such-package"})
    answer = call(tmp_path / "home", "app", "--port", port)
    check_refusal(answer, "the app needs no-such-package: pip install 'hume-explorer[app]'")
    assert not started


def test_a_home_that_cannot_be_written_is_named(tmp_path, started, port):
    (tmp_path / "file").touch()
    answer = call(tmp_path / "home", "app", "--port", port, "--home", tmp_path / "file" / "home")
    check_refusal(answer, tmp_path / "file" / "home", "cannot be written", "--home")
    assert not started


def test_a_home_of_a_later_version_is_left_alone(tmp_path, started, port):
    mark = tmp_path / "home" / MARK
    mark.parent.mkdir()
    mark.write_text(json.dumps({"format": 2, "version": "9.1.0"}))
    for arguments in (("app", "--port", port), ("list",), ("search", "--dataset", "digits", "--seeds", "1")):
        check_refusal(call(mark.parent, *arguments), "9.1.0", hume.__version__, "update hume-explorer")
    mark.write_text("{}")
    check_refusal(call(mark.parent, "list"), MARK, "damaged")
    assert not started
    assert [path.name for path in mark.parent.iterdir()] == [MARK]


def test_a_run_marks_its_home(tmp_path):
    assert call(tmp_path / "home", "search", "--dataset", "digits", "--seeds", "1", "--set", "num_iterations=2")[0] == 0
    assert json.loads((tmp_path / "home" / MARK).read_bytes()) == {"format": 1, "version": hume.__version__}
    assert Store(tmp_path / "home").names()


def test_the_version_is_told(tmp_path):
    assert call(tmp_path, "--version") == (0, f"hume-explorer {hume.__version__}\n", "")


def test_the_container_serves_all_of_its_addresses_on_its_own_port(tmp_path, started, port):
    lines = dict(line.split(" ", 1) for line in (ROOT / "Dockerfile").read_text().splitlines() if line[:1].isupper())
    words = json.loads(lines["ENTRYPOINT"]) + json.loads(lines["CMD"])
    assert (words[0], lines["EXPOSE"]) == ("hume", "8501")
    assert call(tmp_path / "home", *words[1:], "--port", port)[0] == 0
    [(arguments, _)] = started
    assert arguments[arguments.index("--server.address") + 1] == "0.0.0.0"
    assert inspect.signature(serve.serve).parameters["port"].default == 8501


def test_the_container_is_given_all_that_the_wheel_is_made_of():
    given = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    held = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    files = {*held["packages"], *held["force-include"], project["project"]["readme"], "pyproject.toml", "LICENSE"}
    assert {file.partition("/")[0] for file in files} == given
