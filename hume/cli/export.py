"""Commands that write labels for other programs, and the layouts of the authors."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from hume.cli.base import command, with_bar
from hume.cli.options import Labeling, ModeNumber, Neighbors, RunName
from hume.cli.show import report_run
from hume.common.errors import InputError
from hume.exchange.author_runs import export_run, import_tasks
from hume.runs import review, selections
from hume.runs.findings import Findings
from hume.runs.request import View
from hume.runs.store import Store

Folder = Annotated[Path, typer.Argument(help="Folder to write.", metavar="OUT")]
PerClass = Annotated[int, typer.Option(help="Samples of every class.")]
TrueLabels = Annotated[
    bool, typer.Option("--true-labels", help="With usb: also as many random true labels, to compare with.")
]
PER_CLASS = 25
FORMATS = "image-folder, usb, hugging-face, fiftyone, label-studio or anndata"


@command("export")
def export(
    run: RunName,
    folder: Folder,
    to: Annotated[str | None, typer.Option(help=f"{FORMATS}.", metavar="FORMAT")] = None,
    per_class: Annotated[
        int | None, typer.Option(help="Samples of every class: 25, of a selection all.", show_default=False)
    ] = None,
    neighbors: Neighbors = None,
    true_labels: TrueLabels = False,
    labeling: Labeling = None,
    mode: ModeNumber = None,
    selection: Annotated[
        str | None, typer.Option(help="Only the samples of a selection, by its name in `selections`.", metavar="NAME")
    ] = None,
) -> None:
    """Write reliable samples for another program, names and rejections of the app included."""
    if to is None or to == "authors":
        _export_authors(run, folder)
        print("export without --to is the old name of this: use export-authors", file=sys.stderr)
    else:
        _export(run, folder, to, per_class, neighbors, true_labels, labeling, mode, selection)


@command("hand-over", hidden=True)
def hand_over(
    run: RunName,
    folder: Folder,
    to: Annotated[str, typer.Option(help=f"{FORMATS}.")] = "image-folder",
    per_class: PerClass = PER_CLASS,
    neighbors: Neighbors = None,
    true_labels: TrueLabels = False,
) -> None:
    """The old name of `export --to FORMAT`."""
    _export(run, folder, to, per_class, neighbors, true_labels)
    print(f"hand-over is the old name of this: use export --to {to}", file=sys.stderr)


def _export(
    run: str,
    folder: Path,
    to: str,
    per_class: int | None,
    neighbors: int | None,
    true_labels: bool,
    labeling: View | None = None,
    mode: int | None = None,
    selection: str | None = None,
) -> None:
    from hume.exchange import export as formats

    if to not in formats.FORMATS:
        raise InputError(f"--to {to}: choose one of {', '.join(formats.FORMATS)}")
    if true_labels and to != "usb":
        raise InputError(f"--true-labels: only usb has a place for them, not {to}")
    found = Findings(Store().open(run), labeling, mode)
    among = None if selection is None else selections.read(found.run).rows(selection)
    number = PER_CLASS if per_class is None and among is None else per_class
    samples, _ = found.reliable_samples(found.ranking(neighbors, "algorithm", "all"), number, among=among)
    request = formats.export_request(found, samples, review.read(found.run), true_labels=true_labels)
    report = with_bar("writing", partial(formats.write, request, formats.FORMATS[to], folder))
    print(f"{report.given:,} samples, {len(report.set_aside):,} set aside: {folder.resolve()}")


# --- the authors' layouts ------------------------------------------------------------------------


@command("export-authors")
def export_authors(run: RunName, folder: Folder) -> None:
    """Write a run in the layout of the authors' released tasks."""
    _export_authors(run, folder)


def _export_authors(run: str, folder: Path) -> None:
    written = export_run(Store().open(run), folder)
    print(f"{len(written)} files in {folder.resolve()}")


@command("import-authors")
def import_authors(
    folder: Annotated[Path, typer.Argument(help="Folder with linear_task_*.pt and results_*.pickle.")],
    dataset: Annotated[str, typer.Option(help="Dataset of the tasks.")],
    phi1: Annotated[str | None, typer.Option(help="Space of the labels.")] = None,
    phi2: Annotated[str | None, typer.Option(help="Space of the classifier.")] = None,
    run: Annotated[str | None, typer.Option(help="Name for the run.")] = None,
) -> None:
    """Import tasks in the authors' layout as a run."""
    store = Store()
    data = store.load_dataset(dataset)
    first, second = phi1 or data.default_pair[0], phi2 or data.default_pair[1]
    imported = import_tasks(store, folder, data, phi1=first, phi2=second, name=run)
    report_run(imported, imported.scores(), as_json=False)


@command("export-release")
def export_release(
    folder: Annotated[Path, typer.Argument(help="An empty or new folder.", metavar="FOLDER")],
    runs: Annotated[list[str], typer.Argument(help="Names of finished runs, see `list`.", metavar="RUN...")],
) -> None:
    """Write runs with their spaces and labels in the layout of the authors' release; `add` reads it back."""
    from hume.exchange import releases

    store = Store()
    written = releases.export_release([store.open(run) for run in runs], folder)
    print(f"{len(written)} files in {folder.resolve()}")
