"""A function in a process of its own, for libraries that end, block or outlast the process that they run in.

The caller hears what the function reports and what it raises; it can end the process, and the process ends with it.
`multiprocessing` starts a process by running the caller's `__main__` again, which under Streamlit is the page shown
last: here it gives the pipe alone.
"""

import os
import pkgutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hume.common.errors import HumeError

ROOT = Path(__file__).parents[2]  # so that `hume` is found wherever the program was started


class ProcessError(Exception):
    """What a process raised besides a HumeError, in one line; `code` is its exit code where it ended without a word."""

    def __init__(self, message: str, code: int | None = None):
        super().__init__(message)
        self.code = code


class Process:
    """A call of `function`, named as package.module:function, in a process of its own.

    The function is given `report`, which sends a value to this process, before the arguments; all are pickled, one
    at a time. Raises OSError when the process cannot be started.
    """

    def __init__(self, function: str, *arguments: object):
        self._pipe, theirs = Pipe()
        self._done = False
        with theirs:
            # In a session of its own, because Ctrl-C is for this process, which then ends that one.
            self.popen = subprocess.Popen(
                [sys.executable, "-m", __name__, function, str(theirs.fileno()), str(len(arguments))],
                cwd=ROOT,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        with suppress(BrokenPipeError, ConnectionResetError):  # that it has ended is noticed by who reads
            for argument in arguments:
                self._pipe.send(argument)

    def wait(self, seconds: float) -> bool:
        """Whether there is a report, or the end, after that many seconds at most."""
        return self._pipe.poll(seconds)

    def reports(self) -> Iterator[Any]:
        """What the function reports until it returns; raises its HumeError, and ProcessError for all else."""
        while True:
            try:
                kind, value = self._pipe.recv()
            except (EOFError, OSError):
                code = self.popen.wait()
                raise ProcessError(f"ended with code {code}", code) from None
            if kind == "error":
                raise value
            if kind == "failed":
                raise ProcessError(value)
            if kind == "end":
                self._done = True
                return
            yield value

    def close(self, seconds: float) -> None:
        """End the process, at once unless the function has returned; kill it after that many seconds."""
        if not self._done:
            self.popen.terminate()
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        self._pipe.close()


def first_line(text: str) -> str:
    """The first line that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")


def _main(arguments: Sequence[str]) -> int:
    function, descriptor, number = arguments
    pipe: Connection[Any, Any] = Connection(int(descriptor))
    try:
        values = [pipe.recv() for _ in range(int(number))]
        threading.Thread(target=_end_with_the_caller, args=(pipe,), daemon=True).start()
        pkgutil.resolve_name(function)(lambda value: pipe.send(("report", value)), *values)
        pipe.send(("end", None))
    except BrokenPipeError:
        return 1
    except HumeError as error:
        pipe.send(("error", error))
        return 1
    except Exception as error:
        pipe.send(("failed", f"{type(error).__name__}: {first_line(str(error))}"))
        return 1
    return 0


def _end_with_the_caller(pipe: "Connection[Any, Any]") -> None:
    """The caller sends nothing more: what can be read is the end of the pipe."""
    pipe.poll(None)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
