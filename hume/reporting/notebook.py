"""What a notebook shows of a run: a widget to explore it, and each of its figures by one call."""

from typing import TYPE_CHECKING, Any

from hume.common.errors import InputError
from hume.common.progress import Progress
from hume.runs.findings import Findings
from hume.runs.run import Run
from hume.runs.store import Store

if TYPE_CHECKING:
    from hume.reporting.explorer import Explorer
    from hume.reporting.maps import Which
    from hume.reporting.run_figures import RunFigures


def explore(
    run: Run | Findings | str,
    *,
    space: "Which" = "phi1",
    colour: Any = None,
    height: int = 480,
    on_progress: Progress | None = None,
) -> "Explorer":
    """Look at a run's samples in a notebook: a map to circle them on, and the selected ones as pictures.

        widget = hume.explore("mine")
        widget.selection  # (n,) the selected samples; set it to select others

    space: the map of "phi1", "phi2" or "both", which is made where the home has none. colour: (N,) numbers or texts of
    the samples; by default the found class. height: of the map, in CSS pixels. on_progress: called while a map is made.
    Raises InputError where anywidget is not installed, for a colouring of another length and as `map_of`.
    """
    found = _findings(run)
    try:  # the rest of the package needs none of this
        from hume.reporting.explorer import Explorer
    except ModuleNotFoundError as error:
        raise InputError(
            f"a widget needs the Python package {error.name}: install anywidget, umap-learn and pillow"
        ) from None
    return Explorer(found, space=space, colour=colour, height=height, on_progress=on_progress)


def figures(run: Run | Findings | str) -> "RunFigures":
    """The figures of a run, each a method that returns a Plotly figure.

        hume.figures("mine").objective().show()

    Raises InputError where plotly is not installed, RunError for a run that is missing or unfinished.
    """
    found = _findings(run)
    try:
        from hume.reporting.run_figures import RunFigures
    except ModuleNotFoundError as error:
        raise InputError(f"figures need the Python package {error.name}: install plotly") from None
    return RunFigures(found)


def _findings(run: Run | Findings | str) -> Findings:
    if isinstance(run, Findings):
        return run
    return Findings(Store().open(run) if isinstance(run, str) else run)
