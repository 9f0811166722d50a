"""The Data page labels another dataset's samples with a run, and its file is that of the command line."""

from typer.testing import CliRunner

from hume.cli import app
from hume.runs import review
from tests.support.app_driver import EXAMPLES, birds, ended, look, press, quick, rerun, says, words
from tests.support.planted_runs import save_folder


def command(store, *arguments):
    result = CliRunner(env={"HUME_HOME": str(store.home)}).invoke(app, ["label-new", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_the_page_and_the_command_line_write_the_same_file(home, download, tmp_path):
    quick(home, birds(home), "run")
    review.name_class(home.open("run"), 0, "heron")
    save_folder(home.dataset_roots[0] / "others", labels=False, **(EXAMPLES | {"size": 9}))
    at = press(look("data", data="others"), "label new")
    job = "others: label with run"
    assert ended(job) == "finished"
    at = rerun(at)
    assert any(says(text, "36 samples are labeled as run run labels its own") for text in words(at) if "36 " in text)
    code, out, _ = command(home, "run", "others", "--csv", tmp_path / "new.csv")
    assert code == 0
    assert "36 samples are labeled" in out
    content = (tmp_path / "new.csv").read_bytes()
    assert download(at, "new labels csv") == content
    header, *lines = content.decode().splitlines()
    assert header == "row,class,class_name,probability,far"
    assert len(lines) == 36
    assert any(",0,heron," in line for line in lines)


def test_what_cannot_be_labeled_is_one_sentence_on_both(home, tmp_path):
    quick(home, birds(home), "run")
    save_folder(home.dataset_roots[0] / "wide", labels=False, **(EXAMPLES | {"dim": 9}))
    at = press(look("data", data="wide"), "label new")
    assert ended("wide: label with run") == "failed"
    assert any("9 dimensions" in text for text in words(rerun(at)))
    for arguments, says_why in (
        (("run", "wide"), "9 dimensions"),
        (("run", "nowhere"), "nowhere"),
        (("nobody", "wide"), "nobody"),
        (("run", tmp_path), "no images"),
    ):
        code, out, err = command(home, *arguments, "--csv", tmp_path / "new.csv")
        assert (code, out) == (2, "")
        [line] = [line for line in err.splitlines() if line.startswith("error: ")]
        assert says_why in line
    assert not (tmp_path / "new.csv").exists()


def test_without_a_run_on_other_data_nothing_is_offered(home):
    quick(home, birds(home), "run")
    assert "label new" not in [button.key for button in look("data", data="birds").button]
