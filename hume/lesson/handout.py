"""The lesson's hand-out: a run's report with the class's guesses, what its answers are worth, and the exercises."""

from collections.abc import Sequence

from hume.common.formatting import count, percent
from hume.data import thumbnails
from hume.data.dataset import Dataset
from hume.lesson import answer_sentences as sentences
from hume.lesson.answers import Answers, Outcome
from hume.lesson.comparison import MIN_SORTED, agreement_table, compare, groupings, summary
from hume.lesson.figures import answers as drawn
from hume.lesson.figures.flows import flows
from hume.lesson.guesses import Guesses
from hume.lesson.plan import EXERCISES
from hume.reporting import figures
from hume.reporting.document import escaped, figure, isolated, paragraph, table
from hume.reporting.report import report
from hume.runs.findings import Findings

LARGE = 96  # pixels of a picture
TALL = 560  # pixels of the alluvial picture
LOW = 300  # of three bars


def handout(
    findings: Findings,
    guesses: Guesses,
    class_names: Sequence[str],
    *,
    answers: Answers = (),
    outcome: Outcome | None = None,
    show_truth: bool = True,
) -> str:
    """One HTML file for the class: the guesses, the report of the run, and three exercises with answers.

    class_names: of the found classes, (K,). outcome: of the answers to the twenty questions, where there is one. Ground
    truth is included only with `show_truth` and in an outcome that has it. Raises as `report` does.
    """
    sections = [_guesses(findings, guesses, class_names, show_truth)]
    sections += [] if outcome is None else [_answers(findings, answers, outcome, class_names)]
    sections += [_exercises()]
    return report(findings, show_truth=show_truth, more=[section for section in sections if section])


def _guesses(findings: Findings, guesses: Guesses, class_names: Sequence[str], show_truth: bool) -> str:
    content = _hands(findings, guesses) + _groups(findings.dataset, guesses)
    content += _comparison(findings, guesses, class_names, show_truth)
    return f"<section>\n<h2>What did we guess?</h2>\n{content}</section>" if content else ""


def _hands(findings: Findings, guesses: Guesses) -> str:
    if not guesses.hands:
        return ""
    text = (
        f"How many kinds of things are there? The most hands went up for {guesses.usual_kinds}. The search was run "
        f"with {findings.num_classes} classes."
    )
    rows = [(kinds, hands) for kinds, hands in guesses.hands.items()]
    return paragraph(text) + table("Hands for every number of kinds", ["kinds", "hands"], rows)


def _groups(dataset: Dataset, guesses: Guesses) -> str:
    rows = []
    for group in range(len(guesses.names)):
        members = [row for row in guesses.rows if guesses.placed.get(row) == group]
        if members:
            rows.append(_group(dataset, guesses.name(group), group, members))
    return "".join(rows)


def _group(dataset: Dataset, name: str, number: int, members: list[int]) -> str:
    color = figures.class_colors(number + 1)[number]
    label = escaped(f"Pictures in {name}")
    pictures = thumbnails.sample_images(dataset)
    crisp = " pixels" * (pictures is not None and max(pictures.shape[1:3]) <= thumbnails.PIXEL_ART)
    return f"""<article class="class" style="--mark: {color}">
<header><h3>{isolated(name)}</h3>{paragraph(count(len(members), "picture"))}</header>
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


def _comparison(findings: Findings, guesses: Guesses, class_names: Sequence[str], show_truth: bool) -> str:
    if len(guesses.placed) < MIN_SORTED:
        return ""
    comparison = compare(guesses, findings.vote.labeling, findings.dataset.labels if show_truth else None)
    columns = groupings(guesses, comparison, class_names, findings.true_names)
    diagram = flows(columns).update_layout(height=TALL)
    shares = agreement_table(comparison)
    rows = [
        (between, *(f"{value:.2f}" for value in values))
        for between, *values in zip(shares["between"], shares["ACC"], shares["ARI"], shares["NMI"], strict=True)
    ]
    alt = "Bands from the groups of the class to the found classes; the table below has the agreement"
    return (
        paragraph(summary(comparison).replace("**", ""), "answer")
        + figure("guesses", diagram, alt=alt)
        + table(f"Agreement on {count(len(comparison.rows), 'sorted picture')}", ["between", "ACC", "ARI", "NMI"], rows)
    )


def _answers(findings: Findings, answers: Answers, outcome: Outcome, class_names: Sequence[str]) -> str:
    content = paragraph(sentences.summary(outcome).replace("**", ""), "answer") + paragraph(
        sentences.answerers(outcome)
    )
    if outcome.accuracies is not None:
        diagram = drawn.answers(outcome.accuracies, outcome.num_answers, by_computer=outcome.by_computer > 0)
        shares = sentences.means(outcome.accuracies, outcome.num_answers)
        rows = [(what, number, percent(share)) for what, number, share in shares]
        content += figure(
            "answers", diagram.update_layout(height=LOW), alt="Three bars; the table below has their numbers",
            caption=sentences.explanation(outcome),
        ) + table(drawn.AXIS, ["", "labels", "share"], rows)  # fmt: skip
    for number, name in [*enumerate(class_names), (len(class_names), "We cannot tell")]:
        said = number if number < len(class_names) else None
        members = [one.row for one in answers if one.number == said]
        content += _group(findings.dataset, name, number, members) if members else ""
    return f"<section>\n<h2>What are {count(outcome.num_answers, 'answer')} worth?</h2>\n{content}</section>"


def _exercises() -> str:
    content = "".join(
        f"<li>{paragraph(one.question)}<details><summary>Answer</summary>{paragraph(one.answer)}</details></li>"
        for one in EXERCISES
    )
    return f"<section>\n<h2>Three exercises</h2>\n<ol>{content}</ol>\n</section>"
