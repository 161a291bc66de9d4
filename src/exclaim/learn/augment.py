"""Changes of a sound in the mel domain: pure functions of frames and a random generator.

Frames here are (frames, 128) float32 in dB, time first. Powers of independent sounds add, so noise is mixed as power.
A full random phase is lost with that, which the byte code's half decibel hides.
"""

from functools import cache

import numpy as np

from exclaim.features import FLOOR_DB, HOP_LENGTH, N_MELS, SAMPLE_RATE, filterbank

__all__ = [
    "active_frames",
    "band_limit",
    "equalise",
    "hush",
    "mask",
    "mix",
    "power_db",
    "room",
    "rumble",
    "snr_gain_db",
    "stretch_and_shift",
    "tilt",
    "white_noise",
]

ACTIVE_RANGE_DB = 25.0  # a frame is active when its loudest band is at most this far below the clip's
_HIGHEST_BAND_SHARE = 0.5  # the highest band dies away in this share of the lowest band's time: air and cloth damp it
_LONGEST_TAIL = 0.6  # seconds
_RUMBLE_BANDS = (4, 14)  # the first band that is left alone: 100 to 330 Hz
_RUMBLE_BELOW_DB = (10.0, 40.0)  # a rumble's lowest band under the loudest cell
_RUMBLE_CUT_DB = 35.0
_CUT_DB_PER_BAND = 12.0  # slope of an imitated codec's or sampler's edge


def active_frames(frames_db: np.ndarray) -> np.ndarray:
    """Return which frames belong to the sound itself: (frames,) bool."""
    loudness = frames_db.max(axis=1)
    return loudness >= max(loudness.max() - ACTIVE_RANGE_DB, FLOOR_DB + 1)


def power_db(frames_db: np.ndarray) -> float:
    """Return the mean power over frames of the sum over bands, in dB; the floor's own where there are no frames."""
    if len(frames_db) == 0:
        return FLOOR_DB
    return float(10 * np.log10(np.mean(np.sum(10 ** (frames_db / 10), axis=1))))


def snr_gain_db(burst_db: np.ndarray, noise_db: np.ndarray, snr_db: float) -> float:
    """Return the gain for ``noise_db`` that puts it ``snr_db`` below the active part of ``burst_db``."""
    return power_db(burst_db[active_frames(burst_db)]) - power_db(noise_db) - snr_db


def mix(first_db: np.ndarray, second_db: np.ndarray) -> np.ndarray:
    """Return the dB of the sum of two sounds' powers."""
    return np.logaddexp(first_db * np.float32(np.log(10) / 10), second_db * np.float32(np.log(10) / 10)) * np.float32(
        10 / np.log(10)
    )


def stretch_and_shift(frames_db: np.ndarray, factor: float, bands: float, tract: float = 1.0) -> np.ndarray:
    """Make a sound ``factor`` times as long and move it over the mel bands, by linear interpolation.

    Args:
        frames_db: (frames, 128) in dB.
        factor: over 0.
        bands: positive is up; what comes in from outside is the edge band.
        tract: every frequency is multiplied by this, over 0, as a vocal tract of 1 / ``tract`` the length does it
            (vocal tract length perturbation, Jaitly and Hinton 2013).

    Returns:
        (round(frames * factor), 128), at least one frame.
    """
    length = max(1, round(len(frames_db) * factor))
    times = np.linspace(0, len(frames_db) - 1, length)
    stretched = _interpolate(frames_db, times)
    sources = np.arange(N_MELS) - bands
    if tract != 1:
        sources = _band_of(_centre_of(sources) / tract)
    return _interpolate(stretched.T, np.clip(sources, 0, N_MELS - 1)).T


def _mel(hertz: np.ndarray | float) -> np.ndarray:
    """Return Slaney's mel: a line up to 1 kHz, a logarithm above (6.4 times the frequency in 27 steps)."""
    hertz = np.asarray(hertz, np.float64)
    return np.where(hertz < 1000, hertz * 3 / 200, 15 + 27 * np.log(np.maximum(hertz, 1000) / 1000) / np.log(6.4))


def _centre_of(bands: np.ndarray) -> np.ndarray:
    """Return the centres of bands in Hz, band 0 the lowest; in between they are interpolated."""
    mel = (bands + 1) * _mel(SAMPLE_RATE / 2) / (N_MELS + 1)
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


def _band_of(hertz: np.ndarray) -> np.ndarray:
    """Return the bands, fractions of them too, that have these centres."""
    return _mel(hertz) * (N_MELS + 1) / _mel(SAMPLE_RATE / 2) - 1


def _interpolate(rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
    low = positions.astype(np.int64)
    high = np.minimum(low + 1, len(rows) - 1)
    share = (positions - low).astype(np.float32)[:, None]
    return rows[low] * (1 - share) + rows[high] * share


def tilt(frames_db: np.ndarray, tilt_db: float) -> np.ndarray:
    """Add a straight line over the bands, ``-tilt_db / 2`` at the lowest and ``+tilt_db / 2`` at the highest."""
    return frames_db + np.linspace(-tilt_db / 2, tilt_db / 2, N_MELS, dtype=np.float32)


def equalise(frames_db: np.ndarray, most_db: float, rng: np.random.Generator) -> np.ndarray:
    """Hear a sound through another microphone and room: a smooth curve over the bands, of 3 to 7 random points.

    Args:
        frames_db: (frames, 128) in dB.
        most_db: of the curve's points, up or down.
        rng: the source of every draw.

    Source: FilterAugment, arXiv 2107.13260, its linear kind.
    """
    points = int(rng.integers(3, 8))
    places = np.concatenate([[0], np.sort(rng.uniform(0, N_MELS - 1, points - 2)), [N_MELS - 1]])
    curve = np.interp(np.arange(N_MELS), places, rng.uniform(-most_db, most_db, points))
    return frames_db + curve.astype(np.float32)


def hush(frames_db: np.ndarray) -> np.ndarray:
    """Take away what sounds all along: of each band's power twice its tenth percentile, of which 40 dB may stay.

    Source: spectral subtraction (Boll 1979) with a floor.
    """
    power = 10 ** (frames_db / np.float32(10))
    steady = np.percentile(power, 10, axis=0).astype(np.float32)
    return 10 * np.log10(np.maximum(power - 2 * steady, power * np.float32(1e-4)))


def rumble(frames_db: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw anew what a place and a microphone do below the voice: a steady rumble more, or a high-pass.

    Either ends somewhere from 100 to 330 Hz and is strongest in the lowest band. How far a recording's hum lies under a
    voice tells how loud the voice was, in that one room; elsewhere it tells nothing.

    Args:
        frames_db: (frames, 128) in dB.
        rng: the source of every draw.
    """
    end = int(rng.integers(_RUMBLE_BANDS[0], _RUMBLE_BANDS[1] + 1))
    slope = np.maximum(0, 1 - np.arange(N_MELS, dtype=np.float32) / end)  # 1 in the lowest band, 0 from the end on
    if rng.random() < 0.5:
        return frames_db - slope * np.float32(rng.uniform(0, _RUMBLE_CUT_DB))
    level = frames_db.max() - rng.uniform(*_RUMBLE_BELOW_DB)
    steady = white_noise(len(frames_db), level, rng) + (slope - 1) * np.float32(15)
    return np.where(slope > 0, mix(frames_db, steady), frames_db)


def room(frames_db: np.ndarray, seconds: float, direct_db: float) -> np.ndarray:
    """Let a sound ring on as in a room: behind every frame an exponential tail of its power, band by band.

    Args:
        frames_db: (frames, 128) in dB.
        seconds: until the tail of the lowest band has fallen by 60 dB; over 0.
        direct_db: energy of the direct sound over that of the whole tail.

    Returns:
        (frames + tail, 128) in dB; the tail is ``seconds`` long, 0.6 s at most.

    Source: Polack's model of late reverberation (a random signal under an exponential envelope), as powers.
    """
    frame_seconds = HOP_LENGTH / SAMPLE_RATE
    decay_times = seconds * np.linspace(1, _HIGHEST_BAND_SHARE, N_MELS)
    decay = (10 ** (-6 * frame_seconds / decay_times)).astype(np.float32)  # of power, a frame
    tail = round(min(seconds, _LONGEST_TAIL) / frame_seconds)
    power = 10 ** (np.pad(frames_db, ((0, tail), (0, 0)), constant_values=FLOOR_DB) / np.float32(10))
    gain = (1 - decay) * np.float32(10 ** (-direct_db / 10))
    rings = np.zeros(N_MELS, np.float32)
    wet = np.empty_like(power)
    for t, frame in enumerate(power):
        wet[t] = frame + rings
        rings = decay * rings + gain * frame
    return 10 * np.log10(wet)


def band_limit(frames_db: np.ndarray, band: int) -> np.ndarray:
    """Imitate a codec or a lower sample rate: from ``band`` upwards the sound falls by 12 dB a band."""
    slope = np.maximum(0, np.arange(N_MELS, dtype=np.float32) - band + 1) * np.float32(_CUT_DB_PER_BAND)
    return frames_db - slope


@cache
def _degrees() -> np.ndarray:
    """Return how many independent exponential variables a band's power of white noise is like: (128,) float32.

    A Hann window correlates the powers of bins one and two apart by 4/9 and 1/36.
    """
    bands = filterbank().astype(np.float64)
    neighbours = sum(
        weight * (bands[:, apart:] * bands[:, : bands.shape[1] - apart]).sum(axis=1)
        for apart, weight in ((0, 1.0), (1, 2 * 4 / 9), (2, 2 / 36))
    )
    return (bands.sum(axis=1) ** 2 / neighbours).astype(np.float32)


def white_noise(frames: int, level_db: float, rng: np.random.Generator) -> np.ndarray:
    """Return white noise whose bands have a mean power of ``level_db``: (frames, 128) in dB.

    The power of a band is a weighted mean of exponential variables, those of the FFT bins under it: nearly gamma.
    """
    shape = _degrees()
    power = rng.standard_gamma(np.broadcast_to(shape, (frames, N_MELS)), dtype=np.float32) / shape
    return (10 * np.log10(np.maximum(power, 1e-6)) + level_db).astype(np.float32)


def mask(frames_db: np.ndarray, masks: int, longest: int, axis: int, rng: np.random.Generator) -> np.ndarray:
    """Put the mean in place of up to ``longest`` neighbouring frames (axis 0) or bands (axis 1), ``masks`` times.

    Source: SpecAugment, arXiv 1904.08779.
    """
    out = frames_db.copy()
    for _ in range(masks):
        width = int(rng.integers(0, longest + 1))
        begin = int(rng.integers(0, frames_db.shape[axis] - width + 1))
        region = (slice(begin, begin + width), slice(None)) if axis == 0 else (slice(None), slice(begin, begin + width))
        out[region] = frames_db.mean()
    return out
