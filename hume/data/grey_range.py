"""Black and white of pictures with values wider than a byte: one range for all of a dataset."""

from collections.abc import Iterable

from hume.data.dataset import Dataset

Span = tuple[float, float]  # the values of black and white
Extremes = tuple[str, float, float]  # Pillow's mode, the least value and the largest


def common_span(found: Iterable[Extremes]) -> Span | None:
    """Black and white for all these pictures: the smallest usual range that has all values; None without pictures.

    Usual are 8, 12, 14 and 16 bits, and for floating point also 0 to 1; else black is the least and white the largest.
    """
    pictures = list(found)
    if not pictures:
        return None
    least, largest = min(low for _, low, _ in pictures), max(high for _, _, high in pictures)
    usual = (1.0, 255.0, 65535.0) if any(mode == "F" for mode, _, _ in pictures) else (255.0, 4095.0, 16383.0, 65535.0)
    if least >= 0 and largest <= usual[-1]:
        return 0.0, next(end for end in usual if largest <= end)
    return (least, largest) if least < largest else (0.0, 1.0)


def grey_range(dataset: Dataset) -> Span | None:
    """The values of black and white that a dataset's wide pictures share, if it has any."""
    given = dataset.card.get("grey_range")
    return (float(given[0]), float(given[1])) if isinstance(given, list) and len(given) == 2 else None
