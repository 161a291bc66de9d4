"""Windows at a lower resolution, where a cell is the mean over its area, and the way back to a smooth window."""

import numpy as np

__all__ = ["area_means", "smooth_from"]


def area_means(length: int, cells: int) -> np.ndarray:
    """Return the matrix that averages ``length`` values over equal spans: (cells, length) float32, rows sum to 1.

    A value that lies in two spans counts in each by its share.
    """
    edges = np.arange(cells + 1) * (length / cells)
    low, high = edges[:-1, None], edges[1:, None]
    at = np.arange(length)[None]
    shares = np.clip(np.minimum(high, at + 1) - np.maximum(low, at), 0, None)
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


def smooth_from(cells: int, length: int) -> np.ndarray:
    """Return the matrix that draws ``length`` values through cells in straight lines: (length, cells) float32.

    The knots of the lines lie at the cells' middles, and stand where the means over the areas are the cells again:
    ``area_means(length, cells) @ smooth_from(cells, length)`` is the unit matrix. Values may so overshoot the cells.
    """
    middles = (np.arange(cells) + 0.5) * (length / cells) - 0.5
    lines = np.stack([np.interp(np.arange(length), middles, row) for row in np.eye(cells)], axis=1)
    return (lines @ np.linalg.inv(area_means(length, cells).astype(float) @ lines)).astype(np.float32)
