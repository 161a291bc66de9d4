"""The nearest real clip of each synthetic item: a distance that anybody can measure, beside that of strangers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from exclaim.evaluate.bootstrap import intervals
from exclaim.features import RANGE_DB
from exclaim.learn.views import dequantise
from exclaim.privacy.roc import Figure

__all__ = ["Near", "nearest_by_embedding", "nearest_by_log_mel", "nearness"]

_SHIFT_FRAMES = 12  # of a whole window, either way: how far an item is moved to lie upon a clip
_WINDOW_FRAMES = 188
_BLOCK = 1024  # clips at a time


class Near(NamedTuple):
    """Distances, items of all shadows one after the other."""

    inside: np.ndarray  # (m,) to the nearest clip that the set was made from
    outside: np.ndarray  # (m,) to the nearest of the clips that it was not made from
    strangers: np.ndarray  # (k,) of held-out speakers' clips to the nearest clip that a set was made from
    shares: np.ndarray  # (m,) of the clips compared, those that the set was made from: what chance has to be nearer
    groups: tuple[str, ...]  # (m,) which items stand or fall together, such as the pair of their shadow


def nearest_by_log_mel(items: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """Return each item's distance to the nearest clip after the best move along time: (m,) in dB, root mean square.

    Args:
        items: (m, bands, frames) uint8.
        clips: (n, bands, frames) uint8. A copy has the distance 0.
    """
    cells = round(_SHIFT_FRAMES * items.shape[2] / _WINDOW_FRAMES)
    moved = [dequantise(_moved(items, shift)).reshape(len(items), -1) for shift in range(-cells, cells + 1)]
    best = np.full(len(items), np.inf)
    for at in range(0, len(clips), _BLOCK):
        part = dequantise(clips[at : at + _BLOCK])
        part = part.reshape(len(part), -1)
        squares = np.square(part).sum(axis=1)
        for rows in moved:  # |a - b|^2 less |a|^2 finds the nearest; its distance is then taken without sums' rounding
            chosen = part[(squares - 2 * (rows @ part.T)).argmin(axis=1)]
            best = np.minimum(best, np.square(rows - chosen).mean(axis=1))
    return np.sqrt(best) * RANGE_DB / 2


def nearest_by_embedding(items: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """Return each item's distance to the nearest clip in directions (m, d) and (n, d): 1 less the cosine, 0 to 2."""
    return 1 - (items @ clips.T).max(axis=1)


def _moved(windows: np.ndarray, cells: int) -> np.ndarray:
    """Return windows kept as bytes moved along time, later where positive; floor, which is 0, comes in."""
    if not cells:
        return windows
    moved = np.zeros_like(windows)
    if cells > 0:
        moved[:, :, cells:] = windows[:, :, :-cells]
    else:
        moved[:, :, :cells] = windows[:, :, -cells:]
    return moved


def nearness(near: Near, seed: int = 0) -> dict[str, Any]:
    """Return the figures of distances, as :class:`~exclaim.privacy.report.Neighbours` has them."""
    wins = (near.inside < near.outside) + 0.5 * (near.inside == near.outside)
    found = intervals(lambda chosen: {"nearer": float(wins[chosen].mean())}, near.groups, seed)["nearer"]
    low, high = (None, None) if found is None else (max(0.0, found[0]), min(1.0, found[1]))
    strangers = _median(near.strangers)
    to_clips = float(np.median(near.inside))
    return {
        "to_clips": to_clips,
        "strangers": strangers,
        "ratio": to_clips / strangers if strangers else None,
        "least_ratio": float(near.inside.min()) / strangers if strangers else None,
        "nearer": Figure(value=float(wins.mean()), low=low, high=high, chance=float(near.shares.mean())),
    }


def _median(values: Sequence[float] | np.ndarray) -> float | None:
    return float(np.median(values)) if len(values) else None
