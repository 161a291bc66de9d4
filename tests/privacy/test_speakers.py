"""Speakers are told where their voices are in a set, and not where they are not."""

import numpy as np
import pytest
from lightning_fabric import Fabric

from exclaim.condense.real import Real
from exclaim.condense.recipe import load_condense_recipe
from exclaim.errors import CorpusError, StoreError
from exclaim.privacy.encoder import kept_back, train_encoder
from exclaim.privacy.halves import balanced_halves
from exclaim.privacy.linear_encoder import LinearEncoder, band_statistics
from exclaim.privacy.recipe import load_privacy_recipe
from exclaim.privacy.roc import attack_figures
from exclaim.privacy.speakers import ATTACKS, likeness, speaker_scores

SPEAKERS, EACH, SHADOWS, SIZE = 40, 6, 12, 24
OWNER = np.repeat(np.arange(SPEAKERS), EACH)


def directions(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def figures(planted: float) -> dict:
    """Sets of ten items, noise plus so much of the voices of speakers who are in."""
    rng = np.random.default_rng(0)
    voices = rng.normal(size=(SPEAKERS, SIZE))
    clips = directions(voices[OWNER] + 0.5 * rng.normal(size=(len(OWNER), SIZE)))
    inside = balanced_halves(np.arange(SPEAKERS), np.zeros(SPEAKERS, int), SHADOWS, 0)
    sets = []
    for row in inside:
        chosen = np.flatnonzero(row)
        sets.append(directions(planted * voices[chosen] + rng.normal(size=(len(chosen), SIZE))))
    names = [f"speaker {number}" for number in range(SPEAKERS)]
    scores = speaker_scores(clips, OWNER, sets, inside)
    assert tuple(scores) == ATTACKS
    return {name: attack_figures(each, inside, names, area_only=True)["auc"] for name, each in scores.items()}


def test_planted_voices_are_found() -> None:
    found = figures(3.0)
    assert found["nearest item"].value > 0.98
    assert found["nearest item, calibrated"].value > 0.98
    assert found["mean likeness, calibrated"].value > 0.7


def test_where_no_voice_is_nothing_is_found() -> None:
    for name, figure in figures(0.0).items():
        assert figure.low <= 0.5 <= figure.high, name
        assert figure.value == pytest.approx(0.5, abs=0.07), name


def test_likeness_is_the_cosine_with_a_speakers_mean() -> None:
    clips = np.array([[1.0, 0], [0, 1.0], [0, -1.0]])
    mean, highest = likeness(clips, np.array([0, 0, 1]), np.array([[0, 1.0], [1.0, 0]]))
    np.testing.assert_allclose(mean, [np.sqrt(0.5), -0.5])
    np.testing.assert_allclose(highest, [np.sqrt(0.5), 0])


def test_some_clips_of_every_speaker_are_kept_back() -> None:
    owner = np.array([0] * 10 + [1] * 2 + [2])
    kept = kept_back(owner, 0.2, 0)
    assert np.bincount(owner, kept).tolist() == [2, 1, 0], "who has one clip keeps it for training"


@pytest.fixture
def voices() -> Real:
    """Six speakers, each a bright band of their own."""
    rng = np.random.default_rng(1)
    windows = rng.integers(0, 60, (120, 16, 24)).astype(np.uint8)
    owner = np.arange(120) % 6
    for window, speaker in zip(windows, owner, strict=True):
        window[2 * speaker + 1 : 2 * speaker + 3] += 150
    names = tuple(f"speaker {speaker}" for speaker in owner)
    return Real(windows, np.arange(120) // 6 % 2, "ab" * 32, 1, {}, names)


def test_the_encoder_learns_speakers_once(voices: Real, make_recipe, tmp_path) -> None:
    schedule = {"epochs": 6, "batch": 16, "learning_rate": 0.005}
    network = {"name": "cnn6", "options": {"width": 0.125}}
    path = make_recipe(encoder={"kind": "network", "network": network, "schedule": schedule})
    options = load_privacy_recipe(path).encoder
    condensed = load_condense_recipe(tmp_path / "tiny.yaml")
    fabric, told = Fabric(accelerator="cpu", devices=1), []

    def trained(real: Real):
        return train_encoder(options, condensed, real, tmp_path / "cache", fabric, lambda *step: told.append(step))

    encoder, figures = trained(voices)
    assert figures.speakers == 6
    assert figures.clips == 12
    assert figures.accuracy > 0.9
    steps = len(told)
    again, other = trained(voices)
    assert len(told) == steps, "it is read, not trained"
    assert other == figures
    np.testing.assert_array_equal(again.directions(voices.windows), encoder.directions(voices.windows))
    np.testing.assert_allclose(np.linalg.norm(encoder.directions(voices.windows), axis=1), 1, atol=1e-5)
    next((tmp_path / "cache").glob("speakers-*.safetensors")).write_bytes(b"hello")
    with pytest.raises(StoreError, match="remove it"):
        trained(voices)
    with pytest.raises(CorpusError, match="tell no speakers apart"):
        trained(voices._replace(speakers=tuple(f"clip {number}" for number in range(120))))


def test_the_linear_encoder_tells_speakers_that_it_was_not_fitted_on(voices: Real) -> None:
    owner = np.unique(np.asarray(voices.speakers), return_inverse=True)[1]
    kept = kept_back(owner, 0.3, 0)
    encoder = LinearEncoder(voices.windows, owner, ~kept)
    assert encoder.accuracy(voices.windows[kept], owner[kept]) == 1
    shuffled = LinearEncoder(voices.windows, np.random.default_rng(0).permutation(owner), ~kept)
    assert shuffled.accuracy(voices.windows[kept], owner[kept]) < 0.5
    directions = encoder.directions(voices.windows)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1)
    own = directions @ directions.T
    same = owner[:, np.newaxis] == owner
    assert own[same].mean() > 0.9 > 0.2 > own[~same].mean()


def test_band_statistics_are_over_time() -> None:
    windows = np.random.default_rng(0).integers(0, 256, (3, 16, 24)).astype(np.uint8)
    found = band_statistics(windows)
    assert found.shape == (3, 64)
    np.testing.assert_allclose(found, band_statistics(windows[:, :, ::-1]), atol=1e-6)
    np.testing.assert_allclose(found[:, 32:48], np.median(windows / 127.5 - 1, axis=2), atol=1e-5)
