"""Changes of a waveform: pure functions of samples and a random generator; and several of them side by side."""

from collections.abc import Sequence

import numpy as np

from exclaim.features import SAMPLE_RATE
from exclaim.learn.recipe import AugmentOptions

__all__ = ["active_power", "augmented", "crop", "padded", "pieces", "snr_gain"]

_FRAME = SAMPLE_RATE // 50  # 20 ms
_ACTIVE_RANGE = 10 ** (-25.0 / 10)  # a frame is active when its power is at most this far below the loudest one's
_LEAST_POWER = 1e-10  # of full scale: below it a sound is silence, and noise has no level to stand beside


def crop(waveform: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return ``samples`` of a waveform from anywhere in it; all of one that is not longer."""
    begin = int(rng.integers(0, max(1, len(waveform) - samples + 1)))
    return waveform[begin : begin + samples]


def pieces(waveform: np.ndarray, samples: int) -> list[np.ndarray]:
    """Cut a waveform that is longer than ``samples`` into pieces so long, as few as hold all of it, evenly spaced."""
    count = -(-len(waveform) // samples)
    if count <= 1:
        return [waveform]
    begins = np.linspace(0, len(waveform) - samples, count).round().astype(int).tolist()
    return [waveform[begin : begin + samples] for begin in begins]


def padded(waveforms: Sequence[np.ndarray]) -> np.ndarray:
    """Return waveforms side by side: (n, longest) float32, NaN beyond each one's end."""
    whole = np.full((len(waveforms), max(map(len, waveforms))), np.nan, np.float32)
    for row, waveform in zip(whole, waveforms, strict=True):
        row[: len(waveform)] = waveform
    return whole


def active_power(waveform: np.ndarray) -> float:
    """Return the mean power of the frames of 20 ms that belong to the sound itself, 1 for full-scale samples."""
    frames = np.pad(waveform, (0, -len(waveform) % _FRAME)).reshape(-1, _FRAME)
    powers = np.square(frames, dtype=np.float64).mean(axis=1)
    return float(powers[powers >= powers.max() * _ACTIVE_RANGE].mean())


def snr_gain(waveform: np.ndarray, noise: np.ndarray, snr_db: float) -> float:
    """Return the factor for ``noise`` that puts it ``snr_db`` below the active part of ``waveform``; 0 for silence."""
    sound, other = active_power(waveform), float(np.square(noise, dtype=np.float64).mean())
    if min(sound, other) < _LEAST_POWER:
        return 0.0
    return float(np.sqrt(sound / other * 10 ** (-snr_db / 10)))


def augmented(
    waveform: np.ndarray, ambience: np.ndarray | None, options: AugmentOptions, rng: np.random.Generator
) -> np.ndarray:
    """Return a waveform at another level, in ambience and white noise.

    Args:
        waveform: (samples,) float32 at 16 kHz.
        ambience: (any number,) of a background, or None for none.
        options: what is drawn: ``gain_db``, ``snr_db``, ``white_noise`` and ``white_snr_db``.
        rng: the source of every draw.

    Returns:
        As many samples.
    """
    mixed = waveform
    if ambience is not None:
        noise = crop(np.resize(ambience, max(len(ambience), len(waveform))), len(waveform), rng)
        mixed = mixed + noise * np.float32(snr_gain(waveform, noise, rng.uniform(*options.snr_db)))
    if rng.random() < options.white_noise:
        noise = rng.standard_normal(len(waveform), dtype=np.float32)
        mixed = mixed + noise * np.float32(snr_gain(waveform, noise, rng.uniform(*options.white_snr_db)))
    return mixed * np.float32(10 ** (rng.uniform(*options.gain_db) / 20))
