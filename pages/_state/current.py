"""The dataset that every page starts from, in the session and in the address; the chosen run and it go together."""

import streamlit as st

from pages._state import datasets, runs, text

KEY = "dataset"  # of the choice on every page, and of the address
OLDER = ("data", "start_data")  # in links of earlier versions
_OF_RUN = "run of the current dataset"


def make(name: str) -> None:
    """Make a dataset the current one and its newest run the chosen one; before the sidebar is drawn."""
    _set(name)
    run = runs.latest_of(name)
    if run is not None:
        runs.choose(run.name)
        st.session_state[_OF_RUN] = run.name


def choice(names: list[str], *, kind: str = "selectbox") -> str:
    """Draw the choice of the current dataset; kind: "selectbox" or, for few names, "pills"."""
    name = datasets.usual_dataset(names)
    st.session_state[KEY] = name
    if kind == "pills":
        st.segmented_control(
            "Dataset", names, required=True, key=KEY, on_change=_chosen, label_visibility="collapsed",
            format_func=text.plain,
        )  # fmt: skip
    else:
        st.selectbox("Dataset", names, key=KEY, on_change=_chosen)
    _set(name)
    return name


def follow(run: str | None) -> None:
    """Make the dataset of the chosen run the current one where another run is chosen than before.

    A session begins with the dataset that the address asks for.
    """
    asked, before = _asked(), st.session_state.get(_OF_RUN)
    st.session_state[_OF_RUN] = run
    if datasets.CURRENT not in st.session_state and asked is not None:
        _set(asked)
    elif run is not None and run != before:
        of_run = runs.dataset_name(run)
        if of_run is not None:
            _set(of_run)


def asked_run() -> str | None:
    """The run to begin a session with: the newest of the dataset that the address asks for."""
    name = st.session_state.get(datasets.CURRENT) or _asked()
    run = None if name is None else runs.latest_of(name)
    return None if run is None else run.name


def _asked() -> str | None:
    return next((name for key in (KEY, *OLDER) if (name := st.query_params.get(key))), None)


def _set(name: str) -> None:
    st.session_state[datasets.CURRENT] = name
    for key in OLDER:
        st.query_params.pop(key, None)
    st.query_params[KEY] = name


def _chosen() -> None:
    make(st.session_state[KEY])
