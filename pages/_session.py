"""What all pages share: the services of this server, the chosen run, the blind mode, what to say on errors."""

import functools
import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import streamlit as st
from streamlit.errors import StreamlitAPIException

from hume import Run, Store, review
from hume.data.work import DataWork
from hume.errors import HumeError, RunError
from hume.findings import Findings, Rows
from hume.jobs import Jobs
from hume.maps import Maps
from hume.reliable import Order, ReliabilityRanking
from hume.review import Review
from hume.sentences import count, percent
from hume.spaces import Dataset, dataset_folders
from hume.store import default_home
from pages import _show

DATA, SEARCH, OBJECTIVE, EXPLORE, RELIABLE = (
    f"{name}.py" for name in ("data", "search", "objective", "explore", "reliable")
)
STATE_ICONS = {
    "finished": ":material/check_circle:",
    "interrupted": ":material/pause_circle:",
    "running": ":material/autorenew:",
    "queued": ":material/schedule:",
    "searching": ":material/autorenew:",
    "scoring": ":material/autorenew:",
    "working": ":material/autorenew:",
    "cancelled": ":material/stop_circle:",
    "failed": ":material/error:",
}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Services:
    """What one server has of one home folder; shared by all tabs."""

    store: Store
    jobs: Jobs
    maps: Maps
    work: DataWork


@functools.cache
def _services(home: Path) -> Services:
    store = Store(home)
    jobs = Jobs(store)
    return Services(store, jobs, Maps(home), DataWork(jobs))


_homes: set[Path] = set()


def services() -> Services:
    """The store, the queue and the maps of the home folder that is configured."""
    home = default_home()
    _homes.add(home)
    return _services(home)


def close() -> None:
    """End every thread and process; finished seeds are on disk."""
    for home in _homes:
        _services(home).jobs.close()
        _services(home).maps.close()


# --- errors ----------------------------------------------------------------------------------


def guard(page: Callable[[], None]) -> None:
    """Run a page; what a reader can mend is said in one sentence."""
    try:
        page()
    except HumeError as error:
        st.error(str(error), icon=":material/error:")


def on_error(error: Exception) -> bool:
    """Say one sentence on the page and keep the details in the server's log."""
    if isinstance(error, HumeError):
        st.error(str(error), icon=":material/error:")
        return True
    log.error("a page failed", exc_info=error)
    st.error(
        "Something went wrong on this page. Nothing was lost: reload it, or choose another run. "
        "The details are in the server's log.",
        icon=":material/error:",
    )
    return True


# --- runs ------------------------------------------------------------------------------------


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
    """queued, searching or scoring here; else finished, running elsewhere, failed or interrupted."""
    status = services().jobs.status(run.name)
    if status is not None and status.under_way:
        return status.state
    found = run.state
    return "failed" if found == "interrupted" and status is not None and status.state == "failed" else found


def sidebar() -> None:
    """The run that the pages are about, the blind mode and what is under way: the same on every page."""
    with st.sidebar:
        _run_choice()
        st.toggle(
            "Blind mode",
            key="blind",
            bind="query-params",
            help="Hides the ground truth everywhere until you ask to reveal it.",
        )
        st.segmented_control(
            "Save plots as",
            ["PNG", "SVG"],
            default="PNG",
            required=True,
            key="plot_format",
            persist_state="session",
            help="What the camera button of every plot saves.",
        )
        _under_way()


def _run_choice() -> None:
    names = run_names()
    if "next run" in st.session_state:
        choose(st.session_state.pop("next run"))
    if not names:
        return
    if st.session_state.get("run") not in names:
        st.session_state.pop("run", None)  # it was deleted or renamed
        if st.query_params.get("run") not in names:
            choose(_newest(names))
    if "run" in st.session_state:
        # The address follows a widget that is there; before its first run, it has to be told.
        with suppress(StreamlitAPIException):
            st.query_params["run"] = st.session_state["run"]
    name = st.selectbox("Run", names, key="run", bind="query-params", index=None, placeholder="Choose a run")
    if name is None:  # the address asked for a run that is not there
        choose_next(_newest(names))
        st.rerun()


def _newest(names: list[str]) -> str:
    readable = readable_runs()
    return readable[0].name if readable else names[0]


def _under_way() -> None:
    statuses = services().jobs.statuses()

    @st.fragment(run_every=2.0 if statuses else None)
    def lines() -> None:
        now = services().jobs.statuses()
        for status in now:
            text = f"{_show.plain(status.name)}: {status.state}"
            if status.state != "queued":
                text += f" {percent(status.share, 0)}"
            st.progress(min(1.0, status.share), text=text)
        if [status.name for status in now] != [status.name for status in statuses]:
            st.rerun()

    lines()


def chosen_run() -> Run | None:
    """The run chosen in the sidebar, None when there is none."""
    name = st.session_state.get("run")
    return services().store.open(name) if name in run_names() else None


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


@st.cache_resource(max_entries=4, show_spinner="Reading the run …")
def _findings(home: str, name: str, version: tuple[int, int]) -> Findings:
    return Findings(Store(home).open(name))


def findings(run: Run) -> Findings:
    """The results of a finished run, kept for all tabs until the run changes."""
    return _findings(str(run.store.home), run.name, run.version)


def finished_run() -> Findings:
    """The chosen run's results; where there are none, says what to do next and ends the page."""
    run = chosen_run()
    if run is None:
        st.info(
            "There is no run yet. A search of the embedded images takes about half a minute.", icon=":material/info:"
        )
        st.page_link(SEARCH, label="Start a search", icon=":material/search:")
        st.stop()
    if state(run) != "finished":
        unfinished(run)
        st.stop()
    return findings(run)


def unfinished(run: Run) -> None:
    """Say how far a run has come, and offer to go on with it."""
    now, done, asked = state(run), len(run.finished_seeds), len(run.request.seeds)
    words = f"{done} of {asked} seeds are finished"
    if now in ("queued", "searching", "scoring"):
        st.info(f"Run **{run.name}** is {now}: {words}.", icon=STATE_ICONS[now])
        st.page_link(SEARCH, label="Watch it", icon=":material/monitoring:")
        return
    if now == "running":
        st.info(f"Run **{run.name}** is being worked on by another process: {words}.", icon=STATE_ICONS[now])
        return
    if now == "failed":
        status = services().jobs.status(run.name)
        st.error(f"Run **{run.name}** failed: {status.message if status else ''}", icon=STATE_ICONS[now])
    else:
        st.warning(f"Run **{run.name}** was interrupted: {words}; nothing of these is lost.", icon=STATE_ICONS[now])
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
                help="Scores them and shows the results; the others can still be searched later.",
            )


def missing(run: Run) -> None:
    """Offer to search the seeds that a finished run's results were taken without."""
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
    """Finished runs beside the chosen one, of the same dataset where one is given."""
    return [
        run.name
        for run in readable_runs()
        if run.name != name and run.state == "finished" and same_dataset in (None, run.request.dataset)
    ]


def ranking(found: Findings, num_neighbors: int, order: Order = "algorithm", rows: Rows = "all") -> ReliabilityRanking:
    """Algorithm G1's ranking, with a progress bar while neighbours are counted for the first time."""
    place = st.empty()

    def draw(share: float) -> None:
        place.progress(min(1.0, share), text="Counting neighbours …")

    try:
        return found.ranking(num_neighbors, order, rows, on_progress=draw)
    finally:
        place.empty()


def read_review(found: Findings) -> Review:
    """Names and rejections of the run, as they are on disk now."""
    return review.read(found.run)


def class_names(found: Findings) -> list[str]:
    """What the found classes are called: the names that were given, else numbers."""
    given = read_review(found)
    return [given.name(k) for k in range(found.num_classes)]


# --- datasets ----------------------------------------------------------------------------------


def usual_dataset(names: list[str]) -> str:
    """The dataset that a page shows before the reader has chosen one."""
    return "fashion-mnist" if "fashion-mnist" in names else names[0]


def dataset_names(*, with_spaces: bool = True) -> list[str]:
    """The datasets that can be chosen: the embedded ones, then the home folder's; those without a space if asked."""
    folders = dataset_folders(services().store.dataset_roots)
    return [folder.name for folder in folders if not with_spaces or any((folder / "spaces").glob("*.npy"))]


@st.cache_resource(max_entries=4, show_spinner="Reading the data …")
def _dataset(home: str, name: str, version: tuple[int, ...]) -> Dataset:
    return Store(home).load_dataset(name)


def dataset(name: str) -> Dataset:
    """A dataset by its name, kept for all tabs until its spaces or its card change."""
    store = services().store
    folder = next((path for path in reversed(dataset_folders(store.dataset_roots)) if path.name == name), None)
    return _dataset(str(store.home), name, () if folder is None else _version(folder))


def _version(folder: Path) -> tuple[int, ...]:
    """Changes whenever a space comes or goes, or the card is changed."""
    places = [folder / "card.json", *sorted((folder / "spaces").glob("*.npy"))]
    return tuple(place.stat().st_mtime_ns for place in places if place.exists())


def stamp(data: Dataset, folder: Path) -> str:
    """Changes with the files below a folder and with the labels and rows they are scored by: the key of a cache."""
    scored_by = hashlib.blake2b(digest_size=8)
    for array in (data.labels, data.test_rows):
        scored_by.update(b"none" if array is None else array.tobytes())
    files = sorted((path.name, path.stat().st_mtime_ns) for path in folder.rglob("*.safetensors"))
    return f"{data.name} {scored_by.hexdigest()} {files}"


def dataset_of(run: Run) -> Dataset:
    """The data of a run, kept for all tabs; raises RunError when they changed since."""
    return _dataset_of(str(run.store.home), run.name, run.version[1])


@st.cache_resource(max_entries=4, show_spinner="Reading the data …")
def _dataset_of(home: str, name: str, _: int) -> Dataset:
    return Store(home).open(name).dataset()


# --- ground truth --------------------------------------------------------------------------------


def is_blind() -> bool:
    """Whether the reader asked not to see the ground truth."""
    return bool(st.session_state.get("blind"))


def file_names(data: Dataset) -> list[str] | None:
    """The files of the samples; without their folders, which may be called by the truth, where that is hidden."""
    names = data.file_names
    if names is None or data.labels is None or not is_blind():
        return names
    return [PurePosixPath(name).name for name in names]


def shows_truth(data: Dataset) -> bool:
    """Whether there is a ground truth and the reader wants to see it."""
    return data.labels is not None and not is_blind()


def reveal(data: Dataset, what: str) -> None:
    """Offer the ground truth where it is hidden; say so where there is none."""
    if data.labels is None:
        st.caption(f"{what} needs a ground truth, and this dataset has none.")
    elif is_blind():
        st.button(f"Reveal: {what}", icon=":material/visibility:", key=f"reveal {what}", on_click=_reveal)


def _reveal() -> None:
    st.session_state["blind"] = False
