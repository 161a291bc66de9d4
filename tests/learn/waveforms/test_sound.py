"""Waveforms cut, laid side by side and changed."""

import numpy as np
import pytest

pytest.importorskip("torch")

from exclaim.learn.recipe import AugmentOptions
from exclaim.learn.waveforms.sound import active_power, augmented, crop, padded, pieces, snr_gain

CALM = {"gain_db": (0.0, 0.0), "white_noise": 0.0}


def tone(samples: int = 16_000) -> np.ndarray:
    return (0.5 * np.sin(np.arange(samples) * 0.3)).astype(np.float32)


def test_a_crop_is_a_stretch_of_the_sound_from_anywhere_in_it():
    sound = np.arange(100, dtype=np.float32)
    begins = {int(crop(sound, 10, np.random.default_rng(seed))[0]) for seed in range(400)}
    assert (min(begins), max(begins)) == (0, 90)
    assert np.array_equal(np.diff(crop(sound, 10, np.random.default_rng(0))), np.ones(9))
    assert np.array_equal(crop(sound, 100, np.random.default_rng(0)), sound)
    assert np.array_equal(crop(sound, 500, np.random.default_rng(0)), sound)


@pytest.mark.parametrize(("length", "count"), [(1, 1), (10, 1), (11, 2), (20, 2), (95, 10)])
def test_pieces_hold_all_of_a_sound_and_are_of_one_length(length, count):
    sound = np.arange(length)
    found = pieces(sound, 10)
    assert len(found) == count
    assert set(np.concatenate(found).tolist()) == set(range(length))
    assert {len(piece) for piece in found} == {min(10, length)}


def test_what_lies_beyond_a_sound_is_marked():
    whole = padded([np.ones(3, np.float32), np.zeros(5, np.float32)])
    assert whole.dtype == np.float32
    assert np.isnan(whole).tolist() == [[False] * 3 + [True] * 2, [False] * 5]


def test_noise_stands_as_far_below_the_active_part_as_was_asked():
    noise = np.random.default_rng(0).normal(size=16_000).astype(np.float32)
    sound = np.concatenate([tone(), np.zeros(48_000, np.float32)])  # the silence around it does not count
    assert active_power(sound) == pytest.approx(0.125, rel=0.01)
    scaled = noise * snr_gain(sound, noise, 20.0)
    assert 10 * np.log10(0.125 / np.mean(scaled**2)) == pytest.approx(20, abs=0.1)


def test_silence_stays_silent():
    silence, noise = np.zeros(1000, np.float32), np.ones(300, np.float32)
    assert snr_gain(silence, noise, 0.0) == 0
    assert not augmented(silence, noise, AugmentOptions(white_noise=1.0), np.random.default_rng(0)).any()
    assert snr_gain(noise, silence, 0.0) == 0


def test_a_change_is_a_pure_function_of_its_draws():
    options = AugmentOptions(white_noise=0.5)
    noise = np.random.default_rng(9).normal(size=5000).astype(np.float32)
    one, same, other = (augmented(tone(), noise, options, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.dtype == np.float32
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert one.shape == tone().shape


def test_gain_and_ambience_are_what_the_options_say():
    rng = np.random.default_rng(0)
    louder = augmented(tone(), None, AugmentOptions(gain_db=(6.0, 6.0), white_noise=0.0), rng)
    assert louder == pytest.approx(tone() * 10**0.3, rel=1e-4)
    noise = rng.normal(size=16_000).astype(np.float32)
    mixed = augmented(tone(), noise, AugmentOptions(snr_db=(10.0, 10.0), **CALM), rng)
    assert 10 * np.log10(0.125 / np.mean((mixed - tone()) ** 2)) == pytest.approx(10, abs=0.2)
