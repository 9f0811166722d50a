"""Jobs of this server: start, progress, cancel."""

from collections.abc import Callable, Container

import numpy as np
import streamlit as st

from hume.common.errors import HumeError
from hume.common.formatting import count
from hume.exchange.incoming import ImportReport
from hume.jobs.datasets import NewSpace
from hume.jobs.queues import Status
from hume.reporting import figures, sentences
from hume.runs.new_labels import NewLabels
from pages._state import current, ground_truth, runs, services
from pages._widgets import plots

BEGUN = "begun at "  # prefix of the session keys of jobs, by the place of their button
REFRESH = 1.0  # seconds
PHASES = {
    "queued": "queued",
    "searching": "searching",
    "choosing": "choosing how even the classes should be",
    "scoring": "cross-validating the labelings",
    "refining": "refining the labelings in both spaces",
    "working": "under way",
}


# --- one job -------------------------------------------------------------------------------------


def start(begin: Callable[[], str | list[str]], error: str, *, at: str) -> None:
    """Queue jobs and rerun the page; on failure, keep the message in the session under the key `error`.

    begin: returns the name of the job, or of several; at: the place on the page where `begun` shows them.
    """
    try:
        names = begin()
        st.session_state[f"{BEGUN}{at}"] = [names] if isinstance(names, str) else names
    except HumeError as refused:
        st.session_state[error] = str(refused)
    st.session_state["uploads"] = st.session_state.get("uploads", 0) + 1  # resets the file fields
    st.rerun()


def begun(at: str) -> None:
    """The jobs that the button here began: their progress, then their results until these are dismissed."""
    names, all_jobs = begun_at(at), services.services().jobs
    if not names:
        return

    def draw() -> None:
        for name in names:
            status = all_jobs.status(name)
            if status is not None:
                line(status, key=f"cancel {at}", place=f" {at}")
                if status.under_way:
                    _loss(name)

    repeat(lambda: any(all_jobs.is_under_way(name) for name in names), draw)


def begun_at(at: str) -> list[str]:
    """The jobs that the button at this place began in this session, but those whose results were dismissed."""
    names: list[str] = st.session_state.get(f"{BEGUN}{at}", [])
    return [name for name in names if services.services().jobs.status(name) is not None]


def adopt() -> None:
    """Make a dataset the current one once an import that this session began has ended."""
    name = next(iter(begun_at("add")), None)
    status = None if name is None else services.services().jobs.status(name)
    if status is None or not isinstance(status.result, ImportReport) or not status.result.datasets:
        return
    if st.session_state.get("adopted") != (name, status.result.datasets):
        st.session_state["adopted"] = (name, status.result.datasets)
        current.make(status.result.datasets[0])


def line(status: Status, *, key: str = "cancel", kept: str | None = None, place: str = "") -> None:
    """A job under way and a button to cancel it, or its result and one to dismiss it; kept: what cancelling keeps."""
    text, button = st.columns([6, 1], vertical_alignment="center")
    name, icon = f"**{plots.plain(status.name)}**", runs.STATE_ICONS[status.state]
    if status.under_way:
        text.progress(min(1.0, status.share), text=f"{name} · {_phase(status)}")
        button.button(
            "Cancel", icon=":material/stop_circle:", key=f"{key} {status.name}", help=kept,
            on_click=services.services().jobs.cancel, args=(status.name,),
        )  # fmt: skip
        return
    if status.state == "failed":
        text.error(f"{name}: {plots.plain(status.message)}", icon=icon)
    elif status.state == "cancelled":
        text.warning(f"{name} was cancelled{f': {status.message}' if status.message else ''}.", icon=icon)
    else:
        text.success(f"{name}: {plots.plain(_result(status))}", icon=icon)
    forget = services.services().work.forget
    button.button("Dismiss", key=f"dismiss {status.name}{place}", on_click=forget, args=(status.name,))


def _result(status: Status) -> str:
    match status.result:
        case NewSpace(dataset, space):
            return sentences.new_space(dataset, space)
        case ImportReport(summary):
            return summary
        case NewLabels():
            return sentences.new_labels(status.result)
    return str(status.result or "")


def _phase(status: Status) -> str:
    if status.state == "queued":
        if not status.ahead:
            return "begins now"
        rest = f" and {count(status.ahead - 1, 'other job')}" if status.ahead > 1 else ""
        return f"waits for {plots.plain(status.waits_for)}{rest}"
    left = "" if status.seconds_left is None else f", about {plots.duration(status.seconds_left)} left"
    return PHASES[status.state] + left


def repeat(is_under_way: Callable[[], bool], draw: Callable[[], None]) -> None:
    """Redraw every second while jobs are under way; when they end, rerun the page."""
    under_way = is_under_way()

    @st.fragment(run_every=REFRESH if under_way else None)
    def again() -> None:
        if under_way and not is_under_way():
            st.rerun()
        draw()

    again()


# --- dataset jobs --------------------------------------------------------------------------------


def jobs(shown: Container[str] = ()) -> None:
    """All dataset jobs since the server started but those shown elsewhere: what is under way and the last result.

    Earlier results are folded away.
    """
    work = services.services().work

    def others() -> list[Status]:
        return [status for status in work.statuses() if status.name not in shown]

    if not others():
        return

    def draw() -> None:
        ended = [status for status in others() if not status.under_way]
        for status in others():
            if status.under_way:
                line(status)
                _loss(status.name)
        for status in ended[:1]:
            line(status)
        if ended[1:]:
            with st.expander(f"{count(len(ended) - 1, 'earlier job')}", key="earlier jobs"):
                for status in ended[1:]:
                    line(status)

    repeat(lambda: any(status.under_way for status in others()), draw)


def watch_work(name: str) -> None:
    """One job under way, or why it failed; when it ends, rerun the page."""
    all_jobs = services.services().jobs

    def draw() -> None:
        status = all_jobs.status(name)
        if status is not None and (status.under_way or status.state == "failed"):
            line(status)

    repeat(lambda: all_jobs.is_under_way(name), draw)


def _loss(name: str) -> None:
    """The loss of a training so far, and its k-NN accuracy outside blind mode."""
    records = services.services().work.live(name)
    steps = [record for record in records if np.isfinite(record.loss)]
    if len(steps) < 2:
        return
    probes = [(record.step, record.knn_score) for record in steps if record.knn_score is not None]
    if ground_truth.is_blind():
        probes = []
    last = steps[-1]
    st.caption(
        f"Epoch {last.epoch} of {last.num_epochs}, step {last.step:,} of {last.num_steps:,}; "
        f"{plots.duration(last.seconds)} so far." + (f" {last.note}" if last.note else "")
    )
    figure = figures.training(
        [record.step for record in steps], [record.loss for record in steps],
        [step for step, _ in probes], [score for _, score in probes],
    )  # fmt: skip
    plots.plot(
        figure, f"loss {name}",
        lambda: (["step", "loss"], [(record.step, record.loss) for record in steps]),
        alt="The loss of the training over its steps", name=plots.file_name(name, "loss"), height=260,
    )  # fmt: skip
