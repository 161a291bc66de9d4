"""A clip and noise mixed at a signal-to-noise ratio, as waveforms; pure.

The clip's level is that of its active part. The clip is cut into blocks of 20 ms; a block is active when its mean
square is at most 25 dB below that of the loudest block; the level is the mean square over the samples of all active
blocks. So neither silence before and after a burst nor pauses within it count. The noise's level is the mean square
over everything that is mixed in. A mixture that passes full scale is scaled down as a whole, as a recorder's gain is
set for what it hears: that changes no ratio, and nothing is clipped.
"""

import numpy as np

from exclaim.features import SAMPLE_RATE

__all__ = ["ACTIVE_RANGE_DB", "BLOCK_SAMPLES", "active_level", "active_samples", "mean_square", "mix", "noise_gain"]

BLOCK_SAMPLES = SAMPLE_RATE // 50  # 20 ms
ACTIVE_RANGE_DB = 25.0  # a block is active when it is at most this far below the loudest


def active_samples(clip: np.ndarray) -> np.ndarray:
    """Return which samples belong to the sound itself: (n,) bool, none where all are zero.

    Args:
        clip: (n,); the last block is what is left.
    """
    squares = np.square(clip, dtype=np.float64)
    begins = np.arange(0, len(clip), BLOCK_SAMPLES)
    if len(begins) == 0:
        return np.zeros(0, bool)
    lengths = np.diff(begins, append=len(clip))
    levels = np.add.reduceat(squares, begins) / lengths
    active = (levels > 0) & (levels >= levels.max() * 10 ** (-ACTIVE_RANGE_DB / 10))
    return np.repeat(active, lengths)


def active_level(clip: np.ndarray) -> float:
    """Return the mean square of a clip's active part; 0 where all samples are zero."""
    active = active_samples(clip)
    return mean_square(clip[active]) if active.any() else 0.0


def mean_square(samples: np.ndarray) -> float:
    """Return the mean of the squared samples, in double precision."""
    return float(np.mean(np.square(samples, dtype=np.float64)))


def noise_gain(level: float, noise_level: float, snr_db: float) -> float:
    """Return the factor for noise that puts its level ``snr_db`` below another.

    Args:
        level: mean square, over 0.
        noise_level: mean square of the noise, over 0.
        snr_db: 10 log10(level / level of the noise times the factor's square).
    """
    return float(np.sqrt(level / noise_level) * 10 ** (-snr_db / 20))


def mix(clip: np.ndarray, noise: np.ndarray, gain: float) -> np.ndarray:
    """Return a clip with noise under it, and behind it where the noise is longer.

    Args:
        clip: (n,) float32.
        noise: (m,) float32, m at least n.
        gain: factor for the noise.

    Returns:
        (m,) float32 in [-1, 1].
    """
    mixed = noise * np.float64(gain)
    mixed[: len(clip)] += clip
    return (mixed / max(1.0, float(np.abs(mixed).max()))).astype(np.float32)
