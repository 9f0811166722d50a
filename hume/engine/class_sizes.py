"""The expected sizes of the classes, as shares of all samples."""

import math
from collections.abc import Sequence

from hume.common.errors import InputError

SMALLEST_SHARE = 1e-8


def size_shares(class_sizes: Sequence[float], num_classes: int) -> tuple[float, ...]:
    """Normalize the sizes of K classes, in any unit and order, to fractions of sum 1, the largest first.

    Fractions are returned bit for bit. Raises InputError unless these are K positive numbers.
    """
    sizes = tuple(class_sizes)
    if len(sizes) != num_classes:
        raise InputError(f"{num_classes} classes need as many sizes, got {len(sizes)}: class_sizes={sizes}")
    if not all(0 < size < math.inf for size in sizes):
        raise InputError(f"class sizes must be positive numbers, got class_sizes={sizes}")
    largest = max(sizes)
    total = math.fsum(size / largest for size in sizes) * largest  # may be infinite, where a plain sum would raise
    unit = 1 if abs(total - 1) < 1e-9 else total
    shares = tuple(sorted((float(size / unit) for size in sizes), reverse=True))
    if shares[-1] < SMALLEST_SHARE:
        raise InputError(f"a class must have at least {SMALLEST_SHARE:g} of all samples, got class_sizes={sizes}")
    return shares
