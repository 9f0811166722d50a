"""Files and folders in the making are seen whole or not at all."""

import os
from pathlib import Path

import pytest

from hume.common.files import atomically, unfinished, write_atomically


class StoppedError(Exception):
    """What a test raises while a file is written."""


@pytest.mark.parametrize("flush", [False, True])
def test_a_file_appears_when_it_is_whole(tmp_path, flush):
    path = tmp_path / "a"
    path.write_bytes(b"before")
    with atomically(path, flush=flush) as part, part.open("xb") as file:
        file.write(b"first")
        assert path.read_bytes() == b"before"
        file.write(b" and last")
    assert path.read_bytes() == b"first and last"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_stays_as_it_was_where_writing_ends_early(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"before")

    def stop():
        with atomically(path) as part:
            part.write_bytes(b"half")
            raise StoppedError

    with pytest.raises(StoppedError):
        stop()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "a"
    with atomically(path) as first, atomically(path) as second:
        assert first != second
        for part, content in ((first, b"first"), (second, b"second")):
            part.write_bytes(content)
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("moved", [True, False])
def test_a_folder_in_the_making_is_moved_or_removed(tmp_path, moved):
    with unfinished(tmp_path / "new") as part:
        (part / "inside").mkdir(parents=True)
        (part / "inside" / "file").write_bytes(b"content")
        if moved:
            part.rename(tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == (["new"] if moved else [])


def test_a_link_is_followed_and_what_is_no_file_is_never_replaced(tmp_path):
    (tmp_path / "there.csv").write_bytes(b"old")
    (tmp_path / "link.csv").symlink_to("there.csv")
    write_atomically(tmp_path / "link.csv", b"new")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "there.csv").read_bytes() == b"new"
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "pipe", tmp_path / "folder", Path("/dev/null")):
        before = path.stat().st_mode
        with pytest.raises(OSError, match="a folder, a device or a pipe"):
            write_atomically(path, b"new")
        assert path.stat().st_mode == before
