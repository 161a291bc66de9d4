import msgspec
import numpy as np
import pytest

from exclaim import features
from exclaim.features import N_MELS, WINDOW_FRAMES
from exclaim.learn.compose import MIN_BURST_FRAMES, ambience_alone, burst_window, plain_window
from exclaim.learn.recipe import AugmentOptions

PLAIN = AugmentOptions(
    stretch=(1, 1),
    pitch_bands=(0, 0),
    tilt_db=(0, 0),
    gain_db=(0, 0),
    ambience=0,
    white_noise=0,
    band_limit=0,
    time_masks=0,
    band_masks=0,
)


def burst(frames: int = 60, level_db: float = 10.0) -> np.ndarray:
    sound = np.full((frames, N_MELS), -80, np.float32)
    sound[:, 40:50] = level_db
    return features.encode(sound)


def test_a_plain_window_is_what_the_front_end_gives_for_the_clip() -> None:
    clip = (0.3 * np.sin(np.arange(20_000) * 0.2)).astype(np.float32)
    coded = features.encode(features.log_mel_db(np.pad(clip, (0, features.CLIP_SAMPLES - clip.size)))).T
    np.testing.assert_allclose(
        plain_window(coded), features.log_mel(clip), atol=0.5 / 40
    )  # half a step each for the value and the reference
    assert plain_window(coded[:10]).shape == plain_window(np.tile(coded, (3, 1))).shape == (N_MELS, WINDOW_FRAMES)


def test_a_whole_burst_is_whole_wherever_it_is_put() -> None:
    for seed in range(50):
        made = burst_window(burst(), None, PLAIN, np.random.default_rng(seed))
        assert made.heard
        assert (made.window.max(axis=0) == 1).sum() == 60


def test_a_burst_cut_by_the_edge_counts_from_two_fifths_of_a_second() -> None:
    options = msgspec.structs.replace(PLAIN, partial=True)
    seen = set()
    for seed in range(300):
        made = burst_window(burst(), None, options, np.random.default_rng(seed))
        inside = int((made.window.max(axis=0) == 1).sum())
        assert made.heard == (inside >= MIN_BURST_FRAMES)
        seen.add(made.heard)
    assert seen == {True, False}


def test_a_burst_shorter_than_that_counts_when_all_of_it_is_there() -> None:
    assert burst_window(burst(frames=12), None, PLAIN, np.random.default_rng(0)).heard


@pytest.mark.parametrize("snr", [0.0, 20.0])
def test_ambience_fills_the_window_at_the_ratio_drawn(snr: float) -> None:
    options = msgspec.structs.replace(PLAIN, snr_db=(snr, snr))
    ambience = features.encode(np.full((400, N_MELS), -30, np.float32))
    window = burst_window(burst(), ambience, options, np.random.default_rng(0)).window
    level = np.median(window) * 40 - 40 + window_reference(burst())  # back to dB: the background is the median
    expected = 10 + 10 * np.log10(10) - snr - 10 * np.log10(N_MELS)  # ten bands of 10 dB against 128 bands of noise
    assert level == pytest.approx(expected, abs=1.5)


def window_reference(codes: np.ndarray) -> float:
    return float(features.decode(codes).max())


def test_ambience_alone_has_a_level_within_the_span_and_repeats_when_short() -> None:
    options = msgspec.structs.replace(PLAIN, ambience_level_db=(0, 0))
    made = ambience_alone(features.encode(np.full((10, N_MELS), -30, np.float32)), options, np.random.default_rng(0))
    assert made.heard
    assert (made.window == 1).all()  # even, so every frame is at the reference


def test_the_same_seed_gives_the_same_window() -> None:
    ambience = features.encode(np.random.default_rng(1).normal(-30, 5, (400, N_MELS)).astype(np.float32))
    one, same, other = (
        burst_window(burst(), ambience, AugmentOptions(), np.random.default_rng(s)).window for s in (3, 3, 4)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_a_quiet_window_is_the_same_burst_in_the_same_place_without_what_was_mixed_in() -> None:
    """With noise that nobody hears both are one; with loud noise the quiet one does not change."""
    ambience = features.encode(np.random.default_rng(1).normal(-30, 5, (400, N_MELS)).astype(np.float32))
    changes = msgspec.structs.replace(AugmentOptions(), white_noise=1, rumble=0, partial=True)
    faint = msgspec.structs.replace(changes, snr_db=(200, 200), white_snr_db=(200, 200))
    loud = msgspec.structs.replace(changes, snr_db=(-10, -10), white_snr_db=(-10, -10))
    for seed in range(20):
        quiet, again, noisy, hardly = (
            burst_window(burst(), ambience, options, np.random.default_rng(seed), quiet=quiet).window
            for options, quiet in ((loud, True), (faint, True), (loud, False), (faint, False))
        )
        np.testing.assert_array_equal(quiet, again)
        np.testing.assert_allclose(quiet, hardly, atol=1e-3)
        assert np.abs(noisy - quiet).max() > 0.05


def test_rumble_is_noise_too() -> None:
    options = msgspec.structs.replace(PLAIN, rumble=1)
    bare, changed = burst_window(burst(), None, PLAIN, np.random.default_rng(0)).window, 0
    for seed in range(10):
        quiet, heard = (
            burst_window(burst(), None, options, np.random.default_rng(seed), quiet=quiet).window
            for quiet in (True, False)
        )
        assert sorted(quiet.max(axis=0)) == sorted(bare.max(axis=0))
        changed += bool((heard != quiet).any())  # a high-pass of silence is silence
    assert changed >= 3
