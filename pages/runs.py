"""Runs: how do the runs compare? Filter, compare, rename, download and delete them."""

from contextlib import suppress
from typing import Any

import numpy as np
import streamlit as st

from hume import Run
from hume.common.errors import HumeError, RunError
from hume.engine.config import preset_of
from hume.exchange.run_archive import run_zip
from hume.experiments.sides import same_samples
from hume.reporting import figures
from hume.reporting.report import report
from hume.runs import provenance
from hume.runs.labeling_view import is_refined
from hume.runs.request import solver_name
from pages._state import ground_truth, services
from pages._state.runs import (
    DIFFERENCES,
    OBJECTIVE,
    SEARCH,
    choose,
    choose_next,
    findings,
    missing,
    notes,
    run_names,
    state,
    unfinished,
    view_of,
)
from pages._widgets import plots

COLUMNS = (
    "run", "K", "vote ACC", "state", "dataset", "φ1", "φ2", "seeds", "cv score", "cv score ±", "vote ARI",
    "searched vote ACC", "seeds' ACC", "seeds' ACC ±", "seeds' ARI", "seeds' ARI ±", "labeling", "objective",
    "objective ±", "preset", "setting", "solver", "seconds", "created",
)  # fmt: skip
TICKED = "ticked"  # the runs that are selected in the table, in the address
OF_TRUTH = ("seeds' ACC", "seeds' ACC ±", "seeds' ARI", "seeds' ARI ±", "vote ACC", "vote ARI", "searched vote ACC")


def main() -> None:
    st.title("How do the runs compare?")
    runs, damaged = everything()
    undo_delete()
    for name, reason in damaged:
        line, button = st.columns([6, 1], vertical_alignment="center")
        line.error(reason, icon=":material/error:")
        button.button("Delete", key=f"delete damaged {name}", on_click=_delete, args=([name],))
    if not runs:
        st.info("No run yet. A search of the embedded images takes about half a minute.", icon=":material/info:")
        st.page_link(SEARCH, label="Start a search", icon=":material/search:")
        return
    chosen = table(runs)
    if not chosen:
        st.caption("Tick runs on the left of the table to open, compare, rename, delete or download them.")
        return
    if len(chosen) == 1:
        one(chosen[0])
    else:
        compare(chosen)
    delete(chosen)


def everything() -> tuple[list[Run], list[tuple[str, str]]]:
    """The readable runs, and the damaged ones with the reason."""
    runs, damaged = [], []
    for name in run_names():
        try:
            run = services.services().store.open(name)
            if run.state == "finished":
                run.scores()
            runs.append(run)
        except RunError as error:
            damaged.append((name, str(error)))
    return runs, damaged


def line(run: Run) -> dict[str, Any]:
    """One run as a row of the table; unknown values are empty."""
    request, now = run.request, state(run)
    found: dict[str, Any] = dict.fromkeys(COLUMNS)
    found |= {
        "run": run.name,
        "state": now,
        "dataset": request.dataset,
        "φ1": request.phi1,
        "φ2": request.phi2,
        "K": request.config.num_classes,
        "seeds": f"{len(run.finished_seeds)} of {len(request.seeds)}",
        "setting": request.setting,
        "preset": preset_of(request.config, request.solver, request.setting) or "changed",
        "solver": "imported" if request.origin == "authors" else solver_name(request.solver),
        "created": request.created,
    }
    if now != "finished":
        return found
    values = run.scores()
    view = view_of(run)
    refined = view != "searched" and is_refined(run)
    of_seeds, searched_vote = values["refined"] if refined else values, values.get("searched_vote", values["vote"])
    found |= {"seconds": values["seconds"], "labeling": view}
    for name, numbers in (("cv score", of_seeds["cv_score"]), ("objective", values["objective"])):
        if None not in numbers:
            found |= {name: np.mean(numbers), f"{name} ±": np.std(numbers)}
    if of_seeds["acc"] is not None and not ground_truth.is_blind():
        found["searched vote ACC"] = searched_vote["acc"] if refined else None
        for key in ("acc", "ari"):
            name = f"seeds' {key.upper()}"
            found |= {
                name: np.mean(of_seeds[key]),
                f"{name} ±": np.std(of_seeds[key]),
                f"vote {key.upper()}": (values["vote"] if refined else searched_vote)[key],
            }
        if view == "corrected":
            with suppress(HumeError):  # its data may have changed: its own page says so
                agreement = findings(run, view).vote_agreement
                found |= {} if agreement is None else {"vote ACC": agreement.acc, "vote ARI": agreement.ari}
    return found


def table(runs: list[Run]) -> list[Run]:
    """All runs in a table to sort and filter; returns the selected ones."""
    datasets = sorted({run.request.dataset for run in runs})
    states = sorted({state(run) for run in runs})
    left, right, search = st.columns(3)
    only = left.multiselect("Datasets", datasets, key="of_dataset", bind="query-params", placeholder="all")
    in_state = right.multiselect("States", states, key="in_state", placeholder="all")
    part_of_name = search.text_input("Name contains", key="name_contains", bind="query-params").strip().lower()
    shown = [
        run
        for run in runs
        if (not only or run.request.dataset in only)
        and (not in_state or state(run) in in_state)
        and part_of_name in run.name.lower()
    ]
    lines = [line(run) for run in shown]
    columns = [name for name in COLUMNS if name not in OF_TRUTH or any(each[name] is not None for each in lines)]
    share = st.column_config.NumberColumn(format="%.3f")
    key = f"runs #{hash(tuple(run.name for run in shown))}"  # selected rows are counted from the top
    if st.session_state.get(TICKED, ("",))[0] != key:  # a new table begins with what the address has
        st.session_state[TICKED] = (key, st.query_params.get(TICKED, "").split(","))
    asked = st.session_state[TICKED][1]
    event = st.container(key="runs").dataframe(
        {name: [each[name] for each in lines] for name in columns},
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [i for i, run in enumerate(shown) if run.name in asked]}},
        key=key,
        column_config={
            **dict.fromkeys((*OF_TRUTH, "cv score", "cv score ±", "objective", "objective ±"), share),
            "seconds": st.column_config.NumberColumn(format="%.1f"),
            "created": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", timezone="UTC"),
            "run": st.column_config.TextColumn(pinned=True),
            "K": st.column_config.NumberColumn(pinned=True),
            "vote ACC": st.column_config.NumberColumn(format="%.3f", pinned=True),
        },
    )
    plots.csv_button(
        "Table as CSV", lambda: (columns, [[each[name] for name in columns] for each in lines]), "runs", key="runs csv",
        type="tertiary",
    )  # fmt: skip
    ticked = [shown[i] for i in event["selection"]["rows"] if i < len(shown)]
    if ticked:
        st.query_params[TICKED] = ",".join(run.name for run in ticked)
    else:
        st.query_params.pop(TICKED, None)
    return ticked


def one(run: Run) -> None:
    """Open, download, report or rename one run."""
    st.subheader(run.name)
    now = state(run)
    if now == "finished":
        notes(run)
    else:
        unfinished(run)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.button("Open", type="primary", icon=":material/open_in_new:", key="open"):
            choose_next(run.name)
            # Without parameters it would clear the address, to which the sidebar's parameters are bound.
            st.switch_page(OBJECTIVE if now == "finished" else SEARCH, query_params={})
        blind, view = ground_truth.is_blind(), view_of(run)  # read here: a download cannot read the session
        st.download_button(
            "All files as ZIP" + (", with ground truth" if blind else ""), lambda: run_zip(run, view=view),
            f"{run.name}.zip", "application/zip", key="zip", icon=":material/folder_zip:", on_click="ignore",
            help="All files of the run, with accuracies where the dataset has labels.",
        )  # fmt: skip
        if now == "finished":
            missing(run)
            st.download_button(
                "Report" + (" without ground truth" if blind else ""),
                lambda: report(findings(run, view), show_truth=not blind), f"{run.name}.html", "text/html",
                key="report", icon=":material/article:", on_click="ignore", help="One HTML file that opens offline.",
            )  # fmt: skip
    with st.expander("Rename"):
        key = f"rename {run.name}"
        st.text_input("New name", run.name, key=key, help="Letters, digits, dots, dashes, underscores.")
        st.button("Rename", key="rename", on_click=_rename, args=(run.name, key))
    if "rename error" in st.session_state:
        st.error(st.session_state.pop("rename error"), icon=":material/error:")


def compare(runs: list[Run]) -> None:
    """Runs side by side: accuracy with its spread, and the settings that differ."""
    st.subheader(f"{len(runs)} runs compared")
    lines = [line(run) for run in runs]
    finished = [each for each in lines if each["state"] == "finished"]
    if any(each["vote ACC"] is not None for each in finished):
        names = [each["run"] for each in finished]
        columns = {key: [np.nan if each[key] is None else each[key] for each in finished] for key in OF_TRUTH}
        known = [key for key in OF_TRUTH if any(each[key] is not None for each in finished)]
        plots.plot(
            figures.compare_runs(names, columns["seeds' ACC"], columns["seeds' ACC ±"], columns["vote ACC"]),
            "compare",
            lambda: (["run", *known], [[each["run"], *(each[key] for key in known)] for each in finished]),
            alt="Accuracy of the runs: mean and standard deviation over seeds, and the vote", name="runs-compared",
        )  # fmt: skip
    differing = provenance.differing(runs)
    if differing:
        st.markdown("**Different settings**")
        shown = {run.name: [row.values[i] for row in differing] for i, run in enumerate(runs)}
        st.dataframe({"": [row.label for row in differing], **shown}, hide_index=True)
    else:
        st.caption("These runs have the same settings.")
    finished_runs = [run for run in runs if state(run) == "finished"]
    if len(finished_runs) == 2 and same_samples(*finished_runs):
        first, other = finished_runs
        if st.button("Who went where", icon=":material/compare_arrows:", key="differences"):
            choose_next(first.name)
            st.switch_page(DIFFERENCES, query_params={"other": other.name})


def delete(runs: list[Run]) -> None:
    """Move the selected runs to the trash."""
    names = [run.name for run in runs]
    st.button(
        f"Delete {len(names)} runs" if len(names) > 1 else "Delete",
        icon=":material/delete:", key="delete", on_click=_delete, args=(names,),
        help="Moves to the trash; can be undone for seven days.",
    )  # fmt: skip


def undo_delete() -> None:
    """The runs in the trash, each with a button to restore it."""
    if "delete error" in st.session_state:
        st.error(st.session_state.pop("delete error"), icon=":material/error:")
    trash = services.services().store.trash()
    if not trash:
        return
    with st.expander(f"Trash: {len(trash)} run{'s' * (len(trash) != 1)}", expanded="deleted" in st.session_state):
        for name in trash:
            line, button = st.columns([6, 1], vertical_alignment="center")
            line.markdown(plots.plain(name))
            button.button("Restore", key=f"restore {name}", icon=":material/undo:", on_click=_restore, args=(name,))


def _delete(names: list[str]) -> None:
    store, jobs = services.services().store, services.services().jobs
    for name in names:
        try:
            if jobs.is_under_way(name):
                raise RunError(f"run {name!r} is under way: cancel it first")
            store.delete(name)
            jobs.forget(name)
            st.session_state["deleted"] = True
        except HumeError as error:
            st.session_state["delete error"] = str(error)


def _restore(name: str) -> None:
    try:
        services.services().store.restore(name)
    except HumeError as error:
        st.session_state["delete error"] = str(error)


def _rename(name: str, key: str) -> None:
    store, jobs = services.services().store, services.services().jobs
    new = st.session_state[key]
    if new == name:
        return
    try:
        if jobs.is_under_way(name):
            raise RunError(f"run {name!r} is under way: cancel it first")
        store.rename(name, new)
        jobs.forget(name)
    except HumeError as error:
        st.session_state["rename error"] = plots.plain(str(error))
        return
    if st.session_state.get("run") == name:
        choose(new)


main()
