"""The map that a browser draws: plain scripts that share one scope, joined into one module.

Own code rather than a library of scatter plots: classes need symbols beside colours, a legend that hides points from
pointer and lasso alike, pictures in place of points, and two maps with one selection; `regl-scatterplot`, the
best kept one, has none of these and holds an object for every point.
"""

import json
from pathlib import Path

_FOLDER = Path(__file__).parent
_PARTS = ("points.js", "places.js", "names.js", "bits.js", "view.js", "gestures.js", "panel.js", "map.js")


def script(adapter: str = "streamlit.js", *, styled: bool = False) -> str:
    """The module as text: the map and what fits it to a framework, a file of this folder with the default export.

    styled: with the CSS as the constant `STYLE`, for a framework that gives a component no shadow root of its own.
    """
    parts = [(_FOLDER / name).read_text(encoding="utf-8") for name in (*_PARTS, adapter)]
    return "\n".join([f"const STYLE = {json.dumps(style())}", *parts] if styled else parts)


def style() -> str:
    """The map's CSS as text."""
    return (_FOLDER / "map.css").read_text(encoding="utf-8")
