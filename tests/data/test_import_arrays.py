"""Arrays that people bring: every format in its own writer's words, and datasets made of them."""

import gzip
import struct
import unicodedata
import zipfile

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_tensors

from hume.common.errors import InputError
from hume.data.importers.arrays import (
    add_features,
    describe_arrays,
    encode_labels,
    encode_split,
    import_array_file,
    import_features,
    read_arrays,
    write_features,
)
from hume.data.importers.label_text import cleaned
from hume.data.importers.table_listing import list_table
from hume.data.npy_files import FileArray
from hume.exchange.detection import detect_format
from tests.support.rules import cases

N = 12


@pytest.fixture
def features():
    return np.random.default_rng(0).standard_normal((N, 5)).astype(np.float32)


@pytest.fixture
def words():
    return np.array(["cat", "dog", "eel"] * 4)


def roles(path):
    return {facts.name: (facts.shape, facts.dtype, facts.role) for facts in describe_arrays(path)}


def idx_bytes(array, code=8):
    return struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape) + array.tobytes()


# --- formats ---------------------------------------------------------------------------------


def test_npy_is_mapped(tmp_path, features):
    np.save(tmp_path / "clip.npy", features)
    assert roles(tmp_path / "clip.npy") == {"clip": ((N, 5), "float32", "space")}
    found = read_arrays(tmp_path / "clip.npy")["clip"]
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, features)


def test_npz(tmp_path, features, words):
    images = np.zeros((N, 4, 4, 3), np.uint8)
    is_test = np.arange(N) > 8
    np.savez_compressed(
        tmp_path / "all.npz", clip=features, y=np.arange(N) % 3, kind=words, images=images, is_test=is_test, seed=3
    )
    assert roles(tmp_path / "all.npz") == {
        "clip": ((N, 5), "float32", "space"),
        "y": ((N,), "int64", "labels"),
        "kind": ((N,), "text", "column"),  # y is the likelier name
        "images": ((N, 4, 4, 3), "uint8", "images"),
        "is_test": ((N,), "bool", "split"),
        "seed": ((), "int64", "other"),
    }
    arrays = read_arrays(tmp_path / "all.npz")
    np.testing.assert_array_equal(arrays["kind"], words)
    np.testing.assert_array_equal(arrays["clip"], features)


def test_arrays_of_a_split_are_joined(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (N, 3, 3), np.uint8)
    labels = np.arange(N) % 4
    parts = {"x_test": pixels[8:], "y_test": labels[8:], "x_train": pixels[:8], "y_train": labels[:8]}
    np.savez(tmp_path / "mnist.npz", **parts)
    assert roles(tmp_path / "mnist.npz") == {
        "x": ((N, 3, 3), "uint8", "images"),
        "y": ((N,), "int64", "labels"),
        "split": ((N,), "text", "split"),
    }
    arrays = read_arrays(tmp_path / "mnist.npz")
    np.testing.assert_array_equal(arrays["x"], pixels)
    np.testing.assert_array_equal(arrays["y"], labels)
    np.testing.assert_array_equal(arrays["split"] == "test", np.arange(N) >= 8)
    np.savez(tmp_path / "odd.npz", x_train=pixels, x_test=pixels[:3], y_train=labels)
    assert set(roles(tmp_path / "odd.npz")) == {"x_train", "x_test", "y_train"}


def test_safetensors(tmp_path, features):
    save_file({"clip": features, "labels": np.arange(N)}, tmp_path / "a.safetensors")
    assert roles(tmp_path / "a.safetensors") == {
        "clip": ((N, 5), "float32", "space"),
        "labels": ((N,), "int64", "labels"),
    }
    np.testing.assert_array_equal(read_arrays(tmp_path / "a.safetensors")["clip"], features)
    rounded = torch.from_numpy(features).bfloat16()
    save_tensors({"clip": rounded}, tmp_path / "b.safetensors")
    np.testing.assert_array_equal(read_arrays(tmp_path / "b.safetensors")["clip"], rounded.float().numpy())


def write_parquet(path, columns):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), path)


def test_parquet_columns_are_one_matrix(tmp_path, features, words):
    columns = {f"f{i}": features[:, i] for i in range(5)}
    write_parquet(tmp_path / "t.parquet", {**columns, "label": np.arange(N) % 2, "file": words, "split": ["test"] * N})
    assert roles(tmp_path / "t.parquet") == {
        "t": ((N, 5), "float32", "space"),
        "label": ((N,), "int64", "labels"),
        "file": ((N,), "text", "column"),
        "split": ((N,), "text", "split"),
    }
    np.testing.assert_array_equal(read_arrays(tmp_path / "t.parquet")["t"], features)
    np.testing.assert_array_equal(read_arrays(tmp_path / "t.parquet")["file"], words)


def test_parquet_lists(tmp_path, features, words):
    lists = features.tolist()
    write_parquet(tmp_path / "l.parquet", {"emb": lists, "kind": [None, *words[1:]]})
    assert roles(tmp_path / "l.parquet")["emb"] == ((N, 5), "float32", "space")
    arrays = read_arrays(tmp_path / "l.parquet")
    np.testing.assert_array_equal(arrays["emb"], features)
    assert arrays["kind"][0] == ""
    lists[7] = [1.0]
    write_parquet(tmp_path / "l.parquet", {"emb": lists})
    with pytest.raises(InputError, match=r"row 7 of emb .* has 1 numbers, others have 5"):
        read_arrays(tmp_path / "l.parquet")["emb"]


@pytest.mark.parametrize("sparse", [False, True])
def test_anndata(tmp_path, features, words, sparse):
    anndata, pandas = pytest.importorskip("anndata"), pytest.importorskip("pandas")
    from scipy.sparse import csr_matrix

    counts = np.random.default_rng(1).poisson(0.5, (N, 9)).astype(np.float32)
    obs = pandas.DataFrame({"cell_type": pandas.Categorical(words), "n_genes": np.arange(N), "ok": [True] * N})
    obs.index = [f"cell {i}" for i in range(N)]
    cells = anndata.AnnData(
        csr_matrix(counts) if sparse else counts, obs=obs, obsm={"X_pca": features, "spatial": features[:, :2]}
    )
    path = tmp_path / "cells.h5ad"
    cells.write_h5ad(path)
    assert roles(path) == {
        "X": ((N, 9), "float32", "space"),
        "obsm/X_pca": ((N, 5), "float32", "space"),
        "obsm/spatial": ((N, 2), "float32", "column"),
        "obs/_index": ((N,), "text", "column"),
        "obs/cell_type": ((N,), "text", "labels"),
        "obs/n_genes": ((N,), "int64", "column"),
        "obs/ok": ((N,), "bool", "column"),
    }
    arrays = read_arrays(path)
    np.testing.assert_array_equal(arrays["X"], counts)
    np.testing.assert_array_equal(arrays["obs/cell_type"], words)
    assert arrays["obs/_index"][3] == "cell 3"
    folder = import_array_file(path, tmp_path / "root", "cells", source="a lab")
    dataset = folder.load()
    assert set(dataset.spaces) == {"X", "obsm-X_pca"}
    assert dataset.classes == ("cat", "dog", "eel")
    assert dataset.card["source"] == "a lab"
    assert list(dataset.columns) == ["spatial x", "spatial y", "_index", "n_genes", "ok"]
    np.testing.assert_allclose(dataset.columns["spatial y"], features[:, 1])
    assert dataset.columns["_index"][3] == "cell 3"


@pytest.mark.parametrize("zipped", [False, True])
def test_idx(tmp_path, zipped):
    pixels = np.random.default_rng(0).integers(0, 255, (N, 4, 3), np.uint8)
    labels = (np.arange(N) % 3).astype(np.uint8)
    write = gzip.compress if zipped else bytes
    end = ".gz" if zipped else ""
    (tmp_path / f"train-images-idx3-ubyte{end}").write_bytes(write(idx_bytes(pixels)))
    (tmp_path / f"train-labels-idx1-ubyte{end}").write_bytes(write(idx_bytes(labels)))
    path = tmp_path / f"train-images-idx3-ubyte{end}"
    assert roles(path) == {"images": ((N, 4, 3), "uint8", "images"), "labels": ((N,), "uint8", "labels")}
    np.testing.assert_array_equal(read_arrays(path)["images"], pixels)
    dataset = import_array_file(path, tmp_path / "root", "digits").load()
    np.testing.assert_array_equal(dataset.images, pixels)
    np.testing.assert_array_equal(dataset.labels, labels)


# --- files that cannot be used -----------------------------------------------------------------


def test_pickles_are_refused(tmp_path, features):
    objects = np.array([{"a": 1}, None], dtype=object)
    np.save(tmp_path / "o.npy", objects, allow_pickle=True)
    with pytest.raises(InputError, match="pickled Python objects, which are never loaded"):
        describe_arrays(tmp_path / "o.npy")
    np.savez(tmp_path / "o.npz", o=objects)
    with pytest.raises(InputError, match="pickled Python objects, which are never loaded"):
        describe_arrays(tmp_path / "o.npz")
    np.savez(tmp_path / "mixed.npz", o=objects, clip=features)
    assert roles(tmp_path / "mixed.npz")["o"][2] == "other"
    with pytest.raises(InputError, match="Python objects"):
        read_arrays(tmp_path / "mixed.npz")["o"]


@cases("name", ["a.npy", "a.npz", "a.safetensors", "a.parquet", "a.h5ad", "a-images-idx3-ubyte"])
@cases("content", [b"", b"hello, I am text", b"\0" * 200, b"PK\3\4" + b"\xff" * 50])
def test_damaged_files_are_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        describe_arrays(tmp_path / name)


def test_files_cut_short_are_named(tmp_path, features):
    np.savez(tmp_path / "a.npz", clip=np.tile(features, (50, 1)))
    save_file({"clip": features}, tmp_path / "a.safetensors")
    write_parquet(tmp_path / "a.parquet", {f"f{i}": features[:, i] for i in range(5)})
    (tmp_path / "a-idx3-ubyte").write_bytes(idx_bytes(np.zeros((3, 4, 4), np.uint8)))
    for path in list(tmp_path.iterdir()):
        path.write_bytes(path.read_bytes()[:-9])
        with pytest.raises(InputError, match=path.name):
            dict(read_arrays(path))


def test_what_is_inside_an_archive_may_be_damaged(tmp_path, features):
    np.savez(tmp_path / "a.npz", clip=np.tile(features, (50, 1)))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[600] ^= 255
    (tmp_path / "a.npz").write_bytes(content)
    arrays = read_arrays(tmp_path / "a.npz")
    with pytest.raises(InputError, match="damaged"):
        arrays["clip"]


def test_an_archive_that_unfolds_into_more_than_the_memory_is_refused(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", clip=np.zeros((1000, 1000)))
    monkeypatch.setattr("hume.data.importers.arrays.reading.fits", lambda num_bytes, device: num_bytes < 8_000_000)
    with pytest.raises(InputError, match="larger than the free memory"):
        read_arrays(tmp_path / "a.npz")["clip"]


def header(text, version=1, promised=None):
    length = struct.pack("<H" if version == 1 else "<I", len(text) if promised is None else promised)
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode()


def test_long_headers_are_not_read(tmp_path):
    long = header(" " * 100, version=2, promised=1_200_000_000)
    (tmp_path / "a.npy").write_bytes(long)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", long)
    for path in (tmp_path / "a.npy", tmp_path / "a.npz"):
        with pytest.raises(InputError, match="a header of 1,200,000,000 bytes, 65,536 are allowed"):
            describe_arrays(path)


def test_headers_may_promise_anything(tmp_path):
    shape = (10**120,) * 3
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name in ("x_train", "x_test"):
            archive.writestr(f"{name}.npy", header(f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n"))
    arrays = read_arrays(tmp_path / "a.npz")
    for name in ("x", "split"):
        with pytest.raises(InputError, match="larger than the free memory"):
            arrays[name]
    path = tmp_path / "a-idx3-ubyte"
    path.write_bytes(struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**31 + 1, 3))
    with pytest.raises(InputError, match="larger than the free memory"):
        read_arrays(path)["images"]


def test_the_member_that_is_read_is_the_one_that_was_judged(tmp_path, features):
    np.savez(tmp_path / "a.npz", clip=features)
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("clip", header("", version=2, promised=1_200_000_000))
    np.testing.assert_array_equal(read_arrays(tmp_path / "a.npz")["clip"], features)


def test_text_that_fills_the_memory_is_refused(tmp_path, monkeypatch):
    write_parquet(tmp_path / "t.parquet", {"kind": ["a"] * 1000, "emb": [[1.0, 2.0]] * 1000})
    monkeypatch.setattr("hume.data.importers.arrays.reading.fits", lambda num_bytes, device: num_bytes < 64_000)
    with pytest.raises(InputError, match="larger than the free memory"):
        read_arrays(tmp_path / "t.parquet")["kind"]
    assert read_arrays(tmp_path / "t.parquet")["emb"].shape == (1000, 2)
    monkeypatch.setattr("hume.data.importers.arrays.stored.fits", lambda num_bytes, device: num_bytes < 64_000)
    with pytest.raises(InputError, match="shorten the longest texts"):
        encode_labels(np.array(["a"] * 999 + ["a" * 1000], dtype=object), 1000)


def leading_elsewhere(file, how, secret):
    import h5py

    if how == "external":
        del file["X"]
        file.create_dataset("X", shape=(N, 5), dtype="u1", external=[(str(secret), 0, 5 * N)])
    elif how == "virtual":
        del file["X"]
        layout = h5py.VirtualLayout((N, 5), "f4")
        layout[:] = h5py.VirtualSource(str(secret), "X", (N, 5))
        file.create_virtual_dataset("X", layout)
    else:
        file["obsm/other"] = h5py.ExternalLink(str(secret), "/X") if how == "link" else h5py.SoftLink("/X")


@cases(
    ("how", "message"),
    [
        ("external", "X in .* is in another file"),
        ("virtual", "X in .* is in another file"),
        ("link", "other in .* is a link"),
        ("soft link", "other in .* is a link"),
    ],
)
def test_hdf5_that_leads_to_other_files_is_refused(tmp_path, features, how, message):
    anndata, h5py = pytest.importorskip("anndata"), pytest.importorskip("h5py")
    secret, path = tmp_path / "secret.h5ad", tmp_path / "a.h5ad"
    for each in (secret, path):
        anndata.AnnData(features).write_h5ad(each)
    with h5py.File(path, "r+") as file:
        leading_elsewhere(file, how, secret)
    with pytest.raises(InputError, match=message):
        describe_arrays(path)


def test_hdf5_is_looked_at_again_before_it_is_read(tmp_path, features):
    anndata, h5py = pytest.importorskip("anndata"), pytest.importorskip("h5py")
    path = tmp_path / "a.h5ad"
    anndata.AnnData(features).write_h5ad(path)
    arrays = read_arrays(path)
    with h5py.File(path, "r+") as file:
        elsewhere = file.create_dataset("elsewhere", shape=(3,), dtype="u1", external=[(str(path), 0, 3)])
        file["obs/_index"].attrs["categories"] = elsewhere.ref
    np.testing.assert_array_equal(arrays["X"], features)
    with pytest.raises(InputError, match=r"elsewhere in .* is in another file"):
        arrays["obs/_index"]


def test_hdf5_larger_than_it_looks_is_refused(tmp_path, features, monkeypatch):
    anndata = pytest.importorskip("anndata")
    from scipy.sparse import csr_matrix

    anndata.AnnData(csr_matrix(features)).write_h5ad(tmp_path / "a.h5ad")
    monkeypatch.setattr(
        "hume.data.importers.arrays.tables.fits", lambda num_bytes, device: num_bytes < 8 * features.size
    )
    with pytest.raises(InputError, match=r"X in .* is larger than the free memory"):
        read_arrays(tmp_path / "a.h5ad")["X"]


def test_what_is_not_a_file_of_arrays(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        describe_arrays(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        describe_arrays(tmp_path / "no.npy")
    (tmp_path / "a.txt").touch()
    with pytest.raises(InputError, match="not of a known format"):
        describe_arrays(tmp_path / "a.txt")


# --- labels and splits ---------------------------------------------------------------------------


def test_labels_become_classes():
    numbers, classes = encode_labels(["b10", "b2", "b10 "], 3)
    assert (numbers.tolist(), classes) == ([1, 0, 1], ("b2", "b10"))
    numbers, classes = encode_labels(np.array([[7], [3], [7]]), 3)
    assert (numbers.tolist(), classes) == ([1, 0, 1], ("3", "7"))
    numbers, classes = encode_labels(np.array([7, 3, 7.0]), 3, ["three", "seven"])
    assert (numbers.tolist(), classes) == ([1, 0, 1], ("three", "seven"))
    numbers, classes = encode_labels([0, 2, 0], 3, ["a", "b", "c"])
    assert (numbers.tolist(), classes) == ([0, 2, 0], ("a", "b", "c"))
    numbers, classes = encode_labels(np.array([b"x", b"y"]), 2, ["y", "x"])
    assert (numbers.tolist(), classes) == ([1, 0], ("y", "x"))


@cases(
    ("labels", "names", "message"),
    [
        ([0, 1], None, "labels have shape .2,. for 3 rows"),
        ([0, np.nan, 1], None, "row 1 has no label"),
        (["a", "", ""], None, r"row 1 \(and 1 more\) has no label"),
        (["a", None, "b"], None, "row 1 has no label"),
        ([0, 1, 0.5], None, "row 2 has a label that is not a whole number"),
        ([0, 1, -1], None, "row 2 has no label"),
        ([0, 5, 9], ["a", "b"], "2 names for 3 classes"),
        ([0, 1, 1], ["a", "a"], "class names are empty or repeated"),
        (["a", "b", "c"], ["a", "b"], "row 2 has a label that is none of a, b"),
        (np.zeros(3, complex), None, "labels are complex128"),
    ],
)
def test_labels_that_do_not_fit(labels, names, message):
    with pytest.raises(InputError, match=message):
        encode_labels(np.array(labels, dtype=object) if None in labels else labels, 3, names)


def test_splits():
    assert encode_split(["train", "Test", "val"], 3).tolist() == [False, True, False]
    assert encode_split(["train", "val"], 2).tolist() == [False, True]
    assert encode_split([0, 1.0], 2).tolist() == [False, True]
    with pytest.raises(InputError, match="row 1 is in none of train, test"):
        encode_split(["train", "holdout"], 2)
    with pytest.raises(InputError, match="neither 0 nor 1"):
        encode_split([0, 2], 2)


# --- datasets ------------------------------------------------------------------------------------


def test_features_become_a_dataset(tmp_path, features, words):
    np.save(tmp_path / "dino.npy", features * 2)
    told = []
    folder = import_features(
        {"clip (ViT)": features.astype(np.float64), "dino": tmp_path / "dino.npy"},
        tmp_path / "root",
        "animals",
        labels=words,
        test_rows=["train"] * 9 + ["test"] * 3,
        sample_names=[f"one\n{i}" for i in range(N)],
        source="a zoo",
        licence="CC0",
        on_progress=told.append,
    )
    dataset = folder.load()
    assert folder.path == tmp_path / "root" / "animals"
    assert set(dataset.spaces) == {"clip-ViT", "dino"}
    assert dataset.space("clip-ViT").title == "clip (ViT)"
    assert dataset.space("dino").kind == "imported"
    assert dataset.space("dino").licence == "CC0"
    assert "dino.npy" in dataset.space("dino").made
    assert dataset.space("dino").features.dtype == np.float16
    np.testing.assert_allclose(dataset.space("dino").features, features * 2, rtol=1e-3)
    np.testing.assert_array_equal(np.array(dataset.classes)[dataset.labels], words)
    assert dataset.test_rows.sum() == 3
    assert dataset.file_names[4] == "one 4"
    assert told == [0.5, 1.0]


def test_a_dataset_needs_neither_labels_nor_split(tmp_path, features):
    dataset = import_features({"clip": features}, tmp_path, "bare", test_rows=np.zeros(N)).load()
    assert (dataset.labels, dataset.classes, dataset.test_rows) == (None, None, None)


def bad(features, change):
    features = features.copy()
    change(features)
    return features


@cases(
    ("make", "message"),
    [
        (lambda x: {"a": x, "b": x[1:]}, "b has 11 rows, a has 12"),
        (lambda x: {"a": bad(x, lambda y: y.__setitem__((4, 2), np.nan))}, "row 4 of a has NaN"),
        (lambda x: {"a": x.astype(np.float64) * 1e300}, "row 0 of a has NaN or infinite values as float32"),
        (lambda x: {"a": x.astype(str)}, "a holds text"),
        (lambda x: {"a": x[0]}, "shape"),
        (lambda x: {"a": x[:, :0]}, "shape"),
        (lambda x: {"a": x, "b": x}, "b has the same values as a"),
        (lambda x: {}, "no features"),
    ],
)
def test_features_that_cannot_be_used_leave_nothing(tmp_path, features, make, message):
    with pytest.raises(InputError, match=message):
        import_features(make(features), tmp_path, "bad")
    assert list(tmp_path.iterdir()) == []


def test_features_are_added_to_a_dataset(tmp_path, features):
    folder = import_features({"clip": features}, tmp_path, "d")
    np.savez(tmp_path / "dino.npz", emb=features[:, :3], y=np.arange(N))
    assert add_features(folder, "dino", tmp_path / "dino.npz", made="By hand.") == "dino"
    assert folder.load().space("dino").made == "By hand."
    with pytest.raises(InputError, match="other has 11 rows, d has 12"):
        add_features(folder, "other", features[1:])
    with pytest.raises(InputError, match="already"):
        add_features(folder, "dino", features)
    with pytest.raises(InputError, match="same values as clip"):
        add_features(folder, "other", features)
    np.savez(tmp_path / "two.npz", a=features, b=features)
    with pytest.raises(InputError, match="must have one matrix of features, it has: a, b"):
        add_features(folder, "other", tmp_path / "two.npz")
    assert folder.space_names() == ["clip", "dino"]
    assert not list(folder.path.glob(".part-*"))


def test_images_and_spaces_of_one_file(tmp_path, features):
    pixels = np.random.default_rng(0).integers(0, 255, (N, 4, 4), np.uint8)
    np.savez(tmp_path / "a.npz", pixels=pixels, clip=features, label=np.arange(N) % 2 + 5, split=["train", "test"] * 6)
    dataset = import_array_file(tmp_path / "a.npz", tmp_path / "root", "both", licence="MIT").load()
    np.testing.assert_array_equal(dataset.images, pixels)
    assert set(dataset.spaces) == {"clip"}
    assert dataset.classes == ("5", "6")
    assert dataset.test_rows.sum() == 6
    assert dataset.card["licence"] == "MIT"
    features[3, 3] = np.inf
    np.savez(tmp_path / "a.npz", pixels=pixels, clip=features)
    with pytest.raises(InputError, match="row 3 of clip"):
        import_array_file(tmp_path / "a.npz", tmp_path / "root", "worse")
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["both"]


def test_labels_that_were_guessed_wrongly_are_left_out_and_noted(tmp_path, features):
    np.savez(tmp_path / "a.npz", clip=features, label=np.arange(N) - 1)
    dataset = import_array_file(tmp_path / "a.npz", tmp_path / "root", "d").load()
    assert dataset.labels is None
    assert dataset.card["notes"] == ["Labels are not imported: 1 of 12 rows have none ('-1')."]
    with pytest.raises(InputError, match="row 0 has no label"):
        import_array_file(tmp_path / "a.npz", tmp_path / "root", "e", roles={"clip": "space", "label": "labels"})
    with pytest.raises(InputError, match="may all be the images"):
        import_array_file(tmp_path / "a.npz", tmp_path / "root", "e", roles={"clip": "images", "label": "images"})


# --- roles -----------------------------------------------------------------------------------------


def test_ground_truth_is_told_by_names(tmp_path, features):
    columns = {f"f{i}": features[:, i] for i in range(5)}
    write_parquet(tmp_path / "t.parquet", {**columns, "label": (np.arange(N) % 2).astype(float), "age": np.arange(N)})
    assert roles(tmp_path / "t.parquet") == {
        "t": ((N, 5), "float32", "space"),
        "label": ((N,), "float64", "labels"),
        "age": ((N,), "int64", "column"),
    }
    folder = import_array_file(tmp_path / "t.parquet", tmp_path / "root", "t")
    dataset = folder.load()
    np.testing.assert_array_equal(dataset.labels, np.arange(N) % 2)
    assert "The labels are the column label, by its name." in dataset.card["notes"]
    np.testing.assert_array_equal(dataset.columns["age"], np.arange(N))
    chosen = import_array_file(tmp_path / "t.parquet", tmp_path / "root", "aged", label_column="age").load()
    assert len(chosen.classes) == N
    with pytest.raises(InputError, match="has no column 'ages'"):
        import_array_file(tmp_path / "t.parquet", tmp_path / "root", "no", label_column="ages")


@cases(
    ("name", "is_label"),
    [
        *((name, True) for name in ("label", "cell_type", "class_id", "fine_label", "y", "Class")),
        *((name, False) for name in ("age", "index", "id", "n_classes", "label_file", "kind")),
    ],
)
def test_a_name_says_that_a_column_is_the_ground_truth(tmp_path, features, name, is_label):
    np.savez(tmp_path / "a.npz", **{"clip": features, name: np.arange(N) % 3})
    assert roles(tmp_path / "a.npz")[name][2] == ("labels" if is_label else "column")
    write_parquet(tmp_path / "a.parquet", {"emb": features.tolist(), name: np.arange(N) % 3})
    assert roles(tmp_path / "a.parquet")[name][2] == ("labels" if is_label else "column")


def test_y_beside_x_is_a_place(tmp_path, features):
    write_parquet(tmp_path / "t.parquet", {"emb": features.tolist(), "x": np.arange(N), "y": np.arange(N)})
    assert roles(tmp_path / "t.parquet")["y"][2] == "column"


@cases(
    ("array", "why"),
    [
        (np.zeros((N, 5, 2, 2), np.float32), "has 4 axes"),
        (np.zeros((N, 5), bool), "holds true and false"),
        (np.zeros((N, 5), "U3"), "holds text in 5 columns"),
        (np.zeros((N - 1,), np.float32), "has 11 rows, other arrays have 12"),
        (np.array(["a", None] * (N // 2), object), "holds Python objects"),
    ],
)
def test_arrays_that_are_not_used_are_named_with_the_reason(tmp_path, features, array, why):
    np.savez(tmp_path / "a.npz", clip=features, other=array)
    folder = import_array_file(tmp_path / "a.npz", tmp_path / "root", "d")
    assert any(note.startswith(f"other is not used: it {why}") for note in folder.card()["notes"])
    np.savez(tmp_path / "b.npz", other=array, word=np.array("a"))
    if array.ndim > 1:
        with pytest.raises(InputError, match=rf"b.npz has no features \(other {why}"):
            import_array_file(tmp_path / "b.npz", tmp_path / "root", "e")


def test_one_hot_labels_are_no_features(tmp_path, features):
    np.savez(tmp_path / "a.npz", clip=features, labels=np.eye(3)[np.arange(N) % 3])
    assert set(import_array_file(tmp_path / "a.npz", tmp_path / "root", "d").load().spaces) == {"clip"}


def test_axes_without_doubt_are_understood(tmp_path, features):
    np.save(tmp_path / "conv.npy", features[:, :, None, None])
    dataset = import_array_file(tmp_path / "conv.npy", tmp_path / "root", "conv").load()
    np.testing.assert_allclose(dataset.space("conv").features, features, rtol=1e-3)
    pixels = np.random.default_rng(0).integers(0, 256, (N, 6, 4, 3), np.uint8)
    for name, stored, expected in (
        ("first", np.moveaxis(pixels, 3, 1), pixels),
        ("grey", pixels[..., :1], pixels[..., 0]),
        ("grey-first", pixels[:, None, :, :2, 0], pixels[:, :, :2, 0]),
    ):
        np.savez(tmp_path / f"{name}.npz", images=stored)
        images = import_array_file(tmp_path / f"{name}.npz", tmp_path / "root", name).load().images
        np.testing.assert_array_equal(images, expected)


def test_samples_as_arrays_of_their_own_are_explained(tmp_path, features):
    save_file({f"{i}.jpg": row for i, row in enumerate(features)}, tmp_path / "each.safetensors")
    with pytest.raises(InputError, match=r"has 12 arrays of 5 numbers each.*stack them into one matrix"):
        import_array_file(tmp_path / "each.safetensors", tmp_path / "root", "d")


def test_lists_with_a_gap_and_tensors(tmp_path, features):
    pyarrow = pytest.importorskip("pyarrow")
    write_parquet(tmp_path / "gap.parquet", {"emb": pyarrow.array([None, *features.tolist()[1:]])})
    with pytest.raises(InputError, match=r"row 0 of emb .* is empty, others have 5"):
        import_array_file(tmp_path / "gap.parquet", tmp_path / "root", "d")
    kind = pyarrow.fixed_shape_tensor(pyarrow.float32(), (5,))
    stored = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(features.ravel()), 5)
    write_parquet(tmp_path / "t.parquet", {"emb": pyarrow.ExtensionArray.from_storage(kind, stored)})
    np.testing.assert_array_equal(read_arrays(tmp_path / "t.parquet")["emb"], features)


# --- missing labels and masks ------------------------------------------------------------------------


SPELLINGS = [None, float("nan"), "", "NA", "nan", "None", "-1"]


@pytest.mark.parametrize("missing", SPELLINGS)
def test_a_missing_label_means_the_same_in_every_file(tmp_path, features, words, missing):
    anndata, pandas = pytest.importorskip("anndata"), pytest.importorskip("pandas")
    labels = [missing, *words[1:].tolist()]
    text = ["" if missing is None else str(missing), *words[1:]]
    write_parquet(
        tmp_path / "a.parquet",
        {"emb": features.tolist(), "label": [None if label != label else label for label in labels]},
    )
    np.savez(tmp_path / "a.npz", clip=features, label=np.array(text))
    obs = pandas.DataFrame({"label": pandas.Categorical(labels)}, index=[f"c{i}" for i in range(N)])
    anndata.AnnData(features, obs=obs).write_h5ad(tmp_path / "a.h5ad")
    for path in sorted(tmp_path.glob("a.*")):
        dataset = import_array_file(path, tmp_path / "root", path.suffix[1:]).load()
        assert dataset.labels is None
        assert any(note.startswith("Labels are not imported: 1 of 12 rows have none") for note in dataset.card["notes"])
    for name in ("a.png", "b.png"):
        (tmp_path / name).touch()
    (tmp_path / "t.csv").write_text(f"file,label\na.png,{text[0]}\nb.png,cat\n")
    assert [entry.label for entry in list_table(tmp_path / "t.csv", roots=None).entries] == [None, "cat"]


def test_minus_one_and_one_are_two_classes():
    assert cleaned([-1, 1, 1]) == ["-1", "1", "1"]
    assert cleaned(["+1", "-1"]) == ["+1", "-1"]
    assert cleaned([-1, 0, 1]) == [None, "0", "1"]


def test_labels_in_two_normal_forms_are_one_class():
    assert encode_labels([unicodedata.normalize(form, "Käfer") for form in ("NFC", "NFD")], 2)[1] == ("Käfer",)


def test_a_mask_is_not_read_through(tmp_path, features, words):
    hidden = np.ma.masked_array(features, mask=np.arange(N * 5).reshape(N, 5) == 17)
    with pytest.raises(InputError, match="row 3 of clip has masked values"):
        import_features({"clip": hidden}, tmp_path, "d")
    with pytest.raises(InputError, match="row 2 has no label"):
        encode_labels(np.ma.masked_array(words, mask=np.arange(N) == 2), N)
    with pytest.raises(InputError, match="row 2 has no split"):
        encode_split(np.ma.masked_array(np.arange(N) > 3, mask=np.arange(N) == 2), N)


def test_columns_with_a_mask_in_anndata(tmp_path, features, words):
    anndata, pandas = pytest.importorskip("anndata"), pytest.importorskip("pandas")
    test, count = pandas.array(np.arange(N) > 8, dtype="boolean"), pandas.array(np.arange(N), dtype="Int64")
    obs = {"cell_type": pandas.array(words, dtype="string"), "is_test": test, "count": count}
    obs = pandas.DataFrame(obs, index=pandas.Index([f"c{i}" for i in range(N)], dtype="string"))
    allowed = anndata.settings.allow_write_nullable_strings
    anndata.settings.allow_write_nullable_strings = True
    try:
        anndata.AnnData(features, obs=obs.copy()).write_h5ad(tmp_path / "a.h5ad")
        obs.loc["c5", ["is_test", "count"]] = pandas.NA
        anndata.AnnData(features, obs=obs).write_h5ad(tmp_path / "gap.h5ad")
    finally:
        anndata.settings.allow_write_nullable_strings = allowed
    whole, gap = (import_array_file(tmp_path / f"{name}.h5ad", tmp_path / "root", name).load() for name in ("a", "gap"))
    for dataset in (whole, gap):
        assert dataset.classes == ("cat", "dog", "eel")
    np.testing.assert_array_equal(whole.test_rows, np.arange(N) > 8)
    assert gap.test_rows is None
    assert "obs/is_test is not used as a split: row 5 has no split: give one for every row." in gap.card["notes"]
    np.testing.assert_array_equal(gap.columns["count"], np.where(np.arange(N) == 5, np.nan, np.arange(N)))


# --- precision -----------------------------------------------------------------------------------


@cases(
    ("change", "dtype"),
    [
        (lambda x: x, np.float16),
        (lambda x: x * 1e5, np.float32),  # beyond half precision
        (lambda x: x * 1e-7, np.float32),  # below it
        (lambda x: 1000 + 0.01 * x, np.float32),  # all rows far from zero and near each other
        (lambda x: x * [1e4, 1, 1e-9, 1, 1], np.float32),  # a column of tiny numbers beside large ones
        (lambda x: x * [1e4, 1, 0.004, 1, 1] + [0, 0, 52.52, 0, 0], np.float32),  # one far from zero for its spread
        (lambda x: x * [1, 1, 0, 1, 1] + [0, 0, 52.52, 0, 0], np.float16),  # a constant column tells nothing apart
    ],
)
def test_half_precision_where_it_loses_nothing(tmp_path, features, change, dtype):
    rows = change(features).astype(np.float32)
    calls = []

    def blocks():
        calls.append(0)
        yield rows[:7]
        yield rows[7:]

    digest = write_features(tmp_path / "a.npy", rows.shape, blocks)
    found = np.load(tmp_path / "a.npy")
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, rows.astype(dtype))
    assert len(calls) == (1 if dtype == np.float16 else 2)
    assert digest == write_features(tmp_path / "b.npy", rows.shape, lambda: [rows])


def test_large_files_are_read_in_blocks(tmp_path, features, monkeypatch):
    rows = np.tile(features, (20, 1)) + np.arange(20 * N)[:, None]
    np.save(tmp_path / "a.npy", rows)
    monkeypatch.setattr("hume.data.importers.arrays.making.LARGE_BYTES", 100)
    monkeypatch.setattr("hume.data.feature_files.BLOCK_BYTES", 400)
    opened = []
    monkeypatch.setattr(FileArray, "__getitem__", spied(FileArray.__getitem__, opened))
    folder = import_features({"a": tmp_path / "a.npy"}, tmp_path / "root", "d")
    assert len(opened) == 12
    np.testing.assert_allclose(folder.load().space("a").features, rows, rtol=1e-3)


def spied(method, calls):
    def spy(self, index):
        calls.append(index)
        return method(self, index)

    return spy


# --- folders ---------------------------------------------------------------------------------------


def test_shards_come_in_as_one_in_the_order_of_their_numbers(tmp_path, features, words):
    folder = tmp_path / "shards"
    folder.mkdir()
    (folder / "_SUCCESS").touch()
    for k, start in ((2, 4), (10, 8), (1, 0)):
        rows = slice(start, start + 4)
        write_parquet(folder / f"part-{k}.parquet", {"emb": features[rows].tolist(), "label": words[rows]})
    assert "3 files as one" in detect_format(folder).summary
    dataset = import_array_file(folder, tmp_path / "root", "d").load()
    np.testing.assert_allclose(dataset.space("emb").features, features, rtol=1e-3)
    np.testing.assert_array_equal(np.array(dataset.classes)[dataset.labels], words)
    write_parquet(folder / "part-11.parquet", {"emb": features[:, :3].tolist(), "label": words})
    with pytest.raises(InputError, match=r"emb has \(12, 3\) in .*part-11.parquet and \(4, 5\) in .*part-1.parquet"):
        detect_format(folder)


def test_folders_of_embeddings_and_their_metadata(tmp_path, features):
    for k in range(3):
        for name in ("img_emb", "metadata"):
            (tmp_path / "clip" / name).mkdir(parents=True, exist_ok=True)
        rows = slice(4 * k, 4 * k + 4)
        np.save(tmp_path / "clip" / "img_emb" / f"img_emb_{k}.npy", features[rows])
        paths = [f"{i}.jpg" for i in range(rows.start, rows.stop)]
        write_parquet(tmp_path / "clip" / "metadata" / f"metadata_{k}.parquet", {"image_path": paths})
    dataset = import_array_file(tmp_path / "clip", tmp_path / "root", "d").load()
    np.testing.assert_allclose(dataset.space("img_emb").features, features, rtol=1e-3)
    assert dataset.columns["image_path"].tolist() == [f"{i}.jpg" for i in range(N)]


def test_shards_of_a_split_are_joined(tmp_path, features):
    for split, rows in (("train", slice(0, 8)), ("test", slice(8, N))):
        write_parquet(tmp_path / f"{split}-00000-of-00001.parquet", {"emb": features[rows].tolist()})
    dataset = import_array_file(tmp_path, tmp_path / "root", "d").load()
    np.testing.assert_allclose(dataset.space("emb").features, features, rtol=1e-3)
    np.testing.assert_array_equal(dataset.test_rows, np.arange(N) >= 8)


def shuffled(features, **names):
    """Features in another order, with the names of their rows in that order."""
    order = np.random.default_rng(1).permutation(len(features))
    return {"emb": features[order], **{name: np.asarray(values)[order] for name, values in names.items()}}


@cases(
    "known, given",
    [
        ({"id": [f"s{i}" for i in range(N)]}, {"id": [f"s{i}" for i in range(N)]}),
        ({"id": [f"{i:03d}" for i in range(N)]}, {"id": list(range(N))}),
        ({"_index": [f"cell\u00e9{i}" for i in range(N)]}, {"_index": [f"celle\u0301{i}" for i in range(N)]}),
        ({"sample_id": list(range(100, 100 + N))}, {"sample_id": list(range(100, 100 + N)), "age": list(range(N))}),
        ("files", {"file_name": [f"owl/{i}.png" for i in range(N)]}),
        ("files", {"path": [f"C:\\data\\owl\\{i}.png" for i in range(N)]}),
        ("files", {"filename": [f"{i}.png" for i in range(N)]}),
    ],
)
def test_added_features_are_matched_by_what_both_name_their_samples_with(tmp_path, features, known, given):
    files = {"sample_names": [f"owl/{i}.png" for i in range(N)]} if known == "files" else {"columns": known}
    folder = import_features({"clip": features}, tmp_path / "root", "d", **files)
    wanted = features[:, :3] * 2
    np.savez(tmp_path / "emb.npz", **shuffled(wanted, **given))
    add_features(folder, "emb", tmp_path / "emb.npz")
    space = folder.load().space("emb")
    np.testing.assert_allclose(space.features, wanted, rtol=1e-3)
    assert f"Rows are matched by {next(iter(given))}." in space.made


def test_added_features_of_other_samples_are_told(tmp_path, features):
    ids = [f"s{i}" for i in range(N)]
    folder = import_features({"clip": features}, tmp_path / "root", "d", columns={"id": ids})
    np.savez(tmp_path / "few.npz", emb=features[2:, :3], id=ids[2:])
    with pytest.raises(InputError, match=rf"no row for 2 of the {N} samples of d, such as s0, by its id"):
        add_features(folder, "few", tmp_path / "few.npz")
    more = np.concatenate([features[:2], features])[:, :4]
    np.savez(tmp_path / "more.npz", emb=more, id=["a", "b", *ids])
    add_features(folder, "more", tmp_path / "more.npz")
    assert "Rows are matched by id, 2 rows of other samples are left out." in folder.load().space("more").made
    np.testing.assert_allclose(folder.load().space("more").features, features[:, :4], rtol=1e-3)


def test_added_features_without_names_are_in_order_and_it_is_said(tmp_path, features):
    folder = import_features({"clip": features}, tmp_path / "root", "d", columns={"id": [f"s{i}" for i in range(N)]})
    np.save(tmp_path / "plain.npy", features[:, :3])
    np.savez(tmp_path / "twice.npz", emb=features[:, :4], id=["s0"] * N)
    for name in ("plain.npy", "twice.npz"):
        add_features(folder, name[:5], tmp_path / name)
        assert f"Rows are in the order of {name}, which names no samples." in folder.load().space(name[:5]).made
