"""Shared by all commands: error messages, progress bars, tables."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from hume.common.devices import out_of_memory
from hume.common.errors import HumeError

app = typer.Typer(
    help="Find the labels people would give a dataset, without any label.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
P = ParamSpec("P")
R = TypeVar("R")


def main() -> None:
    """The entry point of the command `hume`."""
    if len(sys.argv) < 2:
        app()
    try:
        status = app(standalone_mode=False)
    except Exception as error:  # typer's usage errors share no public class over its versions
        if not hasattr(error, "format_message"):
            raise
        message = " ".join(error.format_message().split()).rstrip(".")
        print(f"error: {message}: see --help", file=sys.stderr)
        status = 2
    sys.exit(status if isinstance(status, int) else 0)


def command(name: str, *, hidden: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A command whose errors are one sentence on standard error and exit status 2; hidden: an old name of another."""

    def register(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except HumeError as error:
                message = str(error)
            except KeyboardInterrupt:
                message = "stopped; finished seeds are saved, `python -m hume list` names the run to resume"
            except (MemoryError, RuntimeError) as error:  # torch has no class of its own for memory on the CPU
                if not out_of_memory(error):
                    raise
                message = "out of memory: use fewer seeds, a smaller split or smaller batches"
            except OSError as error:
                message = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
            print(f"error: {message}", file=sys.stderr)
            raise typer.Exit(2)

        return app.command(name, hidden=hidden)(wrapped)

    return register


@contextmanager
def progress(*, transient: bool = False) -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=transient) as bar:
        yield bar


def with_bar(title: str, work: Callable[..., R]) -> R:
    """Do work that takes `on_progress`, with a bar on standard error."""
    with progress() as bar:
        task = bar.add_task(title, total=1.0)
        return work(on_progress=lambda share: bar.update(task, completed=share))


def print_table(table: Table) -> None:
    # A pipe has no width; a wide one keeps every row on its line.
    console = Console()
    (console if console.is_terminal else Console(width=200)).print(table)
