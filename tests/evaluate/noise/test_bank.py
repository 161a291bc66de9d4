"""Excerpts of noise: always the same for the same key, from everywhere in every recording."""

from pathlib import Path

import numpy as np
import pytest

from exclaim.errors import CorpusError
from exclaim.evaluate.noise.bank import cut, draw, noise_bank
from exclaim.evaluate.noise.recordings import noise_in_folder


def ramp(samples: int, begin: float = 0.1) -> np.ndarray:
    """Each sample tells where it stands."""
    return (begin + np.arange(samples) / 1e6).astype(np.float32)


def test_an_excerpt_is_what_the_recording_holds(write_noise):
    with noise_bank(noise_in_folder(write_noise({"bus/a.wav": ramp(9_000)}))) as bank:
        found = bank.excerpt("bus", "key", 4_000)
    begin = round((float(found[0]) - 0.1) * 1e6)
    np.testing.assert_array_equal(found, ramp(9_000)[begin : begin + 4_000])


def test_the_same_key_gives_the_same_excerpt_and_another_another(write_noise):
    noise = noise_in_folder(write_noise({"bus/a.wav": ramp(90_000), "bus/b.wav": ramp(90_000, 0.5)}))
    with noise_bank(noise) as bank:
        first = {key: bank.excerpt("bus", key, 100).tolist() for key in "abcdefgh"}
    with noise_bank(noise) as bank:
        assert {key: bank.excerpt("bus", key, 100).tolist() for key in "hgfedcba"} == first
    assert len({tuple(found) for found in first.values()}) == 8
    assert {found[0] > 0.3 for found in first.values()} == {True, False}  # both recordings are drawn


def test_draws_are_spread_evenly():
    counts, _ = np.histogram([draw(str(i)) for i in range(4_000)], bins=8, range=(0, 1))
    assert counts.min() > 420  # of 500 expected; the scatter is 21
    assert counts.max() < 580


@pytest.mark.parametrize(("place", "begin"), [(0.0, 0), (0.999999, 5), (0.5, 3)])
def test_an_excerpt_begins_anywhere_and_ends_within(place, begin):
    np.testing.assert_array_equal(cut(np.arange(10), place, 5), np.arange(begin, begin + 5))


def test_a_short_recording_is_repeated():
    np.testing.assert_array_equal(cut(np.arange(4), 0.5, 7), [2, 3, 0, 1, 2, 3, 0])


def test_an_excerpt_of_digital_silence_is_drawn_again(write_noise):
    mostly_silent = np.concatenate([np.zeros(20_000, np.float32), ramp(20_000)])
    with noise_bank(noise_in_folder(write_noise({"bus/a.wav": mostly_silent}))) as bank:
        assert all(bank.excerpt("bus", str(i), 100).any() for i in range(20))
    with (
        noise_bank(noise_in_folder(write_noise({"bus/a.wav": np.zeros(20_000)}))) as bank,
        pytest.raises(CorpusError, match=r"noise bus of noise is silent nearly everywhere .* remove a\.wav"),
    ):
        bank.excerpt("bus", "key", 100)


def test_what_cannot_be_read_is_named(write_noise):
    with noise_bank(noise_in_folder(write_noise({"bus/a.wav": ramp(900), "cafe/b.wav": None}))) as bank:
        assert bank.kinds == ("bus",)
        assert bank.recordings == {"bus": ("a.wav",)}
        (note,) = bank.notes
    assert note.startswith("noise cafe: b.wav left out: ")
    only = noise_in_folder(write_noise({"x/b.wav": None}, folder=Path(note and write_noise({})) / "only"))
    with pytest.raises(CorpusError, match="no recording can be read"), noise_bank(only):
        pass


def test_the_temporary_folder_is_removed(write_noise, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "spool"))
    (tmp_path / "spool").mkdir()
    with noise_bank(noise_in_folder(write_noise({"bus/a.wav": ramp(900)}))):
        (folder,) = (tmp_path / "spool").iterdir()
        assert sum(path.stat().st_size for path in folder.iterdir()) == 900 * 4
    assert not list((tmp_path / "spool").iterdir())
