"""Progress of long work: one callback, called with the share that is done, which may end the work by raising."""

from collections.abc import Callable

Progress = Callable[[float], None]  # the share that is done; whatever it raises ends the work


def part(on_progress: Progress | None, start: float, end: float) -> Progress:
    """Progress of a part of the work as that of the whole, from `start` to `end`; dropped where None."""
    return (lambda _: None) if on_progress is None else lambda share: on_progress(start + (end - start) * share)
