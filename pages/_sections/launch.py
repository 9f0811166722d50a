"""Launch a search: its expected seconds and memory, the run registered and queued."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import streamlit as st

from hume import Config, Dataset, preset
from hume.common import devices
from hume.common.errors import HumeError
from hume.data import splits
from hume.data.splits import Setting
from hume.engine.solvers import InnerSolver
from hume.runs import choice_of_evenness, cost, ray_cluster
from hume.runs.pace import Seconds
from hume.runs.request import Refine, default_refine
from pages._state import runs, services
from pages._widgets import plots

ClassSizes: TypeAlias = Literal["as configured", "auto"]

CLUSTER = "cluster"
NUM_SEEDS = 100  # of the default search
REFRESH = 0.5  # seconds


def search_devices() -> list[str]:
    """Where a search can be launched: the devices of this machine, and the cluster that HUME_CLUSTER names."""
    return [*devices.devices(), *([CLUSTER] if ray_cluster.offered() else [])]


def device_name(device: str) -> str:
    """The name of a device on a page."""
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
    refine: Refine
    sizes: ClassSizes  # auto: how even classes should be is chosen first
    name: str | None = None  # of the run, chosen if left out

    @property
    def chooses(self) -> bool:
        """Whether how even the classes should be is chosen before the search."""
        return self.sizes == "auto" and choice_of_evenness.can_choose(self.data, self.config, self.setting)

    @property
    def local_device(self) -> str:
        """The device of this machine; with a cluster it computes the scores only."""
        return devices.devices()[0] if self.device == CLUSTER else self.device


def usual(data: Dataset) -> Plan | None:
    """The default search of a dataset; None where its number of classes is unknown."""
    K = data.num_classes
    if K is None:
        return None
    phi1, phi2 = data.default_pair
    seen = int(splits.searched_rows(data, "transductive").sum())
    config, solver = preset("fast", num_classes=K, num_samples=seen)
    return Plan(
        data=data, phi1=phi1, phi2=phi2, config=config, solver=solver, num_seeds=NUM_SEEDS,
        device=devices.devices()[0], refine=default_refine("fast"), sizes="auto",
    )  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """The expected cost of a search, its scores and its refinement."""

    bytes: int
    seconds: Seconds | None  # None while unknown
    measuring: bool

    @property
    def text(self) -> str:
        """All stages together."""
        if self.seconds is None:
            return "measuring the time …" if self.measuring else "unknown time"
        return f"about {plots.duration(sum(self.seconds))}"


def expected(plan: Plan) -> Cost:
    """The expected seconds and bytes of a search; raises InputError for invalid settings."""
    asked = (plan.data, plan.phi1, plan.phi2, plan.config, plan.solver)
    shared = services.services()
    sizes = cost.Sizes.of(*asked, setting=plan.setting, num_seeds=plan.num_seeds, device=plan.local_device)
    pace, measuring = shared.paces.ask(
        *asked, sizes, plan.setting, plan.local_device, busy=bool(shared.jobs.statuses())
    )
    return Cost(
        bytes=cost.most_bytes(sizes, plan.config, plan.solver, refines=plan.refine == "joint"),
        seconds=None
        if pace is None
        else pace.seconds(sizes, plan.config, refines=plan.refine == "joint", chooses=plan.chooses),
        measuring=measuring,
    )


def draw_cost(plan: Plan, now: Cost, draw: Callable[[Cost], object]) -> None:
    """Draw the cost of a search; while it is measured, poll and rerun the page once it is known."""

    @st.fragment(run_every=REFRESH if now.measuring else None)
    def again() -> None:
        if now.measuring and not expected(plan).measuring:
            st.rerun()
        draw(now)

    again()


def launch(plan: Plan) -> None:
    """Register a run, queue it, choose it and rerun the page; on failure, keep the message.

    Not for a callback: a click that ends typing in a field runs callbacks with the previous value.
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
            refine=plan.refine,
            sizes=plan.sizes,
            name=plan.name,
        )
        services.services().jobs.submit(run.name)
    except HumeError as error:
        st.session_state["launch error"] = str(error)
        return
    st.session_state["launched"] = st.session_state.get("launched", 0) + 1  # resets the field of the name
    runs.choose_next(run.name)
    st.rerun()


def draw_error() -> None:
    """The error of the last launch, if it failed."""
    if "launch error" in st.session_state:
        st.error(st.session_state["launch error"], icon=":material/error:")
