"""Windows at a lower resolution, where a cell is the mean over its area, and the way back to a smooth window."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from exclaim.errors import RecipeError
from exclaim.features import N_MELS, WINDOW_FRAMES

__all__ = ["WHOLE", "area_means", "checked_view", "smooth_from"]

WHOLE = (N_MELS, WINDOW_FRAMES)
_LEAST = 8  # cells a side


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


def checked_view(view: Any) -> tuple[int, int]:
    """Return a view (bands, frames) in cells, each from 8 to what a window has.

    Raises:
        RecipeError: when it is something else.
    """
    cells = tuple(view) if isinstance(view, Sequence) else ()
    if len(cells) != 2 or any(
        not isinstance(count, int) or not _LEAST <= count <= most for count, most in zip(cells, WHOLE, strict=True)
    ):
        raise RecipeError(
            f"view is {view!r}; expected two whole numbers (bands, frames) from {_LEAST} to {WHOLE}, such as (64, 64)"
        )
    return cells
