import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exclaim.features import FLOOR_DB, N_MELS, filterbank, log_mel_db
from exclaim.learn import augment
from exclaim.learn.compose import burst_window
from exclaim.learn.recipe import AugmentOptions


def tone(band: int, frames: int = 40, level: float = 10.0) -> np.ndarray:
    sound = np.full((frames, N_MELS), FLOOR_DB, np.float32)
    sound[:, band] = level
    return sound


def test_the_power_of_a_single_band_is_its_level() -> None:
    assert augment.power_db(tone(30)) == pytest.approx(10.0, abs=1e-3)
    assert augment.power_db(np.empty((0, N_MELS), np.float32)) == FLOOR_DB


def test_equal_powers_add_three_decibels_and_the_floor_adds_nothing() -> None:
    sound = tone(30)
    assert augment.mix(sound, sound)[0, 30] == pytest.approx(10 + 10 * np.log10(2), abs=1e-4)
    assert augment.mix(sound, np.full_like(sound, FLOOR_DB))[0, 30] == pytest.approx(10, abs=1e-4)


@given(st.floats(-10, 30))
def test_noise_is_put_at_the_ratio_to_the_active_part_alone(snr: float) -> None:
    burst = np.concatenate([tone(40, 50), tone(40, 150, level=FLOOR_DB)])  # a quarter of it is active
    noise = np.zeros((188, N_MELS), np.float32)
    gained = noise + augment.snr_gain_db(burst, noise, snr)
    assert augment.power_db(burst[:50]) - augment.power_db(gained) == pytest.approx(snr, abs=1e-3)


def test_active_frames_leave_out_what_is_far_below_the_loudest() -> None:
    sound = np.concatenate([tone(5, 10, -40), tone(5, 10, 0), tone(5, 10, -24)])
    assert augment.active_frames(sound).tolist() == [False] * 10 + [True] * 20
    assert not augment.active_frames(tone(5, 10, FLOOR_DB)).any()


@pytest.mark.parametrize(("factor", "bands", "length", "peak"), [(1, 0, 40, 30), (1.5, 0, 60, 30), (0.5, 4, 20, 34)])
def test_stretching_changes_length_and_shifting_moves_bands(
    factor: float, bands: float, length: int, peak: int
) -> None:
    changed = augment.stretch_and_shift(tone(30), factor, bands)
    assert changed.shape == (length, N_MELS)
    assert (changed.argmax(axis=1) == peak).all()


def test_stretching_by_one_changes_nothing() -> None:
    sound = np.random.default_rng(0).normal(-20, 10, (50, N_MELS)).astype(np.float32)
    np.testing.assert_array_equal(augment.stretch_and_shift(sound, 1.0, 0.0), sound)


def test_a_tilt_is_a_line_over_the_bands() -> None:
    tilted = augment.tilt(np.zeros((2, N_MELS), np.float32), 6.0)
    assert tilted[0, 0] == pytest.approx(-3)
    assert tilted[0, -1] == pytest.approx(3)
    assert np.allclose(np.diff(tilted[0]), 6 / 127, atol=1e-5)


def test_a_band_limit_leaves_what_is_below_and_cuts_what_is_above() -> None:
    limited = augment.band_limit(np.zeros((1, N_MELS), np.float32), 100)
    assert (limited[0, :100] == 0).all()
    assert (np.diff(limited[0, 99:]) == -12).all()


def test_white_noise_has_the_level_and_the_spread_of_real_white_noise() -> None:
    rng = np.random.default_rng(0)
    real = log_mel_db(0.1 * rng.standard_normal(16_000 * 20)).T
    made = augment.white_noise(len(real), float(10 * np.log10((10 ** (real / 10)).mean())), rng)
    assert augment.power_db(made) == pytest.approx(augment.power_db(real), abs=0.3)
    low, high = slice(0, 20), slice(100, 128)  # narrow bands fluctuate more than wide ones
    for bands in (low, high):
        assert made[:, bands].std() == pytest.approx(real[:, bands].std(), rel=0.35)


@given(st.integers(0, 5), st.integers(0, 30), st.sampled_from([0, 1]), st.integers(0, 2**31))
def test_masks_hide_no_more_than_asked_and_leave_the_input(masks: int, longest: int, axis: int, seed: int) -> None:
    sound = np.random.default_rng(1).normal(size=(60, N_MELS)).astype(np.float32)
    before = sound.copy()
    hidden = augment.mask(sound, masks, longest, axis, np.random.default_rng(seed))
    changed = (hidden != sound).any(axis=1 - axis).sum()
    assert changed <= masks * longest
    np.testing.assert_array_equal(sound, before)


def test_a_shorter_vocal_tract_raises_every_frequency_by_the_same_factor() -> None:
    """A line at a band moves to the band whose centre is the factor times its own, in the low and in the high."""
    centres = (np.arange(1, 513) * 15.625)[filterbank()[:, 1:].argmax(axis=1)]
    for band, factor in ((30, 1.2), (60, 1.1), (90, 0.85)):
        line = np.full((4, 128), -60.0, np.float32)
        line[:, band] = 0
        moved = augment.stretch_and_shift(line, 1, 0, factor)
        assert centres[moved[0].argmax()] / centres[band] == pytest.approx(factor, rel=0.04)
    assert np.array_equal(augment.stretch_and_shift(line, 1, 2.5, 1.0), augment.stretch_and_shift(line, 1, 2.5))


def test_an_equaliser_is_one_smooth_curve_for_all_frames() -> None:
    rng = np.random.default_rng(5)
    frames = rng.normal(-20, 5, (30, N_MELS)).astype(np.float32)
    curves = [augment.equalise(frames, 9.0, rng) - frames for _ in range(40)]
    for curve in curves:
        assert np.abs(curve - curve[0]).max() < 1e-4, "the same for every frame"
        assert np.abs(curve).max() <= 9.0 + 1e-4
    assert max(np.abs(curve).max() for curve in curves) > 6
    assert np.std([curve[0] for curve in curves], axis=0).min() > 2, "no band is spared"


def test_a_rumble_comes_or_goes_below_the_voice_and_nowhere_else() -> None:
    rng = np.random.default_rng(5)
    voice = np.full((60, 128), -60, np.float32)
    voice[:, 20:60] = 0
    voice[:, :4] = -30
    drawn = [augment.rumble(voice, rng) for _ in range(60)]
    lowest = np.array([frames[:, 0].mean() for frames in drawn])
    assert all((frames[:, 15:] == voice[:, 15:]).all() for frames in drawn)
    assert (lowest < -35).sum() > 10  # a high-pass
    assert (lowest > -28).sum() > 10  # a rumble
    assert lowest.min() > -30 - 36
    assert lowest.max() < -8


def test_hushing_takes_the_hum_and_leaves_the_voice() -> None:
    hum = np.full((50, N_MELS), -30.0, np.float32)
    voice = hum.copy()
    voice[20:30, 40:60] = 0.0
    quiet = augment.hush(voice)
    assert np.abs(quiet[20:30, 40:60]).max() < 0.05
    assert quiet[:20].max() == pytest.approx(-70, abs=0.1), "40 dB lower"
    assert quiet[20:30, :40].max() == pytest.approx(-70, abs=0.1)


def test_a_window_of_small_range_has_a_higher_floor_and_other_windows_are_as_before() -> None:
    codes = np.zeros((188, N_MELS), np.uint8)
    codes[60:90, 30:50] = 200
    plain = AugmentOptions(time_masks=0, band_masks=0, white_noise=0, band_limit=0, ambience=0)
    narrow = msgspec.structs.replace(plain, range_db=(40.0, 40.0))
    one, other = (burst_window(codes, None, o, np.random.default_rng(1)).window for o in (plain, narrow))
    assert one.min() == -1
    assert other.min() == pytest.approx(0, abs=0.01), "40 of 80 dB"
    assert other.max() == one.max() == 1
