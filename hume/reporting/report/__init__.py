"""One finished run as one self-contained HTML file."""

from collections.abc import Sequence

from hume.reporting.document import document
from hume.reporting.report.details import asked, footer, seeds
from hume.reporting.report.results import confusion, found_classes, trust, voters
from hume.reporting.report.samples import reliable
from hume.reporting.report.summary import head
from hume.reporting.report.view import View
from hume.runs.findings import Findings


def report(found: Findings, *, show_truth: bool = True, more: Sequence[str] = ()) -> str:
    """Render a finished run as one self-contained HTML page.

    more: sections of HTML by the functions of `hume.reporting.document`, placed after the head. Without `show_truth`,
    or without ground truth, the rest of the page has no true class name and no accuracy. The same run and review give
    the same text. Of its size 4.8 MB are plotly.js; all else is 0.1 to 0.3 MB for the embedded data, and about 0.1 MB a
    class of photographs. Raises InputError for unreadable images and RunError for a damaged run or review.
    """
    view = View(found, show_truth and found.dataset.labels is not None)
    sections = (found_classes, trust, voters, confusion, reliable, seeds, asked, footer)
    return document(view.title, "\n".join([head(view), *more, *(section(view) for section in sections)]))
