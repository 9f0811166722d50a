"""What is loaded, what is refused and in which words, and the rows as the search sees them."""

import json
import os
import struct

import numpy as np
import pytest
import torch

from hume.common.errors import InputError
from hume.data import dataset as dataset_module
from hume.data import space_rows
from hume.data.columns import is_missing, kind_of, load_columns, write_columns
from hume.data.dataset import Space, dataset_from_files, load_dataset, load_space
from hume.data.labels import load_labels
from tests.support.rules import cases


def features(num_samples=20, dim=4, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).normal(size=(num_samples, dim)).astype(dtype)


@pytest.fixture
def save(tmp_path):
    def write(array, name="phi.npy", **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, array, **options)
        return path

    return write


def bad(array, row, value):
    array = array.copy()
    array[row, -1] = value
    return array


def message(call, *arguments, **options):
    with pytest.raises(InputError) as error:
        call(*arguments, **options)
    return str(error.value)


# --- files that cannot be used -----------------------------------------------------------------------


@cases("value", [np.nan, np.inf, -np.inf])
@cases("dtype", [np.float16, np.float32, np.float64])
def test_a_row_without_numbers_is_named(save, value, dtype):
    path = save(bad(features(dtype=dtype), 13, value))
    assert message(load_space, path).startswith(f"row 13 of {path} has NaN")


def test_a_number_too_large_for_float32_is_refused(save):
    path = save(bad(features(dtype=np.float64), 4, 1e300))
    assert message(load_space, path).startswith(f"row 4 of {path}")


def test_the_first_bad_row_is_named_across_blocks(save, monkeypatch):
    monkeypatch.setattr(dataset_module, "CHECK_ROWS", 4)
    path = save(bad(bad(features(), 9, np.nan), 17, np.inf))
    assert f"row 9 of {path}" in message(load_space, path)


@cases(
    ("array", "says"),
    [
        (np.arange(12).reshape(4, 3), "int64 numbers"),
        (np.ones((4, 3), bool), "bool numbers"),
        (np.ones((4, 3), complex), "complex128 numbers"),
        (np.array([["a", "b"]]), "numbers: features must be floating point"),
        (np.ones(5, np.float32), "shape (5,)"),
        (np.ones((2, 3, 4), np.float32), "shape (2, 3, 4)"),
        (np.ones((0, 3), np.float32), "shape (0, 3)"),
        (np.ones((3, 0), np.float32), "shape (3, 0)"),
        (np.float32(1.0), "shape ()"),
    ],
)
def test_features_must_be_a_matrix_of_floating_point_numbers(save, array, says):
    path = save(array)
    told = message(load_space, path)
    assert str(path) in told
    assert says in told


def test_pickled_objects_are_never_loaded(save):
    path = save(np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    assert message(load_space, path).startswith(f"{path} holds pickled Python objects")


@cases("content", [b"1.0,2.0\n3.0,4.0\n", b"\x80\x04K\x01.", b"\x89PNG\r\n\x1a\n", b"x"])
def test_other_files_are_told_apart(tmp_path, content):
    path = tmp_path / "features.npy"
    path.write_bytes(content)
    assert message(load_space, path).startswith(f"{path} is not a .npy file")


@cases("keep", [7, 40, 100, 200, -1])
def test_a_truncated_file_is_cut_short(save, keep):
    path = save(features())
    path.write_bytes(path.read_bytes()[:keep])
    assert message(load_space, path).startswith(f"{path} is cut short or damaged")


def test_an_empty_file_is_empty(tmp_path):
    path = tmp_path / "features.npy"
    path.touch()
    assert message(load_space, path) == f"{path} is empty: write it again"


@cases("shape", ["(-3, 8)", "(True, 8)", f"({'9' * 400}, 8)", "(4611686018427387904, 4)", "('a', 8)"])
def test_a_header_may_promise_any_shape(tmp_path, shape):
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    path = tmp_path / "phi.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(1000))
    assert message(load_space, path).startswith(f"{path} is cut short or damaged")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "phi.npy")
    assert message(load_space, tmp_path / "phi.npy").endswith("is a device or a pipe: name a file")


def test_a_missing_file_a_folder_and_an_archive(tmp_path):
    assert message(load_space, tmp_path / "nowhere.npy").startswith(f"{tmp_path / 'nowhere.npy'} does not exist")
    assert message(load_space, tmp_path).startswith(f"{tmp_path} is a folder")
    path = tmp_path / "features.npz"
    np.savez(path, features=features())
    assert message(load_space, path).startswith(f"{path} is an archive of arrays")


def test_a_file_that_is_in_the_place_of_a_folder(save):
    path = save(features())
    assert message(load_space, path / "more.npy").startswith(f"{path / 'more.npy'} does not exist")


# --- pairs and labels ----------------------------------------------------------------------------------


def test_two_files_make_a_dataset(save):
    first, second = save(features(dim=4), "a.npy"), save(features(dim=6), "b.npy")
    labels = save(np.arange(20) % 3, "labels.npy")
    dataset = dataset_from_files(first, second, labels)
    assert list(dataset.spaces) == ["a", "b"]
    assert dataset.default_pair == ("a", "b")
    assert dataset.num_samples == 20
    assert dataset.num_classes is None  # labels are for display: nobody asks them
    assert dataset.images is None
    np.testing.assert_array_equal(dataset.labels, np.arange(20) % 3)
    np.testing.assert_array_equal(dataset.space("b").features, features(dim=6))


def test_ids_as_labels_count_the_classes_that_are_there(save):
    first, second = save(features(dim=4), "a.npy"), save(features(dim=6), "b.npy")
    ids = np.array([73211009, 2121808, 44054006])[np.arange(20) % 3]
    dataset = dataset_from_files(first, second, save(ids, "labels.npy"))
    assert dataset.ids == ("2121808", "44054006", "73211009")
    np.testing.assert_array_equal(np.array(dataset.ids)[dataset.labels].astype(int), ids)
    assert dataset.num_classes is None
    folder = first.parent / "d"
    (folder / "spaces").mkdir(parents=True)
    np.save(folder / "spaces" / "a.npy", features())
    np.save(folder / "labels.npy", ids)
    assert load_dataset(folder).ids == dataset.ids


def test_two_files_of_one_name_stay_apart(save):
    first, second = save(features(), "one/phi.npy"), save(features(dim=3), "two/phi.npy")
    dataset = dataset_from_files(first, second)
    assert list(dataset.spaces) == ["phi-1", "phi-2"]
    assert dataset.labels is None
    assert dataset.num_classes is None


def test_one_file_can_serve_as_both(save):
    path = save(features())
    assert dataset_from_files(path, path).default_pair == ("phi", "phi")


def test_spaces_of_different_lengths_are_refused(save):
    first, second = save(features(20), "a.npy"), save(features(19), "b.npy")
    assert message(dataset_from_files, first, second) == (
        f"spaces must have the same rows: {first} has 20, {second} has 19"
    )


@cases(
    ("labels", "says"),
    [
        (np.arange(19), "has 19 labels for 20 rows"),
        (np.arange(20) / 2, "holds float64 of shape (20,)"),
        (np.r_[np.zeros(19), np.inf], "holds float64 of shape (20,)"),
        (np.zeros((20, 2), int), "of shape (20, 2)"),
        (np.r_[np.zeros(11, int), -1, np.zeros(8, int)], "row 11 of"),
        (np.r_[np.zeros(11), np.nan, np.nan, np.zeros(7)], "row 11 (and 1 more) of"),
        (np.r_[np.zeros(11, int), -1, np.arange(8)], "has no label (-1): label every row, or leave the labels out"),
    ],
)
def test_labels_that_do_not_fit_are_refused(save, labels, says):
    path = save(labels, "labels.npy")
    told = message(dataset_from_files, save(features(), "a.npy"), save(features(), "b.npy"), path)
    assert str(path) in told
    assert says in told


def test_a_missing_label_is_named_by_its_row(save):
    path = save(np.array([0, 1, -1, 0]), "labels.npy")
    assert message(load_labels, path, 4).startswith(f"row 2 of {path}")


def test_names_are_labels_and_missing_ones_are_refused(save):
    names = np.array([" owl", "crow", "owl", "cafe\u0301", "caf\xe9"] * 4)
    data = dataset_from_files(save(features(), "a.npy"), save(features(), "b.npy"), save(names, "labels.npy"))
    assert data.ids == ("caf\xe9", "crow", "owl")
    assert data.labels.tolist() == [2, 1, 2, 0, 0] * 4
    assert data.num_classes is None
    path = save(np.array(["owl", "NA", "crow"]), "labels.npy")
    assert message(load_labels, path, 3).startswith(f"row 1 of {path} has no label (NA)")


@cases("labels", [np.arange(20.0) % 3, np.arange(20) % 2 * 2 - 1])
def test_whole_numbers_of_any_type_and_signs_are_labels(save, labels):
    data = dataset_from_files(save(features(), "a.npy"), save(features(), "b.npy"), save(labels, "labels.npy"))
    np.testing.assert_array_equal(data.labels, np.unique(labels, return_inverse=True)[1])


# --- features of every kind -----------------------------------------------------------------------------


@cases("dtype", [np.float16, np.float32, np.float64, ">f4"])
@cases("order", ["C", "F"])
def test_every_floating_type_and_order_is_accepted(save, dtype, order):
    array = np.asarray(features(), dtype=dtype, order=order)
    space = load_space(save(array))
    rows = space_rows.as_tensor(space)
    assert rows.dtype == torch.float32
    assert rows.is_contiguous()
    np.testing.assert_array_equal(rows.numpy(), array.astype(np.float32))


def test_float16_stays_memory_mapped_on_disk(save):
    path = save(features(dtype=np.float16))
    space = load_space(path)
    assert isinstance(space.features, np.memmap)
    assert space.features.dtype == np.float16
    before = path.read_bytes()
    space_rows.unit_rows(space, centre=True)
    assert path.read_bytes() == before


def test_non_contiguous_features_in_memory_are_accepted():
    wide = features(40, 8)
    space = Space(name="every other", features=wide[::2, ::-2])
    np.testing.assert_array_equal(space_rows.as_tensor(space).numpy(), wide[::2, ::-2])
    torch.testing.assert_close(space_rows.unit_rows(space, centre=False).norm(dim=1), torch.ones(20))
    assert space.fingerprint == Space(name="copy", features=wide[::2, ::-2].copy()).fingerprint


# --- unit rows --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("centre", [False, True])
def test_unit_rows_have_unit_norm_and_their_direction(centre):
    rows = features() + 3
    found = space_rows.unit_rows(Space(name="x", features=rows), centre=centre).numpy()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    expected = rows - rows.mean(0) if centre else rows
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-5)


def test_the_mean_is_that_of_the_rows_the_search_may_see():
    rows, seen = features() + 3, np.arange(20) < 12
    found = space_rows.unit_rows(Space(name="x", features=rows), centre=True, mean_rows=seen).numpy()
    expected = rows - rows[:12].mean(0)
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-5)


def test_unit_rows_leave_the_features_alone():
    rows = features()
    space_rows.unit_rows(Space(name="x", features=rows), centre=True)
    np.testing.assert_array_equal(rows, features())


def test_a_row_without_direction_is_named(save):
    rows = features()
    rows[7] = 0
    path = save(rows)
    space = load_space(path)
    for centre in (False, True):
        assert message(space_rows.unit_rows, space, centre=centre).startswith(f"row 7 of {path} is all zeros")
    assert message(space_rows.unit_rows, space, centre=True).startswith(f"row 7 of {path} is all zeros")
    same = Space(name="same", features=np.ones((4, 2), np.float32))
    assert message(space_rows.unit_rows, same, centre=True).startswith("row 0 of same equals the mean row")


def test_a_row_whose_length_vanishes_in_float32_is_too_small_and_not_all_zeros(save):
    path = save((features() * 1e-25).astype(np.float32))
    assert message(space_rows.unit_rows, load_space(path), centre=False).startswith(f"row 0 of {path} is too small")


# --- fingerprints -------------------------------------------------------------------------------------------


def test_fingerprint_notices_another_row_shape_or_type():
    rows = features(3000)
    first = Space(name="x", features=rows).fingerprint
    assert first == Space(name="y", features=rows.copy()).fingerprint
    for other in (bad(rows, 0, 9), bad(rows, 2999, 9), rows[:-1], rows.astype(np.float64), rows[:, :3], rows[::-1]):
        assert Space(name="x", features=other).fingerprint != first


def test_fingerprint_of_few_rows_looks_at_all():
    rows = features(50)
    prints = {Space(name="x", features=bad(rows, row, 9)).fingerprint for row in range(50)}
    assert len(prints) == 50


# --- datasets -----------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, save):
    save(features(dim=4), "birds/spaces/simclr.npy")
    save(features(dim=6), "birds/spaces/dino.npy")
    return tmp_path / "birds"


def test_fashion_mnist_is_embedded_whole():
    dataset = load_dataset("fashion-mnist")
    assert dataset.name == "fashion-mnist"
    assert dataset.num_samples == 10_000
    assert len(dataset.spaces) == 4
    assert dataset.images.shape == (10_000, 28, 28)
    assert dataset.images.dtype == np.uint8
    assert dataset.labels.shape == (10_000,)
    assert np.unique(dataset.labels).size == dataset.num_classes == len(dataset.classes) == 10
    assert dataset.card["licence"]
    assert set(dataset.default_pair) <= set(dataset.spaces)


@pytest.mark.parametrize("name", ["digits", "earth", "fashion-mnist"])
def test_embedded_spaces_say_where_they_come_from(name):
    dataset = load_dataset(name)
    for space in dataset.spaces.values():
        assert space.title
        assert space.kind
        assert space.made
        assert space.licence
        space_rows.unit_rows(space, centre=False)


def test_an_unknown_dataset_is_answered_with_the_names(folder):
    told = message(load_dataset, "nowhere", roots=[folder.parent])
    assert "no dataset 'nowhere'" in told
    assert "birds, digits, earth, fashion-mnist" in told


def test_an_unknown_space_is_answered_with_the_names(folder):
    told = message(load_dataset(folder).space, "clip")
    assert told == "birds has no space 'clip': choose one of dino, simclr"


def test_a_folder_of_spaces_is_a_dataset(folder):
    for dataset in (load_dataset(folder), load_dataset("birds", roots=[folder.parent])):
        assert dataset.name == "birds"
        assert list(dataset.spaces) == ["dino", "simclr"]
        assert dataset.num_samples == 20
        assert dataset.labels is dataset.classes is dataset.num_classes is dataset.images is dataset.test_rows is None
        assert dataset.default_pair == ("dino", "simclr")


def test_a_full_folder_is_read_whole(folder):
    card = {
        "classes": ["owl", "jay", "wren"], "default_pair": ["simclr", "dino"],
        "spaces": {"dino": {"title": "DINO", "made": "by hand", "rows": 20}},
    }  # fmt: skip
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    images = np.zeros((20, 8, 8, 3), np.uint8)
    np.save(folder / "images.npy", images)
    np.save(folder / "labels.npy", np.arange(20, dtype=np.uint8) % 2)
    np.save(folder / "test_rows.npy", np.arange(20) >= 15)
    dataset = load_dataset(folder)
    assert dataset.num_classes == 3  # the card knows of a class without a sample
    assert dataset.labels.dtype == np.int64
    assert dataset.test_rows.sum() == 5
    assert dataset.default_pair == ("simclr", "dino")
    assert dataset.space("dino").title == "DINO"
    assert dataset.space("simclr").title == ""
    np.testing.assert_array_equal(dataset.images, images)


@cases(
    ("name", "content", "says"),
    [
        ("labels.npy", np.arange(19), "has 19 labels for 20 rows"),
        ("labels.npy", np.full(20, 5), "has a label 5, its card names 2 classes"),
        ("test_rows.npy", np.zeros(20, bool), "must hold 20 booleans"),
        ("test_rows.npy", np.ones(19, bool), "must hold 20 booleans"),
        ("test_rows.npy", np.ones(20, int), "must hold 20 booleans"),
        ("spaces/late.npy", features(21), "has 21"),
        ("spaces/gap.npy", bad(features(), 3, np.nan), "row 3"),
    ],
)
def test_a_file_that_does_not_fit_its_folder_is_named(folder, name, content, says):
    (folder / "card.json").write_text('{"classes": ["a", "b"]}', encoding="utf-8")
    np.save(folder / name, content)
    told = message(load_dataset, folder)
    assert str(folder / name) in told
    assert says in told


@pytest.mark.parametrize(("card", "says"), [("{", "it is cut short"), ("[1]", "Expected object, got array")])
def test_a_broken_card_is_named(folder, card, says):
    (folder / "card.json").write_text(card, encoding="utf-8")
    told = message(load_dataset, folder)
    assert str(folder / "card.json") in told
    assert says in told


def test_a_folder_without_spaces_says_where_to_put_them(tmp_path):
    assert message(load_dataset, tmp_path).startswith(f"{tmp_path} has no spaces")


# --- the files that samples came from ----------------------------------------------------------------

FILE_NAMES = ["vögel/小鳥 1.jpg", "a b.png", *(f"{row:02}.png" for row in range(18))]


@cases("ending", ["\n", "\r\n"])
@cases("encoding", ["utf-8", "utf-8-sig"])
@cases("last", [True, False])
def test_file_names_are_read_as_any_editor_saves_them(folder, ending, encoding, last):
    text = ending.join(FILE_NAMES) + ending * last
    (folder / "files.txt").write_bytes(text.encode(encoding))
    assert load_dataset(folder).file_names == FILE_NAMES


def test_without_a_list_there_are_no_file_names(folder, save):
    assert load_dataset(folder).file_names is None
    phi = save(features())
    assert dataset_from_files(phi, phi).file_names is None


@cases("number", [0, 1, 19, 21])
def test_a_list_of_another_length_is_refused_when_it_is_asked_for(folder, number):
    (folder / "files.txt").write_text("\n".join([*FILE_NAMES, "more"][:number]), encoding="utf-8")
    dataset = load_dataset(folder)
    told = message(lambda: dataset.file_names)
    assert told == f"{folder / 'files.txt'} has {number} lines: give one for each of the 20 rows"


def test_file_names_that_are_not_utf_8_are_refused(folder):
    (folder / "files.txt").write_bytes("\n".join(["vögel.jpg", *FILE_NAMES[1:]]).encode("latin-1"))
    dataset = load_dataset(folder)
    assert message(lambda: dataset.file_names) == f"{folder / 'files.txt'} is not UTF-8: save it as UTF-8"


# --- columns: what is known beside the class ---------------------------------------------------------------

PLACES = ["longitude,latitude", *(f"{row}.5,-{row}" for row in range(20))]


@cases("encoding", ["utf-8", "utf-8-sig"])
@cases("ending", ["\n", "\r\n"])
def test_columns_are_read_by_name(folder, encoding, ending):
    (folder / "columns.csv").write_bytes(ending.join([*PLACES, ""]).encode(encoding))
    columns = load_dataset(folder).columns
    assert list(columns) == ["longitude", "latitude"]
    np.testing.assert_array_equal(columns["longitude"], np.arange(20) + 0.5)
    np.testing.assert_array_equal(columns["latitude"], -np.arange(20.0))


def test_without_a_file_there_are_no_columns(folder, save):
    assert load_dataset(folder).columns == {}
    phi = save(features())
    assert dataset_from_files(phi, phi).columns == {}


@cases(
    ("lines", "says"),
    [
        ([], "line 1 of {} does not name its columns"),
        (["a,a", *PLACES[1:]], "line 1 of {} does not name its columns"),
        (["a,", *PLACES[1:]], "line 1 of {} does not name its columns"),
        (PLACES[:-1], "{} has 19 lines after its names: give one for each of the 20 rows"),
        ([*PLACES, "1,2"], "{} has 21 lines after its names"),
        ([*PLACES[:3], "1", *PLACES[4:]], "line 4 of {} has 1 cells for 2 columns"),
    ],
)
def test_columns_that_do_not_fit_are_refused_when_they_are_asked_for(folder, lines, says):
    path = folder / "columns.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    dataset = load_dataset(folder)
    assert message(lambda: dataset.columns).startswith(says.format(path))


def test_columns_are_numbers_dates_or_text_with_missing_cells(tmp_path):
    """What is written reads back, each column as the narrowest type that all its cells have."""
    given = {
        "depth": [1.0, None, np.inf, -2.5],
        "count": np.array([3, 4, 5, 6]),
        "taken": ["2020-01-02", "", "2020-01-02T12:30:00+02:00", "NaT"],
        "site": ["=A1", '<b>"x", y</b>', "", "NA"],
        "mixed": ["7", "seven", "8", ""],
        "empty": [None] * 4,
        "site ": ["a", "b", "a", "b"],
    }
    notes = write_columns(tmp_path / "columns.csv", given)
    assert notes == ["The column mixed holds numbers and other text: it is read as text."]
    read = load_columns(tmp_path / "columns.csv", 4)
    assert list(read) == ["depth", "count", "taken", "site", "mixed", "empty", "site again"]
    np.testing.assert_array_equal(read["depth"], [1, np.nan, np.nan, -2.5])
    np.testing.assert_array_equal(read["count"], [3.0, 4, 5, 6])
    np.testing.assert_array_equal(read["taken"][[0, 2]], np.array(["2020-01-02", "2020-01-02T10:30"], "M8[us]"))
    assert np.isnat(read["taken"][[1, 3]]).all()
    assert read["site"].tolist() == given["site"]
    assert read["mixed"].tolist() == given["mixed"]
    assert [kind_of(column) for column in read.values()] == ["number", "number", "date", "text", "text", "text", "text"]
    assert is_missing(read["empty"]).all()


def test_columns_that_are_not_text_are_refused(folder):
    (folder / "columns.csv").write_bytes(b"\xff\xfe\x00")
    dataset = load_dataset(folder)
    assert message(lambda: dataset.columns).endswith("is not UTF-8: save it as UTF-8")


def test_a_dataset_is_found_where_a_folder_of_its_name_lies(tmp_path, monkeypatch):
    (tmp_path / "digits").mkdir()  # as the pictures that a dataset was made from
    monkeypatch.chdir(tmp_path)
    assert load_dataset("digits").num_samples == 1797
    with pytest.raises(InputError, match="no spaces"):
        load_dataset("./digits").default_pair  # noqa: B018


def test_a_dataset_in_use_is_shared_until_a_file_changes(tmp_path):
    folder = tmp_path / "birds"
    (folder / "spaces").mkdir(parents=True)
    np.save(folder / "spaces" / "phi.npy", features())
    first = load_dataset(folder)
    assert load_dataset(folder) is first
    np.save(folder / "labels.npy", np.arange(20) % 2)
    labelled = load_dataset(folder)
    assert first.labels is None
    assert labelled.labels.tolist() == [0, 1] * 10
    np.save(folder / "spaces" / "psi.npy", features(seed=1))
    assert set(load_dataset(folder).spaces) == {"phi", "psi"}
    assert set(labelled.spaces) == {"phi"}
