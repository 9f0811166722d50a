"""The chosen run, its results and its state, for all pages."""

from contextlib import suppress

import streamlit as st

from hume import Run, Store
from hume.common.errors import HumeError, RunError
from hume.common.formatting import count
from hume.evaluation.reliable import Order, ReliabilityRanking
from hume.jobs.queues import UNDER_WAY
from hume.reporting import evenness_sentences, sentences
from hume.runs import corrected, labeling_view, review
from hume.runs.findings import Findings, RowChoice, Seeds
from hume.runs.request import View
from hume.runs.review_state import Review
from pages._state import modes
from pages._state.services import services
from pages._state.text import plain, spaces

UNKNOWN = "unknown run"  # the session key of a name in a link that no run has
DATA, SEARCH, OBJECTIVE, EXPLORE, RELIABLE, ANSWER, DIFFERENCES = (
    f"{name}.py" for name in ("data", "search", "objective", "explore", "reliable", "answer", "differences")
)
STATE_ICONS = {
    "finished": ":material/check_circle:",
    "interrupted": ":material/pause_circle:",
    "running": ":material/autorenew:",
    "queued": ":material/schedule:",
    "choosing": ":material/autorenew:",
    "searching": ":material/autorenew:",
    "scoring": ":material/autorenew:",
    "refining": ":material/autorenew:",
    "working": ":material/autorenew:",
    "cancelled": ":material/stop_circle:",
    "failed": ":material/error:",
}


def run_names() -> list[str]:
    """All runs, the newest first."""
    return services().store.names()


def readable_runs() -> list[Run]:
    """All runs that can be read, the newest first; the Runs page names the others."""
    found = []
    for name in run_names():
        with suppress(RunError):
            found.append(services().store.open(name))
    return found


def state(run: Run) -> str:
    """queued, searching, scoring or refining here; else finished, running elsewhere, failed or interrupted."""
    status = services().jobs.status(run.name)
    if status is not None and status.under_way:
        return status.state
    found = run.state
    return "failed" if found == "interrupted" and status is not None and status.state == "failed" else found


def chosen_run() -> Run | None:
    """The run chosen in the sidebar, None when there is none."""
    name = st.session_state.get("run")
    return services().store.open(name) if name in run_names() else None


def dataset_name(name: str) -> str | None:
    """The dataset of a run by its name; None where the run cannot be read."""
    with suppress(RunError):
        return services().store.open(name).request.dataset
    return None


def latest_of(dataset: str) -> Run | None:
    """The run to show of a dataset: the chosen one when it is of this dataset, else the newest that is."""
    runs = [run for run in readable_runs() if run.request.dataset == dataset]
    chosen = st.session_state.get("run")
    return next((run for run in runs if run.name == chosen), runs[0] if runs else None)


def choose(name: str) -> None:
    """Make a run the chosen one; only in a callback, before the sidebar is drawn."""
    st.session_state["run"] = name


def choose_next(name: str) -> None:
    """Make a run the chosen one when the next page is drawn."""
    st.session_state["next run"] = name


@st.cache_resource(max_entries=6, show_spinner="Reading the run …")
def _findings(home: str, name: str, version: tuple[int, int], view: View, mode: int | None) -> Findings:
    return Findings(Store(home).open(name), view, mode)


@st.cache_resource(max_entries=6, show_spinner="Refining with the answers …")
def _corrected(
    home: str, name: str, version: tuple[int, int], given: str, _found: Findings, _given: Review
) -> Findings:
    return _found.corrected_by(_given)


def findings(run: Run, view: View | None = None) -> Findings:
    """The results of a finished run, cached for all tabs until the run or its answers change.

    view: else the sidebar's, with the labeling that is chosen there.
    """
    mode = None if view is not None else modes.chosen(run.name)
    shown = view or view_of(run)
    given = review.read(run) if shown == "corrected" and mode is None else None
    found = _findings(str(run.home), run.name, run.version, _of_seeds(run, shown), mode)
    if given is None or not given.corrects:
        return found
    return _corrected(str(run.home), run.name, run.version, corrected.key(given), found, given)


def read(run: Run, view: View | None, mode: int | None) -> Findings:
    """The results of a finished run as `Findings` reads them, whatever the sidebar shows; cached, too."""
    if mode is None:
        return findings(run, view or labeling_view.views(run)[0])
    return _findings(str(run.home), run.name, run.version, _of_seeds(run, labeling_view.views(run)[0]), mode)


def _of_seeds(run: Run, view: View) -> Seeds:
    """The seeds' labelings that a view starts from."""
    if view == "corrected":
        return "refined" if labeling_view.is_refined(run) else "searched"
    return view


def view_of(run: Run) -> View:
    """The labelings that pages show of a run; the sidebar offers the choice where the chosen run has several."""
    offered, chosen = labeling_view.views(run), st.session_state.get("view")
    return next((view for view in offered if view == chosen), offered[0])


def chosen_seeds() -> Seeds:
    """Which labelings of the seeds pages show of the chosen run; of a damaged one the page says so."""
    with suppress(RunError):
        run = chosen_run()
        return "searched" if run is None else _of_seeds(run, view_of(run))
    return "searched"


def finished_run() -> Findings:
    """The chosen run's results; where there are none, show what to do next and stop the page."""
    run = chosen_run()
    if run is None and UNKNOWN in st.session_state:
        unknown(str(st.session_state[UNKNOWN]))
        st.stop()
    if run is None:
        st.info("No run yet. A search of the embedded images takes about half a minute.", icon=":material/info:")
        st.page_link(SEARCH, label="Start a search", icon=":material/search:")
        st.stop()
    heading(run)
    if state(run) != "finished":
        unfinished(run)
        st.stop()
    found = findings(run)
    notes(run)
    return found


def heading(run: Run) -> None:
    """A line with the run, its dataset, K and spaces."""
    asked = run.request
    st.caption(
        f"Run **{plain(run.name)}** · dataset **{plain(asked.dataset)}** · "
        f"**K = {asked.config.num_classes}** · {spaces(asked.phi1, asked.phi2)} · "
        f"{count(len(asked.seeds), 'seed')}"
    )


def unknown(name: str) -> None:
    """A link to a run that does not exist: what may have happened, and where to find the others."""
    where = "is in the trash: restore it on the Runs page" if name in services().store.trash() else (
        "does not exist here: it was deleted, or the link is of another home"
    )  # fmt: skip
    st.warning(f"Run **{plain(name)}** {where}.", icon=":material/link_off:")
    st.page_link("runs.py", label="All runs", icon=":material/list:")


def notes(run: Run) -> None:
    """Why a finished run that should be refined is not, and the evidence against even classes, where there is any."""
    why, chosen = sentences.not_refined(run.scores()), run.request.evenness
    if why:
        st.info(why, icon=":material/info:")
    if chosen is not None and chosen.chosen > 0:
        st.caption(f":material/gavel: {evenness_sentences.evenness(chosen)}")


def unfinished(run: Run) -> None:
    """The progress of an unfinished run, and buttons to resume it."""
    now, done, total = state(run), len(run.finished_seeds), len(run.request.seeds)
    text = f"{done} of {total} seeds are finished"
    if now in UNDER_WAY:
        st.info(f"Run **{run.name}** is {now}: {text}.", icon=STATE_ICONS[now])
        st.page_link(SEARCH, label="Watch it", icon=":material/monitoring:")
        return
    if now == "running":
        st.info(f"Run **{run.name}** is under way in another process: {text}.", icon=STATE_ICONS[now])
        return
    if now == "failed":
        status = services().jobs.status(run.name)
        st.error(f"Run **{run.name}** failed: {status.message if status else ''}", icon=STATE_ICONS[now])
    else:
        status = services().jobs.status(run.name)
        how = "cancelled" if status is not None and status.state == "cancelled" else "interrupted"
        st.warning(f"Run **{run.name}** was {how}: {_kept(done, total)}", icon=STATE_ICONS[now])
    with st.container(horizontal=True):
        st.button(
            "Resume", icon=":material/play_arrow:", type="primary", key="resume", on_click=_submit, args=(run.name,)
        )
        if done:
            st.button(
                f"Use the {count(done, 'finished seed')}",
                key="settle",
                on_click=_submit,
                args=(run.name, False),
                help="Scores them and shows the results; the others can be searched later.",
            )


def _kept(done: int, total: int) -> str:
    """What an unfinished run has, and what resuming it does."""
    if not done:
        return "no seed has ended yet. Resume goes on where the search stood."
    if done == total:
        return f"all {count(done, 'seed')} have ended and are saved. Resume scores them."
    return f"{done} of {total} seeds have ended and are saved. Resume goes on where the search stood."


def missing(run: Run) -> None:
    """A button to search the missing seeds of a finished run."""
    if run.missing_seeds:
        st.button(
            f"Search the other {count(len(run.missing_seeds), 'seed')}",
            icon=":material/play_arrow:",
            key="missing",
            on_click=_submit,
            args=(run.name,),
        )


def _submit(name: str, search: bool = True) -> None:
    try:
        services().jobs.submit(name, search=search)
    except HumeError as error:
        st.toast(str(error), icon=":material/error:")


def other_runs(name: str, same_dataset: str | None = None) -> list[str]:
    """The other finished runs, of one dataset where it is given."""
    return [
        run.name
        for run in readable_runs()
        if run.name != name and run.state == "finished" and same_dataset in (None, run.request.dataset)
    ]


def ranking(
    found: Findings, num_neighbors: int | None = None, order: Order = "algorithm", rows: RowChoice = "all"
) -> ReliabilityRanking:
    """Algorithm G1's ranking, with a progress bar while neighbours are counted for the first time."""
    bar = st.empty()

    def draw(share: float) -> None:
        bar.progress(min(1.0, share), text="Counting neighbours …")

    try:
        return found.ranking(num_neighbors, order, rows, on_progress=draw)
    finally:
        bar.empty()


def read_review(found: Findings) -> Review:
    """Names, rejections and answers of the run, as they are on disk now."""
    return review.read(found.run)


def class_names(found: Findings) -> list[str]:
    """The names of the found classes, numbers where none is given."""
    given = read_review(found)
    return [given.name(k) for k in range(found.num_classes)]
