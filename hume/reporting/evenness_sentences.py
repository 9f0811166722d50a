"""Sentences about how even a run's classes are kept; text without markup."""

from hume.runs.evenness import Evenness


def evenness(chosen: Evenness | None) -> str:
    """How even the classes are kept, and why; empty where nothing was to choose."""
    if chosen is None:
        return ""
    if chosen.chosen == 0:
        return "Classes are kept even: searched with less weight on that, labelings are not clearly more likely."
    way = chosen.ways[chosen.chosen]
    centred = "" if way.centre == chosen.ways[0].centre else " and φ1 not centred"
    return (
        f"The evidence is against classes of equal size: with η = {way.entropy_weight:g} instead of "
        f"{chosen.ways[0].entropy_weight:g}{centred}, labelings are more likely by {chosen.gain:.2f} nats a sample, "
        "and this run is searched that way."
    )
