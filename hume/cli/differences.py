"""The command that sets two labelings of the same samples beside each other."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from hume.cli.base import command, print_table
from hume.cli.options import AsJson
from hume.common.csv_files import write_csv
from hume.common.formatting import percent
from hume.experiments import sides
from hume.experiments.sides import TwoLabelings
from hume.reporting import difference_sentences
from hume.runs.store import Store

SHOWN = 20  # pairs of classes
WHICH = "as RUN, RUN:searched, RUN:mode-2, RUN:version-7 or RUN:kmeans-phi1, a method of `compare` on its spaces."


@command("differences")
def differences(
    first: Annotated[str, typer.Argument(help=f"A labeling, {WHICH}", metavar="RUN_A")],
    second: Annotated[str, typer.Argument(help="Another one of the same samples.", metavar="RUN_B")],
    csv: Annotated[Path | None, typer.Option("--csv", help="File to write the moved samples to.")] = None,
    as_json: AsJson = False,
) -> None:
    """How two labelings of the same samples differ: which samples moved from which class to which."""
    store = Store()
    both = sides.compare(sides.side(store, first), sides.side(store, second))
    print(f"first   {difference_sentences.title(both.first)}")
    print(f"second  {difference_sentences.title(both.second)}")
    sentences = (difference_sentences.agreement(both), difference_sentences.largest(both))
    print(" ".join(filter(None, (*sentences, difference_sentences.what_differs(both.first.run, both.second.run)))))
    table = Table("first", "second", "samples", "share of first", "moved", box=None)
    for *names, size, share, moved in both.flow_table(SHOWN):
        table.add_row(*names, f"{size:,}", percent(share), moved)
    print_table(table)
    if csv is not None:
        files = both.first.run.dataset().file_names
        print(write_csv(csv, sides.MOVED_COLUMNS, both.moved_table(files)))
    if as_json:
        print(json.dumps(_as_object(both), ensure_ascii=False))


def _as_object(both: TwoLabelings) -> dict[str, object]:
    found = both.differences
    return {
        "first": both.first.text,
        "second": both.second.text,
        "num_samples": len(found.rows),
        "num_moved": len(found.moved),
        "acc": found.agreement.acc,
        "ari": found.agreement.ari,
        "nmi": found.agreement.nmi,
        "flows": [dict(zip(sides.FLOW_COLUMNS, line, strict=True)) for line in both.flow_table()],
        "moved": found.moved.tolist(),
    }
