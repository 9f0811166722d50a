"""Search: which labelings generalize? Choose data and two spaces, launch seeds, watch them."""

from typing import Any, get_args

import numpy as np
import psutil
import streamlit as st

from hume import Dataset
from hume.common.errors import HumeError
from hume.common.formatting import count, percent
from hume.data.dataset import Space
from hume.data.splits import Setting
from hume.engine.config import PresetName
from hume.experiments.number_of_classes import NumberOfClasses
from hume.jobs.queues import UNDER_WAY
from hume.reporting import sentences
from hume.runs.request import Refine, default_refine
from pages._sections import ablation, found_classes, hyperparameters, launch, live_search, next_step, progress
from pages._state import current, datasets, runs, services
from pages._widgets import plots

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
    row = st.columns([3, 2, 4, 4, 3])
    K = row[0].number_input(
        "Classes K", 2, max(2, data.num_samples), data.num_classes or 10, key=f"K {name}", bind="query-params",
        help="Number of classes to find; estimated below where it is unknown.",
    )  # fmt: skip
    num_seeds = row[1].number_input("Seeds", 1, 1000, 100, key="num_seeds", bind="query-params", help="Random starts.")
    chosen = row[2].selectbox(
        "Preset", get_args(PresetName), key="preset", bind="query-params",
        help="`fast` suits two cores; the others are the paper's and slow.",
    )  # fmt: skip
    settings: list[Setting] = ["transductive"] if data.test_rows is None else list(get_args(Setting))
    setting = row[3].selectbox(
        "Setting", settings, key=f"setting {len(settings)}", bind="query-params",
        help="; ".join(f"{key}: {text}" for key, text in SETTINGS_HELP.items()),
    )  # fmt: skip
    devices = launch.search_devices()
    device = row[4].selectbox(
        "Device", devices, key="device", bind="query-params", disabled=len(devices) == 1,
        format_func=launch.device_name,
    )  # fmt: skip
    refine: Refine = "joint" if st.toggle(
        "Refine in both spaces (paper: no)", default_refine(chosen) == "joint", key=f"refine {chosen}",
        bind="query-params",
        help="Moves every labeling to the nearest one that both spaces support; the most likely fifth of them votes.",
    ) else "none"  # fmt: skip
    try:
        _estimate(data, phi1, phi2)
        config, solver, sizes = hyperparameters.form(data, chosen, int(K), setting, refine)
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


def _offer(plan: launch.Plan) -> None:
    """The expected cost, and the button."""
    expected = launch.expected(plan)
    free = psutil.virtual_memory().available
    button, text = st.columns([2, 5], vertical_alignment="center")
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
        live_search.panel(run)
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
