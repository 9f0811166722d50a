"""Numbers as text: rounded, as percentages, with their noun."""

import numpy as np


def number(value: float, digits: int = 2) -> str:
    """A number with a minus sign that is one."""
    return f"{value:.{digits}f}".replace("-", "−")


def percent(share: float, digits: int = 1) -> str:
    """A share 0 to 1 in percent, kept on one line; a dash where it is unknown."""
    return "–" if np.isnan(share) else f"{100 * share:.{digits}f}\u00a0%"


def count(amount: int, noun: str, plural: str | None = None) -> str:
    """Say "1 seed" or "1,797 images"; plural: where it is not the noun with an s."""
    return f"{amount:,} {noun if amount == 1 else plural or f'{noun}s'}"
