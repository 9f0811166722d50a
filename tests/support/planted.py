"""Data whose labeling is known: classes planted in two spaces."""

import numpy as np


def planted(seed=0, *, classes=3, size=80, dim=8, noise=0.25):
    """Two spaces (classes · size, dim) of the same classes, each with noise of its own, and the classes."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.repeat(np.arange(classes), size))
    spaces = []
    for _ in range(2):
        centres = np.linalg.qr(rng.normal(size=(dim, dim)))[0][:classes]
        spaces.append((centres[truth] + noise * rng.normal(size=(truth.size, dim))).astype(np.float32))
    return *spaces, truth
