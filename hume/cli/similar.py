"""The commands that search samples by example or by words, and propose names for found classes."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from hume.cli.base import command, print_table
from hume.cli.options import AsJson, Labeling, ModeNumber, RunName
from hume.common import devices
from hume.common.csv_files import write_csv
from hume.common.errors import InputError
from hume.common.files import regular
from hume.common.formatting import number as rounded
from hume.reporting import similar_sentences
from hume.runs import review, similar
from hume.runs.findings import Findings
from hume.runs.similar import Where
from hume.runs.store import Store


@command("similar")
def similar_samples(
    run: RunName,
    row: Annotated[int | None, typer.Option(help="The sample of this number.")] = None,
    picture: Annotated[Path | None, typer.Option(help="A picture that the run has not seen.")] = None,
    words: Annotated[str | None, typer.Option(help="What the pictures show; needs a space of a CLIP model.")] = None,
    space: Annotated[Where, typer.Option(help="Compare in φ1, in φ2, or in both.")] = "both",
    number: Annotated[int, typer.Option(help="How many samples.")] = 24,
    csv: Annotated[Path | None, typer.Option("--csv", help="File to write them to.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    labeling: Labeling = None,
    mode: ModeNumber = None,
) -> None:
    """List the samples that are most like one of the run's, like a new picture, or like words."""
    if sum(value is not None for value in (row, picture, words)) != 1:
        raise InputError("give one of --row, --picture and --words")
    found, place = Findings(Store().open(run), labeling, mode), devices.choose_device(device)
    if words is not None or picture is not None:
        from hume.runs import similar_new  # networks take a second to load

    if words is not None:
        near = similar_new.like_words(found, words, number, device=place)
    elif picture is not None:
        near = similar_new.like_picture(found, picture, space, number, device=place)
    else:
        assert row is not None
        near = similar.like_row(found, row, space, number)
    header, lines = similar.table(found, near, review.read(found.run), found.dataset.file_names)
    if csv is not None:
        print(write_csv(csv, header, lines))
        return
    shown = Table(*header, box=None)
    for line in lines:
        shown.add_row(*map(str, line))
    print_table(shown)


@command("propose-names")
def propose_names(
    run: RunName,
    words: Annotated[Path, typer.Option(help="Text file with a word or a few a line.", exists=True, dir_okay=False)],
    as_json: AsJson = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    labeling: Labeling = None,
    mode: ModeNumber = None,
) -> None:
    """Propose names for the found classes from a list of words; names are given by hand, in the app."""
    from hume.runs import similar_new  # networks take a second to load

    found = Findings(Store().open(run), labeling, mode)
    try:
        given = regular(words).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"{words} is not a text file in UTF-8: save it as one, with a word a line") from None
    proposed = similar_new.propose_names(found, given, device=devices.choose_device(device))
    print(similar_sentences.proposals(proposed))
    table, names = Table("class", "proposed", "fit", box=None), review.read(found.run)
    for i, (k, best) in enumerate(proposed.best().items()):
        table.add_row(names.name(k), ", ".join(best), rounded(float(proposed.fit[i].max()), 3))
    print_table(table)
    if as_json:
        print(json.dumps({"run": run, "classes": {str(k): best for k, best in proposed.best().items()}}))
