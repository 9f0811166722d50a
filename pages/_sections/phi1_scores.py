"""Score the labelings of a run in φ1, in the queue: the other half of Eq. 2, which the search leaves out."""

import streamlit as st

from hume.common import devices
from hume.common.progress import Progress
from hume.experiments import criteria
from hume.runs.findings import Findings
from pages._sections import progress
from pages._state import services
from pages._widgets import plots


def offer(found: Findings) -> None:
    """The button that queues the scores, or their progress."""
    name = f"{found.run.name}: scores in φ1"
    if services.services().jobs.is_under_way(name):
        progress.watch_work(name)
        return
    status = services.services().jobs.status(name)
    if status is not None and status.state == "failed":
        st.error(plots.plain(status.message), icon=":material/error:")
    st.caption("The labelings have no scores in φ1 yet. They take seconds, and are saved.")
    if st.button("Score the labelings in φ1", icon=":material/calculate:", key=f"score in φ1 {found.run.name}"):
        _queue(name, found)
        st.rerun()


def _queue(name: str, found: Findings) -> None:
    device = devices.devices()[0]

    def work(on_progress: Progress) -> str:
        criteria.score_in_phi1(found, device=device, on_progress=on_progress)
        return f"{len(found.seeds)} labelings scored in φ1."

    services.services().work.do(name, work, device)
