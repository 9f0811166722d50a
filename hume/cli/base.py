"""Shared by all commands: error messages, progress bars, tables."""

import _thread
import ast
import functools
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from typer.core import TyperCommand, TyperGroup

import hume
from hume.common.devices import out_of_memory
from hume.common.errors import HumeError

P = ParamSpec("P")
R = TypeVar("R")


class _Command(TyperCommand):
    """A command as `--help` lists it; its module, with all that it computes with, is loaded when it is called."""

    def __init__(self, module: str, function: ast.FunctionDef, name: str, hidden: bool):
        super().__init__(name, help=ast.get_docstring(function), hidden=hidden)
        self._module, self._function = module, function.name

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(self.name)(getattr(import_module(self._module), self._function))
        return typer.main.get_command(alone).make_context(info_name, args, parent=parent, **extra)


class _Commands(TyperGroup):
    """The functions of this package that are decorated with `command`, as their sources have them."""

    def __init__(self, **options: Any):
        super().__init__(**{**options, "commands": {str(each.name): each for each in _commands()}})


def _commands() -> Iterator[_Command]:
    for path in sorted(Path(__file__).parent.glob("*.py")):
        for function in (each for each in ast.parse(path.read_bytes()).body if isinstance(each, ast.FunctionDef)):
            for made in function.decorator_list:
                match made:
                    case ast.Call(ast.Name("command"), [ast.Constant(str(name))], keywords):
                        yield _Command(f"{__package__}.{path.stem}", function, name, hidden=bool(keywords))


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _tell(asked: bool) -> None:
    if asked:
        print(f"hume-explorer {hume.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell, is_eager=True, help="Tell the version.")
    ] = False,
) -> None:
    """Find the labels people would give a dataset, without any label."""


def main() -> None:
    """The entry point of the command `hume`."""
    keep_interrupts()
    if len(sys.argv) < 2:
        app()
    try:
        status = app(standalone_mode=False)
    except Exception as error:  # typer's usage errors share no public class over its versions
        if not hasattr(error, "format_message"):
            raise
        message = " ".join(error.format_message().split()).rstrip(".")
        print(f"error: {_on_one_line(message)}: see --help", file=sys.stderr)
        status = 2
    sys.exit(status if isinstance(status, int) else 0)


def keep_interrupts() -> None:
    """Let no Ctrl-C be lost: Python ignores one within a callback of a C library, as while numba compiles."""
    usual, main_thread = sys.unraisablehook, threading.get_ident()

    def interrupt() -> None:
        if hasattr(signal, "pthread_kill"):  # which also ends a wait
            signal.pthread_kill(main_thread, signal.SIGINT)
        else:
            _thread.interrupt_main()

    def ignored(what: "sys.UnraisableHookArgs") -> None:
        if what.exc_type is KeyboardInterrupt:
            threading.Timer(0.1, interrupt).start()
        else:
            usual(what)

    sys.unraisablehook = ignored


def _on_one_line(message: str) -> str:
    """A message with names as they are, but for what would break the line, or steer or stop a terminal."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in message)


def command(name: str, *, hidden: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A command whose errors are one sentence on standard error and exit status 2; hidden: an old name of another.

    `app` finds the commands by this decorator.
    """

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
                message = str(error)
                if not out_of_memory(error) and not message.startswith("Symlink loop"):  # Python before 3.13
                    raise
                if out_of_memory(error):
                    message = "out of memory: use fewer seeds, a smaller split or smaller batches"
            except UnicodeEncodeError as error:  # of paths, which may be any bytes
                message = f"{error.object} is not UTF-8: give it another name"
            except OSError as error:
                message = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
            print(f"error: {_on_one_line(message)}", file=sys.stderr)
            raise typer.Exit(2)

        return wrapped

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
