"""Progress of long work: a callback that gets the fraction done and may cancel the work by raising."""

from collections.abc import Callable

Progress = Callable[[float], None]  # gets the fraction done; an exception cancels the work


def part(on_progress: Progress | None, start: float, end: float) -> Progress:
    """Map the progress of one part to the range `start` to `end` of the whole; a no-op for None."""
    return (lambda _: None) if on_progress is None else lambda share: on_progress(start + (end - start) * share)
