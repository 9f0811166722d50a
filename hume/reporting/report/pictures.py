"""Found classes in pictures."""

import numpy as np

from hume.data import thumbnails
from hume.reporting import figures
from hume.reporting.document import escaped, isolated, paragraph
from hume.reporting.report.view import View

ROW = 12  # pictures a class in the first section
PICTURED = 100  # classes shown in pictures, which bounds the size of the file
LARGE, SMALL = 96, 64  # pixels of a picture, about 1.5 times what the page shows


def pictured(view: View) -> list[int]:
    """The classes shown in pictures: those that have samples, the first of them where there are too many."""
    pictured: list[int] = np.flatnonzero(view.sizes > 0)[:PICTURED].tolist()
    return pictured


def legend(view: View) -> str:
    words = f"Only the first {PICTURED} classes are shown. " if np.count_nonzero(view.sizes) > PICTURED else ""
    return words + (f"A dashed frame marks {view.noun}s whose true class differs." if view.truth else "")


def class_row(view: View, k: int, most: int, about: str) -> str:
    """One found class: its name, something about it, and its most reliable samples without the rejected ones."""
    samples = view.reliable[0]
    rows = [row for row in samples.rows[samples.classes == k].tolist() if row not in view.review.rejected][:most]
    small = most > ROW
    kind = ("small" if small else "large") + (" pixels" if view.is_pixel_art else "")
    tiles = "".join(_tile(view, row, SMALL if small else LARGE) for row in rows)
    label = escaped(f"Reliable {view.noun}s of {view.names[k]}")
    return f"""<article class="class" style="--mark: {figures.class_colors(k + 1)[k]}">
<header><h3>{isolated(view.names[k])}</h3>{paragraph(about)}</header>
<div class="tiles {kind}" role="group" aria-label="{label}">{tiles}</div>
</article>
"""


def _tile(view: View, row: int, pixels: int) -> str:
    wrong = view.is_wrong(row)
    words = f"{view.noun} {row}" + ", whose true class differs" * wrong
    if view.pictures is None:
        return f'<span class="card{" wrong" * wrong}" role="img" aria-label="{words}">{row}</span>'
    array, white = view.pictures
    mark = ' class="wrong"' * wrong
    return f'<img{mark} alt="{words}" src="{thumbnails.data_uri(array[row], pixels, white=white)}">'
