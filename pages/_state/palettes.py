"""The palettes that a reader chose, for the figures and maps of all pages."""

from typing import Any

import streamlit as st

from hume.reporting.figures import palette

OF_CLASSES, OF_NUMBERS = "class palette", "number palette"


def use() -> None:
    """Draw the page in the chosen palettes."""
    for key, variable, known in (
        (OF_CLASSES, palette.class_palette, palette.CLASS_PALETTES),
        (OF_NUMBERS, palette.sequential_palette, palette.SEQUENTIAL_PALETTES),
    ):
        chosen = st.session_state.get(key)
        variable.set(chosen if isinstance(chosen, str) and chosen in known else next(iter(known)))


def choice() -> None:
    """A button that opens the choice."""
    with st.popover("Palette", icon=":material/palette:"):
        options: dict[str, Any] = {"persist_state": "session", "on_change": use}
        st.selectbox("Classes", list(palette.CLASS_PALETTES), key=OF_CLASSES, **options)
        st.selectbox("Numbers and dates", list(palette.SEQUENTIAL_PALETTES), key=OF_NUMBERS, **options)
        st.caption(
            "Colour-blind readers can tell each apart. Symbols part classes beyond the colours. All pages use it."
        )
