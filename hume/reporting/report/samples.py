"""The reliable samples of every class, in pictures and tables."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hume.common.formatting import count, percent
from hume.evaluation.reliable import ReliabilityStatistics, ReliableSamples
from hume.reporting import sentences
from hume.reporting.document import paragraph, table
from hume.reporting.report.pictures import class_row, legend, pictured
from hume.reporting.report.view import PER_CLASS, View


def reliable(view: View) -> str:
    samples, statistics = view.reliable
    words = (
        f"Up to {PER_CLASS} {view.noun}s of every class, those for which the "
        f"{count(view.ranking.num_neighbors, 'nearest neighbour')} in φ1 and the votes of "
        f"{count(view.ranking.num_labelings, 'seed')} agree most (Algorithm G1). "
    )
    if view.ranking.neighbor_recall is not None:
        words += f"{sentences.neighbors(view.ranking)} "
    rejected = sum(row in view.review.rejected for row in samples.rows.tolist())
    if rejected:
        words += f"{rejected} of them {'is' if rejected == 1 else 'are'} rejected by hand: counted, but not shown. "
    rows = []
    for k in pictured(view):
        about = count(int((samples.classes == k).sum()), view.noun)
        if statistics is not None:
            about += f" · {percent(float(statistics.accuracy_per_class[k]))} are right"
        rows.append(class_row(view, k, PER_CLASS, about))
    answer = ""
    if statistics is not None and view.found.vote_agreement is not None:
        everywhere = percent(view.found.vote_agreement.acc)
        answer = f"{percent(statistics.accuracy)} of these {len(samples.rows):,} labels are right; "
        answer += f"of all labels of the vote {everywhere} are."
    return f"""<section>
<h2>Which labels can be trained on?</h2>
{paragraph(words + legend(view))}
{paragraph(answer, "answer")}
{"".join(rows)}
{_reliable_tables(view, samples, statistics)}
</section>"""


def _reliable_tables(view: View, samples: ReliableSamples, statistics: ReliabilityStatistics | None) -> str:
    header = ["found class", f"all {view.noun}s", "reliable", "seeds agree", "neighbours agree"]
    rows: list[tuple[Any, ...]] = []
    for k in view.found.classes:
        name, chosen = view.names[k], samples.classes == k
        votes = _median(samples.vote_agreement[chosen], view.ranking.num_labelings)
        neighbors = _median(samples.neighbor_agreement[chosen], view.neighbors_at_most(k))
        right = [] if statistics is None else [percent(float(statistics.accuracy_per_class[k]))]
        rows.append((name, f"{view.sizes[k]:,}", int(chosen.sum()), votes, neighbors, *right))
    if statistics is not None:
        header.append("right")
    accuracy = table("The reliable samples of every class; agreement: the median, of as many as could", header, rows)
    if statistics is None:
        return accuracy
    balance = [
        (view.found.true_names[int(k)], int(size))
        for k, size in zip(statistics.true_classes, statistics.balance, strict=True)
    ]
    spread = f"{statistics.balance_mean:.1f} ± {statistics.balance_std:.1f}"
    columns = ["true class", "reliable"]
    return f'<div class="tables">{accuracy}{table(f"Balance: {spread} a class", columns, balance)}</div>'


def _median(agreed: NDArray[np.int64], out_of: int) -> str:
    return f"{np.median(agreed):g} of {out_of}" if agreed.size else "–"
