"""How long work tells how far it is: one function that hears the share done, and may end the work by raising."""

from collections.abc import Callable

from hume.search import Step

Progress = Callable[[float], None]  # told the share that is done; whatever it raises ends the work

SEARCHED = 0.8  # share of the time of a search with its scores that the search takes


def part(on_progress: Progress | None, start: float, end: float) -> Progress:
    """Progress of a part of the work, told as that of the whole, from `start` to `end`; told to nobody where None."""
    return (lambda _: None) if on_progress is None else lambda share: on_progress(start + (end - start) * share)


def of_search(on_progress: Progress | None) -> Callable[[Step], None]:
    """What to give a search that is scored afterwards as `on_step`: it tells the share of both."""
    tell = part(on_progress, 0, SEARCHED)
    return lambda step: tell(min(1.0, step.progress))
