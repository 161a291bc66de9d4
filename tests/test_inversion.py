"""A window becomes a sound whose window it is, nearly; silence stays silent."""

import sys
from types import ModuleType

import numpy as np
import pytest

from exclaim import inversion
from exclaim.areas import area_means
from exclaim.errors import AudioError, ConfigError
from exclaim.features import RANGE_DB, SAMPLE_RATE, filterbank, log_mel
from exclaim.inversion import PEAK, enlarge, invert, linear_powers, mel_powers

TIMES = np.arange(48_000) / SAMPLE_RATE
WHOLE, SMALL = (128, 188), (64, 64)


def tone() -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * 700 * TIMES)


def chirp() -> np.ndarray:
    """From 200 Hz to 3 kHz."""
    return 0.3 * np.sin(2 * np.pi * (200 * TIMES + (3000 - 200) / 6 * TIMES**2))


def voice() -> np.ndarray:
    """Twenty harmonics of a pitch that sways around 150 Hz, and that stops after 2 s."""
    phase = 2 * np.pi * (150 * TIMES + 10 * np.sin(2 * np.pi * 2 * TIMES))
    return np.where(TIMES < 2, 0.1 * sum(np.sin(k * phase) / k for k in range(1, 20)), 0)


def seen(window: np.ndarray, view: tuple[int, int]) -> np.ndarray:
    return area_means(128, view[0]) @ window @ area_means(188, view[1]).T


@pytest.mark.parametrize(
    ("sound", "view", "most_db"),
    [(tone, WHOLE, 2.0), (chirp, WHOLE, 3.0), (voice, WHOLE, 2.5), (chirp, SMALL, 3.0), (voice, SMALL, 2.5)],
)
def test_the_window_of_the_sound_is_the_window(sound, view, most_db):
    """Over the cells within 40 dB of the loudest; measured 1.4, 2.2, 1.6, 2.2 and 1.3 dB."""
    cells = seen(log_mel(sound()), view)
    again = seen(log_mel(invert(cells)), view)
    loud = cells > cells.max() - 1
    assert loud.sum() > 100
    assert np.sqrt(np.mean((again - cells)[loud] ** 2)) * RANGE_DB / 2 < most_db


@pytest.mark.parametrize("view", [WHOLE, SMALL])
@pytest.mark.parametrize("sound", [tone, chirp])
def test_the_pitch_stays_within_a_band_of_the_view(sound, view):
    window = log_mel(sound())
    off = np.abs(window.argmax(axis=0) - log_mel(invert(seen(window, view))).argmax(axis=0))
    inner = off[4:-4]  # at the edges the sound begins and ends
    assert np.mean(inner <= 128 / view[0]) > 0.97


def test_silence_after_a_voice_is_silent():
    sound = invert(log_mel(voice()))
    assert np.abs(sound[int(2.1 * SAMPLE_RATE) :]).max() < 0.001 * np.abs(sound).max()


@pytest.mark.parametrize("view", [WHOLE, SMALL])
def test_silence_gives_silence(view):
    assert np.abs(invert(-np.ones(view))).max() == 0


def test_the_same_seed_gives_the_same_sound_and_another_does_not():
    window = seen(log_mel(voice()), SMALL)
    first, again, other = invert(window), invert(window), invert(window, seed=1)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
    assert (first.shape, first.dtype) == ((48_000,), np.float32)


def test_no_window_clips():
    everything = invert(np.ones(SMALL))
    assert np.abs(everything).max() == pytest.approx(PEAK, abs=1e-3)


def test_a_quiet_window_stays_quiet():
    """A window that reaches its range only half way up is 40 dB softer."""
    window = log_mel(tone())
    loud, soft = (np.abs(invert(np.maximum(window - less, -1))).max() for less in (0, 1))
    assert 20 * np.log10(soft / loud) == pytest.approx(-40, abs=1)


def test_linear_powers_have_the_mel_powers_that_were_asked_for():
    powers = mel_powers(log_mel(voice()))
    found = linear_powers(powers)
    assert found.min() >= 0
    loud = powers > powers.max() * 1e-4
    off_db = 10 * np.log10((filterbank() @ found)[loud] / powers[loud])
    assert np.sqrt(np.mean(off_db**2)) < 0.3


def test_a_smaller_window_is_enlarged_with_its_cells_as_means():
    cells = np.random.default_rng(0).uniform(-0.3, 0.3, SMALL).astype(np.float32)
    np.testing.assert_allclose(seen(enlarge(cells), SMALL), cells, atol=1e-5)
    window = log_mel(tone())
    assert enlarge(window) is window
    assert np.abs(enlarge(np.sign(cells))).max() <= 1


@pytest.mark.parametrize("shape", [(129, 188), (64, 200), (64,), (1, 64, 64), (0, 64)])
def test_what_is_no_window_is_refused(shape):
    with pytest.raises(AudioError, match="has shape"):
        invert(np.zeros(shape))


def test_without_librosa_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setattr(inversion, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"exclaim\[sounds\]"):
        invert(np.zeros(SMALL))


def test_a_broken_librosa_is_a_sentence_too(monkeypatch):
    monkeypatch.setattr(inversion, "find_spec", lambda name: True)
    monkeypatch.setitem(sys.modules, "librosa", ModuleType("librosa"))
    with pytest.raises(ConfigError, match="cannot be loaded"):
        invert(np.zeros(SMALL))
