"""The lesson to take home: a run's report with the class's guesses and the exercises in it."""

from collections.abc import Sequence

from hume.common.formatting import count
from hume.data import thumbnails
from hume.data.dataset import Dataset
from hume.lesson.beside import LEAST_SORTED, agreement_table, compare, groupings, in_words
from hume.lesson.figures.flows import flows
from hume.lesson.guesses import Guesses
from hume.lesson.plan import EXERCISES
from hume.reporting import figures
from hume.reporting.document import escaped, figure, isolated, paragraph, table
from hume.reporting.report import report
from hume.runs.findings import Findings

LARGE = 96  # pixels of a picture
TALL = 560  # pixels of the alluvial picture


def handout(found: Findings, guesses: Guesses, class_names: Sequence[str], *, show_truth: bool = True) -> str:
    """One HTML file for everybody in the class: what was guessed, what was found, and three exercises with answers.

    class_names: what the found classes are called. Without `show_truth`, or without ground truth, nothing of it is in
    the file. Raises what `report` raises.
    """
    sections = [_guesses(found, guesses, class_names, show_truth), _exercises()]
    return report(found, show_truth=show_truth, more=[section for section in sections if section])


def _guesses(found: Findings, guesses: Guesses, class_names: Sequence[str], show_truth: bool) -> str:
    parts = [_hands(found, guesses), _groups(found.dataset, guesses), _beside(found, guesses, class_names, show_truth)]
    told = "".join(part for part in parts if part)
    return f"<section>\n<h2>What did we guess?</h2>\n{told}</section>" if told else ""


def _hands(found: Findings, guesses: Guesses) -> str:
    if not guesses.hands:
        return ""
    words = (
        f"Asked how many kinds of things there are, the most hands went up for {guesses.usual_kinds}. The search was "
        f"asked for {found.num_classes}."
    )
    rows = [(kinds, hands) for kinds, hands in guesses.hands.items()]
    return paragraph(words) + table("Hands for every number of kinds", ["kinds", "hands"], rows)


def _groups(dataset: Dataset, guesses: Guesses) -> str:
    rows = []
    for group in range(len(guesses.names)):
        members = [row for row in guesses.rows if guesses.placed.get(row) == group]
        if members:
            rows.append(_group(dataset, guesses, group, members))
    return "".join(rows)


def _group(dataset: Dataset, guesses: Guesses, group: int, members: list[int]) -> str:
    color = figures.class_colors(group + 1)[group]
    label = escaped(f"Pictures in {guesses.name(group)}")
    pictures = thumbnails.sample_images(dataset)
    crisp = " pixels" * (pictures is not None and max(pictures.shape[1:3]) <= thumbnails.PIXEL_ART)
    return f"""<article class="class" style="--mark: {color}">
<header><h3>{isolated(guesses.name(group))}</h3>{paragraph(count(len(members), "picture"))}</header>
<div class="tiles large{crisp}" role="group" aria-label="{label}">{_tiles(dataset, members)}</div>
</article>
"""


def _tiles(dataset: Dataset, rows: list[int]) -> str:
    pictures = thumbnails.sample_images(dataset)
    if pictures is None:
        return "".join(f'<span class="card" role="img" aria-label="sample {row}">{row}</span>' for row in rows)
    white = thumbnails.full_white(pictures)
    sources = [(row, thumbnails.data_uri(pictures[row], LARGE, white=white)) for row in rows]
    return "".join(f'<img alt="picture {row}" src="{source}">' for row, source in sources)


def _beside(found: Findings, guesses: Guesses, class_names: Sequence[str], show_truth: bool) -> str:
    if len(guesses.placed) < LEAST_SORTED:
        return ""
    beside = compare(guesses, found.vote.labeling, found.dataset.labels if show_truth else None)
    columns = groupings(guesses, beside, class_names, found.true_names)
    drawn = flows(columns).update_layout(height=TALL)
    shares = agreement_table(beside)
    rows = [
        (between, *(f"{value:.2f}" for value in values))
        for between, *values in zip(shares["between"], shares["ACC"], shares["ARI"], shares["NMI"], strict=True)
    ]
    alt = "Bands from the groups of the class to the found classes; the table below has the agreement"
    return (
        paragraph(in_words(beside).replace("**", ""), "answer")
        + figure("guesses", drawn, alt=alt)
        + table(f"How alike, on {count(len(beside.rows), 'sorted picture')}", ["between", "ACC", "ARI", "NMI"], rows)
    )


def _exercises() -> str:
    told = "".join(
        f"<li>{paragraph(each.question)}<details><summary>Answer</summary>{paragraph(each.answer)}</details></li>"
        for each in EXERCISES
    )
    return f"<section>\n<h2>Three exercises</h2>\n<ol>{told}</ol>\n</section>"
