"""The app as a reader starts it: a server in a process of its own, which can be killed."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
START = 600.0  # seconds: another program may have the processor


class AppServer:
    """`streamlit run app.py` on one home folder and one port; may be started again after its end."""

    folder = ROOT

    def __init__(self, home: Path, port: int | None = None):
        self.home = home
        self.port = port or _free_port()
        self.log = Path(tempfile.mkstemp(prefix="hume-server-", suffix=".log")[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def command(self) -> list[str]:
        """What is started, in `folder`."""
        return [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(self.port)]

    @property
    def pid(self) -> int:
        """Of the server's process, while it runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs to work on the same home."""
        return {
            **os.environ,
            "HUME_HOME": str(self.home),
            "HUME_DATA_ROOTS": str(self.home.parent),
            "PYTHONPATH": str(ROOT / "tests" / "support" / "site"),
        }

    def start(self) -> "AppServer":
        """Start the server and wait until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until = time.monotonic() + START
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise RuntimeError(f"the server did not start:\n{self.said()}")
            time.sleep(0.1)
        return self

    def kill(self) -> None:
        """End the server and its children at once, as a crash of the machine would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask the server to end, as Ctrl+C does, and take the log away."""
        self._end(signal.SIGTERM)
        self.log.unlink(missing_ok=True)

    def said(self) -> str:
        """What the server has written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def __enter__(self) -> "AppServer":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for each in (how, signal.SIGKILL):
            try:
                os.killpg(process.pid, each)
                process.wait(30)
                return
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                process.wait()
                return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
