"""The command that labels samples which a run has not seen."""

from functools import partial
from typing import Annotated

import typer

from hume.cli.base import command, with_bar
from hume.cli.options import Csv, RunName
from hume.common import devices
from hume.common.csv_files import write_csv
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
    device: Annotated[str, typer.Option(help="auto, cpu or cuda; for the networks.")] = "auto",
) -> None:
    """Label new pictures, or the rows of another dataset, as a run labels its own."""
    from hume.runs.label_new import label_new as label  # networks take a second to load, and only this needs them

    found = Findings(Store().open(run))
    labels = with_bar("labeling", partial(label, found, source, device=devices.choose_device(device)))
    print(sentences.new_labels(labels))
    for name, reason in labels.set_aside[:SHOWN]:
        print(f"  set aside  {name}: {reason}")
    if len(labels.set_aside) > SHOWN:
        print(f"  and {len(labels.set_aside) - SHOWN:,} more")
    print(write_csv(csv, *labels.table(review.read(found.run))))
