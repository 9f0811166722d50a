"""What a component of ours sends when it is clicked on: no click is lost, and none is heard twice.

Of two clicks that come before the server looks it sees the later one only, so every click brings along those before
it that were not heard yet; the numbers of clicks rise.
"""

import threading
from collections.abc import Callable
from typing import Any

import streamlit as st

_acting = threading.Lock()


def heard(key: str) -> int:
    """The number of the last click on a component that was heard; it is told, so that it can forget its clicks."""
    return int(st.session_state.get(_name(key), 0))


def hear(key: str, value: Any, act: Callable[[dict[str, Any]], None]) -> None:
    """Act on the clicks of a message that were not heard before, in their order.

    Streamlit begins the next rerun while the callbacks of the one before may still be at work: whoever comes later
    waits, so that it draws what all clicks up to its own have changed.
    """
    with _acting:
        earlier = value.get("earlier") if isinstance(value, dict) else None
        clicks = [*(earlier if isinstance(earlier, list) else ()), value]
        new = [click for click in clicks if _number(click) > heard(key)]
        st.session_state[_name(key)] = max([heard(key), *map(_number, new)])
        for click in new:
            act(click)


def whole(value: Any, below: int) -> int | None:
    """A number from 0 that a browser has sent, None for anything else."""
    return value if type(value) is int and 0 <= value < below else None


def _name(key: str) -> str:
    return f"heard of {key}"


def _number(click: Any) -> int:
    number = click.get("n") if isinstance(click, dict) else None
    return number if type(number) is int else 0
