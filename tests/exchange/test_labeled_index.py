"""The labeled set for semi-supervised training: libraries find what they look for; the note says labels are found."""

import io
import re
import zipfile

import numpy as np
import pytest

from hume.common.errors import InputError
from hume.exchange.export.labeled_index import labeled_index, labeled_zip
from tests.support.rules import cases

ROWS = np.array([42, 7, 99, 0, 13, 50])  # two a class, best first
CLASSES = np.array([2, 0, 1, 2, 0, 1])
LABELED, UNLABELED = "lb_labels6_1_seed0_idx.npy", "ulb_labels6_1_seed0_idx.npy"


def files_of(rows=ROWS, classes=CLASSES, **options):
    return labeled_index(rows, classes, **{"num_samples": 100, "num_classes": 3, **options})


def loaded(content):
    return np.load(io.BytesIO(content), allow_pickle=False)


# --- the arrays --------------------------------------------------------------------------------


def test_classes_come_one_after_the_other_and_keep_the_order_given():
    files = files_of()
    np.testing.assert_array_equal(loaded(files[LABELED]), [7, 13, 99, 50, 42, 0])
    np.testing.assert_array_equal(loaded(files["found_labels.npy"]), [0, 0, 1, 1, 2, 2])


def test_labels_stay_with_their_rows():
    rng = np.random.default_rng(0)
    rows, classes = rng.permutation(1000)[:200], rng.integers(0, 7, 200)
    files = files_of(rows, classes, num_samples=1000, num_classes=7)
    index, found = loaded(files["lb_labels200_1_seed0_idx.npy"]), loaded(files["found_labels.npy"])
    assert dict(zip(index.tolist(), found.tolist(), strict=True)) == dict(
        zip(rows.tolist(), classes.tolist(), strict=True)
    )


def test_every_row_is_labeled_or_unlabeled_and_none_is_both():
    files = files_of()
    both = np.concatenate([loaded(files[LABELED]), loaded(files[UNLABELED])])
    np.testing.assert_array_equal(np.sort(both), np.arange(100))


def test_all_rows_may_be_labeled():
    files = files_of(np.arange(4), np.array([0, 1, 2, 0]), num_samples=4)
    assert loaded(files["ulb_labels4_1_seed0_idx.npy"]).size == 0


def test_arrays_are_whole_numbers_that_any_machine_reads():
    for name, content in files_of(ROWS.astype(np.uint16), CLASSES.astype(np.int8)).items():
        if name.endswith(".npy"):
            assert (loaded(content).dtype.str, loaded(content).ndim) == ("<i8", 1), name


def test_a_library_that_looks_for_its_split_finds_it(tmp_path):
    """USB takes both files of the number of labels, the imbalance ratios and the seed that it is configured with."""
    num_labels, ratio, seed = 6, 1, 3
    for name, content in files_of(seed=seed).items():
        (tmp_path / name).write_bytes(content)
    index, others = (
        np.load(tmp_path / f"{kind}_labels{num_labels}_{ratio}_seed{seed}_idx.npy") for kind in ("lb", "ulb")
    )
    data, targets = np.arange(100) * 10, np.full(100, -1)
    targets[index] = np.load(tmp_path / "found_labels.npy")
    assert dict(zip(data[index].tolist(), targets[index].tolist(), strict=True))[420] == 2
    assert (targets[others] == -1).all()


# --- the texts ---------------------------------------------------------------------------------


def test_the_note_says_first_that_labels_are_found():
    lines = files_of()["README.txt"].decode().splitlines()
    assert lines[0] == "6 reliable samples of 3 found classes, 2 a class, out of 100."
    assert "NOT THE TRUTH" in lines[2]
    assert all(len(line) <= 105 for line in lines)


def test_the_note_names_every_file_and_no_other():
    files = files_of(seed=5)
    named = set(re.findall(r"\b(?:u?lb_\w+|found_labels)\.npy|\bclasses\.txt", files["README.txt"].decode()))
    assert named == set(files) - {"README.txt"}


def test_the_note_says_how_unequal_the_classes_are():
    note = files_of(ROWS[:3], np.array([1, 1, 2]))["README.txt"].decode()
    assert note.startswith("3 reliable samples of 3 found classes, 0 to 2 a class")


def test_names_stand_one_a_line():
    names = ["bag", "", "T-shirt\n/\ttop \x1b[1m{labeled}"]
    assert files_of(names=names)["classes.txt"].decode() == "0\tbag\n1\tclass 1\n2\tT-shirt / top [1m{labeled}\n"
    assert files_of()["classes.txt"].decode() == "0\tclass 0\n1\tclass 1\n2\tclass 2\n"


# --- the archive -------------------------------------------------------------------------------


def test_the_archive_holds_the_files():
    with zipfile.ZipFile(io.BytesIO(labeled_zip(ROWS, CLASSES, num_samples=100, num_classes=3))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == files_of()
        assert archive.namelist()[0] == "README.txt"
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_same_samples_give_the_same_bytes():
    options = {"num_samples": 100, "num_classes": 3, "names": ["a", "b", "ü"]}
    assert labeled_zip(ROWS, CLASSES, **options) == labeled_zip(list(ROWS), list(CLASSES), **options)
    assert labeled_zip(ROWS, CLASSES, **options) != labeled_zip(ROWS, CLASSES, **options, seed=1)


# --- what is refused -----------------------------------------------------------------------------


@cases(
    ("rows", "classes", "reason"),
    [
        ([], [], "one integer of each"),
        (np.array([], int), np.array([], int), "no sample"),
        ([1, 2], [0], "one integer of each"),
        ([[1], [2]], [[0], [1]], "one integer of each"),
        ([1.0, 2.0], [0, 1], "one integer of each"),
        ([True, False], [0, 1], "one integer of each"),
        ([1, 100], [0, 1], "rows 0 to 99"),
        ([-1, 2], [0, 1], "rows 0 to 99"),
        ([1, 2], [0, 3], "give 0 to 2"),
        ([1, 2], [-1, 0], "give 0 to 2"),
        ([1, 2, 1], [0, 1, 2], "twice"),
    ],
)
def test_samples_that_make_no_labeled_set_are_refused(rows, classes, reason):
    with pytest.raises(InputError, match=reason):
        files_of(rows, classes)


def test_options_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="2 names for 3 classes"):
        files_of(names=["a", "b"])
    with pytest.raises(InputError, match="seed is -1"):
        files_of(seed=-1)
