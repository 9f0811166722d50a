"""A run as one zip: every file of it and nothing else, the tables that the command line writes, and the way back."""

import io
import json
import os
import zipfile

import numpy as np
import pytest

from hume.common.csv_files import write_csv
from hume.common.errors import RunError
from hume.exchange.run_archive import run_zip
from hume.runs import review
from hume.runs.findings import LABEL_COLUMNS, Findings
from hume.runs.store import Store
from tests.support.planted_runs import StoppedError, create, save_files, save_folder, stop_after_the_first_seed

EARLY = "seeds/00000.safetensors"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return save_files(tmp_path_factory.mktemp("data"))


@pytest.fixture
def run(tmp_path, dataset):
    run = create(Store(tmp_path / "home"), dataset, "owls-1")
    run.execute()
    return run


def unpacked(content):
    """{name: bytes} of an archive that is sound and has every name once."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert len(set(archive.namelist())) == len(archive.namelist())
        return {name: archive.read(name) for name in archive.namelist()}


def on_disk(run):
    paths = [path for path in run.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {path.relative_to(run.folder).as_posix(): path.read_bytes() for path in paths}


# --- what is in it -------------------------------------------------------------------------------


def test_every_file_comes_back_byte_for_byte(run, tmp_path):
    review.name_class(run, 1, "eagle owls")
    found = unpacked(run_zip(run))
    left_out = ("lock", "trajectories/")
    kept = {name: content for name, content in on_disk(run).items() if not any(some in name for some in left_out)}
    assert set(kept) == {
        "run.json",
        "scores.json",
        "history.jsonl",
        *(f"seeds/{seed:05}.safetensors" for seed in range(4)),
    }
    tables = {"vote.csv": tmp_path / "vote.csv", "curve.csv": tmp_path / "curve.csv"}
    assert set(found) == {f"owls-1/{name}" for name in (*kept, *tables)}
    assert {name: found[f"owls-1/{name}"] for name in kept} == kept

    findings = Findings(run)
    write_csv(tables["vote.csv"], LABEL_COLUMNS, findings.label_table(review.read(run)))
    write_csv(tables["curve.csv"], *findings.curve_table())
    assert {name: found[f"owls-1/{name}"] for name in tables} == {n: path.read_bytes() for n, path in tables.items()}
    assert b"eagle owls" in found["owls-1/vote.csv"]


def test_the_same_run_gives_the_same_bytes(run):
    first = run_zip(run)
    for path in run.folder.rglob("*"):
        os.utime(path, (0, 0))
    assert run_zip(run) == first


def test_it_is_smaller_than_the_folder(run):
    assert len(run_zip(run)) < sum(map(len, on_disk(run).values()))


def test_an_unfinished_run_brings_what_it_has(tmp_path, dataset):
    run = create(Store(tmp_path), dataset, "a", seeds=range(3), patience=200)
    assert set(unpacked(run_zip(run))) == {"a/run.json"}
    with pytest.raises(StoppedError):
        run.execute(on_step=stop_after_the_first_seed)
    done = {f"a/seeds/{seed:05}.safetensors" for seed in run.finished_seeds}
    assert set(unpacked(run_zip(run))) == {"a/run.json", "a/search.safetensors", *done}
    assert not (run.folder / "vote.csv").exists()


# --- what is not in it ---------------------------------------------------------------------------


def test_locks_halves_and_links_stay_out(run, tmp_path):
    clean = run_zip(run)
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "password.txt").write_text("owl")
    (run.folder / "lock").touch()
    (run.folder / "review.lock").touch()
    (run.folder / "seeds" / ".part-0123").write_bytes(b"half")
    (run.folder / "file").symlink_to(secret / "password.txt")
    (run.folder / "folder").symlink_to(secret, target_is_directory=True)
    (run.folder / "nowhere").symlink_to(secret / "none")
    os.mkfifo(run.folder / "pipe")
    assert run_zip(run) == clean


def test_what_somebody_put_beside_comes_along(run):
    (run.folder / "notes").mkdir()
    (run.folder / "notes" / "vögel.txt").write_text("hu", encoding="utf-8")
    assert unpacked(run_zip(run))["owls-1/notes/vögel.txt"] == b"hu"


# --- runs that are not as they were --------------------------------------------------------------


def test_data_that_changed_cost_the_tables_only(tmp_path):
    dataset = save_files(tmp_path / "data")
    run = create(Store(tmp_path / "home"), dataset, "a")
    run.execute()
    path = dataset.space("phi2").path
    np.save(path, np.load(path) + 1)
    found = unpacked(run_zip(run))
    assert {"a/run.json", "a/scores.json", f"a/{EARLY}", "a/no-tables.txt"} < set(found)
    assert not {"a/vote.csv", "a/curve.csv"} & set(found)
    assert b"have changed" in found["a/no-tables.txt"]


def test_a_damaged_seed_is_kept_as_it_is(run):
    (run.folder / EARLY).write_bytes(b"broken")
    found = unpacked(run_zip(run))
    assert found[f"owls-1/{EARLY}"] == b"broken"
    assert b"cannot be read" in found["owls-1/no-tables.txt"]


def test_a_run_that_is_gone_is_one_sentence(run):
    Store(run.home).delete("owls-1")
    with pytest.raises(RunError, match="renamed or deleted"):
        run_zip(run)


# --- the way back --------------------------------------------------------------------------------


def test_an_unpacked_run_is_opened_in_another_home(tmp_path):
    homes = [Store(tmp_path / name) for name in ("here", "there")]
    for store in homes:
        save_folder(store.home / "datasets" / "birds")
    run = create(homes[0], homes[0].load_dataset("birds"), "a")
    run.execute()
    review.name_class(run, 0, "owls")
    with zipfile.ZipFile(io.BytesIO(run_zip(run))) as archive:
        archive.extractall(homes[1].home / "trash")
    (homes[1].home / "runs").mkdir()

    back = homes[1].restore("a")
    assert back.folder == homes[1].home / "runs" / "a"
    assert homes[1].names() == ["a"]
    assert back.request == run.request
    assert back.state == "finished"
    assert review.read(back) == review.read(run)
    np.testing.assert_array_equal(Findings(back).vote.labeling, Findings(run).vote.labeling)
    assert run_zip(back) == run_zip(run)


def test_the_archive_names_no_machine(tmp_path):
    store = Store(tmp_path / "home")
    run = create(store, save_folder(store.home / "datasets" / "birds"), "a")
    run.execute()
    for name, content in unpacked(run_zip(run)).items():
        assert str(tmp_path).encode() not in content, name
    assert json.loads(unpacked(run_zip(run))["a/run.json"])["dataset"] == "birds"
