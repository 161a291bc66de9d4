"""A log-mel window back to sound: what somebody who has the window can hear in it.

Cells become mel powers, these linear powers, and phases are found that fit (Griffin and Lim). The linear powers come
from multiplicative steps that keep them positive (Richardson and Lucy; Lee and Seung's for the divergence), since what
counts is how many decibels a band is off: least squares, librosa's among them, gives the loud bands all its attention
and leaves those 40 dB below by 7 dB off. The phases are librosa's, of the extra ``sounds``.
"""

from importlib.util import find_spec

import numpy as np

from exclaim.areas import smooth_from
from exclaim.errors import AudioError, ConfigError
from exclaim.features import CLIP_SAMPLES, HOP_LENGTH, N_FFT, N_MELS, RANGE_DB, WINDOW_FRAMES, filterbank

__all__ = ["LOUDEST_DB", "PEAK", "check_installed", "enlarge", "invert", "linear_powers", "mel_powers"]

LOUDEST_DB = 20.0  # of the loudest cell, since a window does not know: a tone of that is at -14 dB of full scale
PEAK = 0.9  # of full scale: what would become louder is turned down as a whole
_STEPS = 30  # towards the linear powers; more than these are not heard
_PHASE_STEPS = 32
_FLOOR = -1 + 1e-4  # what is not above it is floor, rounding set aside
_LEAST = 1e-12  # power, 200 dB below the loudest


def check_installed() -> None:
    """Refuse to begin what could not be finished.

    Raises:
        ConfigError: when the extra `sounds` is not installed.
    """
    if find_spec("librosa") is None:
        raise ConfigError("windows become sounds with librosa; install it with `pip install 'exclaim[sounds]'`")


def enlarge(window: np.ndarray) -> np.ndarray:
    """Return a window of any resolution as a whole one, smooth, whose means over the cells' areas are the cells.

    Args:
        window: (bands, frames) of [-1, 1], at most 128 x 188.

    Returns:
        (128, 188) float32 in [-1, 1]; where lines through the cells leave that range they are cut off.

    Raises:
        AudioError: when it is of another shape.
    """
    window = np.asarray(window, np.float32)
    whole = (N_MELS, WINDOW_FRAMES)
    if window.ndim != 2 or not all(0 < cells <= most for cells, most in zip(window.shape, whole, strict=True)):
        raise AudioError(f"window has shape {window.shape}; expected (bands, frames), at most {whole}")
    if window.shape == whole:
        return window
    bands, frames = (smooth_from(cells, length) for cells, length in zip(window.shape, whole, strict=True))
    return np.clip(bands @ window @ frames.T, -1, 1)


def mel_powers(window: np.ndarray) -> np.ndarray:
    """Return the mel powers that a whole window stands for, its loudest possible cell at 20 dB.

    Args:
        window: (128, 188) of [-1, 1].

    Returns:
        The same shape, float64; what lies on the floor is nothing at all.
    """
    window = np.asarray(window, np.float64)
    decibels = LOUDEST_DB + (window - 1) * (RANGE_DB / 2)
    return np.where(window > _FLOOR, 10 ** (decibels / 10), 0)


def linear_powers(powers: np.ndarray) -> np.ndarray:
    """Return powers of the FFT's bins whose mel powers are as given: (128, frames) to (513, frames) float64.

    Source: Lee and Seung, "Algorithms for non-negative matrix factorization", NIPS 2000: the step for the divergence.
    """
    bank = filterbank().astype(np.float64)
    reach = np.maximum(bank.sum(axis=0), _LEAST)[:, None]  # 0 at 0 and 8 kHz, which no band hears
    found = bank.T @ powers / reach
    for _ in range(_STEPS):
        found *= bank.T @ (powers / np.maximum(bank @ found, _LEAST)) / reach
    return found


def invert(window: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return a sound whose log-mel is near a window: (48,000,) float32 at 16 kHz, within 0.9 of full scale.

    Args:
        window: (bands, frames) of [-1, 1], at most 128 x 188; fewer cells are drawn through smoothly.
        seed: of the phases that the search begins with.

    Raises:
        AudioError: when it is of another shape.
        ConfigError: when the extra `sounds` is not installed.

    Source: Griffin and Lim, "Signal estimation from modified short-time Fourier transform", IEEE TASSP 32(2), 1984,
    with the momentum of Perraudin et al., WASPAA 2013.
    """
    magnitudes = np.sqrt(linear_powers(mel_powers(enlarge(window))))
    check_installed()
    try:
        from librosa import griffinlim
    except ImportError as error:
        raise ConfigError(
            f"librosa is installed but cannot be loaded: {error}; install 'exclaim[sounds]' anew"
        ) from error
    sound = griffinlim(
        magnitudes.astype(np.float32),
        n_iter=_PHASE_STEPS,
        hop_length=HOP_LENGTH,
        n_fft=N_FFT,
        length=CLIP_SAMPLES,
        random_state=seed,
    )
    return (sound * min(1.0, PEAK / max(np.abs(sound).max(), _LEAST))).astype(np.float32)
