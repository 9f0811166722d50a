"""Results as Plotly figures: plain arrays in, a figure out; no page, no run, no disk.

A figure has no title, template, background or font colour: the caller sets these, and every
marker and line reads on white and on a dark page. Points that stand for a seed or a sample carry
its number in `customdata`, one integer a point. Shares are given as 0 to 1 and drawn in percent.
"""

from hume.reporting.figures.ablation import ablation, number_of_classes
from hume.reporting.figures.answers import answer_curve
from hume.reporting.figures.classes import class_sizes, confusion, label_shares, posterior, votes
from hume.reporting.figures.compare import leaderboard, pairs
from hume.reporting.figures.data import class_counts, norms, spectrum, training
from hume.reporting.figures.differences import drawn_classes, who_went_where
from hume.reporting.figures.live import hidden_cloud, live_cloud, objective_curves
from hume.reporting.figures.palette import class_colors, class_symbols
from hume.reporting.figures.parts import safe
from hume.reporting.figures.replay import changes_curve, cloud_at
from hume.reporting.figures.runs import compare_runs, reliability_curve, top_n
from hume.reporting.figures.seeds import AXES, BOTH_SCORES, LIKELIHOOD, SCORE, Axis, correlation, score_distribution
from hume.reporting.figures.semi_supervised import semi_supervised
from hume.reporting.figures.trust import trust

__all__ = [
    "AXES",
    "BOTH_SCORES",
    "LIKELIHOOD",
    "SCORE",
    "Axis",
    "ablation",
    "answer_curve",
    "changes_curve",
    "class_colors",
    "class_counts",
    "class_sizes",
    "class_symbols",
    "cloud_at",
    "compare_runs",
    "confusion",
    "correlation",
    "drawn_classes",
    "hidden_cloud",
    "label_shares",
    "leaderboard",
    "live_cloud",
    "norms",
    "number_of_classes",
    "objective_curves",
    "pairs",
    "posterior",
    "reliability_curve",
    "safe",
    "score_distribution",
    "semi_supervised",
    "spectrum",
    "top_n",
    "training",
    "trust",
    "votes",
    "who_went_where",
]
