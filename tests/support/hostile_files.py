"""Files and folders that are not what they say, drawn with a seed: what `add` and `search` are pointed at."""

import csv
import io
import json
import os
import struct
import warnings
import zipfile
import zlib
from functools import cache

import numpy as np

NAMES = (
    "\u202egnp.exe", "a\nb", "=cmd()", "con", "nul.png", " ", ".", "..", "-rf", "--name", "%s%n", "'; drop", "ä\u0308",
    "x" * 250, "\x1b[31m", "$(id)", "`id`", "<script>", "![a](http://x.y/z.png)", "\udcff", "a/../../b", "~nobody",
)  # fmt: skip
NUMBERS = (-1, 0, 1, 2**31, 2**63 - 1, 2**64, 10**30, "", "abc", "1e9", "nan", "inf", "-inf", "1_000", "٣", "0x10")
SHAPES = (
    "(-1, 8)", "(True, 8)", f"({'9' * 400}, 8)", "(0, 8)", "(8, 0)", "()", "(8,)", "(2**3, 8)", "[8, 8]", "None",
    "(10**18, 10**18)", "(8.0, 8)", "('8', 8)", "(1000000000000, 8)", "(8, 8" + ", 1" * 40 + ")", "(8, 8, 8)",
)  # fmt: skip
TYPES = ("'<f4'", "'|O'", "'<f16'", "'<c8'", "'<U3'", "'|V8'", "'<M8[ns]'", "[('a', '<f4')]", "'<f99'", "5", "'|b1'",
         "'|S0'", "('<f4', (10000, 10000))")  # fmt: skip


def choose(rng, values):
    return values[rng.integers(len(values))]


def npy(rng):
    """The bytes of a .npy file with an odd header."""
    shape, kind = choose(rng, SHAPES), choose(rng, TYPES) if rng.random() < 0.5 else "'<f4'"
    order = choose(rng, ["False", "True", "1", "None"])
    header = f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}"
    if rng.random() < 0.2:
        header = choose(rng, ["{", "[" * 5000, "__import__('os')", "", header + "x", header.replace("'shape'", "'s'")])
    raw = header.encode() + b"\n"
    version = int(choose(rng, [1, 1, 1, 2, 3, 0, 9]))
    head = struct.pack("<H", min(len(raw), 65535)) if version == 1 else struct.pack("<I", len(raw))
    body = bytes(rng.integers(0, 256, int(choose(rng, [0, 7, 256, 4096]))).astype(np.uint8))
    return b"\x93NUMPY" + bytes([version, 0]) + head + raw + body


def array(rng):
    """The bytes of a whole .npy file with odd content."""
    content = choose(
        rng,
        [
            np.full((20, 4), np.nan, np.float32), np.full((20, 4), 1e38), np.zeros((20, 4)), np.ones((1, 1)),
            np.arange(20), np.arange(20.0), np.zeros((20, 4), bool), np.zeros((0, 4)), np.array("text"),
            np.zeros((3, 4, 5, 6)), np.array(["a", "b"] * 10), np.zeros((20, 4), np.complex64),
            np.zeros(20, "M8[D]"), np.zeros((20, 1), np.uint8), np.full(20, -1), np.full(20, 2**62),
        ],
    )  # fmt: skip
    buffer = io.BytesIO()
    np.save(buffer, content)
    return buffer.getvalue()


def archive(rng, ending):
    """The bytes of a zip whose members have odd names, sizes, kinds or contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", choose(rng, [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as file:
        for number in range(int(rng.integers(0, 6))):
            name = choose(rng, NAMES).replace("\udcff", "y") if rng.random() < 0.5 else f"member{number}"
            name = choose(rng, ["", "a/", "../", "/", "a/b/c/d/"]) + name
            name += choose(rng, [".npy", ".png", ".jpg", ".csv", ""] if ending == ".zip" else [".npy"])
            info = zipfile.ZipInfo(name or "x")
            if rng.random() < 0.2:
                info.external_attr = choose(rng, [0o120777, 0o010644, 0o040755]) << 16  # a link, a pipe, a folder
            content = choose(rng, [npy, array, picture, text])(rng)
            if rng.random() < 0.1:
                content = bytes(50_000_000)
            with warnings.catch_warnings(action="ignore"):  # two of one name are meant
                file.writestr(info, content, zipfile.ZIP_DEFLATED)
    raw = bytearray(buffer.getvalue())
    if rng.random() < 0.4:
        for at in rng.integers(0, len(raw), 4):
            raw[at] = rng.integers(256)
    return bytes(raw[: int(rng.integers(len(raw)))] if rng.random() < 0.2 else raw)


def picture(rng):
    """The bytes of a PNG or another picture: whole, cut, of a size that it does not have, or none at all."""
    from PIL import Image

    kind = rng.integers(5)
    if kind == 0:
        return png(int(choose(rng, [0, 1, 30_000, 2**31 - 1, 2**32 - 1])), int(choose(rng, [0, 1, 30_000, 2**31])), rng)
    buffer = io.BytesIO()
    mode, form = choose(rng, [("RGB", "PNG"), ("L", "JPEG"), ("RGBA", "WEBP"), ("P", "GIF"), ("1", "TIFF")])
    Image.new(mode, (int(rng.integers(1, 40)), int(rng.integers(1, 40)))).save(buffer, form)
    raw = bytearray(buffer.getvalue())
    if kind == 1:
        return bytes(raw[: int(rng.integers(len(raw)))])
    if kind == 2:
        for at in rng.integers(0, len(raw), 3):
            raw[at] = rng.integers(256)
    return bytes(raw)


def png(width, height, rng):
    """A PNG whose header claims a size; its data are a run of zeros that unpacks to 60 MB."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    depth, colour = int(choose(rng, [1, 8, 16, 7])), int(choose(rng, [0, 2, 3, 6, 5]))
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = zlib.compress(bytes(60_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def text(rng):
    """A table: odd columns, quotes, lengths and characters."""
    rows = [
        [choose(rng, ["file", "path", "label", "label", "split", "", "id", "x"]) for _ in range(rng.integers(1, 5))]
    ]
    for _ in range(int(rng.integers(0, 6))):
        rows.append([cell(rng) for _ in range(max(0, len(rows[0]) + int(rng.integers(-1, 2))))])
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=choose(rng, [",", ";", "\t"])).writerows(rows)
    raw = buffer.getvalue().encode(choose(rng, ["utf-8", "utf-16", "utf-8-sig"]), "replace")
    return choose(rng, [raw, raw, raw, raw[: len(raw) // 2], raw + b"\x00", b'"' + raw, raw * 1000, b"\xff" + raw])


def cell(rng):
    kind = rng.integers(4)
    if kind == 0:
        return choose(rng, NAMES)
    if kind == 1:
        return choose(rng, NUMBERS)
    if kind == 2:
        return choose(rng, ["/etc/passwd", "/dev/zero", "../../../etc/passwd", "file:///etc/passwd", "a.png", "."])
    return choose(rng, ["", "x" * 200_000, "\x00", "train", "NaN", "-1", "None"])


def damaged(rng, raw):
    """Bytes as they are, cut short, or with some exchanged."""
    kind = rng.integers(3)
    if kind == 0:
        return raw[: int(rng.integers(len(raw)))]
    changed = bytearray(raw)
    for at in rng.integers(0, min(len(raw), 2000), 6 * (kind - 1)):
        changed[at] = rng.integers(256)
    return bytes(changed)


@cache
def table():
    """A Parquet file of numbers, labels and odd cells."""
    import pandas as pd

    columns = {
        "a": np.arange(20.0),
        "b": np.arange(20.0) ** 2,
        "label": [None, -1] * 10,
        "id": [f"{name!a}" for name in NAMES[:20]],
    }
    columns["nested"] = [[1.0, 2.0], [3.0]] * 10
    return pd.DataFrame(columns).to_parquet()


def hdf5(rng):
    """An HDF5 file of features, labels, text and references."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["X"] = np.zeros(choose(rng, [(20, 4), (20,), (0, 4), (20, 4, 4), ()]), choose(rng, ["f4", "i8", "c8"]))
        file["obs/_index"] = np.array(list(map(str, range(20))), "S")
        file["obs/label"] = choose(rng, [np.arange(20), np.full(20, np.nan), np.zeros(3), np.array([b"\xff"] * 20)])
        file["obsm/emb"] = np.zeros((int(choose(rng, [20, 3])), 4))
        file["link"] = h5py.SoftLink("/nowhere")
        file["outside"] = h5py.ExternalLink("/etc/passwd", "/")
        file["reference"] = file["X"].ref
        file.create_dataset("huge", shape=(10**9, 4), chunks=(1000, 4), dtype="f4")
        if rng.random() < 0.5:
            file["obs"].attrs.update({"_index": choose(rng, ["_index", "nowhere", 5]), "encoding-type": "dataframe"})
            file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
    return buffer.getvalue()


def tensors(rng):
    """A .safetensors file whose header says odd things of its numbers."""
    entry = {"dtype": choose(rng, ["F32", "BF16", "I64", "F99"]), "shape": choose(rng, [[20, 4], [-1], [2**62, 4], []])}
    entry["data_offsets"] = choose(rng, [[0, 320], [0, 2**62], [320, 0], [0, 0]])
    header = json.dumps({choose(rng, NAMES): entry, "__metadata__": choose(rng, [{}, {"a": 5}, None])}).encode()
    return struct.pack("<Q", len(header) if rng.random() < 0.8 else 2**63) + header + bytes(320)


MAKERS = {
    ".npy": lambda rng: choose(rng, [npy, npy, array])(rng),
    ".npz": lambda rng: archive(rng, ".npz"),
    ".zip": lambda rng: archive(rng, ".zip"),
    ".csv": text,
    ".tsv": text,
    ".png": picture,
    ".parquet": lambda rng: damaged(rng, table()),
    ".h5": lambda rng: damaged(rng, hdf5(rng)),
    ".h5ad": lambda rng: damaged(rng, hdf5(rng)),
    ".safetensors": lambda rng: damaged(rng, tensors(rng)),
    ".pt": lambda rng: choose(rng, [b"\x80\x04.", b"PK\x03\x04", bytes(40)]),
    ".json": lambda rng: choose(rng, [b"{", b"[]", b"[" * 100_000, b'{"splits": 5}', b'{"_data_files": [5]}']),
}


def file(folder, rng, ending=None):
    """One odd file; returns its path."""
    ending = choose(rng, list(MAKERS)) if ending is None else ending
    path = folder / f"odd{ending}"
    path.write_bytes(MAKERS[ending](rng))
    return path


def tree(folder, rng):
    """A folder of odd files under odd names, with links, pipes and loops; returns it."""
    top = folder / "tree"
    top.mkdir()
    for _ in range(int(rng.integers(0, 8))):
        place = top if rng.random() < 0.4 else top / choose(rng, ["a", "b", "train", "test", "spaces", "images"])
        place.mkdir(exist_ok=True)
        ending = choose(rng, list(MAKERS))
        wanted = choose(rng, [*NAMES, "x", "files", "dataset_dict", "state", "card", "labels"]).replace("/", "_")
        path = place / (wanted.encode("utf-8", "surrogateescape")[:200].decode("utf-8", "surrogateescape") + ending)
        if path.exists() or path.is_symlink():
            continue
        kind = rng.integers(10)
        if kind == 0:
            os.mkfifo(path)
        elif kind == 1:
            path.symlink_to(choose(rng, ["/dev/zero", "/etc/passwd", str(path), "..", "/", str(top), "nowhere"]))
        elif kind == 2:
            path.mkdir()
        else:
            path.write_bytes(MAKERS[ending](rng))
    return top


def special(folder, rng):
    """A path that is no file at all, or is none that may be read."""
    kind = rng.integers(6)
    path = folder / ("odd" + choose(rng, list(MAKERS)))
    if kind == 0:
        os.mkfifo(path)
    elif kind == 1:
        path.symlink_to(path)
    elif kind == 2:
        return choose(rng, ["/dev/zero", "/dev/null", "/dev/random", "/dev/stdin", "/proc/self/mem", "/proc/kcore"])
    elif kind == 3:
        return choose(
            rng, ["~nobody/x.npy", "~nosuchuser", "", " ", "\x00", "a\x00b", "x" * 5000, "//", "hf:", "http://"]
        )
    elif kind == 4:
        path.mkdir()
    else:
        (folder / "loop").mkdir()
        (folder / "loop" / "again").symlink_to(folder / "loop")
        return folder / "loop"
    return path
