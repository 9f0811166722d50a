"""Keys of a page: what each does, heard wherever the focus is but in a field, and a sheet of them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from pages._widgets.clicks import hear, heard

_ASSETS = Path(__file__).parents[2] / "assets"
_mount = st.components.v2.component("hume_keys", js=(_ASSETS / "keys.js").read_text(encoding="utf-8"))
_SHEET = "keys shown"

Sheet = Sequence[tuple[str, str]]  # keys as they are called, and what they do


def keys(
    actions: Mapping[str, Callable[[], None]], sheet: Sheet, *, opened: int | None = None, key: str = "keys"
) -> None:
    """Act on keys, as the browser calls them, before the rerun; `?` opens the sheet, as does a button.

    opened: the sample that is open; the container of the key "opened" is scrolled to when it is another one.
    """

    def act(press: dict[str, Any]) -> None:
        name = str(press.get("key"))
        if name == "?":
            st.session_state[_SHEET] = True
        elif name in actions:
            actions[name]()

    def pressed() -> None:
        hear(key, st.session_state[key].get("pressed"), act)

    _mount(
        key=key,
        data={"keys": [*actions, "?"], "heard": heard(key), "reveal": "" if opened is None else str(opened)},
        on_pressed_change=pressed,
    )
    if st.button("Keys", icon=":material/keyboard:", type="tertiary", key="show keys", help="Also by ?"):
        st.session_state[_SHEET] = True
    if st.session_state.pop(_SHEET, False):
        _show(sheet)


@st.dialog("Keys")
def _show(sheet: Sheet) -> None:
    lines = ["| key | what it does |", "| --- | --- |", *(f"| **{name}** | {does} |" for name, does in sheet)]
    st.markdown("\n".join(lines))
