"""The process that makes one map and reports on it: the other side of `hume.reporting.maps.Maps`."""

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from hume.common.errors import HumeError, RunError
from hume.data.dataset import load_space
from hume.reporting.maps.layout import MapConfig, make_map, map_key, save_map


def main(arguments: Sequence[str]) -> int:
    """Make one map and report on it: the other side of `Maps`.

    The only argument is JSON: the path of the map, the paths of one or two spaces, the configuration. Every report
    is a line [share, sentence] on the standard output; what goes wrong is one line on the other.
    """
    spec = json.loads(arguments[0])
    if hasattr(os, "nice"):
        os.nice(10)
    try:
        _make(Path(spec["path"]), [Path(path) for path in spec["spaces"]], MapConfig(**spec["config"]))
    except BrokenPipeError:
        return 1  # nobody listens any more
    except HumeError as error:
        print(error, file=sys.stderr)
        return 1
    except Exception as error:
        said = " ".join(str(error).split())
        print(f"the map could not be made ({type(error).__name__}: {said})", file=sys.stderr)
        return 1
    return 0


def _make(path: Path, spaces: list[Path], config: MapConfig) -> None:
    _report(0.0, "Reading the features.")
    first, *others = [load_space(space) for space in spaces]
    second = others[0] if others else None
    if map_key(first, second, config) != path.stem:
        raise RunError(f"{' or '.join(map(str, spaces))} has changed since the map was requested: reload the page")
    made = make_map(first, second, config, on_progress=_report)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # at any other moment it ends this process and leaves nothing behind
    save_map(path, made)


def _report(share: float, stage: str) -> None:
    """Unbuffered, so that a pipe without a reader is noticed here and not again at the end of the process."""
    os.write(sys.stdout.fileno(), (json.dumps([share, stage]) + "\n").encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
