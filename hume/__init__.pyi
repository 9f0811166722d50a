from .common.errors import HumeError, InputError, RunError
from .data.dataset import Dataset, Space, dataset_from_files, load_dataset, load_space
from .data.space_rows import unit_rows
from .engine.config import Config, preset
from .engine.finished_seed import FinishedSeed
from .engine.search import Step, search
from .engine.solvers import Implicit, Unrolled
from .evaluation.cross_validation import cross_validation_scores
from .evaluation.ensemble import TopNCurve, Vote, align, majority_vote, rank, top_n_curve
from .evaluation.metrics import (
    Agreement,
    Correlation,
    adjusted_rand_index,
    agreement,
    clustering_accuracy,
    correlation,
    normalized_mutual_information,
)
from .evaluation.reliable import (
    ReliabilityRanking,
    ReliabilityStatistics,
    ReliableSamples,
    reliability_curve,
    reliability_ranking,
    reliability_statistics,
    reliable_samples,
)
from .evaluation.suspects import Duplicates, Seen, SuspectLabels, near_duplicates, suspect_labels
from .reporting.notebook import explore, figures
from .runs.discover import discover
from .runs.estimator import HUME
from .runs.result import Result, score_labelings
from .runs.run import Run
from .runs.scores import Scores
from .runs.store import Store

__version__: str
__all__ = [
    "HUME",
    "Agreement",
    "Config",
    "Correlation",
    "Dataset",
    "Duplicates",
    "FinishedSeed",
    "HumeError",
    "Implicit",
    "InputError",
    "ReliabilityRanking",
    "ReliabilityStatistics",
    "ReliableSamples",
    "Result",
    "Run",
    "RunError",
    "Scores",
    "Seen",
    "Space",
    "Step",
    "Store",
    "SuspectLabels",
    "TopNCurve",
    "Unrolled",
    "Vote",
    "adjusted_rand_index",
    "agreement",
    "align",
    "clustering_accuracy",
    "correlation",
    "cross_validation_scores",
    "dataset_from_files",
    "discover",
    "explore",
    "figures",
    "load_dataset",
    "load_space",
    "majority_vote",
    "near_duplicates",
    "normalized_mutual_information",
    "preset",
    "rank",
    "reliability_curve",
    "reliability_ranking",
    "reliability_statistics",
    "reliable_samples",
    "score_labelings",
    "search",
    "suspect_labels",
    "top_n_curve",
    "unit_rows",
]
