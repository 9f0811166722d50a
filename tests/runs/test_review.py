"""What a reader decided: kept at once, taken back in order, never lost between two tabs."""

import json
import threading

import numpy as np
import pytest

from hume.common.errors import InputError, RunError
from hume.reporting import review_sentences
from hume.runs import review
from hume.runs.review import MAX_NAME
from hume.runs.review_state import Review
from hume.runs.store import Store
from tests.support.planted_runs import create, save_files
from tests.support.rules import cases


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return save_files(tmp_path_factory.mktemp("data"))


@pytest.fixture
def run(tmp_path, dataset):
    return create(Store(tmp_path), dataset, "a")


def decided(review):
    return review.names, set(review.rejected)


# --- names and rejected samples ----------------------------------------------------------------


def test_nothing_is_decided_at_first(run):
    assert review.read(run) == Review()
    assert review.undo(run) == Review()
    assert not (run.folder / "history.jsonl").exists()
    assert Review().name(2) == "Class 2"


def test_what_is_decided_is_there_for_the_next_reader(run):
    review.name_class(run, 2, "owls")
    review.reject(run, 7)
    last = review.reject(run, 31)
    again = review.read(Store(run.home).open("a"))
    assert again == last
    assert decided(again) == ({2: "owls"}, {7, 31})
    assert [again.name(number) for number in range(3)] == ["Class 0", "Class 1", "owls"]


def test_a_rejected_sample_can_be_kept_again(run):
    review.reject(run, 7)
    review.reject(run, 8)
    assert review.reject(run, 7, rejected=False).rejected == {8}


def test_an_empty_name_gives_the_number_back(run):
    review.name_class(run, 0, "owls")
    assert review.name_class(run, 0, "  ").name(0) == "Class 0"
    assert review.read(run).names == {}


def test_what_changes_nothing_is_no_step(run):
    review.name_class(run, 0, "owls")
    review.reject(run, 7)
    before = (run.folder / "history.jsonl").stat().st_mtime_ns
    review.name_class(run, 0, " owls ")
    review.name_class(run, 1, "")
    review.reject(run, 7)
    after = review.reject(run, 8, rejected=False)
    assert len(after.steps) == 2
    assert (run.folder / "history.jsonl").stat().st_mtime_ns == before


@cases("name", ["Vögel", "小鳥", "طيور", "птицы", "🦉", "=1+1", '"quoted", \\ and <b>', "x" * MAX_NAME])
def test_any_script_can_name_a_class(run, name):
    review.name_class(run, 1, name)
    assert review.read(run).names == {1: name}
    assert json.loads((run.folder / "history.jsonl").read_text(encoding="utf-8").splitlines()[-1])["name"] == name


def test_space_around_and_within_a_name_is_tidied(run):
    assert review.name_class(run, 1, "  night \t owls\n").names == {1: "night owls"}


@cases("name", ["x" * (MAX_NAME + 1), "a\x00b", "\x1b[31mred", "a\u200bb", "\u202eowl"])
def test_names_that_cannot_be_shown_are_refused(run, name):
    with pytest.raises(InputError, match="60 visible characters"):
        review.name_class(run, 1, name)
    assert review.read(run) == Review()


@cases("number", [-1, 3, 100])
def test_a_class_that_is_not_there_cannot_be_named(run, number):
    with pytest.raises(InputError, match=f"no class {number}: name one of 0 to 2"):
        review.name_class(run, number, "owls")


def test_numbers_may_be_numpys(run):
    for row in np.array([5, 3, 5], np.int64):
        review.reject(run, row)
    review.name_class(run, np.int32(1), "owls")
    assert decided(review.read(run)) == ({1: "owls"}, {3, 5})


# --- undo ----------------------------------------------------------------------------------------


def test_every_step_is_taken_back_in_order(run):
    states = [review.read(run)]
    states.append(review.name_class(run, 0, "owls"))
    states.append(review.reject(run, 7))
    states.append(review.name_class(run, 0, "night owls"))
    states.append(review.reject(run, 7, rejected=False))
    states.append(review.name_class(run, 0, ""))
    assert len({json.dumps([state.names, sorted(state.rejected)]) for state in states}) == 5  # the first recurs
    for expected in states[-2::-1]:
        assert review.undo(run) == expected
        assert review.read(run) == expected
    assert review.undo(run) == Review()


def test_a_step_says_what_undoing_it_does(run):
    def told(state):
        return review_sentences.undoing(state.steps[-1], state)

    assert told(review.name_class(run, 0, "owls")) == "call class 0 by its number again"
    assert told(review.name_class(run, 0, "jays")) == "call class 0 owls again"
    assert told(review.reject(run, 7)) == "keep sample 7 again"
    assert told(review.reject(run, 7, rejected=False)) == "reject sample 7 again"
    assert told(review.undo(run)) == "keep sample 7 again"


def test_a_long_review_can_be_undone_to_its_first_step(run):
    for row in range(250):
        last = review.reject(run, row)
    assert len(last.steps) == 250
    assert review.restore(run, 1).rejected == {0}
    assert review.restore(run, 250) == last  # what was taken back is not lost
    assert review.restore(run, 0) == Review()


def test_two_writers_lose_nothing(run):
    start = threading.Barrier(2)
    errors = []

    def write(first):
        own = Store(run.home).open("a")
        try:
            start.wait(60)
            for row in range(first, 40, 2):
                review.reject(own, row)
                review.name_class(own, first, f"name {row}")
        except BaseException as error:
            errors.append(error)

    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 1)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert errors == []
    last = review.read(run)
    assert decided(last) == ({0: "name 38", 1: "name 39"}, set(range(40)))
    assert len(last.steps) == 80
    for _ in range(80):
        last = review.undo(run)
    assert last == Review()


# --- files that cannot be used -------------------------------------------------------------------

DAMAGED = [
    b"{\n", b"[]\n", b"{}\n", b"\xff\xfe\n", b"null\n", b'{"kind": "dance"}\n', b'{"kind": "reject"}\n',
    b'{"kind": "name", "class": "x", "name": "owls"}\n',
    b'{"kind": "reject", "rows": ["x"], "rejected": true}\n',
    b'{"kind": "reject", "rows": 3, "rejected": true}\n',
    b'{"kind": "restore", "version": 7}\n',
]  # fmt: skip


@cases("content", DAMAGED)
def test_a_damaged_file_is_named_and_left_alone(run, content):
    path = run.folder / "history.jsonl"
    path.write_bytes(content)
    for call in (review.read, lambda run: review.reject(run, 1), lambda run: review.name_class(run, 1, "a")):
        with pytest.raises(RunError, match=r"history\.jsonl cannot be read .* remove it") as error:
            call(run)
        assert str(path) in str(error.value)
    assert path.read_bytes() == content
    path.unlink()
    assert review.reject(run, 1).rejected == {1}


def test_a_step_cut_off_by_a_crash_is_dropped(run):
    review.reject(run, 1)
    path = run.folder / "history.jsonl"
    with path.open("ab") as file:
        file.write(b'{"kind": "reject", "rows": [2')
    assert review.read(run).rejected == {1}
    assert review.reject(run, 3).rejected == {1, 3}
    assert len(path.read_bytes().splitlines()) == 2


def test_a_review_of_version_0_1_goes_on(run):
    old = {"names": {"1": "owls"}, "rejected": [7, 3], "steps": [{"row": 7, "rejected": False}]}
    (run.folder / "review.json").write_text(json.dumps(old))
    assert decided(review.read(run)) == ({1: "owls"}, {3, 7})
    assert decided(review.reject(run, 9)) == ({1: "owls"}, {3, 7, 9})
    assert decided(review.undo(run)) == ({1: "owls"}, {3, 7})


def test_a_file_that_cannot_be_written_is_one_sentence(run):
    (run.folder / "history.lock").mkdir()
    with pytest.raises(RunError, match="cannot write"):
        review.reject(run, 1)


def test_a_run_that_was_deleted_meanwhile_stays_away(run):
    store = Store(run.home)
    review.reject(run, 1)
    store.delete("a")
    with pytest.raises(RunError, match="renamed or deleted"):
        review.reject(run, 2)
    assert not run.folder.exists()
    assert review.read(store.restore("a")).rejected == {1}
