"""The command that labels samples which a run has not seen."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from hume.cli.base import command, with_bar
from hume.cli.options import Csv, RunName
from hume.common import devices
from hume.common.csv_files import write_csv
from hume.common.errors import InputError
from hume.reporting import sentences
from hume.runs import review
from hume.runs.findings import Findings
from hume.runs.store import Store

SHOWN = 20  # files set aside


@command("label-new")
def label_new(
    run: RunName,
    source: Annotated[
        str, typer.Argument(help="A folder of pictures, or a dataset, see `datasets`.", metavar="FOLDER|DATASET")
    ],
    csv: Csv,
    weights: Annotated[
        list[str] | None,
        typer.Option(help="A space's file of weights that is not where it was; several times.", metavar="SPACE=FILE"),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda; for the networks.")] = "auto",
) -> None:
    """Label new pictures, or the rows of another dataset, as a run labels its own."""
    from hume.runs.label_new import label_new as label  # networks take a second to load, and only this needs them

    found = Findings(Store().open(run))
    files = dict(_weights(each) for each in weights or ())
    labels = with_bar("labeling", partial(label, found, source, weights=files, device=devices.choose_device(device)))
    print(sentences.new_labels(labels))
    for name, reason in labels.set_aside[:SHOWN]:
        print(f"  set aside  {name}: {reason}")
    if len(labels.set_aside) > SHOWN:
        print(f"  and {len(labels.set_aside) - SHOWN:,} more")
    print(write_csv(csv, *labels.table(review.read(found.run))))


def _weights(text: str) -> tuple[str, Path]:
    space, separator, file = text.partition("=")
    if not separator or not space or not file:
        raise InputError(f"--weights {text}: give the name of a space and a file, as in vit-s=vit.safetensors")
    return space, Path(file).expanduser()
