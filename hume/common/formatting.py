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
