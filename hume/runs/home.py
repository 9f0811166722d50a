"""The home folder as a whole: where it is, and whether this version may read and write it."""

import json
import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

import platformdirs

import hume
from hume.common.errors import InputError, RunError
from hume.common.files import write_atomically
from hume.common.json_files import read_json

FORMAT = 1  # counts up when an earlier version could misread a home
MARK = "home.json"


class _Mark(TypedDict):
    format: int
    version: str


def default_home() -> Path:
    """HUME_HOME where it is set, else the platform's folder for a user's data.

    Raises InputError for a home of nobody, a link that leads to itself, and a name that is not UTF-8.
    """
    named = os.environ.get("HUME_HOME")
    try:
        home = Path(named).expanduser().resolve() if named else Path(platformdirs.user_data_dir("hume-explorer"))
        str(home).encode()  # names are written into files, which are UTF-8
    except (OSError, RuntimeError) as error:
        raise InputError(f"HUME_HOME={named} cannot be found ({error}): name another folder") from None
    except UnicodeEncodeError as error:
        raise InputError(f"the name of the folder {error.object} is not UTF-8: set HUME_HOME to another") from None
    return home


def check_format(home: Path) -> None:
    """Raises RunError where a later version wrote the home in a format of its own; homes without a mark are 0.1.0's."""
    try:
        mark = read_json(home / MARK, _Mark)
        written, version = mark["format"], mark["version"]
    except (FileNotFoundError, NotADirectoryError):
        return
    except ValueError as error:
        raise RunError(
            f"{home / MARK} is damaged ({error}): delete it if no later version than this one used the home"
        ) from None
    if written > FORMAT:
        raise RunError(
            f"{home} was written by version {version}, which {hume.__version__} cannot read: update hume-explorer, or "
            "set HUME_HOME to another folder"
        )


def mark_format(home: Path) -> None:
    """Note in a home which format it has."""
    if not (home / MARK).exists():
        write_atomically(home / MARK, json.dumps({"format": FORMAT, "version": hume.__version__}).encode())


def check_writable(home: Path) -> None:
    """Make the home; raises RunError where it cannot be made or written."""
    probe = home / f".part-{uuid.uuid4().hex}"
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe.touch()
    except OSError as error:
        raise RunError(f"{home} cannot be written ({error.strerror}): choose another folder by --home") from None
    with suppress(OSError):
        probe.unlink()
