"""The command `app`: the pages, from the package or from the checkout."""

import importlib.util
import os
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

import hume
from hume.cli.base import command
from hume.common.errors import InputError, RunError
from hume.runs import home as homes

PACKAGES = {"streamlit": "streamlit", "plotly": "plotly", "pandas": "pandas", "PIL": "pillow", "umap": "umap-learn"}
LOCAL = "127.0.0.1"
ALLOWED = "HUME_ALLOWED_HOSTS"


@command("app")
def serve(
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8501,
    home: Annotated[
        Path | None, typer.Option(help="Folder of the runs and datasets; HUME_HOME by default, else the platform's.")
    ] = None,
    address: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0: all of this machine's.")] = LOCAL,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A further name, as of a proxy, under which the app answers; may be given several times."),
    ] = None,
) -> None:
    """Open the app: serve its pages to this machine's browser, until Ctrl-C."""
    script, place = _script(), homes.default_home() if home is None else home.expanduser().resolve()
    _check_packages()
    homes.check_format(place)
    homes.check_writable(place)
    homes.mark_format(place)
    _check_port(address, port)
    named = [*filter(None, [os.environ.get(ALLOWED)]), *(allow_host or [])]
    environment = {**os.environ, "HUME_HOME": str(place), ALLOWED: ",".join(named)}
    arguments = ["--server.port", str(port), "--server.address", address]
    if address == "0.0.0.0":
        arguments += ["--browser.serverAddress", "localhost"]
    # -P: a folder `pages` or a file `app.py` where the command is given is none of ours.
    program = [sys.executable, "-P", "-m", "streamlit", "run", str(script), *arguments]
    sys.stdout.flush()
    os.execve(sys.executable, program, environment)


def _script() -> Path:
    """The app in the package; in a checkout, beside it."""
    package = Path(hume.__file__).parent
    for folder in (package / "_app", package.parent):
        if (folder / "app.py").is_file() and (folder / "pages").is_dir():
            return folder / "app.py"
    raise RunError(f"the pages are missing beside {package}: install hume-explorer again")


def _check_packages() -> None:
    missing = [package for module, package in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise InputError(f"the app needs {', '.join(missing)}: pip install 'hume-explorer[app]'")


def _check_port(address: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise InputError(
                f"port {port} of {address} cannot be used ({error.strerror}): choose another one by --port"
            ) from None
