"""The level of a clip, and noise at a ratio to it: recomputed from the definition, sample by sample."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exclaim.evaluate.noise.mixing import active_level, active_samples, mean_square, mix, noise_gain


def burst(seconds: float = 0.5, silence: float = 1.0, seed: int = 0) -> np.ndarray:
    """A burst between silences with a faint hiss."""
    rng = np.random.default_rng(seed)
    hiss = 1e-4 * rng.normal(size=int((seconds + 2 * silence) * 16_000))
    begin = int(silence * 16_000)
    hiss[begin : begin + int(seconds * 16_000)] += 0.2 * rng.normal(size=int(seconds * 16_000))
    return hiss.astype(np.float32)


def level_by_hand(clip: np.ndarray) -> float:
    """The definition in plain words: blocks of 320 samples, 25 dB below the loudest, mean square over their samples."""
    blocks = [[float(x) for x in clip[i : i + 320]] for i in range(0, len(clip), 320)]
    powers = [sum(x * x for x in block) / len(block) for block in blocks]
    kept = [block for block, power in zip(blocks, powers, strict=True) if power >= max(powers) / 10**2.5]
    return sum(x * x for block in kept for x in block) / sum(map(len, kept))


@pytest.mark.parametrize("samples", [1, 319, 320, 321, 5_000])
def test_the_level_is_as_defined(samples):
    rng = np.random.default_rng(samples)
    clip = (rng.normal(size=samples) * np.exp(rng.normal(scale=3, size=samples))).astype(np.float32)
    assert active_level(clip) == pytest.approx(level_by_hand(clip), rel=1e-9)


def test_silence_around_a_burst_does_not_count():
    alone = burst(silence=0.0)
    assert active_level(burst(silence=1.0)) == pytest.approx(mean_square(alone), rel=0.05)
    active = active_samples(burst(seconds=0.5, silence=1.0))
    np.testing.assert_array_equal(np.flatnonzero(active), np.arange(16_000, 24_000))


def test_a_pause_within_a_burst_does_not_count():
    two = np.concatenate([burst(0.5, 0.2), np.zeros(16_000, np.float32), burst(0.5, 0.2)])
    assert active_level(two) == pytest.approx(active_level(burst(0.5, 0.2)), rel=1e-6)


def test_digital_silence_has_no_level():
    assert active_level(np.zeros(1000, np.float32)) == 0
    assert not active_samples(np.zeros(1000, np.float32)).any()
    assert active_level(np.zeros(0, np.float32)) == 0


@given(snr=st.floats(-20, 40), loudness=st.floats(-60, 0), noise_loudness=st.floats(-60, 0), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_what_is_mixed_has_the_ratio_that_was_asked(snr, loudness, noise_loudness, seed):
    clip = burst(seed=seed) * np.float32(10 ** (loudness / 20))
    noise = np.random.default_rng(seed + 1).normal(size=len(clip) + 8_000).astype(np.float32)
    noise *= np.float32(10 ** (noise_loudness / 20))
    gain = noise_gain(active_level(clip), mean_square(noise), snr)
    assert 10 * math.log10(level_by_hand(clip) / np.mean((gain * noise.astype(np.float64)) ** 2)) == pytest.approx(snr)
    mixed = mix(clip, noise, gain)
    whole = gain * noise.astype(np.float64)
    whole[: len(clip)] += clip
    assert np.abs(mixed).max() <= 1
    np.testing.assert_allclose(mixed, whole / max(1, np.abs(whole).max()), rtol=1e-6, atol=1e-9)


def test_a_mixture_within_full_scale_is_the_plain_sum():
    clip, noise = burst(), 0.01 * np.ones(40_000, np.float32)
    mixed = mix(clip, noise, 2.0)
    np.testing.assert_allclose(mixed[: len(clip)] - clip, 0.02, atol=1e-6)
    np.testing.assert_allclose(mixed[len(clip) :], 0.02, atol=1e-6)


def test_neither_sound_is_changed():
    clip, noise = burst(), np.random.default_rng(0).normal(size=40_000).astype(np.float32)
    before = clip.copy(), noise.copy()
    mix(clip, noise, 0.5)
    np.testing.assert_array_equal(clip, before[0])
    np.testing.assert_array_equal(noise, before[1])
