"""The authors' files: what we write they can load, what they wrote we can read, what is hostile never runs."""

import builtins
import copyreg
import os
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.nn.utils.parametrizations import orthogonal

from hume.common.errors import InputError, RunError
from hume.exchange.author_files import AuthorTask, read_tasks, write_tasks
from hume.exchange.numbers_pickle import read_numbers
from tests.support.rules import cases

SHAPES = [(2, 3), (3, 2), (10, 64), (10, 11), (1, 5), (1, 1), (4, 4), (64, 64), (70, 64), (100, 128)]
ORIGINAL, BASE = "parametrizations.weight.original", "parametrizations.weight.0.base"


def orthonormal(K, d1, seed=0):
    """Random prototypes with orthonormal rows, or columns where there are more rows than columns."""
    Q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(max(K, d1), min(K, d1))))
    return np.ascontiguousarray(Q.T if d1 > K else Q, dtype=np.float32)


def fresh_layer(K, d1):
    return orthogonal(torch.nn.Linear(d1, K, bias=False))


def saved_pickle(folder, value, protocol=4):
    path = folder / "results_0.pickle"
    path.write_bytes(pickle.dumps(value, protocol))
    return path


def saved_bytes(folder, data):
    path = folder / "results_0.pickle"
    path.unlink(missing_ok=True)  # overwriting can be many times slower than a new file
    path.write_bytes(data)
    return path


# Tasks: round trips


@cases(("K", "d1"), SHAPES)
def test_a_fresh_orthogonal_layer_loads_what_we_write(tmp_path, K, d1):
    prototypes = orthonormal(K, d1)
    write_tasks(tmp_path, [AuthorTask(0, prototypes, 0.5)])
    layer = fresh_layer(K, d1)
    layer.load_state_dict(torch.load(tmp_path / "linear_task_0.pt", weights_only=True), strict=True)
    np.testing.assert_allclose(layer.weight.detach().numpy(), prototypes, rtol=0, atol=1e-5)


@pytest.mark.slow
@cases(("K", "d1"), [(1000, 1024), (1000, 16)])
def test_a_thousand_classes_are_written_and_read(tmp_path, K, d1):
    prototypes = orthonormal(K, d1)
    write_tasks(tmp_path, [AuthorTask(0, prototypes, None)])
    layer = fresh_layer(K, d1)
    layer.load_state_dict(torch.load(tmp_path / "linear_task_0.pt", weights_only=True))
    for read in (layer.weight.detach().numpy(), read_tasks(tmp_path)[0].prototypes):
        np.testing.assert_allclose(read, prototypes, rtol=0, atol=1e-5)


@cases(("K", "d1"), [(10, 64), (3, 2), (6, 6)])
def test_a_loaded_layer_can_be_trained_further(tmp_path, K, d1):
    write_tasks(tmp_path, [AuthorTask(0, orthonormal(K, d1), None)])
    layer = fresh_layer(K, d1)
    layer.load_state_dict(torch.load(tmp_path / "linear_task_0.pt", weights_only=True))
    before = layer.weight.detach().clone()
    (layer.weight * torch.arange(K * d1).reshape(K, d1).sin()).sum().backward()
    torch.optim.SGD(layer.parameters(), lr=0.1).step()
    after = layer.weight.detach()
    short = after if d1 >= K else after.T
    assert not torch.allclose(before, after, atol=1e-4)
    torch.testing.assert_close(short @ short.T, torch.eye(min(K, d1)), rtol=0, atol=1e-5)


@cases(("K", "d1"), SHAPES)
def test_what_is_written_is_read(tmp_path, K, d1):
    tasks = [AuthorTask(seed, orthonormal(K, d1, seed), score) for seed, score in [(7, 0.25), (3, None)]]
    paths = write_tasks(tmp_path / "new" / "folder", tasks)
    assert [path.name for path in paths] == ["linear_task_7.pt", "results_7.pickle", "linear_task_3.pt"]
    assert sorted(paths) == sorted((tmp_path / "new" / "folder").iterdir())
    read = read_tasks(tmp_path / "new" / "folder")
    assert [(task.seed, task.cv_score) for task in read] == [(3, None), (7, 0.25)]
    for task, given_task in zip(read, tasks[::-1], strict=True):
        assert task.prototypes.dtype == np.float32
        np.testing.assert_allclose(task.prototypes, given_task.prototypes, rtol=0, atol=1e-5)


@cases(("K", "d1"), [(10, 64), (3, 2), (6, 6)])
def test_what_the_authors_write_is_read(tmp_path, K, d1):
    """A layer off its starting point, where `original` is no longer minus the identity."""
    generator = torch.Generator().manual_seed(0)
    for seed in range(2):
        layer = fresh_layer(K, d1)
        with torch.no_grad():
            layer.parametrizations.weight.original.add_(torch.rand(K, d1, generator=generator) * 0.1)
            layer.parametrizations.weight.original.diagonal().fill_(-1)
        torch.save(layer.state_dict(), tmp_path / f"linear_task_{seed}.pt")
        (tmp_path / f"results_{seed}.pickle").write_bytes(pickle.dumps({"CV_Score": np.float64(0.93)}))
    tasks = read_tasks(tmp_path)
    assert [task.cv_score for task in tasks] == [0.93, 0.93]
    np.testing.assert_allclose(tasks[1].prototypes, layer.weight.detach().numpy(), rtol=0, atol=1e-6)


@cases("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_plain_weight_is_read(tmp_path, dtype):
    weight = torch.eye(3, 5, dtype=dtype)
    torch.save({"weight": weight}, tmp_path / "linear_task_0.pt")
    [task] = read_tasks(tmp_path)
    np.testing.assert_array_equal(task.prototypes, weight.float().numpy())
    assert task.prototypes.dtype == np.float32


def test_seeds_are_sorted_as_numbers(tmp_path):
    write_tasks(tmp_path, [AuthorTask(seed, orthonormal(2, 3, seed), float(seed)) for seed in (10, 9, 100)])
    assert [(task.seed, task.cv_score) for task in read_tasks(tmp_path)] == [(9, 9.0), (10, 10.0), (100, 100.0)]


def test_writing_again_replaces_task_and_score(tmp_path):
    write_tasks(tmp_path, [AuthorTask(0, orthonormal(2, 3), 0.5)])
    write_tasks(tmp_path, [AuthorTask(0, orthonormal(2, 3, seed=1), None)])
    [task] = read_tasks(tmp_path)
    np.testing.assert_allclose(task.prototypes, orthonormal(2, 3, seed=1), rtol=0, atol=1e-6)
    assert task.cv_score is None


def test_no_tasks_make_an_empty_folder(tmp_path):
    assert write_tasks(tmp_path / "empty", []) == []
    assert list((tmp_path / "empty").iterdir()) == []


def test_torchs_global_generator_is_left_alone(tmp_path):
    before = torch.get_rng_state()
    write_tasks(tmp_path, [AuthorTask(0, orthonormal(3, 5), None)])
    read_tasks(tmp_path)
    assert torch.equal(before, torch.get_rng_state())


# Tasks: what cannot be written


@cases(
    "prototypes",
    [
        np.ones((2, 3)),
        np.eye(2, 3) * 1.01,
        np.full((2, 3), np.nan),
        np.full((2, 3), np.inf),
        np.eye(3)[0],
        np.zeros((0, 3)),
        np.eye(3) * 1j,
        np.array([["a"]]),
    ],
)
def test_prototypes_that_are_not_orthonormal_are_refused_before_anything_is_written(tmp_path, prototypes):
    tasks = [AuthorTask(0, orthonormal(2, 3), 0.5), AuthorTask(5, prototypes, None)]
    with pytest.raises(InputError, match="seed=5"):
        write_tasks(tmp_path / "folder", tasks)
    assert not (tmp_path / "folder").exists()


def test_prototypes_orthonormal_within_the_tolerance_are_kept_as_they_are(tmp_path):
    prototypes = orthonormal(4, 6) * np.float32(1.0002)
    write_tasks(tmp_path, [AuthorTask(0, prototypes, None)])
    np.testing.assert_allclose(read_tasks(tmp_path)[0].prototypes, prototypes, rtol=0, atol=1e-6)


@cases(
    ("tasks", "message"),
    [
        ([AuthorTask(-1, np.eye(2), None)], "seed=-1"),
        ([AuthorTask(1, np.eye(2), None), AuthorTask(1, np.eye(2), None)], "seed=1 twice"),
        ([AuthorTask(1, np.eye(2), None), AuthorTask(2, np.eye(3), None)], "same shape"),
        ([AuthorTask(1, np.eye(2), float("nan"))], "cv_score"),
    ],
)
def test_tasks_that_do_not_fit_one_folder_are_refused(tmp_path, tasks, message):
    with pytest.raises(InputError, match=message):
        write_tasks(tmp_path, tasks)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_run_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="file"):
        write_tasks(tmp_path / "file", [AuthorTask(0, np.eye(2), None)])


def test_a_failed_write_leaves_no_part_behind(tmp_path):
    (tmp_path / "linear_task_0.pt").mkdir()
    with pytest.raises(RunError, match="cannot be written"):
        write_tasks(tmp_path, [AuthorTask(0, np.eye(2), None)])
    assert [path.name for path in tmp_path.iterdir()] == ["linear_task_0.pt"]


# Tasks: what cannot be read


def test_a_missing_folder_and_an_empty_one_are_run_errors(tmp_path):
    with pytest.raises(RunError, match="nowhere is not a folder"):
        read_tasks(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"no linear_task_\*\.pt"):
        read_tasks(tmp_path)


@cases("name", ["linear_task_best.pt", "linear_task_-1.pt", "linear_task_.pt", "linear_task_٣.pt"])
def test_a_name_without_a_seed_is_refused(tmp_path, name):
    torch.save({"weight": torch.eye(2)}, tmp_path / name)
    with pytest.raises(RunError, match=re.escape(name)):
        read_tasks(tmp_path)


def test_one_seed_in_two_files_is_refused(tmp_path):
    for name in ("linear_task_1.pt", "linear_task_01.pt"):
        torch.save({"weight": torch.eye(2)}, tmp_path / name)
    with pytest.raises(RunError, match="same seed"):
        read_tasks(tmp_path)


def test_seeds_of_different_shapes_are_refused(tmp_path):
    torch.save({"weight": torch.eye(2, 3)}, tmp_path / "linear_task_0.pt")
    torch.save(fresh_layer(2, 4).state_dict(), tmp_path / "linear_task_1.pt")
    with pytest.raises(RunError, match=r"linear_task_1\.pt.*\(2, 4\).*\(2, 3\)"):
        read_tasks(tmp_path)


@cases(
    ("content", "message"),
    [
        ({}, "not an orthogonal layer"),
        ([torch.eye(2)], "not an orthogonal layer"),
        (torch.eye(2), "not an orthogonal layer"),
        ({"weight": torch.eye(2), "bias": torch.zeros(2)}, "bias"),
        ({ORIGINAL: -torch.eye(2, 3)}, "original"),
        ({ORIGINAL: -torch.eye(2, 3), BASE: torch.eye(2)}, "do not fit"),
        ({ORIGINAL: -torch.eye(2, 3), BASE: torch.eye(3, 4)}, "do not fit"),
        ({ORIGINAL: -torch.eye(2, 3), BASE: torch.zeros(3, 3)}, "not orthonormal"),
        ({ORIGINAL: -torch.eye(2, 3), BASE: torch.full((3, 3), torch.nan)}, "NaN"),
        ({ORIGINAL: torch.ones(3, 3).tril(-1) * 1e38, BASE: torch.eye(3)}, "not orthonormal"),
        ({"weight": torch.tensor([[1.0, torch.nan]])}, "NaN"),
        ({"weight": torch.ones(2, 2)}, "not orthonormal"),
        ({"weight": torch.ones(2)}, "matrix of real numbers"),
        ({"weight": torch.zeros(0, 3)}, "matrix of real numbers"),
        ({"weight": torch.eye(2, dtype=torch.complex64)}, "matrix of real numbers"),
        ({"weight": torch.eye(2, dtype=torch.int64)}, "matrix of real numbers"),
        ({"weight": torch.eye(2).to_sparse()}, "matrix of real numbers"),
        ({"weight": torch.empty(2, 2, device="meta")}, "matrix of real numbers"),
        ({"weight": 1.0}, "matrix of real numbers"),
        ({"weight": torch.zeros(1, 1).expand(10**9, 10**9)}, "claims more numbers"),
        ({ORIGINAL: torch.zeros(1, 1).expand(10**5, 10**5), BASE: torch.eye(2)}, "claims more numbers"),
    ],
)
def test_other_contents_are_refused_with_the_name_of_the_file(tmp_path, content, message):
    torch.save(content, tmp_path / "linear_task_0.pt")
    with pytest.raises(RunError, match=rf"linear_task_0\.pt.*{message}"):
        read_tasks(tmp_path)


@cases("content", [b"", b"garbage", b"PK\x03\x04garbage", b"\x80\x02.", pickle.dumps({"weight": 1})])
def test_a_task_file_that_is_no_torch_file_is_a_run_error(tmp_path, content):
    (tmp_path / "linear_task_0.pt").write_bytes(content)
    with pytest.raises(RunError, match=r"linear_task_0\.pt"):
        read_tasks(tmp_path)


def test_a_cut_task_file_is_a_run_error(tmp_path):
    [path] = write_tasks(tmp_path, [AuthorTask(0, np.eye(2), None)])
    data = path.read_bytes()
    for length in range(0, len(data), 41):
        path.write_bytes(data[:length])
        with pytest.raises(RunError, match=r"linear_task_0\.pt"):
            read_tasks(tmp_path)


def test_a_compressed_archive_that_swells_is_refused(tmp_path):
    torch.save({"weight": torch.eye(2, 4000)}, tmp_path / "plain.pt")
    with (
        zipfile.ZipFile(tmp_path / "plain.pt") as source,
        zipfile.ZipFile(tmp_path / "linear_task_0.pt", "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for entry in source.namelist():
            target.writestr(entry, source.read(entry))
    with pytest.raises(RunError, match=r"linear_task_0\.pt cannot be read"):
        read_tasks(tmp_path)


def test_a_score_that_is_not_a_number_is_refused(tmp_path):
    write_tasks(tmp_path, [AuthorTask(0, np.eye(2), None)])
    for value in ({}, {"score": 1.0}, 0.5, [0.5], {"CV_Score": "high"}, {"CV_Score": None}, {"CV_Score": True}):
        saved_pickle(tmp_path, value)
        with pytest.raises(RunError, match=r"results_0\.pickle.*CV_Score"):
            read_tasks(tmp_path)
    saved_pickle(tmp_path, {"CV_Score": float("nan")})
    with pytest.raises(RunError, match=r"results_0\.pickle.*CV_Score"):
        read_tasks(tmp_path)


# Hostile files


class Payload:
    """Pickles as a call; `marker` would exist if anyone made the call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class State:
    """Pickles by way of copyreg and a state, as ordinary objects do."""

    def __init__(self):
        self.CV_Score = 1.0


def payloads(marker):
    touch = f"open({str(marker)!r}, 'w')"
    return {
        "os.system": Payload(os.system, f"touch {marker}"),
        "builtins.eval": Payload(builtins.eval, touch),
        "builtins.exec": Payload(builtins.exec, touch),
        "io.open": Payload(open, str(marker), "w"),
        "an object": State(),
        "nested": {"CV_Score": [1.0, (Payload(os.system, f"touch {marker}"),)]},
        "as a key": {Payload(os.system, f"touch {marker}"): 1.0},
    }


@cases("protocol", range(6))
@cases("kind", payloads("x"))
def test_a_pickle_that_calls_is_refused_and_never_runs(tmp_path, kind, protocol):
    marker = tmp_path / "marker"
    path = saved_pickle(tmp_path, payloads(marker)[kind], protocol)
    with pytest.raises(RunError, match=r"results_0\.pickle names the global \w+\.\w+"):
        read_numbers(path)
    write_tasks(tmp_path, [AuthorTask(0, np.eye(2), None)])
    saved_pickle(tmp_path, payloads(marker)[kind], protocol)
    with pytest.raises(RunError, match="names the global"):
        read_tasks(tmp_path)
    assert not marker.exists()


@cases("protocol", [0, 2, 4])
def test_the_payload_of_these_tests_does_run_when_unpickled(tmp_path, protocol):
    """Otherwise the tests around this one would prove nothing."""
    pickle.loads(pickle.dumps(payloads(tmp_path / "marker")["os.system"], protocol))
    assert (tmp_path / "marker").exists()


@cases("kind", payloads("x"))
@cases("protocol", [0, 2, 4, "torch"])
def test_a_task_file_that_calls_is_refused_and_never_runs(tmp_path, kind, protocol):
    marker, path = tmp_path / "marker", tmp_path / "linear_task_0.pt"
    payload = {"weight": payloads(marker)[kind]}
    if protocol == "torch":
        torch.save(payload, path)
    else:
        path.write_bytes(pickle.dumps(payload, protocol))
    with pytest.raises(RunError, match=r"linear_task_0\.pt cannot be read"):
        read_tasks(tmp_path)
    assert not marker.exists()


@cases(
    ("data", "message"),
    [
        (b"(S'touch marker'\nios\nsystem\n.", r"names the global os\.system"),
        (b"(ccollections\nOrderedDict\no.", r"names the global collections\.OrderedDict"),
        (b"cos\nsystem\n)\x81.", r"names the global os\.system"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", r"names the global os\.system"),
        (b"cnumpy\nload\n(S'file'\ntR.", r"names the global numpy\.load"),
        (b"c__main__\n__dict__\n.", "names the global __main__.__dict__"),
        (b"cx\ny\n.", r"names the global x\.y"),
        (b"chume.exchange.numbers_pickle\nre\n.", r"names the global hume\.exchange\.numbers_pickle\.re"),
        (b"\x82\x01.", "extension code 1"),
        (b"\x84\x01\x00\x00\x00.", "extension code 1"),
        (b"Pid\n.", "persistent id"),
        (b"NQ.", "persistent id"),
        (b"\x80\x05\x97.", "NEXT_BUFFER"),
        (b"\x8f.", "EMPTY_SET"),
        (b"\x8b\x01\x00\x00\x00\x01.", "LONG4"),
        (b"cnumpy\ndtype\n.", "the name dtype"),
        (b"cnumpy\nndarray\n)R.", "calls numpy's ndarray"),
        (b"cnumpy\ndtype\n(S'O8'\nI00\nI01\ntR.", "DType"),
        (b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'O8'\nI00\nI01\ntRS'12345678'\ntR.", "type 'O8'"),
        (b"cnumpy\ndtype\n)\x81.", "NEWOBJ"),
        (b"cnumpy\ndtype\n}S'name'\nS'os.system'\nsb.", "sets the state"),
        (b"}}S'__class__'\nNsb.", "sets the state"),
        (b"K\x01)R.", "calls something that is not a function"),
        (b"S'os.system'\n)R.", "calls something that is not a function"),
        (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR.", "unfinished numpy array"),
    ],
)
def test_pickles_by_hand_are_refused(tmp_path, data, message):
    with pytest.raises(RunError, match=rf"results_0\.pickle.*{message}"):
        read_numbers(saved_bytes(tmp_path, data))


def test_a_registered_extension_code_is_refused_even_once_python_has_cached_it(tmp_path):
    copyreg.add_extension("os", "getcwd", 200)
    try:
        assert pickle.loads(b"\x82\xc8.") is os.getcwd
        with pytest.raises(RunError, match="extension code 200"):
            read_numbers(saved_bytes(tmp_path, b"\x82\xc8)R."))
    finally:
        copyreg.remove_extension("os", "getcwd", 200)
        copyreg.clear_extension_cache()


@cases(
    "data",
    [
        b"\x80\x02)" + b"\x85" * 50_000 + b".",
        b"\x80\x02)" + b"\x85" * 50_000 + b"}\x8c\x00s.",
        b"\x80\x02}" + b")" + b"\x85" * 50_000 + b"Ns.",
        b"\x80\x02N" + b"q\x00}K\x01h\x00s" * 10_000 + b".",
        b"\x80\x02]q\x00h\x00a.",
        b"\x80\x02}q\x00K\x01h\x00s.",
        b"\x80\x02]q\x00" + b"".join(b"]q%ch%ch%c\x86a" % (i + 1, i, i) for i in range(60)) + b".",
        b"\x80\x02c_codecs\nencode\nX\x50\xc3\x00\x00" + b"a" * 50_000 + b"X\x06\x00\x00\x00latin1\x86q\x01"
        b"0q\x00" + b"h\x00h\x01R0" * 1000 + b"N.",
        b"\x80\x05\x8e" + b"\xff" * 7 + b"\x7f.",
        b"\x80\x05\x96" + b"\xff" * 7 + b"\x7f.",
        b"I" + b"9" * 10_000 + b"\n.",
    ],
)
def test_deep_cyclic_and_swelling_pickles_are_run_errors(tmp_path, data):
    with pytest.raises(RunError, match=r"results_0\.pickle"):
        read_numbers(saved_bytes(tmp_path, data))


def test_a_large_memo_index_costs_nothing(tmp_path):
    assert read_numbers(saved_bytes(tmp_path, b"\x80\x02K\x05r\xff\xff\xff\x7f.")) == 5


# Numbers


VALUES = [
    {"CV_Score": 0.93},
    {"CV_Score": np.float64(0.93)},
    {"a": {"b": [1, -2, (3.5, None, True, False)], "c": ()}, 7: "text é\n", (1, 2): float("inf"), "": 2**100},
    [np.int64(-3), np.uint8(255), np.float32(0.5), np.bool_(True), np.float16(2)],
    [],
    "é",
    None,
]


@cases("protocol", range(6))
@cases("value", VALUES)
def test_numbers_in_every_protocol(tmp_path, value, protocol):
    read = read_numbers(saved_pickle(tmp_path, value, protocol))
    assert read == value
    assert "numpy" not in repr(read)
    assert "np." not in repr(read)


@cases("protocol", range(6))
def test_the_names_of_numpy_1_are_read(tmp_path, protocol):
    data = pickle.dumps({"CV_Score": np.float64(0.93)}, protocol)
    old = data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray").replace(b"\x8c\x16numpy", b"\x8c\x15numpy")
    assert old != data
    read = read_numbers(saved_bytes(tmp_path, old))
    assert read == {"CV_Score": 0.93}
    assert type(read["CV_Score"]) is float


def test_a_python_2_pickle_is_read(tmp_path):
    data = (
        b"\x80\x02}U\x08CV_Scorecnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nU\x02f8K\x00K\x01\x87R"
        b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbU\x08\x00\x00\x00\x00\x00\x00\xe0?\x86Rs."
    )
    assert read_numbers(saved_bytes(tmp_path, data)) == {"CV_Score": 0.5}


@cases("protocol", range(6))
@cases(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array(0.25),
        np.array([1, 2], dtype=">i4"),
        np.array([True, False]),
    ],
)
def test_arrays_of_numbers_become_lists(tmp_path, array, protocol):
    assert read_numbers(saved_pickle(tmp_path, {"scores": array}, protocol)) == {"scores": array.tolist()}


@cases("protocol", range(6))
@cases(
    "value",
    [
        np.array([None, {}]),
        np.array(["a"]),
        np.zeros(1, "f4,f4"),
        np.datetime64("2020-01-01"),
        np.complex64(1),
        np.dtype("f8"),
        np.float64,
        {1, 2},
        b"bytes",
        1j,
        Path("a"),
    ],
)
def test_other_values_are_refused(tmp_path, value, protocol):
    with pytest.raises(RunError, match=r"results_0\.pickle .*, so it was not loaded"):
        read_numbers(saved_pickle(tmp_path, value, protocol))


def test_shared_containers_come_back_as_copies(tmp_path):
    shared = [1.0]
    first, second = read_numbers(saved_pickle(tmp_path, [shared, shared]))
    assert first == second == [1.0]
    assert first is not second


def test_a_shape_that_does_not_fit_its_bytes_is_refused(tmp_path):
    data = pickle.dumps(np.arange(6.0).reshape(2, 3), 4)
    for shape in (b"K\x02K\x04\x86", b"K\x00K\x03\x86", b"J\xff\xff\xff\xffK\x03\x86", b"NK\x03\x86"):
        changed = data.replace(b"K\x02K\x03\x86", shape)
        assert changed != data
        with pytest.raises(RunError, match="shape does not fit"):
            read_numbers(saved_bytes(tmp_path, changed))


# Damage


@cases("protocol", range(6))
@cases("value", [VALUES[1], VALUES[2], [np.arange(3.0), np.float32(1)]])
def test_a_pickle_cut_anywhere_is_a_run_error(tmp_path, value, protocol):
    data = pickle.dumps(value, protocol)
    path = saved_bytes(tmp_path, data)
    for length in reversed(range(len(data))):
        os.truncate(path, length)
        with pytest.raises(RunError, match=r"results_0\.pickle"):
            read_numbers(path)


@cases("protocol", [0, 2, 4])
def test_a_pickle_with_one_byte_changed_is_read_or_a_run_error(tmp_path, protocol):
    data = pickle.dumps([np.arange(3.0), {"CV_Score": np.float64(0.93)}], protocol)
    for place in range(len(data)):
        for value in (0x2E, 0xFF):
            never_anything_else(saved_bytes(tmp_path, data[:place] + bytes([value]) + data[place + 1 :]))


def never_anything_else(path):
    """Plain values or a RunError, whatever the bytes."""
    message = ""
    try:
        found = [read_numbers(path)]
    except RunError as error:
        found, message = [], str(error)
    assert found or str(path) in message
    assert "\n" not in message
    while found:
        value = found.pop()
        if type(value) is dict:
            found += [*value.keys(), *value.values()]
        elif type(value) in (list, tuple):
            found += value
        else:
            assert type(value) in (int, float, bool, str, type(None))


# Bytes that are instructions more often than chance would have them.
OPCODES = b"(.012FGIJKLMNPQRSTUVXabcdeghijlopqrstu]})\x80\x81\x82\x85\x86\x87\x88\x89\x8a\x8b\x8c\x90\x93\x94\x95\x96"
PIECES = [b"cnumpy\ndtype\n", b"cnumpy\nndarray\n", b"c_codecs\nencode\n", b"cnumpy.core.multiarray\nscalar\n"]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200) | st.lists(st.sampled_from([bytes([c]) for c in OPCODES] + PIECES)).map(b"".join))
def test_random_bytes_are_read_or_a_run_error(tmp_path, data):
    never_anything_else(saved_bytes(tmp_path, data))
    never_anything_else(saved_bytes(tmp_path, b"\x80\x04" + data + b"."))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    ),
    protocol=st.integers(0, 5),
)
def test_any_plain_value_is_read_back(tmp_path, value, protocol):
    assert read_numbers(saved_pickle(tmp_path, value, protocol)) == value


def test_the_size_limit(tmp_path):
    path = saved_pickle(tmp_path, {"CV_Score": 0.93})
    assert read_numbers(path, max_bytes=path.stat().st_size) == {"CV_Score": 0.93}
    with pytest.raises(RunError, match="larger than"):
        read_numbers(path, max_bytes=path.stat().st_size - 1)
    with pytest.raises(RunError, match="larger than 1048576 bytes"):
        read_numbers(saved_bytes(tmp_path, bytes(2**20 + 1)))


def test_a_path_that_is_no_file_is_a_run_error(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere.pickle"):
        with pytest.raises(RunError, match=re.escape(str(path))):
            read_numbers(path)
