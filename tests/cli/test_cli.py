"""The command line keeps its contract: one JSON line out, progress aside, and one sentence for whatever goes wrong."""

import csv
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.utils.parametrizations import orthogonal
from typer.testing import CliRunner

from hume.cli import app, main
from hume.evaluation.metrics import clustering_accuracy
from hume.runs.store import Store
from tests.support.planted import planted
from tests.support.rules import cases

ROOT = Path(__file__).parents[2]
CLASSES = 3


def command(home):
    """Arguments and environment of a real process."""
    environment = {**os.environ, "HUME_HOME": str(home), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    return {"cwd": ROOT, "env": environment, "text": True}


def start(home, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "hume", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **command(home),
        **options,
    )


def run(home, *arguments, **options):
    process = start(home, *arguments, **options)
    out, err = process.communicate(timeout=600)
    return process.returncode, out, err


def call(home, *arguments):
    """The same without a process of its own, for speed."""
    result = CliRunner(env={"HUME_HOME": str(home)}).invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def typed(home, arguments, monkeypatch, capsys):
    """The same from the entry point, which answers what the command line cannot parse."""
    monkeypatch.setenv("HUME_HOME", str(home))
    monkeypatch.setattr(sys, "argv", ["hume", *arguments.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, *capsys.readouterr()


def check_refusal(answer, *words):
    """Exit status 2, one sentence that says what is wrong, nothing else."""
    code, out, err = answer
    assert code == 2, err
    assert out == ""
    [line] = err.strip().splitlines()
    assert line.startswith("error: ")
    assert "Traceback" not in line
    for word in words:
        assert str(word) in line


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return header, rows


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Paths of two spaces and the planted classes."""
    folder = tmp_path_factory.mktemp("files")
    names = ("phi1.npy", "phi2.npy", "labels.npy")
    for name, array in zip(names, planted(), strict=True):
        np.save(folder / name, array)
    return tuple(folder / name for name in names)


@pytest.fixture(scope="module")
def digits(home):
    """A finished run named `digits`, made by a real process: its answer."""
    asked = "search --dataset digits --phi1 simclr --phi2 lite0 --seeds 3 --device cpu --run digits --json"
    return run(home, *asked.split(), "--set", "num_iterations=150")


@pytest.fixture(scope="module")
def labelled(home, files):
    """A finished run named `labelled` on files with ground truth: its answer."""
    phi1, phi2, labels = files
    return call(
        home, "search", "--phi1", phi1, "--phi2", phi2, "--labels", labels, "--num-classes", CLASSES, "--seeds", 4,
        "--run", "labelled", "--json",
    )  # fmt: skip


# --- the contract ------------------------------------------------------------------------------


def test_standard_output_of_a_search_is_one_json_object(digits, home):
    code, out, err = digits
    assert code == 0, err
    [line] = out.splitlines()
    values = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert values["run"] == "digits"
    assert values["folder"] == str(home / "runs" / "digits")
    assert values["num_seeds"] == 3
    assert values["num_classes"] == 10
    assert values["device"] in ("cpu", "cuda")
    assert values["solver"] == "implicit"
    assert values["seconds"] > 0
    assert len(values["objective"]) == len(values["cv_score"]) == 3
    assert all(0.5 < score <= 1 for score in values["cv_score"])
    assert {"acc", "ari", "nmi"} <= values["vote"].keys()
    assert values["vote"]["acc"] > 0.8
    assert -1 <= values["correlation"]["r"] <= 1
    assert 0 <= values["correlation"]["p"] <= 1


def test_progress_goes_to_standard_error(digits):
    _, out, err = digits
    assert "search, 3 seeds" in err
    assert "100%" in err
    assert "search, 3" not in out


def test_without_labels_what_needs_them_is_null(files, tmp_path):
    phi1, phi2, _ = files
    code, out, _ = call(tmp_path, "search", "--phi1", phi1, "--phi2", phi2, "--num-classes", 3, "--seeds", 4, "--json")
    assert code == 0
    values = json.loads(out)
    assert values["vote"] == {"acc": None, "ari": None, "nmi": None}
    assert set(values["correlation"].values()) == {None}
    assert len(values["cv_score"]) == len(values["objective"]) == 4


def test_planted_classes_are_recovered(labelled):
    code, out, err = labelled
    assert code == 0, err
    values = json.loads(out)
    assert values["num_classes"] == CLASSES
    assert values["vote"]["acc"] > 0.9
    assert values["vote"]["ari"] > 0.8
    assert values["vote"]["nmi"] > 0.7


def test_ground_truth_does_not_change_the_labels(labelled, files, home, tmp_path):
    phi1, phi2, _ = files
    call(home, "search", "--phi1", phi1, "--phi2", phi2, "--num-classes", 3, "--seeds", 4, "--run", "unlabelled")
    np.testing.assert_array_equal(Store(home).open("unlabelled").labelings(), Store(home).open("labelled").labelings())


def test_overrides_reach_the_run(files, tmp_path):
    phi1, phi2, _ = files
    overrides = ["num_iterations=7", "patience=null", "encoder=householder", "anneal_at=[3,5]", "centre=false"]
    settings = [word for override in overrides for word in ("--set", override)]
    code, _, err = call(
        tmp_path, "search", "--phi1", phi1, "--phi2", phi2, "--num-classes", 3, "--seeds", 1, "--run", "a",
        "--solver", "unrolled", *settings,
    )  # fmt: skip
    assert code == 0, err
    opened = Store(tmp_path).open("a")
    config = opened.request.config
    assert (config.num_iterations, config.patience, config.anneal_at, config.centre) == (7, None, (3, 5), False)
    assert config.encoder == "householder"
    assert type(opened.request.solver).__name__ == "Unrolled"
    [objective] = opened.array("objective")
    assert objective.shape == (7,)


# --- looking -------------------------------------------------------------------------------------


def test_show_repeats_what_the_search_said(digits, home):
    code, out, _ = call(home, "show", "digits", "--json")
    assert code == 0
    assert json.loads(out) == json.loads(digits[1])
    code, out, _ = call(home, "show", "digits")
    assert code == 0
    assert "φ1 simclr, φ2 lite0, K 10" in out
    assert f"ACC {json.loads(digits[1])['vote']['acc']:.3f}" in out


def test_resuming_a_finished_run_changes_nothing(digits, home):
    before = {path: path.read_bytes() for path in (home / "runs" / "digits").rglob("*.*")}
    code, out, _ = call(home, "resume", "digits", "--json")
    assert code == 0
    assert json.loads(out) == json.loads(digits[1])
    assert {path: path.read_bytes() for path in (home / "runs" / "digits").rglob("*.*")} == before


def test_list_has_a_line_a_run(digits, labelled, home):
    code, out, err = call(home, "list")
    assert code == 0, err
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert "finished" in lines["digits"]
    assert "3/3" in lines["digits"]
    assert f"{json.loads(digits[1])['vote']['acc']:.3f}" in lines["digits"]
    assert "phi1+phi2" in lines["labelled"]


def test_list_of_an_empty_home(tmp_path):
    code, out, _ = call(tmp_path / "new", "list")
    assert code == 0
    assert len(out.splitlines()) == 1


def test_datasets_are_listed_with_their_spaces(tmp_path):
    own = tmp_path / "datasets" / "mine" / "spaces"
    own.mkdir(parents=True)
    np.save(own / "one.npy", planted()[0])
    code, out, _ = call(tmp_path, "datasets")
    assert code == 0
    for word in ("digits", "1797", "simclr", "lite0", "pixels", "earth", "fashion-mnist", "mine", "one"):
        assert word in out.split()


def test_help_names_every_command():
    code, out, _ = call(ROOT, "--help")
    assert code == 0
    names = "search resume show list datasets labels curve reliable report export export-authors import-authors demo"
    assert set(names.split()) <= set(re.findall(r"[\w-]+", out))


# --- taking away ---------------------------------------------------------------------------------


def test_labels_are_those_of_the_vote(labelled, files, home, tmp_path):
    code, out, _ = call(home, "labels", "labelled", "--csv", tmp_path / "new folder" / "labels.csv")
    assert code == 0
    assert out.strip() == str(tmp_path / "new folder" / "labels.csv")
    header, rows = table(tmp_path / "new folder" / "labels.csv")
    assert header == ["row", "file", "class", "class_name", "vote_share", "probability", "source"]
    assert [int(row[0]) for row in rows] == list(range(CLASSES * 80))
    assert all(0 < float(row[4]) <= 1 for row in rows)
    found = np.array([int(row[2]) for row in rows])
    vote = json.loads(labelled[1])["vote"]
    assert clustering_accuracy(np.load(files[2]), found) == pytest.approx(vote["acc"])


def test_curve_ends_at_the_vote(digits, home, tmp_path):
    code, _, _ = call(home, "curve", "digits", "--csv", tmp_path / "curve.csv")
    assert code == 0
    header, rows = table(tmp_path / "curve.csv")
    assert header == ["n", "acc", "ari", "consistency"]
    assert [int(row[0]) for row in rows] == [1, 2, 3]
    assert float(rows[-1][1]) == pytest.approx(json.loads(digits[1])["vote"]["acc"])
    assert float(rows[-1][3]) == 1


def test_curve_without_ground_truth_has_no_accuracy(files, tmp_path):
    phi1, phi2, _ = files
    call(tmp_path, "search", "--phi1", phi1, "--phi2", phi2, "--num-classes", 3, "--seeds", 2, "--run", "a")
    assert call(tmp_path, "curve", "a", "--csv", tmp_path / "curve.csv")[0] == 0
    header, rows = table(tmp_path / "curve.csv")
    assert header == ["n", "consistency"]
    assert len(rows) == 2


def test_reliable_samples_of_every_class(digits, home, tmp_path):
    path = tmp_path / "reliable.csv"
    code, out, _ = call(home, "reliable", "digits", "--csv", path, "--per-class", 10, "--neighbors", 50)
    assert code == 0
    header, rows = table(path)
    assert header == [
        "row", "file", "class", "class_name", "vote_agreement", "neighbor_agreement", "rank", "kept", "source",
    ]  # fmt: skip
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    np.testing.assert_array_equal(np.bincount(np.array(columns["class"], int), minlength=10), np.full(10, 10))
    assert len(set(columns["row"])) == 100
    assert max(map(int, columns["vote_agreement"])) <= 3
    assert max(map(int, columns["neighbor_agreement"])) <= 50
    assert list(map(int, columns["rank"])) == list(range(1, 11)) * 10
    assert set(columns["kept"]) == {"yes"}
    assert set(columns["file"]) == set(columns["class_name"]) == {""}
    accuracy = re.search(r"accuracy +([\d.]+) of 100 reliable samples", out)
    assert accuracy is not None
    assert float(accuracy[1]) > json.loads(digits[1])["vote"]["acc"]


def test_a_class_that_is_too_small_is_named(labelled, home, tmp_path):
    code, out, _ = call(home, "reliable", "labelled", "--csv", tmp_path / "a.csv", "--per-class", 200)
    assert code == 0
    _, rows = table(tmp_path / "a.csv")
    sizes = np.bincount([int(row[2]) for row in rows], minlength=CLASSES)
    assert sizes.sum() == CLASSES * 80
    for number, size in enumerate(sizes):
        assert f"class {number} has only {size} of 200 requested samples" in out


def test_an_empty_class_is_named(tmp_path):
    """Six classes are asked of three points that repeat: no labeling can use more than three."""
    rows = np.eye(7, dtype=np.float32)[np.arange(240) % 3]
    np.save(tmp_path / "a.npy", rows)
    np.save(tmp_path / "b.npy", rows + 0)
    code, _, err = call(
        tmp_path, "search", "--phi1", tmp_path / "a.npy", "--phi2", tmp_path / "b.npy", "--num-classes", 6,
        "--seeds", 2, "--run", "few", "--set", "num_iterations=10",
    )  # fmt: skip
    assert code == 0, err
    code, out, _ = call(tmp_path, "reliable", "few", "--csv", tmp_path / "few.csv", "--per-class", 5)
    assert code == 0
    _, found = table(tmp_path / "few.csv")
    present = {int(row[2]) for row in found}
    assert len(present) <= 3
    for number in set(range(6)) - present:
        assert f"class {number} is empty" in out


def test_a_report_is_one_file_that_asks_no_network(digits, home, tmp_path):
    code, out, err = call(home, "report", "digits", tmp_path / "new folder" / "digits.html")
    assert code == 0, err
    assert out.strip() == str(tmp_path / "new folder" / "digits.html")
    page = (tmp_path / "new folder" / "digits.html").read_text(encoding="utf-8")
    vote = json.loads(digits[1])["vote"]
    assert f"{100 * vote['acc']:.1f}\u00a0%" in page
    assert "default-src 'none'" in page
    assert [path.name for path in (tmp_path / "new folder").iterdir()] == ["digits.html"]


def test_a_blind_report_says_nothing_of_the_truth(digits, home, tmp_path):
    pages = {}
    for name, *options in (("open",), ("blind", "--blind")):
        code, _, err = call(home, "report", "digits", tmp_path / name, *options)
        assert code == 0, err
        pages[name] = (tmp_path / name).read_text(encoding="utf-8").split("<script>")[0]
    for word in ("ACC", "ARI", "accuracy", "are right"):
        assert word in pages["open"]
        assert word not in pages["blind"]


def test_a_report_that_cannot_be_written_is_one_sentence_and_no_half_file(digits, home, tmp_path):
    (tmp_path / "taken").mkdir()
    check_refusal(call(home, "report", "digits", tmp_path / "taken"), "taken")
    check_refusal(call(home, "report", "nothing", tmp_path / "a.html"), "nothing", "list")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


# --- the authors' layout -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exported(digits, home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("authors") / "tasks"
    code, out, err = call(home, "export-authors", "digits", folder)
    assert code == 0, err
    assert out.strip() == f"7 files in {folder}"
    return folder


def test_the_authors_evaluation_gives_the_stored_labelings(exported, home):
    phi1 = torch.from_numpy(np.load(exported / "phi1.npy"))
    labelings = Store(home).open("digits").labelings()
    for seed in range(3):
        layer = torch.nn.Linear(phi1.shape[1], 10, bias=False)
        orthogonal(layer)
        layer.load_state_dict(torch.load(exported / f"linear_task_{seed}.pt", weights_only=True), strict=True)
        with torch.no_grad():
            theirs = (phi1 @ layer.weight.T).argmax(1).numpy()
        np.testing.assert_array_equal(theirs, labelings[seed])


def test_a_round_trip_keeps_the_vote(exported, digits, home):
    arguments = f"import-authors {exported} --dataset digits --phi1 simclr --phi2 lite0 --run back".split()
    code, out, err = call(home, *arguments)
    assert code == 0, err
    assert "imported from the authors' layout" in out
    there, back = json.loads(digits[1]), json.loads(call(home, "show", "back", "--json")[1])
    assert back["vote"] == there["searched_vote"]
    np.testing.assert_allclose(back["cv_score"], there["cv_score"])
    assert back["objective"] == [None] * 3


def test_tasks_for_another_space_are_refused(exported, home):
    check_refusal(call(home, "import-authors", exported, "--dataset", "digits", "--phi1", "pixels"), "128", "64")
    check_refusal(call(home, "import-authors", exported, "--dataset", "digits", "--phi1", "lite0"), "phi1.npy")
    check_refusal(call(home, "import-authors", exported / "none", "--dataset", "digits"), "none")


@pytest.mark.parametrize("options", [(), ("--to", "authors")])
def test_export_without_a_format_writes_the_authors_layout_as_before(exported, home, tmp_path, options):
    code, out, err = call(home, "export", "digits", tmp_path / "tasks", *options)
    assert code == 0
    assert out.strip() == f"7 files in {tmp_path / 'tasks'}"
    assert err.strip().endswith("use export-authors")
    assert {path.name for path in (tmp_path / "tasks").iterdir()} == {path.name for path in exported.iterdir()}


def test_only_known_formats_are_exported(digits, home, tmp_path):
    check_refusal(call(home, "export", "digits", tmp_path, "--to", "zip"), "zip", "image-folder")


@pytest.mark.parametrize(
    ("command", "told"), [("export --to image-folder", ""), ("hand-over", "use export --to image-folder")]
)
def test_reliable_samples_are_exported_by_the_new_and_by_the_old_name(digits, home, tmp_path, command, told):
    name, *options = command.split()
    arguments = ("--per-class", "3", "--neighbors", "20")
    code, out, err = call(home, name, "digits", tmp_path / "made", *options, *arguments)
    assert code == 0, err
    assert out.startswith("30 samples, 0 set aside")
    assert err.strip().endswith(told)
    assert ("use export" in err) is bool(told)
    assert len(list((tmp_path / "made").rglob("*.png"))) == 30


# --- refusals ------------------------------------------------------------------------------------


def with_value(array, row, value):
    changed = array.copy()
    changed[row, 1] = value
    return changed


def zero_row(array, row):
    changed = array.copy()
    changed[row] = 0
    return changed


BAD_ARRAYS = {
    "NaN": (lambda good: with_value(good, 17, np.nan), "row 17 ", "bad.npy"),
    "infinite": (lambda good: with_value(good, 5, -np.inf), "row 5 ", "bad.npy"),
    "integers": (lambda good: (good * 100).astype(np.int64), "int64", "bad.npy"),
    "one row less": (lambda good: good[:-1], "239", "240", "bad.npy"),
    "a vector": (lambda good: good[:, 0].copy(), "(240,)", "bad.npy"),
    "no rows": (lambda good: good[:0], "(0, 8)", "bad.npy"),
}


@cases("side", ["--phi1", "--phi2"])
@cases("kind", BAD_ARRAYS)
def test_a_bad_array_is_refused_with_its_row_and_file(kind, side, files, tmp_path):
    make, *words = BAD_ARRAYS[kind]
    np.save(tmp_path / "bad.npy", make(np.load(files[0])))
    spaces = {"--phi1": files[0], "--phi2": files[1], side: tmp_path / "bad.npy"}
    arguments = [word for pair in spaces.items() for word in pair]
    check_refusal(call(tmp_path / "home", "search", *arguments, "--num-classes", 3), *words)
    assert Store(tmp_path / "home").runs() == []


def bad_files(folder, good):
    """Files that are no arrays, by what is wrong with them."""
    np.save(folder / "objects.npy", np.array([{"a": 1}, None], object), allow_pickle=True)
    (folder / "text.npy").write_text("1.0, 2.0\n3.0, 4.0\n")
    whole = good.read_bytes()
    (folder / "cut.npy").write_bytes(whole[: len(whole) // 2])
    (folder / "header.npy").write_bytes(whole[:40])
    (folder / "empty.npy").write_bytes(b"")
    (folder / "folder.npy").mkdir()
    np.savez(folder / "archive", a=np.load(good))


@cases(
    ("name", "words"),
    [
        ("objects.npy", "never loaded"),
        ("text.npy", "not a .npy file"),
        ("cut.npy", "cut short"),
        ("header.npy", "cut short"),
        ("empty.npy", "empty"),
        ("folder.npy", "folder"),
        ("archive.npz", "archive"),
        ("missing.npy", "does not exist"),
    ],
)
def test_a_file_that_is_no_array_is_refused(name, words, files, tmp_path):
    bad_files(tmp_path, files[0])
    answer = call(tmp_path / "home", "search", "--phi1", files[0], "--phi2", tmp_path / name, "--num-classes", 3)
    check_refusal(answer, name, words)
    assert Store(tmp_path / "home").runs() == []


@cases(
    ("arguments", "words"),
    [
        ("--num-classes 3 --seeds 1000000000", "100,000"),
        (f"--num-classes 3 --seeds {10**30}", "100,000"),
        (f"--num-classes {10**30}", "choose fewer classes"),
        (f"--num-classes 3 --set num_iterations={10**30}", "1,000,000,000"),
        ("--num-classes 1", "num_classes=1"),
        ("--num-classes 0", "num_classes=0"),
        ("--num-classes 9", "9 orthonormal prototypes"),  # d1 is 8
        ("--num-classes 500", "500 classes"),  # N is 240
        ("", "num_classes"),
        ("--num-classes 3 --seeds 0", "--seeds 0"),
        ("--num-classes 3 --seed-batch 0", "seed_batch=0"),
        ("--num-classes 3 --solver magic", "magic"),
        ("--num-classes 3 --device tpu", "tpu"),
        ("--num-classes 3 --preset paper", "9000"),
        ("--num-classes 3 --run a/b", "a/b"),
        ("--num-classes 3 --run ..", ".."),
        ("--num-classes 3 --run ../up", "../up"),
        ("--num-classes 3 --set patience", "patience"),
        ("--num-classes 3 --set colour=1", "colour"),
        ("--num-classes 3 --set num_iterations=1.5", "num_iterations"),
        ("--num-classes 3 --set num_iterations=0", "num_iterations=0"),
        ("--num-classes 3 --set num_train=true", "num_train"),
        ("--num-classes 3 --set step_size=NaN", "step_size"),
        ("--num-classes 3 --set step_size=Infinity", "step_size"),
        ("--num-classes 3 --set temperature=warm", "temperature"),
        ("--num-classes 3 --set anneal_at=[1.5]", "anneal_at"),
        ("--num-classes 3 --set anneal_at=5", "anneal_at"),
        ("--num-classes 3 --set encoder=none", "encoder"),
        ("--num-classes 3 --set centre=maybe", "centre"),
        ("--num-classes 3 --set split_seed=null", "split_seed"),
    ],
)
def test_a_bad_parameter_is_refused(arguments, words, files, tmp_path):
    answer = call(tmp_path, "search", "--phi1", files[0], "--phi2", files[1], *arguments.split())
    check_refusal(answer, words)
    assert Store(tmp_path).runs() == []


@cases(
    ("arguments", "words"),
    [
        ("search --preset quick --dataset digits", "quick"),
        ("search --seeds many --dataset digits", "--seeds"),
        ("search --num-classes 3 --set", "requires an argument"),
        ("search --colour red", "--colour"),
        ("find", "find"),
    ],
)
def test_what_the_command_line_cannot_parse_is_one_sentence_too(arguments, words, tmp_path, monkeypatch, capsys):
    check_refusal(typed(tmp_path, arguments, monkeypatch, capsys), words)
    assert not (tmp_path / "runs").exists()


def test_a_zero_row_of_phi1_is_refused(files, tmp_path):
    np.save(tmp_path / "zero.npy", zero_row(np.load(files[0]), 23))
    arguments = ["--phi1", tmp_path / "zero.npy", "--phi2", files[1], "--num-classes", 3]
    answer = call(tmp_path / "home", "search", *arguments, "--set", "centre=false")
    check_refusal(answer, "row 23 ", "zero.npy", "zeros")
    np.save(tmp_path / "zero.npy", np.ones((240, 8), np.float32))
    check_refusal(call(tmp_path / "home", "search", *arguments), "all rows of", "zero.npy", "are the same")
    assert Store(tmp_path / "home").runs() == []


def test_labels_that_do_not_fit_are_refused(files, tmp_path):
    labels = tmp_path / "bad.npy"
    arguments = ["search", "--phi1", files[0], "--phi2", files[1], "--labels", labels, "--num-classes", 3]
    truth = np.load(files[2])
    for bad, *words in [
        (truth[:-1], "239", "240"),
        (truth - 1, "row 8 (and 79 more)", "has no label"),
        (truth + 0.5, "float64"),
        (truth[:, None], "(240, 1)"),
        (truth[:0], "0 labels"),
    ]:
        np.save(labels, bad)
        check_refusal(call(tmp_path / "home", *arguments), "bad.npy", *words)
    check_refusal(call(tmp_path / "home", "search", "--dataset", "digits", "--labels", labels), "--labels")
    assert Store(tmp_path / "home").runs() == []


@cases(
    ("arguments", "words"),
    [
        ("--preset paper", "9000 + 1000 rows, the search has 1797"),
        ("--num-classes 2000", "2000 classes"),
        ("--phi1 resnet", "simclr"),
        ("--phi2 resnet", "simclr"),
    ],
)
def test_a_dataset_that_cannot_be_searched_so_is_refused(arguments, words, tmp_path):
    check_refusal(call(tmp_path, "search", "--dataset", "digits", *arguments.split()), words)
    assert Store(tmp_path).runs() == []


def test_names_that_are_not_there_are_refused(tmp_path):
    check_refusal(call(tmp_path, "search", "--dataset", "numbers"), "numbers", "digits")
    check_refusal(call(tmp_path, "search"), "--dataset")
    check_refusal(call(tmp_path, "search", "--phi1", "a.npy"), "--phi2")
    for name in ("resume", "show"):
        check_refusal(call(tmp_path, name, "nothing"), "nothing", "list")
    for name in ("labels", "curve", "reliable"):
        check_refusal(call(tmp_path, name, "nothing", "--csv", tmp_path / "a.csv"), "nothing")
    check_refusal(call(tmp_path, "export", "nothing", tmp_path), "nothing")
    assert not (tmp_path / "a.csv").exists()


def test_a_taken_name_is_refused_and_the_run_kept(labelled, files, home):
    before = (home / "runs" / "labelled" / "run.json").read_bytes()
    phi1, phi2, _ = files
    answer = call(home, "search", "--phi1", phi1, "--phi2", phi2, "--num-classes", 2, "--run", "labelled")
    check_refusal(answer, "labelled", "already")
    assert (home / "runs" / "labelled" / "run.json").read_bytes() == before


def test_bad_wishes_for_reliable_samples_are_refused(labelled, home, tmp_path):
    path = tmp_path / "a.csv"
    for option, value in {"--per-class": 0, "--neighbors": 0, "--rows": "some"}.items():
        check_refusal(call(home, "reliable", "labelled", "--csv", path, option, value), value)
    check_refusal(call(home, "reliable", "labelled", "--csv", path, "--rows", "test"), "no test split")
    assert not path.exists()


def test_a_csv_that_cannot_be_written_is_one_sentence_and_no_half_file(labelled, home, tmp_path):
    (tmp_path / "taken").mkdir()
    check_refusal(call(home, "labels", "labelled", "--csv", tmp_path / "taken"), "taken")
    (tmp_path / "file").write_text("")
    check_refusal(call(home, "labels", "labelled", "--csv", tmp_path / "file" / "a.csv"), "a.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "taken"]


def test_a_home_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    check_refusal(call(tmp_path / "file", "list"), "file", "HUME_HOME")


# --- disks that fill, users that stop, machines that die -----------------------------------------


@pytest.mark.slow
def test_a_full_disk_is_one_sentence_and_no_half_file(tmp_path):
    # Prototypes of 3 x 4000 float32 are larger than a file may get, the registry is not.
    rng = np.random.default_rng(0)
    truth = np.arange(240) % 3
    wide = (np.eye(4000, dtype=np.float32)[truth] * 9 + rng.normal(size=(240, 4000))).astype(np.float32)
    np.save(tmp_path / "a.npy", wide)
    np.save(tmp_path / "b.npy", wide[:, :8])
    home = tmp_path / "home"
    arguments = ["--phi1", tmp_path / "a.npy", "--phi2", tmp_path / "b.npy", "--num-classes", 3, "--seeds", 2]

    def little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (32_768, 32_768))

    code, out, err = run(
        home, "search", *arguments, "--run", "full", "--set", "num_iterations=5", preexec_fn=little_room
    )
    assert code == 2, err
    assert out == ""
    assert "Traceback" not in err
    [sentence] = [line for line in err.splitlines() if "error: " in line]
    assert sentence.startswith("error: cannot write to ")
    assert "resume" in sentence
    assert list(home.rglob(".part-*")) == []
    assert list(home.rglob("*.safetensors")) == []
    opened = Store(home).open("full")
    assert opened.state == "interrupted"
    code, out, err = call(home, "resume", "full", "--json")
    assert code == 0, err
    assert json.loads(out)["seeds"] == [0, 1]


def wait_for(condition, seconds=600):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.05)


LONG = [
    "search",
    "--dataset",
    "digits",
    "--phi1",
    "simclr",
    "--phi2",
    "lite0",
    "--seeds",
    "6",
    "--run",
    "long",
    "--set",
    "patience=null",
    "--set",
    "num_iterations=5000",
]


@pytest.mark.slow
def test_ctrl_c_is_one_sentence_and_the_run_is_interrupted(tmp_path):
    process = start(tmp_path, *LONG)
    wait_for((tmp_path / "runs" / "long" / "run.json").exists)
    wait_for(lambda: Store(tmp_path).open("long").state == "running")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 2, err
    assert out == ""
    assert "Traceback" not in err
    [sentence] = [line for line in err.splitlines() if "error: " in line]
    assert "resume" in sentence
    code, out, _ = call(tmp_path, "show", "long")
    assert code == 0
    assert out == "long is interrupted: 0 of 6 seeds are finished\n"
    assert json.loads(call(tmp_path, "show", "long", "--json")[1])["state"] == "interrupted"
    assert "interrupted" in call(tmp_path, "list")[1]
    check_refusal(call(tmp_path, "labels", "long", "--csv", tmp_path / "a.csv"), "resume")
    check_refusal(call(tmp_path, "export", "long", tmp_path / "authors"), "resume")
    assert not (tmp_path / "authors").exists()


IN_A_CALLBACK = """
import ctypes, signal, time
from hume.cli.base import keep_interrupts

keep_interrupts()
called = ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGINT))
try:
    called()
    print("ignored", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("stopped")
"""


def test_ctrl_c_within_a_callback_of_a_library_comes_after_it():
    done = subprocess.run([sys.executable, "-c", IN_A_CALLBACK], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ignored\nstopped\n", "")


def test_a_killed_run_is_resumed_from_its_finished_seeds(files, tmp_path):
    """SIGKILL between the first finished seed and the last: what was on disk stays as it is."""
    phi1, phi2, _ = files
    process = start(
        tmp_path, "search", "--phi1", phi1, "--phi2", phi2, "--num-classes", 3, "--seeds", 40, "--run", "killed",
        "--set", "num_iterations=4000", "--set", "min_gain=0",
    )  # fmt: skip
    folder = tmp_path / "runs" / "killed"
    wait_for(lambda: any(folder.glob("seeds/*.safetensors")))
    process.kill()
    process.communicate()
    opened = Store(tmp_path).open("killed")
    assert opened.state == "interrupted"
    assert opened.finished_seeds
    assert opened.missing_seeds
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.glob("seeds/*.safetensors")}
    code, out, err = call(tmp_path, "resume", "killed", "--json")
    assert code == 0, err
    assert json.loads(out)["seeds"] == list(range(40))
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in before} == before
