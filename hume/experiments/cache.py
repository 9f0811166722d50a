"""The cache of experiments in a home: one file an entry, in a folder named by everything that it depends on.

    cache = Cache.keyed(home, "comparisons", key)
    cache.write("hume", {"labelings": labelings}, {"note": "100 seeds"})

    <home>/<kind>/<digest of the key>/<entry>.safetensors

Only labelings and predictions are cached; scores that need ground truth are computed when read.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors.numpy import save

from hume.common.files import disk_errors, regular, write_atomically

Kind: TypeAlias = Literal["comparisons", "ablations", "class-counts", "students", "phi1-scores"]
Content: TypeAlias = tuple[dict[str, NDArray[Any]], dict[str, str]]  # arrays and tags


@dataclass(frozen=True)
class Cache:
    """The entries of one folder."""

    folder: Path

    @classmethod
    def keyed(cls, home: Path, kind: Kind, key: Sequence[object]) -> "Cache":
        """The entries that belong to a key; keys that differ in anything have different folders."""
        return cls(home / kind / hashlib.blake2b(json.dumps(key).encode(), digest_size=16).hexdigest())

    def read(self, entry: str) -> Content | None:
        """The arrays and tags of an entry; None where it is missing or damaged."""
        try:
            with safetensors.safe_open(regular(self._path(entry)), framework="numpy") as file:
                return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
        except (OSError, safetensors.SafetensorError, ValueError):
            return None

    def write(self, entry: str, arrays: Mapping[str, NDArray[Any] | None], tags: Mapping[str, str]) -> None:
        """Write or replace an entry atomically; an array that is None is left out.

        Raises RunError when it cannot be written.
        """
        path = self._path(entry)
        known = {name: np.ascontiguousarray(array) for name, array in arrays.items() if array is not None}
        content = save(known, {**tags, "created": datetime.now(UTC).isoformat(timespec="seconds")})
        with disk_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)

    def numbers(self) -> list[int]:
        """The entries that are named by a number, in ascending order."""
        names = [path.stem for path in self.folder.glob("*.safetensors")]
        return sorted({int(name) for name in names if name.isascii() and name.isdecimal()})

    def _path(self, entry: str) -> Path:
        return self.folder / f"{entry}.safetensors"
