"""What was found: classes, how far the seeds can be trusted, the vote, the true classes they hold."""

import numpy as np

from hume.common.formatting import count, percent
from hume.experiments import criteria, judgement, saved_trust
from hume.experiments.judgement import SUBJECTS
from hume.reporting import figures, sentences, trust_sentences
from hume.reporting.document import figure, paragraph, table
from hume.reporting.report.pictures import ROW, class_row, legend, pictured
from hume.reporting.report.view import View
from hume.runs.findings import Findings

HOLDS = 4  # true classes named of every found one
SHOWN_N = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 500)  # rows of the table next to the curve
JUDGED_WITHIN = 10.0  # seconds that a report waits for a verdict


def found_classes(view: View) -> str:
    words = f"A row is one found class: the {view.noun}s whose label is the most reliable. "
    if view.truth:
        words += "Every found class is matched to at most one true class, one to one. "
    rows = []
    for k in pictured(view):
        about = f"{count(int(view.sizes[k]), view.noun)} ({percent(float(view.sizes[k] / view.sizes.sum()))})"
        if view.matched is not None and view.found.right is not None:
            right = float(view.found.right[view.found.vote.labeling == k].mean())
            about += f' · matched to "{view.matched[k]}": {percent(right)} are right'
        rows.append(class_row(view, k, ROW, about))
    return f"""<section>
<h2>Which classes were found?</h2>
{paragraph(words + legend(view))}
{"".join(rows)}</section>"""


def trust(view: View) -> str:
    found, scores = view.found, view.found.statistics
    axis = figures.SCORE if found.likelihood is None else figures.LIKELIHOOD
    if view.truth and scores.accuracy is not None:
        drawn = figures.correlation(
            scores.criterion, scores.accuracy, found.seeds, found.states, found.correlation, axis=axis
        )
        alt = f"Scatter plot of {axis.noun} and accuracy, one point a seed"
    else:
        drawn = figures.score_distribution(scores.criterion, found.seeds, axis=axis)
        alt = f"Distribution of the {axis.noun}, one dot a seed"
    below = "One point a seed; their numbers are in the table of all seeds below."
    return f"""<section>
<h2>{sentences.question(found.view)}</h2>
{paragraph(sentences.trust(found, view.truth), "answer")}
{paragraph(_verdict(found))}
{figure("score-and-accuracy" if view.truth else "scores", drawn, alt=alt, caption=below)}
{_criteria(view)}
</section>"""


def _verdict(found: Findings) -> str:
    """The verdict without labels; computed here where that takes seconds."""
    quick = saved_trust.expected_seconds(found.run) <= JUDGED_WITHIN
    judged = saved_trust.judge(found) if quick else judgement.read(found.run, found.view)
    if judged is None:
        what = trust_sentences.not_judged(SUBJECTS[found.view])
        return f"{what} was not computed: the command trust and the page on the seeds do so."
    return f"Without labels: {trust_sentences.verdict(judged)}"


def _criteria(view: View) -> str:
    rows = criteria.table(view.found) if view.truth else []
    if not rows:
        return ""
    header = ["seeds ranked by", "accuracy", "r", "95 % interval", "p"]
    caption = "What predicts the accuracy of the seeds: the correlation of each with it"
    return table(caption, header, [sentences.criterion_row(row) for row in rows], numeric=(2,))


def voters(view: View) -> str:
    found = view.found
    curve = found.top_n if view.truth else found.blind_top_n
    measures = (("ACC", curve.acc), ("ARI × 100", curve.ari), ("as by all seeds", curve.consistency))
    known = [(name, [percent(float(value)) for value in values]) for name, values in measures if values is not None]
    rows = [
        (n, *(values[i] for _, values in known))
        for i, n in enumerate(curve.n.tolist())
        if n in {*SHOWN_N, len(found.voters), len(curve.n)}
    ]
    first = sentences.first_ranked(found)
    drawn = figures.top_n([("vote", curve)], [sentences.curve_end(found)], first=first)
    return f"""<section>
<h2>How many seeds does the vote need?</h2>
{paragraph(sentences.voters(found, view.truth), "answer")}
{
        figure(
            "vote",
            drawn,
            alt="Lines over the number of seeds that vote; the table below has their numbers",
            caption=sentences.curve(found, first),
        )
    }
{table(f"The vote of the n {first} seeds", ["n", *(name for name, _ in known)], rows)}
</section>"""


def confusion(view: View) -> str:
    counts = view.found.confusion(view.found.vote.labeling) if view.truth else None
    if counts is None or view.found.match is None or view.matched is None:
        return ""
    true, rows, classes = view.found.true_names, [], view.found.classes
    for k in classes:
        name, match, matched, held = view.names[k], view.found.match[k], view.matched[k], counts[k]
        share = held[match] / held.sum() if match >= 0 and held.sum() else np.nan
        largest = [of for of in np.argsort(-held, kind="stable")[:HOLDS] if held[of]]
        holds = ", ".join(f"{true[of]} {held[of]:,}" for of in largest)
        rows.append((name, matched, f"{held.sum():,}", percent(float(share)), holds or "nothing"))
    header = ["found class", "matched to", f"{view.noun}s", "share", "holds most of"]
    scored = count(int(view.found.evaluated.sum()), view.noun)
    drawn = figures.confusion(counts[classes], [view.names[k] for k in classes], true)
    return f"""<section>
<h2>Which true classes do the found ones hold?</h2>
{paragraph(f"The vote on {scored}, compared with the true labels.")}
{figure("confusion", drawn, alt="Matrix of found and true classes; the table below has its largest numbers")}
{
        table(
            "What each found class holds; the share is that of the true class it is matched to",
            header,
            rows,
            numeric=(2, 3),
        )
    }
</section>"""
