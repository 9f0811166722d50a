"""Search: which labelings generalize? Choose data and two spaces, launch seeds, watch them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, get_args

import numpy as np
import psutil
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from hume import Config, Dataset, Implicit, Unrolled
from hume.common.errors import HumeError
from hume.common.formatting import count, percent
from hume.data import splits
from hume.data.dataset import Space
from hume.data.splits import Setting
from hume.engine.config import PresetName, preset
from hume.engine.inner import InnerSolver
from hume.engine.linear import Precision
from hume.experiments.class_sizes import parse_sizes
from hume.experiments.number_of_classes import NumberOfClasses
from hume.jobs.queues import UNDER_WAY
from hume.reporting import sentences
from hume.runs.refinement import Refine, default_refine
from hume.runs.request import solver_name
from pages._sections import ablation, found_classes, launch, next_step, progress
from pages._state import current, datasets, runs, services
from pages._widgets import plots


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
SETTINGS_HELP = {
    "transductive": "the search uses all rows",
    "inductive": "the search uses the train rows, the test rows are scored",
}


def main() -> None:
    st.title("Which labelings generalize?")
    st.markdown(
        "Every seed starts from random labels in **φ1** and optimizes them until a linear classifier in **φ2** "
        "predicts them on held-out samples. No ground truth is used."
    )
    form()
    watch()


def form() -> None:
    """The settings of a search, and the button."""
    left, right = st.columns([2, 3])
    with left:
        name = current.choice(datasets.dataset_names(with_spaces=False))
    data = datasets.dataset(name)
    left.caption(plots.plain(str(data.card.get("summary", f"{data.num_samples:,} samples"))))
    if len(data.spaces) < 2:
        next_step.make_spaces(data)
        return
    first, second = (list(data.spaces).index(space) for space in data.default_pair)
    spaces = list(data.spaces)
    pair = right.columns(2)
    options: dict[str, Any] = {
        "format_func": lambda space: _space_label(data.spaces[space]),
        "persist_state": "session",
    }
    phi1 = pair[0].selectbox(
        "φ1: space of the labels", spaces, index=first, key=f"phi1 {name}", help="Self-supervised features.", **options
    )
    phi2 = pair[1].selectbox(
        "φ2: space of the classifier", spaces, index=second, key=f"phi2 {name}", help="A pretrained network.", **options
    )
    if phi1 == phi2:
        right.warning("In one space every labeling generalizes: choose two different spaces.")
    else:
        right.caption(plots.plain(f"{data.spaces[phi1].made} · {data.spaces[phi2].made}"))
    row = st.columns([1, 1, 2, 2, 2])
    K = row[0].number_input(
        "Classes K", 2, max(2, data.num_samples), data.num_classes or 10, key=f"K {name}", persist_state="session",
        help="Number of classes to find; estimated below where it is unknown.",
    )  # fmt: skip
    num_seeds = row[1].number_input(
        "Seeds", 1, 1000, 100, key="num_seeds", persist_state="session", help="Random starts."
    )
    chosen = row[2].selectbox(
        "Preset", get_args(PresetName), key="preset", persist_state="session",
        help="`fast` suits two cores; the others are the paper's and slow.",
    )  # fmt: skip
    settings: list[Setting] = ["transductive"] if data.test_rows is None else list(get_args(Setting))
    setting = row[3].selectbox(
        "Setting", settings, key=f"setting {len(settings)}", persist_state="session",
        help="; ".join(f"{key}: {text}" for key, text in SETTINGS_HELP.items()),
    )  # fmt: skip
    devices = launch.search_devices()
    device = row[4].selectbox(
        "Device", devices, key="device", persist_state="session", disabled=len(devices) == 1,
        format_func=launch.device_name,
    )  # fmt: skip
    refine: Refine = "joint" if st.toggle(
        "Refine in both spaces (paper: no)", default_refine(chosen) == "joint", key=f"refine {chosen}",
        persist_state="session",
        help="Moves every labeling to the nearest one that both spaces support; the most likely fifth of them votes.",
    ) else "none"  # fmt: skip
    try:
        _estimate(data, phi1, phi2)
        config, solver, sizes = _advanced(data, chosen, int(K), setting, refine)
        plan = launch.Plan(
            data=data, phi1=phi1, phi2=phi2, config=config, solver=solver, setting=setting, num_seeds=int(num_seeds),
            device=device, refine=refine, sizes=sizes, name=_name(),
        )  # fmt: skip
        _offer(plan)
    except HumeError as error:
        st.error(str(error), icon=":material/error:")


def _name() -> str | None:
    """The name of the run, empty for one that is chosen."""
    key = f"run name {st.session_state.get('launched', 0)}"
    return st.text_input(
        "Name of the run", key=key, placeholder="from the data and the time",
        help="Letters, digits, dots, dashes, underscores. Runs can be renamed later.",
    ).strip() or None  # fmt: skip


def _estimate(data: Dataset, phi1: str, phi2: str) -> None:
    """A sweep over the number of classes, and a button that takes what it suggests."""
    title = "Estimate K, the number of classes" + (": it is unknown here" if data.num_classes is None else "")
    with st.expander(title, key=f"estimate {data.name}", on_change="rerun", icon=":material/numbers:") as part:
        if not part.open:
            return
        study = NumberOfClasses(services.services().store.home, data, phi1, phi2)
        found = ablation.sweep_counts(study)
        progress.watch_work(ablation.counts_job(study))
        if found is not None:
            st.button(
                f"Use K = {found.num_classes}", key="use estimate", type="primary",
                on_click=_use, args=(f"K {data.name}", found.num_classes),
            )  # fmt: skip


def _use(key: str, num_classes: int) -> None:
    st.session_state[key] = num_classes


def _space_label(space: Space) -> str:
    return f"{space.name} ({', '.join(filter(None, [space.kind, f'{space.features.shape[1]} dim']))})"


def _advanced(
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
                persist_state="session",
                help=parameter.meaning,
            )
        changes["centre"] = columns[0].toggle(
            "Centre φ1 (paper: no)", config.centre, key=f"centre {scope}", persist_state="session",
            help="Subtract the mean row before the L2 normalization.",
        )  # fmt: skip
        encoders = ["retraction", "householder"]
        changes["encoder"] = columns[1].selectbox(
            "Encoder (paper: householder)", encoders, encoders.index(config.encoder),
            key=f"encoder {scope}", persist_state="session",
            help="How the prototypes W1 stay orthonormal.",
        )  # fmt: skip
        precisions = list(get_args(Precision))
        changes["precision"] = columns[3].selectbox(
            "Precision of products (paper: float32)", precisions, precisions.index(config.precision),
            key=f"precision {scope}", persist_state="session",
            help="auto: float32 on a CPU, bfloat16 on a GPU that supports it. Sums and the objective are float32.",
        )  # fmt: skip
        patience = columns[2].number_input(
            "Patience (paper: none)", value=config.patience or 0, min_value=0, step=1, key=f"patience {scope}",
            persist_state="session",
            help="Early stopping: steps without improvement of the objective after which a seed ends; 0: never.",
        )  # fmt: skip
        changes["patience"] = patience or None
        sizes = columns[0].text_input(
            "π, class sizes (paper: equal)", key=f"class_sizes {scope}", persist_state="session",
            placeholder="500, 300, 200",
            help="One number a class, in any order and unit. Empty: equal sizes, unless their evenness is chosen. The "
            "command `search --class-sizes estimate` estimates them.",
        )  # fmt: skip
        chooses = columns[1].toggle(
            "Choose how even classes are (paper: no)", chosen == "fast" and refine == "joint",
            key=f"evenness {scope} {refine}", persist_state="session",
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
        key=f"solver {scope}", persist_state="session",
        help="How the classifier in φ2 is fitted and differentiated.",
    )  # fmt: skip
    if kind == "implicit":
        if isinstance(given, Implicit):
            return given
        return Implicit.like(given) if isinstance(given, Unrolled) else Implicit()
    base = given if isinstance(given, Unrolled) else Unrolled()
    steps = columns[0].number_input(
        "m, inner steps (paper: 300)", 1, value=base.inner_steps, key=f"m {scope}", persist_state="session",
        help="Gradient steps of the classifier; the paper's for ImageNet: 100.",
    )  # fmt: skip
    size = columns[1].number_input(
        "α, inner step size (paper: 0.001)", 1e-8, value=base.inner_step_size, format="%g",
        key=f"inner {scope}", persist_state="session", help="The paper's for ImageNet: 0.1.",
    )  # fmt: skip
    return replace(base, inner_steps=int(steps), inner_step_size=float(size))


def _offer(plan: launch.Plan) -> None:
    """The expected cost, and the button."""
    expected = launch.expected(plan)
    free = psutil.virtual_memory().available
    button, text = st.columns([1, 3], vertical_alignment="center")
    if button.button(
        f"Launch {count(plan.num_seeds, 'seed')}",
        type="primary",
        icon=":material/rocket_launch:",
        key="launch",
    ):
        launch.launch(plan)
    waiting = services.services().jobs.statuses()

    def draw(cost: launch.Cost) -> None:
        where = f"on {plan.local_device}"
        if cost.seconds is not None:
            stages = zip(("search", "scores", "refinement", "choice of even classes"), cost.seconds, strict=True)
            where += f" ({', '.join(f'{plots.duration(took)} {stage}' for stage, took in stages if took)})"
        st.markdown(
            f"**{cost.text.capitalize()}** {where}"
            f" and **{plots.size(cost.bytes)}** of memory ({plots.size(free)} are free)."
            + (" The cluster shares the search." if plan.device == launch.CLUSTER else "")
            + (f" {count(len(waiting), 'job')} before it." if waiting else "")
        )

    with text:
        launch.draw_cost(plan, expected, draw)
    if expected.bytes > free and plan.device == "cpu":
        st.warning("Not enough free memory: use fewer seeds or smaller splits.", icon=":material/memory:")
    launch.draw_error()


def watch() -> None:
    """The chosen run, under way or ended; then the queue."""
    run = runs.chosen_run()
    if run is None:
        return
    st.divider()
    runs.heading(run)
    now = runs.state(run)
    if now in UNDER_WAY:
        progress.panel(run)
    elif now == "finished":
        found = runs.findings(run)
        best = float(np.max(found.statistics.cv_score))
        number = "all" if len(found.seeds) == len(found.values["seeds"]) else f"{len(found.seeds)} of them"
        refined = f", {number} refined in both spaces" if found.view == "refined" else ""
        st.success(
            f"Run **{run.name}** has finished: {count(len(found.values['seeds']), 'seed')} in "
            f"{plots.duration(found.values['seconds'])}{refined}; "
            f"the best cross-validation score is {percent(best)}.",
            icon=runs.STATE_ICONS[now],
        )
        runs.notes(run)
        found_classes.classes(found)
        with st.container(horizontal=True):
            st.page_link(runs.OBJECTIVE, label=sentences.question(found.view), icon=":material/scatter_plot:")
            st.page_link(runs.EXPLORE, label="Explore the samples", icon=":material/hub:")
            st.page_link(runs.ANSWER, label="Correct the labels", icon=":material/touch_app:")
            st.page_link(runs.RELIABLE, label="Reliable samples", icon=":material/verified:")
    else:
        runs.unfinished(run)
    waiting = [status for status in services.services().jobs.statuses() if status.name != run.name]
    if waiting:
        st.markdown("**Also under way**")
        for status in waiting:
            progress.line(status, key="cancel other")


main()
