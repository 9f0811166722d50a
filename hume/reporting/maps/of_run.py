"""The map of a run's samples where no page is at hand: from disk, else made now and kept there."""

from hume.common.progress import Progress
from hume.reporting.maps.background import Maps, Which, chosen_spaces
from hume.reporting.maps.layout import Map, make_map, save_map
from hume.runs.findings import Findings


def map_of(found: Findings, which: Which = "phi1", on_progress: Progress | None = None) -> Map:
    """The UMAP of φ1, of φ2 or of both of a run; the app and notebooks share it.

    Making one takes seconds to minutes. Raises InputError for another word and for too few samples, RunError when the
    file cannot be read or written.
    """
    request, maps = found.run.request, Maps(found.run.home)
    spaces = found.dataset.space(request.phi1), found.dataset.space(request.phi2)
    made = maps.get(*spaces, which)
    if made is None:
        first, second = chosen_spaces(*spaces, which)

        def report(share: float, stage: str) -> None:
            if on_progress is not None:
                on_progress(share)

        made = make_map(first, second, on_progress=report)
        save_map(found.run.home / "maps" / f"{maps.key(*spaces, which)}.safetensors", made)
    return made
