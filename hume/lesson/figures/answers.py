"""What a few answers are worth: the accuracy before and after them, beside as many random labels alone."""

import plotly.graph_objects as go

from hume.common import formatting
from hume.lesson.answers import Accuracies
from hume.reporting.figures.palette import MAIN, MUTED, faded
from hume.reporting.figures.parts import MARGIN, category_axis, frame, percent

BESIDE = 90  # pixels for the numbers beside the bars
TICKS = (0, 25, 50, 75, 100)  # percent
AXIS = "Pictures labeled as people do"


def answers(known: Accuracies, num_answers: int, *, by_computer: bool = False) -> go.Figure:
    """Compare in three bars: random labels alone, the search without a label, the search with answers.

    known: shares 0 to 1; the whisker of the first bar is from the lowest to the highest draw. by_computer: whether a
    computer gave answers in place of a class.
    """
    low, mean, high = percent([known.alone.min(), known.alone.mean(), known.alone.max()]).tolist()
    spread = f"{low:.0f} to {formatting.percent(high / 100, 0)} in {len(known.alone)} draws"
    whisker = {"array": [high - mean], "arrayminus": [mean - low], "thickness": 3, "width": 9}
    bars = [
        (f"{formatting.count(num_answers, 'random label')} alone,<br>{spread}", mean, MUTED, whisker),
        ("The search,<br>no label", 100 * known.before, faded(MAIN, 0.55), {}),
        (f"The search and<br>{_who(num_answers, by_computer)}", 100 * known.after, MAIN, {}),
    ]
    fig = frame(
        [
            go.Bar(
                x=[share], y=[name], orientation="h", width=0.62, marker={"color": color}, error_x=error,
                hovertemplate="%{x:.1f} %<extra></extra>",
            )
            for name, share, color, error in bars
        ],
        x=AXIS,
        xaxis={"range": [0, 100], "tickvals": TICKS, "ticktext": [formatting.percent(t / 100, 0) for t in TICKS],
               "tickangle": 0},
        yaxis={**category_axis([name for name, *_ in bars]), "autorange": "reversed"},
        barmode="overlay",
        margin={**MARGIN, "r": BESIDE},
        showlegend=False,
    )  # fmt: skip
    for name, share, *_ in bars:
        text = f"<b>{formatting.percent(share / 100)}</b>"
        fig.add_annotation(x=1, y=name, text=text, xref="paper", xanchor="left", xshift=16, showarrow=False)
    return fig


def _who(number: int, by_computer: bool) -> str:
    answers = formatting.count(number, "answer")
    return f"{answers} of the computer" if by_computer else f"our {answers}"
