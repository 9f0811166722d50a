"""The frame of every page: page setup, navigation, the sidebar."""

from pathlib import Path

import streamlit as st

from pages._lesson import frame
from pages._sections import next_step, sidebar
from pages._state import errors, palettes

ASSETS = Path(__file__).parents[1] / "assets"
# A file: named icons are fetched from the network.
ICON = ASSETS / "favicon.png"

st.set_page_config(page_icon=ICON, layout="wide")
st.html(ASSETS / "app.css")
OF_A_RUN = [
    st.Page("objective.py", title="Objective and accuracy", icon=":material/scatter_plot:"),
    st.Page("aggregation.py", title="Aggregation", icon=":material/how_to_vote:"),
    st.Page("differences.py", title="Differences", icon=":material/compare_arrows:"),
    st.Page("explore.py", title="Explore", icon=":material/hub:"),
    st.Page("answer.py", title="Answer", icon=":material/touch_app:"),
    st.Page("reliable.py", title="Reliable samples", icon=":material/verified:"),
]
page = st.navigation(
    {
        "": [st.Page("start.py", title="Start", icon=":material/home:", default=True), *frame.pages()],
        "Find labelings": [
            st.Page("data.py", title="Data", icon=":material/photo_library:"),
            st.Page("search.py", title="Search", icon=":material/search:"),
            st.Page("runs.py", title="Runs", icon=":material/list:"),
            st.Page("compare.py", title="Compare", icon=":material/leaderboard:"),
        ],
        "Understand a run": OF_A_RUN,
    }
)
sidebar.sidebar()
run = st.session_state.get("run") if page in OF_A_RUN else None
st.set_page_config(page_title=" · ".join(filter(None, (page.title, run, "HUME Explorer"))))  # tabs are told apart
palettes.use()
errors.guard(page.run)
next_step.footer(page.url_path)
