"""Format numbers: rounded, as percentages, with a noun."""

import numpy as np


def number(value: float, digits: int = 2) -> str:
    """A rounded number with a typographic minus sign."""
    return f"{value:.{digits}f}".replace("-", "−")


def percent(share: float, digits: int = 1) -> str:
    """A fraction 0 to 1 in percent, with a non-breaking space; a dash for NaN."""
    return "–" if np.isnan(share) else f"{100 * share:.{digits}f}\u00a0%"


def count(amount: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun, as "1 seed" or "1,797 images"; plural: where it is not the noun with an s."""
    return f"{amount:,} {noun if amount == 1 else plural or f'{noun}s'}"


def duration(seconds: float) -> str:
    """Seconds as text, rounded to their precision."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 90:
        return f"{round(seconds / 5) * 5} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"
