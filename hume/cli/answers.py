"""The command `answers`: what a person said of a run's labeling, as CSV, joined, audited, restored."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from hume.cli.base import command, print_table
from hume.cli.options import RunName
from hume.common.csv_files import read_csv_bytes, write_csv
from hume.common.formatting import count
from hume.reporting import review_sentences
from hume.runs import history, review
from hume.runs.run import Run
from hume.runs.store import Store

if TYPE_CHECKING:
    from hume.runs.answering import Answering

LATEST = 20  # steps that are listed


@command("answers")
def answers(
    run: RunName,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write all steps to a file.")] = None,
    import_: Annotated[Path | None, typer.Option("--import", help="Add the answers of a CSV file.")] = None,
    by: Annotated[str | None, typer.Option(help="Whose answers are imported; the file's name by default.")] = None,
    ask: Annotated[int | None, typer.Option(help="Print the samples to ask about next, so many.", min=1)] = None,
    restore: Annotated[int | None, typer.Option(help="Make a version the current one.", metavar="VERSION")] = None,
) -> None:
    """Show, export or import a person's answers about a run's labeling, or restore a version."""
    opened = Store().open(run)
    if (import_, restore, csv, ask) == (None,) * 4:
        _show(opened)
        return
    answering = _answering(opened)
    if import_ is not None:
        _import(answering, import_, by)
    if restore is not None:
        moved = answering.restore(restore).flows
        print(f"version {restore}: {review_sentences.moved(moved, answering.review)}")
    if csv is not None:
        from hume.runs import answers_csv

        given = answering.review
        print(write_csv(csv, answers_csv.COLUMNS, answers_csv.table(answering.run, given, answering.found.dataset)))
    if ask is not None:
        files = answering.found.dataset.file_names
        for row in answering.questions(ask).tolist():
            print(row if files is None else f"{row}\t{files[row]}")


def _answering(run: Run) -> "Answering":
    """What computes, and loads torch for it: a look at the history does without."""
    from hume.runs.answering import Answering
    from hume.runs.findings import Findings

    return Answering(Findings(run))


def _import(answering: "Answering", path: Path, by: str | None) -> None:
    from hume.runs import joining

    joined = joining.join(answering, read_csv_bytes(path), by or path.stem)
    print(f"{count(joined.added, 'answer')} added, {joined.known:,} known already")
    if joined.cleared:
        print(f"{count(joined.cleared, 'answer')} about a class that is two now must be given again")
    if joined.contradictions:
        print("contradictions, of which this run keeps its own answer:")
        table = Table("sample", "this run", path.name, box=None)
        for row, ours, theirs in joined.contradictions:
            table.add_row(str(row), *(review_sentences.class_name(k, joined.review) for k in (ours, theirs)))
        print_table(table)


def _show(run: Run) -> None:
    given = review.read(run)
    print(f"version {given.version}: {review_sentences.summary(given)}")
    estimate = _answering(run).estimate() if given.audited else None
    if estimate is not None:
        print(review_sentences.audit(estimate))
    steps = history.versions(run.folder)
    current = {step["after"] for step in given.steps[1:]} | {given.version}
    if steps:
        table = Table("version", "step", "by", "", box=None)
        for version, step in steps[:LATEST]:
            state = "" if version in current else "taken back"
            table.add_row(str(version), review_sentences.step(step, given), step.get("by", ""), state)
        print_table(table)
