"""Selections with names: kept with the run, never lost between two tabs, combined, and the same after a CSV file."""

import numpy as np
import pytest

from hume.common.csv_files import csv_bytes
from hume.common.errors import InputError, RunError
from hume.runs import selections, selections_csv
from hume.runs.findings import Findings
from hume.runs.review_state import Review
from hume.runs.store import Store
from tests.support.app_driver import given
from tests.support.planted_runs import create, save_files, save_folder
from tests.support.rules import cases


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return save_files(tmp_path_factory.mktemp("data"))


@pytest.fixture
def run(tmp_path, dataset):
    return create(Store(tmp_path), dataset, "a")


def keep(run, name, rows, **options):
    return selections.keep(run, name, rows, num_samples=run.dataset().num_samples, **options)


def kept(run):
    return {name: rows.tolist() for name, rows in selections.read(run).by_name.items()}


def test_selections_are_there_for_the_next_reader_and_what_two_tabs_did_both_stands(run):
    assert kept(run) == {}
    keep(run, " odd  ones ", np.array([9, 3, 3]))
    other = Store(run.home).open("a")
    keep(other, "even ones", [2])
    selections.add(run, "odd ones", [5], num_samples=10)
    selections.add(other, "odd ones", [7, 5], num_samples=10)
    assert kept(run) == kept(other) == {"odd ones": [3, 5, 7, 9], "even ones": [2]}


def test_every_step_is_undone_and_redone_until_another_one_is_taken(run):
    keep(run, "a", [1])
    keep(run, "a", [2], replacing=True)
    selections.rename(run, "a", "b")
    selections.delete(run, "b")
    seen = [kept(run)]
    for _ in range(5):
        selections.undo(run)
        seen.append(kept(run))
    assert seen == [{}, {"b": [2]}, {"a": [2]}, {"a": [1]}, {}, {}]
    for _ in range(2):
        selections.redo(run)
    assert kept(run) == {"a": [2]}
    keep(run, "c", [3])
    selections.redo(run)
    assert kept(run) == {"a": [2], "c": [3]}


def test_two_sets_are_combined_as_sets_are():
    one, other = {1, 2, 3}, {3, 4}
    for how, expected in {"and": one & other, "or": one | other, "without": one - other}.items():
        assert selections.combine(one, how, other).tolist() == sorted(expected)
    with pytest.raises(InputError, match="and, or, without"):
        selections.combine(one, "xor", other)


@cases(
    ("step", "said"),
    [
        (lambda run: keep(run, "a", [10**6]), "there is no sample 1000000"),
        (lambda run: keep(run, "a", [-1]), "there is no sample -1"),
        (lambda run: keep(run, "b", []), "nothing is selected"),
        (lambda run: keep(run, " ", [1]), "no name"),
        (lambda run: keep(run, "x" * 61, [1]), "at most 60"),
        (lambda run: keep(run, "a", [1]), "'a' already"),
        (lambda run: selections.rename(run, "b", "c"), "no selection 'b': choose one of the run's, 'a'"),
        (lambda run: selections.delete(run, "b"), "no selection 'b'"),
        (lambda run: selections.read(run).rows("b"), "no selection 'b'"),
    ],
)
def test_what_cannot_be_kept_is_said_and_changes_nothing(run, step, said):
    keep(run, "a", [0], replacing=True)
    with pytest.raises(InputError, match=said):
        step(run)
    assert kept(run) == {"a": [0]}


def test_what_a_deleted_run_or_a_crash_leaves_behind_is_harmless(run):
    keep(run, "a", [0])
    path = run.folder / selections.FILE
    with path.open("ab") as file:
        file.write(b'{"kind": "keep", "na')  # the machine stopped here
    assert kept(run) == {"a": [0]}
    path.write_bytes(b"[]\n")
    with pytest.raises(RunError, match=selections.FILE):
        selections.read(run)
    Store(run.home).delete("a")
    assert kept(run) == {}
    with pytest.raises(RunError, match="no longer"):
        selections.delete(run, "a")


def test_a_table_of_a_selection_is_the_selection_again(tmp_path):
    files = [f"={row}.png" for row in range(240)]
    store, data = Store(tmp_path), save_folder(tmp_path / "birds", files=files)
    found = Findings(given(store, data, "b", [data.labels], num_classes=3))
    lines = selections_csv.table(found, [4, 1], Review())
    written = csv_bytes(selections_csv.COLUMNS, lines)
    assert selections_csv.read(written, found.run, found.dataset).tolist() == [1, 4]
    assert selections_csv.read(b"file\n=7.png\n=2.png\n", found.run, found.dataset).tolist() == [2, 7]
    for content, said in {
        b"row\n240\n": "line 2: there is no sample '240'",
        b"file\nx.png\n": "line 2: no sample has the file",
        b"row,file\n1,=1.png\n2,=1.png\n": "line 3: sample 2 is =2.png",
        b"name\nx\n": "column row or file",
        b"row\n": "column row or file",
        b"\xff": "UTF-8",
    }.items():
        with pytest.raises(InputError, match=said):
            selections_csv.read(content, found.run, found.dataset)


def test_rows_of_other_data_are_not_taken_for_those_of_the_run(run, dataset):
    with pytest.raises(InputError, match="other data"):
        selections_csv.read(b"row,spaces\n1,0123 4567\n", run, dataset)
    spaces = run.request.fingerprints[0].encode()
    assert selections_csv.read(b"row,spaces\n1," + spaces + b" 4567\n", run, dataset).tolist() == [1]
