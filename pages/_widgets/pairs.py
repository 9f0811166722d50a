"""Things in two columns."""

from collections.abc import Iterator
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def pairs(**options: Any) -> Iterator[DeltaGenerator]:
    """A container after the other, two to a row, for as many things as there are.

    Where the screen is narrow a row's columns lie below each other: with a row for each pair, in the things' order.
    """
    while True:
        yield from st.columns(2, **options)
