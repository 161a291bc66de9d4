"""Synthesised sounds: the same from the same seed, audible, of the pitch and roughness that they claim."""

import numpy as np
import pytest

from exclaim.demo.synthesis import SOUNDS, synthesise
from exclaim.features import SAMPLE_RATE


@pytest.mark.parametrize("sound", sorted(SOUNDS))
def test_a_sound_is_finite_audible_and_the_same_from_the_same_seed(sound):
    wave = synthesise(sound, seed=5)
    assert wave.dtype == np.float32
    assert wave.ndim == 1
    assert 0.5 * SAMPLE_RATE < wave.size < 7 * SAMPLE_RATE
    assert np.isfinite(wave).all()
    assert np.abs(wave).max() == pytest.approx(1, abs=1e-3)
    np.testing.assert_array_equal(wave, synthesise(sound, seed=5))
    assert not np.array_equal(wave[:8000], synthesise(sound, seed=6)[:8000])


def dominant_hz(wave: np.ndarray) -> float:
    """Return the pitch by autocorrelation over the middle of a sound, in Hz."""
    middle = wave[wave.size // 2 - 2048 : wave.size // 2 + 2048].astype(float)
    spectrum = np.fft.rfft(middle * np.hanning(middle.size), 4 * middle.size)
    similarity = np.fft.irfft(np.abs(spectrum) ** 2)[:400]
    lag = 8 + int(np.argmax(similarity[8:]))
    return SAMPLE_RATE / lag


def test_screams_are_high():
    for seed in range(4):
        assert 350 < dominant_hz(synthesise("negative scream", seed)) < 1500  # with its octave below
        assert 900 < dominant_hz(synthesise("positive scream", seed)) < 1500


def roughness(wave: np.ndarray) -> float:
    """Return the share of the loudness's modulation that lies between 30 and 150 Hz."""
    loudness = np.convolve(np.abs(wave), np.ones(32) / 32, "same")
    loudness = loudness[wave.size // 4 : -wave.size // 4]
    spectrum = np.abs(np.fft.rfft(loudness - loudness.mean())) ** 2
    rates = np.fft.rfftfreq(loudness.size, 1 / SAMPLE_RATE)
    return float(spectrum[(rates > 30) & (rates < 150)].sum() / loudness.mean() ** 2 / loudness.size**2)


def test_a_negative_scream_is_rougher_than_a_positive_one():
    negative = [roughness(synthesise("negative scream", seed)) for seed in range(6)]
    positive = [roughness(synthesise("positive scream", seed)) for seed in range(6)]
    assert min(negative) > 2 * np.median(positive)


def test_an_unknown_sound_is_refused():
    with pytest.raises(KeyError):
        synthesise("applause", seed=0)
