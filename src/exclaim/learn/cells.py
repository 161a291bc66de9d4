"""Changes of windows of any resolution, which gradients can pass: the augmentation of condensed sets.

A condensed item is a finished window in [-1, 1], so what needs sound (ambience, rooms, a change of time or of the vocal
tract) cannot be done to it. What can is drawn from the same options as for clips, their numbers scaled from 128 x 188
to the item's cells: moves along time and along the bands, a tilt, masks of frames and of bands. One draw may be applied
to several batches, as siamese augmentation asks (Zhao and Bilen, arXiv 2102.08259), and is one for the whole batch or
one for each window.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from exclaim.features import N_MELS, RANGE_DB, WINDOW_FRAMES
from exclaim.learn.recipe import AugmentOptions

__all__ = ["Change", "changed", "draw_change"]


class Change(NamedTuple):
    """What is done, to each of ``n`` windows or, where n is 1, to all alike."""

    frames: np.ndarray  # (n,) cells that it moves later
    bands: np.ndarray  # (n,) cells that it moves up
    tilt: np.ndarray  # (n,) added at the highest band and taken away at the lowest, on the scale of [-1, 1]
    keep: np.ndarray  # (n, bands, frames) float32: 0 where it is masked


def draw_change(options: AugmentOptions, view: tuple[int, int], rng: np.random.Generator, windows: int = 1) -> Change:
    """Draw a change.

    Args:
        options: ``shift_frames``, ``pitch_bands``, ``tilt_db`` and the masks count.
        view: cells (bands, frames) of the windows.
        rng: the source of every draw.
        windows: how many are drawn for; 1 does for a whole batch.
    """
    tall, wide = view[0] / N_MELS, view[1] / WINDOW_FRAMES
    keep = np.ones((windows, *view), np.float32)
    for row in keep:
        for masks, longest, axis in (
            (options.time_masks, options.time_mask_frames * wide, 1),
            (options.band_masks, options.band_mask_bands * tall, 0),
        ):
            for _ in range(masks):
                width = int(rng.integers(0, min(round(longest), view[axis]) + 1))
                begin = int(rng.integers(0, view[axis] - width + 1))
                row[(slice(None),) * axis + (slice(begin, begin + width),)] = 0
    return Change(
        np.rint(rng.uniform(*options.shift_frames, windows) * wide).astype(np.int64),
        np.rint(rng.uniform(*options.pitch_bands, windows) * tall).astype(np.int64),
        (rng.uniform(*options.tilt_db, windows) / RANGE_DB).astype(np.float32),  # half of it, on a scale of 2
        keep,
    )


def changed(windows: Tensor, change: Change) -> Tensor:
    """Apply a change.

    Args:
        windows: (n, bands, frames) in [-1, 1]; gradients pass.
        change: drawn for n windows, or for one.

    Returns:
        (n, bands, frames): what a move leaves bare is floor (frames) or the edge band's value (bands), what is masked
        has the window's mean, and nothing is below -1.
    """
    moved = _moved(windows, change)
    line = torch.linspace(-1, 1, windows.shape[1], device=windows.device)[None, :, None]
    tilted = moved + torch.from_numpy(change.tilt).to(windows)[:, None, None] * line
    keep = torch.from_numpy(change.keep).to(windows)
    mean = tilted.mean(dim=(1, 2), keepdim=True)
    return (tilted * keep + mean * (1 - keep)).clamp(min=-1)


def _moved(windows: Tensor, change: Change) -> Tensor:
    if not change.frames.any() and not change.bands.any():
        return windows
    count, bands, frames = windows.shape
    rows = torch.arange(bands)[None] - torch.from_numpy(change.bands)[:, None]
    columns = torch.arange(frames)[None] - torch.from_numpy(change.frames)[:, None] + 1
    padded = functional.pad(windows, (1, 1), value=-1.0)  # a column of floor on both sides
    rows = rows.clamp(0, bands - 1).expand(count, bands).to(windows.device)
    columns = columns.clamp(0, frames + 1).expand(count, frames).to(windows.device)
    each = torch.arange(count, device=windows.device)[:, None, None]
    return padded[each, rows[:, :, None], columns[:, None, :]]
