"""What it takes to launch a search: its seconds and memory, the run registered and queued."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from hume import Config, Dataset, preset
from hume.common import devices
from hume.common.errors import HumeError
from hume.data import splits
from hume.data.splits import Setting
from hume.engine.inner import InnerSolver
from hume.runs import cost, ray_cluster
from pages._state import runs, services
from pages._widgets import plots

CLUSTER = "cluster"
NUM_SEEDS = 100  # of a search with nothing to choose
REFRESH = 0.5  # seconds


def search_devices() -> list[str]:
    """Where a search can be launched: the devices of this machine, and the cluster that HUME_CLUSTER names."""
    return [*devices.devices(), *([CLUSTER] if ray_cluster.offered() else [])]


def device_name(device: str) -> str:
    """A device as a reader sees it."""
    return f"Ray cluster ({ray_cluster.offered()})" if device == CLUSTER else device


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A search as a page offers it."""

    data: Dataset
    phi1: str
    phi2: str
    config: Config
    solver: InnerSolver
    setting: Setting = "transductive"
    num_seeds: int
    device: str  # one of `search_devices`

    @property
    def local_device(self) -> str:
        """The device of this machine that takes part; a cluster leaves it the scores."""
        return devices.devices()[0] if self.device == CLUSTER else self.device


def usual(data: Dataset) -> Plan | None:
    """A search with nothing to choose; None where a dataset does not say how many classes to look for."""
    K = data.num_classes
    if K is None:
        return None
    phi1, phi2 = data.default_pair
    seen = int(splits.searched_rows(data, "transductive").sum())
    config, solver = preset("fast", num_classes=K, num_samples=seen)
    return Plan(
        data=data, phi1=phi1, phi2=phi2, config=config, solver=solver, num_seeds=NUM_SEEDS,
        device=devices.devices()[0],
    )  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """What a search and its scores take."""

    bytes: int
    seconds: tuple[float, float] | None  # of the search and of the scores; None while unknown
    measuring: bool

    @property
    def words(self) -> str:
        """Search and scores together."""
        if self.seconds is None:
            return "measuring how long it takes …" if self.measuring else "takes an unknown time"
        return f"about {plots.duration(sum(self.seconds))}"


def expected(plan: Plan) -> Cost:
    """The seconds and bytes that a search would take; raises InputError when it cannot be run so."""
    asked = (plan.data, plan.phi1, plan.phi2, plan.config, plan.solver)
    shared = services.services()
    sizes = cost.Sizes.of(*asked, setting=plan.setting, num_seeds=plan.num_seeds, device=plan.local_device)
    pace, measuring = shared.paces.ask(
        *asked, sizes, plan.setting, plan.local_device, busy=bool(shared.jobs.statuses())
    )
    return Cost(
        bytes=cost.most_bytes(sizes, plan.config, plan.solver),
        seconds=None if pace is None else pace.seconds(sizes, plan.config),
        measuring=measuring,
    )


def say(plan: Plan, now: Cost, draw: Callable[[Cost], object]) -> None:
    """Draw what a search takes; while that is measured the page looks again, and runs again once it is known."""

    @st.fragment(run_every=REFRESH if now.measuring else None)
    def again() -> None:
        if now.measuring and not expected(plan).measuring:
            st.rerun()
        draw(now)

    again()


def launch(plan: Plan) -> None:
    """Register a run, queue it, make it the chosen one and draw the page anew; where it cannot begin, keep why.

    Not for a callback: a click beside a field that has just been typed into runs callbacks with the values before.
    """
    st.session_state.pop("launch error", None)
    try:
        run = services.services().store.create(
            plan.data,
            phi1=plan.phi1,
            phi2=plan.phi2,
            config=plan.config,
            solver=plan.solver,
            setting=plan.setting,
            seeds=range(plan.num_seeds),
            device=plan.local_device,
            cluster=ray_cluster.offered() if plan.device == CLUSTER else None,
        )
        services.services().jobs.submit(run.name)
    except HumeError as error:
        st.session_state["launch error"] = str(error)
        return
    runs.choose_next(run.name)
    st.rerun()


def say_error() -> None:
    """Why the last launch did not begin, if it did not."""
    if "launch error" in st.session_state:
        st.error(st.session_state["launch error"], icon=":material/error:")
