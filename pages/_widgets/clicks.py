"""Clicks on the project's components: each is handled exactly once.

Of two clicks between reruns Streamlit delivers only the later, so every click carries the unacknowledged ones before
it; click numbers rise.
"""

import threading
from collections.abc import Callable
from typing import Any

import streamlit as st

_acting = threading.Lock()


def heard(key: str) -> int:
    """The number of the last handled click, sent to the component as the acknowledgement."""
    return int(st.session_state.get(_name(key), 0))


def hear(key: str, value: Any, act: Callable[[dict[str, Any]], None]) -> None:
    """Act on the unhandled clicks of a message, in their order.

    Streamlit may start the next rerun during the callbacks of the last one: a lock makes it wait for them.
    """
    with _acting:
        earlier = value.get("earlier") if isinstance(value, dict) else None
        clicks = [*(earlier if isinstance(earlier, list) else ()), value]
        new = [click for click in clicks if _number(click) > heard(key)]
        st.session_state[_name(key)] = max([heard(key), *map(_number, new)])
        for click in new:
            act(click)


def whole(value: Any, below: int) -> int | None:
    """An integer from 0 sent by a browser, None for anything else."""
    return value if type(value) is int and 0 <= value < below else None


def _name(key: str) -> str:
    return f"heard of {key}"


def _number(click: Any) -> int:
    number = click.get("n") if isinstance(click, dict) else None
    return number if type(number) is int else 0
