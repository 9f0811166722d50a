"""Messages between two processes: a line of JSON, then float32 arrays as they lie in memory."""

import json
from collections.abc import Sequence
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Message = tuple[dict[str, Any], list[NDArray[np.float32]]]


def send(stream: IO[bytes], words: dict[str, Any], arrays: Sequence[NDArray[np.float32]] = ()) -> None:
    """Write one message; raises BrokenPipeError when nobody reads any more."""
    arrays = [np.ascontiguousarray(array, np.float32) for array in arrays]
    stream.write(json.dumps({**words, "shapes": [array.shape for array in arrays]}).encode() + b"\n")
    for array in arrays:
        stream.write(array.reshape(-1).data)
    stream.flush()


def receive(stream: IO[bytes]) -> Message | None:
    """Read one message, None when the other side has ended."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    words = json.loads(line)
    arrays = [np.empty(shape, np.float32) for shape in words.pop("shapes")]
    for array in arrays:
        if stream.readinto(array.reshape(-1).data) < array.nbytes:  # type: ignore[attr-defined]
            return None
    return words, arrays
