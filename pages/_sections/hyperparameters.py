"""The hyperparameters of a search, with the paper's values."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, get_args

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from hume import Config, Dataset, Implicit, Unrolled
from hume.data import splits
from hume.data.splits import Setting
from hume.engine.config import Precision, PresetName, preset
from hume.engine.solvers import InnerSolver
from hume.experiments.class_sizes import parse_sizes
from hume.runs.request import Refine, solver_name
from pages._sections import launch


class Parameter(NamedTuple):
    """A hyperparameter as the form shows it."""

    field: str
    name: str  # with the paper's symbol
    paper: str  # its value there
    meaning: str


PARAMETERS = (
    Parameter("num_iterations", "T, steps", "1,000", "Maximum number of iterations."),
    Parameter("step_size", "α, step size", "0.001", "Of Adam on the prototypes; the paper's for ImageNet: 0.1."),
    Parameter("temperature", "γ, temperature", "0.1", "Temperature of the sparsemax: lower gives harder labels."),
    Parameter("entropy_weight", "η, entropy weight", "10", "Weight of the entropy term, which prevents empty classes."),
    Parameter(
        "num_train",
        "|X_tr|, train rows",
        "9,000",
        "Train rows of a random split; the paper's for STL-10: 4,500 or 7,200.",
    ),
    Parameter(
        "num_test", "|X_te|, test rows", "1,000", "Test rows of a random split; the paper's for STL-10: 500 or 800."
    ),
    Parameter("num_splits", "Splits in a step", "20", "Random splits averaged in a step."),
    Parameter("clip_norm", "Gradient norm", "1", "Longer gradients of a seed are clipped."),
)


def form(
    data: Dataset, chosen: PresetName, K: int, setting: Setting, refine: Refine
) -> tuple[Config, InnerSolver, launch.ClassSizes]:
    """The preset's values, and the fields to change them."""
    seen = int(splits.searched_rows(data, setting).sum())
    config, solver = preset(chosen, num_classes=K, num_samples=seen, setting=setting)
    scope = f"{data.name} {chosen} {setting}"
    with st.expander("Advanced: hyperparameters, with the paper's values"):
        columns = st.columns(4)
        changes = {}
        for i, parameter in enumerate(PARAMETERS):
            value = getattr(config, parameter.field)
            changes[parameter.field] = columns[i % 4].number_input(
                f"{parameter.name} (paper: {parameter.paper})",
                value=value,
                step=1 if isinstance(value, int) else None,
                format=None if isinstance(value, int) or value is None else "%g",
                key=f"{parameter.field} {scope}",
                bind="query-params",
                help=parameter.meaning,
            )
        changes["centre"] = columns[0].toggle(
            "Centre φ1 (paper: no)", config.centre, key=f"centre {scope}", bind="query-params",
            help="Subtract the mean row before the L2 normalization.",
        )  # fmt: skip
        encoders = ["retraction", "householder"]
        changes["encoder"] = columns[1].selectbox(
            "Encoder (paper: householder)", encoders, encoders.index(config.encoder),
            key=f"encoder {scope}", bind="query-params",
            help="How the prototypes W1 stay orthonormal.",
        )  # fmt: skip
        precisions = list(get_args(Precision))
        changes["precision"] = columns[3].selectbox(
            "Precision of products (paper: float32)", precisions, precisions.index(config.precision),
            key=f"precision {scope}", bind="query-params",
            help="auto: float32 on a CPU, bfloat16 on a GPU that supports it. Sums and the objective are float32.",
        )  # fmt: skip
        patience = columns[2].number_input(
            "Patience (paper: none)", value=config.patience or 0, min_value=0, step=1, key=f"patience {scope}",
            bind="query-params",
            help="Early stopping: steps without improvement of the objective after which a seed ends; 0: never.",
        )  # fmt: skip
        changes["patience"] = patience or None
        sizes = columns[0].text_input(
            "π, class sizes (paper: equal)", key=f"class_sizes {scope}", bind="query-params",
            placeholder="500, 300, 200",
            help="One number a class, in any order and unit. Empty: equal sizes, unless their evenness is chosen. The "
            "command `search --class-sizes estimate` estimates them.",
        )  # fmt: skip
        chooses = columns[1].toggle(
            "Choose how even classes are (paper: no)", chosen == "fast" and refine == "joint",
            key=f"evenness {scope} {refine}", bind="query-params",
            help="Searches a few seeds with less weight on even classes first, and keeps that where their labelings "
            "are clearly more likely. Only with the preset's values.",
        )  # fmt: skip
        solver = _solver(columns, solver, scope)
    changes["class_sizes"] = parse_sizes(sizes) if sizes.strip() else None
    changed = replace(config, **changes)
    return changed, solver, "auto" if chooses and changed == config else "as configured"


def _solver(columns: Sequence[DeltaGenerator], given: InnerSolver, scope: str) -> InnerSolver:
    names = ["implicit", "unrolled"]
    kind = columns[3].selectbox(
        "Inner solver (paper: unrolled)", names, names.index(solver_name(given)),
        key=f"solver {scope}", bind="query-params",
        help="How the classifier in φ2 is fitted and differentiated.",
    )  # fmt: skip
    if kind == "implicit":
        if isinstance(given, Implicit):
            return given
        return Implicit.like(given) if isinstance(given, Unrolled) else Implicit()
    base = given if isinstance(given, Unrolled) else Unrolled()
    steps = columns[0].number_input(
        "m, inner steps (paper: 300)", 1, value=base.inner_steps, key=f"m {scope}", bind="query-params",
        help="Gradient steps of the classifier; the paper's for ImageNet: 100.",
    )  # fmt: skip
    size = columns[1].number_input(
        "α, inner step size (paper: 0.001)", 1e-8, value=base.inner_step_size, format="%g",
        key=f"inner {scope}", bind="query-params", help="The paper's for ImageNet: 0.1.",
    )  # fmt: skip
    return replace(base, inner_steps=int(steps), inner_step_size=float(size))
