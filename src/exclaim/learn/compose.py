"""Windows as a stream meets them: a burst, changed and placed at random, cut in ambience; or ambience alone."""

from typing import NamedTuple

import numpy as np

from exclaim.features import FLOOR_DB, N_MELS, RANGE_DB, WINDOW_FRAMES, decode, normalise
from exclaim.learn import augment
from exclaim.learn.recipe import AugmentOptions

__all__ = ["MIN_BURST_FRAMES", "Composed", "ambience_alone", "burst_window", "plain_window"]

MIN_BURST_FRAMES = 25  # 0.4 s: with less of the burst in it a window is ignored


class Composed(NamedTuple):
    """One window."""

    window: np.ndarray  # (128, 188) float32 in [-1, 1]
    heard: bool  # False: too little of the burst lies in the window for its label to hold


def plain_window(codes: np.ndarray) -> np.ndarray:
    """Return a clip as it is, cut or padded with floor to 3 s: (128, 188) float32 in [-1, 1]."""
    window = np.zeros((WINDOW_FRAMES, N_MELS), np.uint8)
    window[: len(codes)] = codes[:WINDOW_FRAMES]
    return normalise(decode(window.T))


def ambience_alone(codes: np.ndarray, options: AugmentOptions, rng: np.random.Generator) -> Composed:
    """Return a window of ambience at a drawn level.

    Args:
        codes: (frames, 128) uint8 of the ambience, any length.
        options: what is drawn.
        rng: the source of every draw.
    """
    sound = _excerpt(codes, rng)
    sound = augment.tilt(sound, rng.uniform(*options.tilt_db))
    sound = sound + np.float32(rng.uniform(*options.ambience_level_db) - sound.max())
    return _finished(sound, True, options, rng)


def burst_window(
    codes: np.ndarray,
    ambience: np.ndarray | None,
    options: AugmentOptions,
    rng: np.random.Generator,
    quiet: bool = False,
) -> Composed:
    """Return a window with a burst in it.

    Args:
        codes: (frames, 128) uint8 of the burst.
        ambience: (frames, 128) uint8 of a background, or None for none.
        options: what is drawn.
        rng: the source of every draw.
        quiet: noise, hum and ambience are drawn and left out: what is left is the same burst, in the same place.
    """
    stretch, bands = rng.uniform(*options.stretch), rng.uniform(*options.pitch_bands)
    tract = rng.uniform(*options.tract) if options.tract != (1.0, 1.0) else 1.0  # no draw where there is none
    burst = augment.stretch_and_shift(decode(codes), stretch, bands, tract)
    if options.hushed and rng.random() < options.hushed:
        burst = augment.hush(burst)
    if options.equaliser_db:
        burst = augment.equalise(burst, options.equaliser_db, rng)
    burst = augment.tilt(burst, rng.uniform(*options.tilt_db)) + np.float32(rng.uniform(*options.gain_db))
    if options.room and rng.random() < options.room:
        burst = augment.room(burst, rng.uniform(*options.room_seconds), rng.uniform(*options.room_direct_db))
    placed, active = _place(burst, options.partial, rng)
    if options.rumble and rng.random() < options.rumble:
        hummed = augment.rumble(placed, rng)
        placed = placed if quiet else hummed
    if ambience is not None:
        background = _excerpt(ambience, rng)
        gain = augment.snr_gain_db(burst, background, rng.uniform(*options.snr_db))
        placed = placed if quiet else augment.mix(placed, background + np.float32(gain))
    if rng.random() < options.white_noise:
        level = augment.power_db(burst[augment.active_frames(burst)]) - 10 * np.log10(N_MELS)
        level -= rng.uniform(*options.white_snr_db)
        noise = augment.white_noise(WINDOW_FRAMES, level, rng)
        placed = placed if quiet else augment.mix(placed, noise)
    return _finished(placed, active >= MIN_BURST_FRAMES, options, rng)


def _excerpt(codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return 188 frames from anywhere in a background, repeated where it is shorter: (188, 128) in dB."""
    repeats = -(-WINDOW_FRAMES // len(codes))
    begin = int(rng.integers(0, max(1, len(codes) - WINDOW_FRAMES + 1)))
    piece = np.tile(codes, (repeats, 1)) if repeats > 1 else codes[begin : begin + WINDOW_FRAMES]
    return decode(piece[:WINDOW_FRAMES])


def _place(burst: np.ndarray, partial: bool, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Put a burst into a window of floor; also return how many of its active frames lie within."""
    active = augment.active_frames(burst)
    if partial:
        first, last = np.flatnonzero(active)[[0, -1]] if active.any() else (0, len(burst) - 1)
        # from "its last 0.2 s at the window's beginning" to "its first 0.2 s at the window's end"
        offset = int(rng.integers(12 - last, WINDOW_FRAMES - 12 - first + 1))
    else:
        room = WINDOW_FRAMES - len(burst)
        offset = int(rng.integers(min(0, room), max(0, room) + 1))
    window = np.full((WINDOW_FRAMES, N_MELS), FLOOR_DB, np.float32)
    begin, end = max(0, offset), min(WINDOW_FRAMES, offset + len(burst))
    if end <= begin:
        return window, 0
    window[begin:end] = burst[begin - offset : end - offset]
    heard = int(active[begin - offset : end - offset].sum())
    # a burst that is shorter than the least length is heard when all of it is there
    return window, max(heard, MIN_BURST_FRAMES if heard == active.sum() > 0 else 0)


def _finished(sound: np.ndarray, heard: bool, options: AugmentOptions, rng: np.random.Generator) -> Composed:
    if rng.random() < options.band_limit:
        sound = augment.band_limit(sound, int(rng.integers(*options.band_limit_bands)))
    sound = np.maximum(sound, np.float32(FLOOR_DB))
    span = rng.uniform(*options.range_db) if options.range_db != (RANGE_DB, RANGE_DB) else RANGE_DB
    sound = np.maximum(sound, sound.max() - np.float32(span))
    sound = augment.mask(sound, options.time_masks, options.time_mask_frames, 0, rng)
    sound = augment.mask(sound, options.band_masks, options.band_mask_bands, 1, rng)
    return Composed(normalise(sound.T), heard)
