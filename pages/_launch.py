"""What it takes to launch a search: seconds and memory foretold, the run registered and queued."""

import streamlit as st

from hume import Config, Dataset, estimate, results
from hume.errors import HumeError
from hume.inner import InnerSolver
from hume.search import Setting
from pages import _session


@st.cache_resource(show_spinner="Measuring how fast this machine is …")
def machine_speed(device: str) -> estimate.MachineSpeed:
    """What this machine does in a second, measured once."""
    return estimate.measure_speed(device)


def expected(
    data: Dataset,
    phi1: str,
    phi2: str,
    config: Config,
    solver: InnerSolver,
    setting: Setting,
    num_seeds: int,
    device: str,
) -> estimate.Estimate:
    """The seconds and bytes that a run would take; raises InputError when it cannot be run so."""
    return estimate.estimate(
        num_samples=data.num_samples,
        d1=data.space(phi1).features.shape[1],
        d2=data.space(phi2).features.shape[1],
        config=config,
        solver=solver,
        num_seeds=num_seeds,
        setting_rows=int(results.searched_rows(data, setting).sum()),
        scored_rows=int(results.evaluated_rows(data).sum()),
        device=device,
        speed=machine_speed(device),
    )


def launch(
    *,
    data: Dataset,
    phi1: str,
    phi2: str,
    config: Config,
    solver: InnerSolver,
    setting: Setting,
    num_seeds: int,
    device: str,
) -> None:
    """Register a run, queue it, make it the chosen one and draw the page anew; where it cannot begin, keep why.

    Not for a callback: a click beside a field that has just been typed into runs callbacks with the values before.
    """
    st.session_state.pop("launch error", None)
    try:
        run = _session.services().store.create(
            data, phi1=phi1, phi2=phi2, config=config, solver=solver, setting=setting, seeds=range(num_seeds),
            device=device,
        )  # fmt: skip
        _session.services().jobs.submit(run.name)
    except HumeError as error:
        st.session_state["launch error"] = str(error)
        return
    _session.choose_next(run.name)
    st.rerun()


def say_error() -> None:
    """Why the last launch did not begin, if it did not."""
    if "launch error" in st.session_state:
        st.error(st.session_state["launch error"], icon=":material/error:")
