"""`answers` shows, exports, imports and restores what a person said; `labels` writes what follows from it."""

import csv
import shutil

import pytest
from typer.testing import CliRunner

from hume import Store
from hume.cli import app
from hume.runs.answering import Answering
from hume.runs.findings import Findings
from tests.support.app_driver import birds, given


@pytest.fixture
def home(tmp_path):
    store = Store(tmp_path / "home")
    dataset = birds(store, files=[f"{number}.png" for number in range(240)])
    given(store, dataset, "run", [dataset.labels, dataset.labels])
    return store.home


def call(home, *arguments):
    result = CliRunner(env={"HUME_HOME": str(home), "COLUMNS": "200"}).invoke(app, list(map(str, arguments)))
    return result.exit_code, result.stdout, result.stderr


def table(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_answers_go_from_one_copy_of_a_run_to_another(home, tmp_path):
    other = shutil.copytree(home, tmp_path / "other")
    first = Answering(Findings(Store(home).open("run")))
    first.answer([3, 4], 1)
    first.set_aside([9])
    Answering(Findings(Store(other).open("run"))).answer([4], 2)
    code, out, _ = call(home, "answers", "run", "--csv", tmp_path / "ann.csv")
    assert (code, out.strip()) == (0, str(tmp_path / "ann.csv"))
    assert [(line["kind"], line["file"], line["class"]) for line in table(tmp_path / "ann.csv")] == [
        ("answer", "3.png", "1"), ("answer", "4.png", "1"), ("answer", "9.png", "-1")
    ]  # fmt: skip
    code, out, _ = call(other, "answers", "run", "--import", tmp_path / "ann.csv")
    assert code == 0
    assert out.startswith("2 answers added, 0 known already\n")
    assert "contradictions" in out
    assert ["4", "Class", "2", "Class", "1"] in [line.split() for line in out.splitlines()]
    out = call(other, "answers", "run")[1]
    assert out.startswith("version 3: 2 answers, 1 sample set aside\n")
    assert "ann" in out


def test_the_labels_are_those_with_the_answers_unless_others_are_asked_for(home, tmp_path):
    answering = Answering(Findings(Store(home).open("run")))
    answering.answer([3], (answering.found.vote.labeling[3] + 1) % 4)
    views = {"now": (), "corrected": ("--labeling", "corrected"), "found": ("--labeling", "searched")}
    for name, arguments in views.items():
        assert call(home, "labels", "run", "--csv", tmp_path / f"{name}.csv", *arguments)[0] == 0
    now, corrected, found = (table(tmp_path / f"{name}.csv") for name in ("now", "corrected", "found"))
    assert now == corrected
    assert (now[3]["source"], now[3]["probability"]) == ("answer", "1.0000")
    assert (found[3]["source"], found[3]["probability"]) == ("search", "")
    assert now[3]["class"] != found[3]["class"]
    code, out, _ = call(home, "answers", "run", "--restore", "0")
    assert code == 0
    assert out.startswith("version 0: ")
    code, _, err = call(home, "labels", "run", "--csv", tmp_path / "no.csv", "--labeling", "corrected")
    assert code == 2
    assert err.startswith("error: run 'run' has no answers")


def test_questions_and_an_audit_are_printed(home):
    answering = Answering(Findings(Store(home).open("run")))
    for row, number, _ in answering.draw_audit(20).drawn:
        answering.audit(row, number)
    out = call(home, "answers", "run")[1]
    assert "20 of 20 samples audited" in out
    assert "100.0 % of the labels that were not given by hand are right; the 95 % interval is" in " ".join(out.split())
    asked = [line.split("\t") for line in call(home, "answers", "run", "--ask", "5")[1].splitlines()]
    assert len(asked) == 5
    assert all(file == f"{row}.png" for row, file in asked)


def test_a_file_that_is_not_there_is_one_sentence(home, tmp_path):
    code, _, err = call(home, "answers", "run", "--import", tmp_path / "no.csv")
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
