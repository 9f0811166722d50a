"""A self-contained HTML file: frame, tables, figures.

It makes no network request: plotly.js and the styles are inline, and a content security policy allows only the two
scripts written here. All text is escaped, also in the data of the figures.
"""

import base64
import hashlib
import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

FIGURE = 420  # pixels high, where a figure does not say


def document(title: str, body: str) -> str:
    """Put HTML by the functions below into a page, with 4.8 MB of plotly.js.

    The policy names the scripts by their digests, so no other can run; pictures are data URIs, and no source to load
    from or to send to is allowed.
    """
    scripts = [get_plotlyjs(), _asset("js")]
    policy = (
        f"default-src 'none'; script-src {' '.join(map(_digest, scripts))}; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return f"""<!DOCTYPE html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escaped(title)}</title>
<style>
{_asset("css")}</style>
</head>
<body>
{body}
{"".join(f"<script>{script}</script>" for script in scripts)}
</body>
</html>
"""


def escaped(text: object) -> str:
    """Text escaped as HTML; unpaired surrogates, as in odd file names, become "?"."""
    return html.escape(str(text).encode("utf-8", "replace").decode("utf-8"))


def isolated(name: object) -> str:
    """A typed name, isolated in its writing direction."""
    return f"<bdi>{escaped(name)}</bdi>"


def paragraph(text: str, kind: str = "") -> str:
    """One paragraph of text; nothing where there is none."""
    return f'<p class="{kind}">{escaped(text)}</p>' if text else ""


def figure(name: str, drawn: go.Figure, *, alt: str, caption: str = "") -> str:
    """A figure's place and its data, in which "<" cannot end the script; the page's script draws it.

    name: its id and the name of the file that its camera button saves; alt: the accessible description.
    """
    drawn.update_layout(template={}, dragmode=False, clickmode="none", height=drawn.layout.height or FIGURE)
    data = str(drawn.to_json()).replace("<", "\\u003c")
    below = f"\n<figcaption>{escaped(caption)}</figcaption>" if caption else ""
    style = f"height: {drawn.layout.height}px"
    return f"""<figure>
<div class="plot" id="{escaped(name)}" role="img" aria-label="{escaped(alt)}" style="{style}"></div>
<script type="application/json">{data}</script>{below}
</figure>"""


def table(
    caption: str,
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    numeric: Iterable[int] | None = None,
    kind: str = "",
) -> str:
    """A table of text, the first cell of a row its heading.

    header: a title a column, all empty for no line of titles; numeric: the columns that stand right, all but the first
    if left out. Raises ValueError for a row of another length.
    """
    right = set(range(1, len(header)) if numeric is None else numeric)
    looks = [' class="number"' if i in right else "" for i in range(len(header))]
    titles = "".join(f'<th scope="col"{look}>{escaped(title)}</th>' for title, look in zip(header, looks, strict=True))
    head = f"<thead><tr>{titles}</tr></thead>\n" if any(header) else ""
    lines = []
    for row in rows:
        first, *rest = (f"{look}>{escaped(cell)}" for look, cell in zip(looks, row, strict=True))
        lines.append(f'<tr><th scope="row"{first}</th>{"".join(f"<td{cell}</td>" for cell in rest)}</tr>\n')
    return f"""<div class="wide"><table class="{kind}">
<caption>{escaped(caption)}</caption>
{head}<tbody>
{"".join(lines)}</tbody>
</table></div>"""


def _asset(kind: str) -> str:
    return Path(__file__).with_suffix(f".{kind}").read_text(encoding="utf-8")


def _digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
