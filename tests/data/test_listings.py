"""Folders, zip archives and tables of images: what is found in them, and what is set aside and why."""

import csv
import io
import os
import shutil
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import pytest

from hume.common.errors import InputError, RunError
from hume.data.importers.folder_listing import allowed_roots, check_allowed, list_folder
from hume.data.importers.folder_meaning import ordered, outcomes
from hume.data.importers.table_listing import list_table
from hume.data.importers.zip_archive import top_folder, unpack_zip
from hume.exchange.detection import detect_format
from tests.support.rules import cases


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def rows(listing):
    return [(entry.name, entry.label, entry.split) for entry in listing.entries]


# --- folders -------------------------------------------------------------------------------


def test_class_folders_give_labels_in_the_order_of_numbers(tmp_path):
    make(tmp_path, "10/a.png", "2/c.JPG", "2/b.webp", "1/d.png")
    found = list_folder(tmp_path, roots=None, meaning="classes")
    assert found.classes == ["1", "2", "10"]
    assert rows(found) == [
        ("1/d.png", "1", None),
        ("2/b.webp", "2", None),
        ("2/c.JPG", "2", None),
        ("10/a.png", "10", None),
    ]
    assert [entry.path for entry in found.entries] == [tmp_path / name for name, _, _ in rows(found)]
    assert found.root == tmp_path
    assert not found.set_aside


def test_a_flat_folder_has_no_labels(tmp_path):
    found = list_folder(make(tmp_path, "b.png", "a.jpeg"), roots=None)
    assert rows(found) == [("a.jpeg", None, None), ("b.png", None, None)]
    assert found.classes is None


# {folder: pictures}, what the folders mean, the classes with their sizes, the split; "" is beside the folders
FOLDERS = {
    "loose pictures and an album": ({"": 109, "holiday": 200}, "nothing", {}, {}),
    "class folders": ({"cat": 9, "dog": 7}, "classes", {"cat": 9, "dog": 7}, {}),
    "a stray picture": ({"": 1, "cat": 9, "dog": 7}, "classes", {"cat": 9, "dog": 7, "no folder": 1}, {}),
    "many beside them": ({"": 5, "cat": 9, "dog": 7}, "nothing", {}, {}),
    "folders in class folders": ({"cat/2019": 3, "cat/x/y": 2, "dog": 4}, "classes", {"cat": 5, "dog": 4}, {}),
    "one folder around all": ({"my/pets/cat": 3, "my/pets/dog": 3}, "classes", {"cat": 3, "dog": 3}, {}),
    "one class folder": ({"cat": 4}, "nothing", {}, {}),
    "deep and flat": ({"a/b/c": 4}, "nothing", {}, {}),
    "albums by date": ({"2019-05": 4, "2020": 4, "2021_01_31": 2}, "nothing", {}, {}),
    "a folder each": ({"1": 1, "2": 1, "3": 1}, "nothing", {}, {}),
    "a split": ({"Train": 3, "val": 2}, "split", {}, {"train": 3, "test": 2}),
    "a validation set": ({"train": 3, "valid": 2, "test": 1}, "split", {}, {"train": 5, "test": 1}),
    "a split of classes": (
        {"train/cat": 3, "train/dog": 2, "test/cat": 1, "test/dog": 1}, "split", {"cat": 4, "dog": 3},
        {"train": 5, "test": 2},
    ),
    "more beside a split": ({"train": 3, "test": 2, "extra": 1, "": 1}, "split", {}, {"train": 5, "test": 2}),
    "a bus and a train": ({"train/cat": 2, "bus/cat": 2}, "classes", {"bus": 2, "train": 2}, {}),
}  # fmt: skip


@cases(("folders", "meaning", "classes", "splits"), list(FOLDERS.values()))
def test_every_picture_comes_in_whatever_its_folder_and_the_folders_mean_what_they_likely_do(
    tmp_path, folders, meaning, classes, splits
):
    names = [f"{folder}/{i}.png".lstrip("/") for folder, number in folders.items() for i in range(number)]
    possible = outcomes(names)
    assert (possible[0].meaning, possible[0].classes, possible[0].splits) == (meaning, classes, splits)
    make(tmp_path, *names)
    for each in possible:
        found = list_folder(tmp_path, roots=None, meaning=each.meaning)
        assert sorted(entry.name for entry in found.entries) == sorted(names)
        assert not found.set_aside
        assert Counter(entry.label for entry in found.entries if entry.label is not None) == each.classes
        assert Counter(entry.split for entry in found.entries if entry.split is not None) == each.splits
    judged = list_folder(tmp_path, roots=None)
    assert rows(judged) == rows(list_folder(tmp_path, roots=None, meaning=meaning))


def test_a_meaning_that_folders_cannot_have_is_refused(tmp_path):
    make(tmp_path, "a.png", "b.png")
    for meaning, why in (("classes", "no sub-folders"), ("split", "no train and test folders")):
        with pytest.raises(InputError, match=why):
            list_folder(tmp_path, roots=None, meaning=meaning)


def test_what_is_set_aside_has_a_reason_and_everything_adds_up(tmp_path):
    kept = ["cat/a.png", "dog/b.png", "loose.png"]
    aside = {
        "cat/readme.txt": "is not an image by its ending",
        "cat/no-ending": "is not an image by its ending",
        "cat/.hidden.png": "is hidden",
        "cat/Thumbs.db": "is a file of the operating system",
        "cat/line\nbreak.png": "has a line break in its name",
        "cat/other\u2028break.png": "has a line break in its name",
    }
    make(tmp_path, *kept, *aside, "__MACOSX/cat/a.png", ".git/x.png", ".git/deep/y.png", os.fsdecode(b"dog/\xff.png"))
    (tmp_path / ".git" / "linked").symlink_to(tmp_path / "cat", target_is_directory=True)
    found = list_folder(tmp_path, roots=None)
    assert [entry.name for entry in found.entries] == kept
    assert dict(found.set_aside) == aside | {
        "__MACOSX/cat/a.png": "is in a folder of the operating system",
        ".git/x.png": "is in a hidden folder",
        ".git/deep/y.png": "is in a hidden folder",
        ".git/linked": "is in a hidden folder",
        os.fsdecode(b"dog/\xff.png"): "has a name that is not UTF-8",
    }
    assert found.given == len(found.entries) + len(found.set_aside) == 14


def test_links_are_followed_only_within_the_folder(tmp_path):
    inside, outside = make(tmp_path / "in", "a.png", "sub.txt"), make(tmp_path / "out", "b.png")
    (inside / "same.png").symlink_to("a.png")
    (inside / "out.png").symlink_to(outside / "b.png")
    (inside / "gone.png").symlink_to("nothing.png")
    (inside / "self.png").symlink_to("self.png")
    (inside / "up.png").symlink_to(tmp_path, target_is_directory=True)
    (inside / "folder").symlink_to(outside, target_is_directory=True)
    found = list_folder(inside, roots=None)
    assert [entry.name for entry in found.entries] == ["a.png", "same.png"]
    reasons = dict(found.set_aside)
    assert reasons["out.png"] == "is a link out of the folder"
    assert reasons["up.png"] == "is a link out of the folder"
    assert reasons["gone.png"] == reasons["self.png"] == "is a broken link"
    assert "folder" in reasons


def test_many_files_in_one_folder(tmp_path):
    for i in range(20_000):
        os.close(os.open(f"{tmp_path}/{i}.jpg", os.O_CREAT))
    found = list_folder(tmp_path, roots=None)
    assert len(found.entries) == 20_000
    assert [entry.name for entry in found.entries] == sorted(f"{i}.jpg" for i in range(20_000))


def test_folders_that_cannot_be_listed_are_named(tmp_path):
    with pytest.raises(InputError, match="is not a folder"):
        list_folder(tmp_path / "none", roots=None)
    with pytest.raises(InputError, match="has no images"):
        list_folder(tmp_path, roots=None)


def test_only_allowed_folders_are_read(tmp_path, monkeypatch):
    inside, outside = make(tmp_path / "in", "a.png"), make(tmp_path / "out", "b.png")
    (inside / "door").symlink_to(outside, target_is_directory=True)
    monkeypatch.setenv("HUME_DATA_ROOTS", os.pathsep.join([str(inside), str(tmp_path / "more")]))
    roots = allowed_roots()
    assert roots == [inside, tmp_path / "more"]
    assert list_folder(inside, roots=roots).given == 2
    for place in (outside, inside / "door", inside / ".." / "out", tmp_path / "nothing"):
        with pytest.raises(InputError, match=f"is outside .*{inside}"):
            list_folder(place, roots=roots)
    for bad in ("a\0b", "x" * 5000):
        with pytest.raises(InputError):
            list_folder(inside / bad, roots=roots)
    assert check_allowed(outside, None) == outside
    monkeypatch.delenv("HUME_DATA_ROOTS")
    assert allowed_roots() == [Path.home().resolve()]


def test_labels_are_ordered_as_people_expect():
    assert ordered({"10", "9", "-1", "2.5"}) == ["-1", "2.5", "9", "10"]
    assert ordered({"b10", "B2", "a", "nan"}) == ["a", "B2", "b10", "nan"]
    assert ordered({"nan", "1", "inf"}) == ["1", "inf", "nan"]
    assert ordered({"1" * 5000, "a"})[1] == "a"


def test_one_class_in_two_normal_forms(tmp_path):
    for split, form in (("train", "NFC"), ("test", "NFD")):
        names = (unicodedata.normalize(form, name) for name in ("Käfer", "Möwe"))
        make(tmp_path, *(f"{split}/{name}/{i}.png" for name in names for i in range(3)))
    listing = list_folder(tmp_path, roots=None)
    assert listing.classes == ["Käfer", "Möwe"]
    assert Counter((entry.label, entry.split) for entry in listing.entries) == {
        (label, split): 3 for label in listing.classes for split in ("train", "test")
    }
    assert all(entry.path.exists() for entry in listing.entries)


def test_links_of_a_cache_are_named_as_the_reason(tmp_path):
    make(tmp_path, "blobs/aa", "blobs/bb")
    snapshot = tmp_path / "snapshots" / "1" / "cat"
    snapshot.mkdir(parents=True)
    for name in ("aa", "bb"):
        (snapshot / f"{name}.png").symlink_to(f"../../../blobs/{name}")
    with pytest.raises(InputError, match="has 2 images that are links out of the folder"):
        list_folder(snapshot.parent, roots=None)
    assert [entry.name for entry in list_folder(tmp_path, roots=[tmp_path]).entries] == [
        f"snapshots/1/cat/{name}.png" for name in ("aa", "bb")
    ]


# --- zip archives --------------------------------------------------------------------------


def archive(*entries, **options):
    """A zip of (name or ZipInfo, content)."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in entries:
            opened.writestr(name, data, **options)
    content.seek(0)
    return content


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_zip_is_unpacked_into_its_folder(tmp_path):
    told = []
    packed = archive(("data/cat/a.png", b"a" * 500), ("data/dog/b.png", b"b"), ("__MACOSX/data/._a", b""))
    assert unpack_zip(packed, tmp_path / "in", on_progress=told.append) == [
        ("__MACOSX/data/._a", "is a file of the operating system")
    ]
    assert files_in(tmp_path / "in") == ["data/cat/a.png", "data/dog/b.png"]
    assert told == sorted(told)
    assert told[-1] == 1
    assert top_folder(tmp_path / "in") == tmp_path / "in" / "data"
    assert top_folder(tmp_path / "in" / "data") == tmp_path / "in" / "data"


def test_nothing_leaves_the_folder(tmp_path):
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    device = zipfile.ZipInfo("device.png")
    device.external_attr = (stat.S_IFCHR | 0o666) << 16
    bad = ["../up.png", "/abs.png", "a/../../up.png", "..\\up.png", "C:\\win.png", "c:/win.png", "a/.."]
    packed = archive(*[(name, b"x") for name in bad], (link, b"/etc/passwd"), (device, b""), ("ok.png", b"x"))
    reasons = dict(unpack_zip(packed, tmp_path / "in"))
    assert files_in(tmp_path) == ["in/ok.png"]
    assert len(reasons) == len(bad) + 2
    assert Counter(reasons.values()) == {
        "has a name that leads out of the archive": len(bad),
        "is a link": 1,
        "is not a plain file": 1,
    }


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_clash_are_set_aside(tmp_path):
    names = ["a.png", "a.png", "A.PNG", "b", "b/c.png", "d/e.png", "D", "long" * 100, "x/" * 600 + "y.png", "tab\t.png"]
    aside = unpack_zip(archive(*[(name, bytes([i])) for i, name in enumerate(names)]), tmp_path / "in")
    assert files_in(tmp_path / "in") == ["a.png", "b", "d/e.png"]
    assert (tmp_path / "in" / "a.png").read_bytes() == b"\0"
    assert Counter(reason for _, reason in aside) == {
        "has the name of another file": 4,
        "has an invalid file name": 3,
    }


def test_a_bomb_is_not_unpacked(tmp_path):
    zeros = bytes(10 * 2**20)
    aside = unpack_zip(archive(("bomb.png", zeros), ("small.png", bytes(2**19))), tmp_path / "in")
    assert aside == [("bomb.png", "unpacks to more than 200 times its size")]
    assert files_in(tmp_path / "in") == ["small.png"]
    many = archive(*[(f"{i}.png", bytes(2**20)) for i in range(70)])
    with pytest.raises(InputError, match="more than 200 times its size"):
        unpack_zip(many, tmp_path / "many")
    assert not (tmp_path / "many").exists()


def overlapping(content, count):
    """A zip of entries each of which holds, as stored blocks, the header of the next and then all of its content."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed, plain = packer.compress(content) + packer.flush(), content
    body, listed = b"", []
    for i in range(count):
        if body:
            head = body[:35]
            packed = struct.pack("<BHH", 0, len(head), len(head) ^ 0xFFFF) + head + body[35:]
            plain = head + plain
        facts = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, zlib.crc32(plain), len(packed), len(plain), 5, 0)
        name = f"{i}.png".encode()
        body = b"PK\3\4" + facts + name + packed
        listed.append((facts, name, len(body)))
    table = b"".join(
        b"PK\1\2\x14\0" + facts + struct.pack("<HHHII", 0, 0, 0, 0, len(body) - length) + name
        for facts, name, length in listed
    )
    return io.BytesIO(body + table + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(table), len(body), 0))


def test_entries_that_share_bytes_are_set_aside(tmp_path):
    content = os.urandom(5000) + bytes(500_000)
    aside = unpack_zip(overlapping(content, 5), tmp_path / "in")
    assert aside == [(f"{i}.png", "shares bytes with another file") for i in range(1, 5)]
    assert files_in(tmp_path / "in") == ["0.png"]
    assert (tmp_path / "in" / "0.png").read_bytes() == content


def test_an_entry_longer_than_it_says_is_stopped(tmp_path):
    packed = bytearray(archive(("a.png", bytes(range(256)) * 4000), ("b.png", b"b")).getvalue())
    central = packed.index(b"PK\x01\x02")
    for place in (22, central + 24):  # the length, in the entry and in the table of contents
        struct.pack_into("<I", packed, place, 1000)
    aside = unpack_zip(io.BytesIO(packed), tmp_path / "in")
    assert [name for name, _ in aside] == ["a.png"]
    assert files_in(tmp_path / "in") == ["b.png"]


def test_encrypted_and_damaged_entries_are_set_aside(tmp_path):
    packed = bytearray(archive(("a.png", os.urandom(900)), ("b.png", b"b" * 900), ("c.png", b"c")).getvalue())
    packed[60] ^= 255  # content of a.png
    entry = packed.index(b"PK\x01\x02", packed.index(b"PK\x01\x02") + 1)
    packed[entry + 8] |= 1  # b.png says it is encrypted
    reasons = dict(unpack_zip(io.BytesIO(packed), tmp_path / "in"))
    assert reasons == {"a.png": "is damaged or has an unknown compression", "b.png": "is encrypted"}
    assert files_in(tmp_path / "in") == ["c.png"]


class Named(zipfile.ZipInfo):
    """An entry whose name is written in bytes of one's own, without the flag for UTF-8."""

    raw = b""

    def _encodeFilenameFlags(self):  # noqa: N802 - of the standard library
        return self.raw, self.flag_bits & ~0x800


@pytest.mark.parametrize(
    ("encoding", "extra", "expected", "is_guess"),
    [
        ("utf-8", False, "Käfer/1.png", False),  # macOS
        ("cp437", True, "Käfer/1.png", False),  # Info-ZIP
        ("cp437", False, "Käfer/1.png", True),  # MS-DOS
        ("cp1252", False, "KΣfer/1.png", True),  # some Windows programs; said, as nothing tells which
    ],
)
def test_names_in_an_archive_are_read_as_their_writer_meant(tmp_path, encoding, extra, expected, is_guess):
    name = "Käfer\\1.png"  # as Windows programs write paths
    entry = Named("x")
    entry.raw = name.encode(encoding)
    if extra:
        field = b"\1" + struct.pack("<I", zlib.crc32(entry.raw)) + name.encode()
        entry.extra = struct.pack("<HH", 0x7075, len(field)) + field
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as opened:
        opened.writestr(entry, b"x")
    assert unpack_zip(tmp_path / "a.zip", tmp_path / "in") == []
    assert [path.relative_to(tmp_path / "in").as_posix() for path in (tmp_path / "in").rglob("*.png")] == [expected]
    assert ("no known encoding" in detect_format(tmp_path / "a.zip").summary) is is_guess


def test_what_is_no_zip_says_so(tmp_path):
    whole = archive(("a.png", b"a" * 900)).getvalue()
    for bad in (b"", b"text", whole[:-30], whole[: len(whole) // 2]):
        with pytest.raises(InputError, match="is no zip archive, or is cut short"):
            unpack_zip(io.BytesIO(bad), tmp_path / "in")
    with pytest.raises(InputError, match="does not exist"):
        unpack_zip(tmp_path / "none.zip", tmp_path / "in")
    make(tmp_path / "full", "a.png")
    with pytest.raises(InputError, match="is not empty"):
        unpack_zip(io.BytesIO(whole), tmp_path / "full")


def test_damaged_archives_never_leave_a_traceback(tmp_path):
    whole = archive(("x/a.png", os.urandom(300)), ("y/b.png", b"b" * 900)).getvalue()
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 0b1010_1001
        folder = tmp_path / "in"
        try:
            aside = unpack_zip(io.BytesIO(damaged), folder)
        except InputError:
            continue
        assert len(files_in(folder)) + len(aside) <= 2
        shutil.rmtree(folder)
    assert files_in(tmp_path) == []


def test_room_is_looked_at_before_unpacking(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(10**9, 10**9, 100))
    with pytest.raises(RunError, match="has room for"):
        unpack_zip(archive(("a.png", b"a" * 900)), tmp_path / "in")
    assert files_in(tmp_path) == []


# --- tables --------------------------------------------------------------------------------


def table(folder, header, *lines, name="t.csv"):
    with (folder / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *lines])
    return folder / name


def test_a_table_gives_labels_and_a_split_in_its_order(tmp_path):
    make(tmp_path, "a/1.png", "a/2.png", "b/3.jpg")
    lines = [("b/3.jpg", 10, "train"), (tmp_path / "a/1.png", 9, "TEST"), ("./a/2.png", 10, "val")]
    found = list_table(table(tmp_path, ["Path", "Class", "Split"], *lines), roots=None)
    assert rows(found) == [("b/3.jpg", "10", "train"), ("a/1.png", "9", "test"), ("a/2.png", "10", "train")]
    assert found.classes == ["9", "10"]
    assert found.root == tmp_path


def test_rows_without_an_image_are_set_aside(tmp_path):
    make(tmp_path, "in/a.png", "in/b.png", "out/c.png", "in/d.txt")
    (tmp_path / "in/e.png").mkdir()
    (tmp_path / "in/twin.png").symlink_to("a.png")
    (tmp_path / "in/leaves.png").symlink_to(tmp_path / "out/c.png")
    cells = [
        "a.png",
        "b.png",
        "gone.png",
        "a.png",
        "./a.png",
        "twin.png",
        "../out/c.png",
        "leaves.png",
        "d.txt",
        "e.png",
    ]
    given = table(tmp_path / "in", ["image", "label"], *[(cell, "x") for cell in cells], ("", "x"), ("b.png/", ""))
    found = list_table(given, roots=[tmp_path / "in"])
    assert [entry.name for entry in found.entries] == ["a.png", "b.png"]
    assert found.given == 12
    assert [reason for _, reason in found.set_aside] == [
        "does not exist",
        *["is the file of row 1 again"] * 3,
        *["is outside the folders that may be read"] * 2,
        "is not an image by its ending",
        "is a folder",
        "has no path",
        "is the file of row 2 again",
    ]
    unlimited = list_table(given, roots=None)
    assert [entry.name for entry in unlimited.entries] == ["in/a.png", "in/b.png", "out/c.png"]
    assert unlimited.root == tmp_path


def test_columns_can_be_named_and_must_be_there(tmp_path):
    make(tmp_path, "a.png", "b.png")
    odd = table(tmp_path, ["where", "what", "when"], ("a.png", "x", "1"), ("b.png", "", "2"))
    with pytest.raises(InputError, match="no column of paths among where, what, when"):
        list_table(odd, roots=None)
    with pytest.raises(InputError, match="no column 'why'"):
        list_table(odd, roots=None, path_column="where", label_column="why")
    found = list_table(odd, roots=None, path_column="where", label_column="what", split_column="when")
    assert rows(found) == [("a.png", "x", None), ("b.png", None, None)]
    assert found.notes == ["The column when is not used as a split: it has '1', not only train and test."]


def test_parquet_is_read_as_csv_is(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    make(tmp_path, "a.png", "b.png", "c.png")
    columns = {"file_name": ["c.png", None, "a.png"], "label": [10.0, 1.0, 9.0], "image": [b"x", b"y", b"z"]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    found = list_table(tmp_path / "t.parquet", roots=None)
    assert rows(found) == [("c.png", "10", None), ("a.png", "9", None)]
    assert found.classes == ["9", "10"]
    assert found.set_aside == [("row 2", "has no path")]
    whole = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "short.parquet").write_bytes(whole[:-20])
    with pytest.raises(InputError, match=r"short\.parquet cannot be read"):
        list_table(tmp_path / "short.parquet", roots=None)


@cases(
    ("content", "message"),
    [
        (b"", "no column of paths"),
        (b"path\n", "names no usable image"),
        (b"path\nnone.png\n", r"none\.png does not exist"),
        (b"path\na.png,b\n", "more cells than the header"),
        (b"path\n\xff\xfe.png\n", "is not UTF-8"),
        (b'path\n"' + b"x" * 200_000 + b'"\n', "cannot be read"),
    ],
)
def test_tables_that_cannot_be_used_say_why(tmp_path, content, message):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        list_table(tmp_path / "t.csv", roots=None)


def test_spreadsheets_write_semicolons_and_a_byte_order_mark(tmp_path):
    make(tmp_path, "ä, 1.png")
    (tmp_path / "t.csv").write_bytes("\ufeffPath;Label\r\nä, 1.png;Na+\r\n".encode())
    assert rows(list_table(tmp_path / "t.csv", roots=None)) == [("ä, 1.png", "Na+", None)]


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_tables_that_fill_the_memory_are_refused(tmp_path, monkeypatch, name):
    paths = ["a.png"] * 1000
    if name == "t.csv":
        table(tmp_path, ["path"], *[(path,) for path in paths])
    else:
        parquet = pytest.importorskip("pyarrow.parquet")
        import pyarrow

        parquet.write_table(pyarrow.table({"path": paths}), tmp_path / name)
    monkeypatch.setattr("hume.data.importers.table_listing.fits", lambda num_bytes, device: num_bytes < 64_000)
    with pytest.raises(InputError, match="has 1,000 rows, more than fit into the free memory"):
        list_table(tmp_path / name, roots=None)
    monkeypatch.setattr("hume.data.importers.table_listing.MAX_ROWS", 999)
    with pytest.raises(InputError, match="has more than 999 rows"):
        list_table(tmp_path / name, roots=None)


def test_excels_line_that_names_the_separator_is_no_header(tmp_path):
    make(tmp_path, "a,1.png", "b.png")
    (tmp_path / "t.csv").write_text("sep=;\nfile;label\na,1.png;x\nb.png;y\n")
    assert rows(list_table(tmp_path / "t.csv", roots=None)) == [("a,1.png", "x", None), ("b.png", "y", None)]


def test_a_table_of_numbers_is_said_to_be_features(tmp_path):
    (tmp_path / "t.csv").write_text("f0,f1,f2,label\n0.5,1e-3,2,cat\n")
    with pytest.raises(InputError, match=r"is a table of numbers \(f0, .*save features as Parquet"):
        list_table(tmp_path / "t.csv", roots=None)


@pytest.mark.parametrize(("on_disk", "in_table"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_table_of_another_system_finds_files_in_the_other_normal_form(tmp_path, on_disk, in_table):
    names = [unicodedata.normalize(on_disk, name) for name in ("Käfer.png", "Šípek.png")]
    make(tmp_path, *names)
    cells = [f"{unicodedata.normalize(in_table, name)},{unicodedata.normalize(in_table, 'Käfer')}" for name in names]
    (tmp_path / "t.csv").write_text("\n".join(["file,label", *cells]), encoding="utf-8")
    assert rows(list_table(tmp_path / "t.csv", roots=None)) == [(name, "Käfer", None) for name in names]


def test_a_table_from_a_spreadsheet_finds_its_files(tmp_path):
    make(tmp_path, "-a.png", "'b.png")
    (tmp_path / "t.csv").write_text("file,label\n'-a.png,x\n'b.png,y\n")
    assert rows(list_table(tmp_path / "t.csv", roots=None)) == [("-a.png", "x", None), ("'b.png", "y", None)]


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_two_columns_of_one_name_are_refused(tmp_path, name):
    make(tmp_path, "a.png")
    if name == "t.csv":
        (tmp_path / name).write_text("file,label,label\na.png,x,y\n")
    else:
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        columns = [pyarrow.array([value]) for value in ("a.png", "x", "y")]
        parquet.write_table(pyarrow.table(columns, names=["file", "label", "label"]), tmp_path / name)
    with pytest.raises(InputError, match="has two columns named label: rename one of them"):
        detect_format(tmp_path / name)
