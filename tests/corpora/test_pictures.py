"""Log-mels kept as pictures: read as frames, in a corpus, in the feature store and by a model."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exclaim import features
from exclaim.corpora.pictures import PEAK_DB, find_pictures, picture_codes
from exclaim.corpora.registry import load_corpus
from exclaim.errors import AudioError
from exclaim.evaluate.clips import clip_codes
from exclaim.learn.compose import plain_window
from exclaim.learn.store import build_store


def picture_of(codes: np.ndarray, path: Path) -> Path:
    """Write the picture of (frames, 128) codes, as the corpus's makers did: dB below the clip's maximum."""
    decibels = features.decode(codes.T[:, : features.WINDOW_FRAMES])
    relative = np.maximum(decibels - decibels.max(), -80)
    grey = np.zeros((features.N_MELS, features.WINDOW_FRAMES), np.uint8)
    grey[:, : relative.shape[1]] = np.round((relative / 80 + 1) * 255)
    Image.fromarray(grey).save(path)
    return path


@pytest.fixture
def codes() -> np.ndarray:
    rng = np.random.default_rng(3)
    sound = np.sin(np.cumsum(rng.uniform(0.05, 0.3, 24_000))) * np.linspace(0.1, 0.6, 24_000)
    return features.encode(features.log_mel_db(sound.astype(np.float32))).T


def test_a_picture_gives_the_window_that_its_sound_gives(codes: np.ndarray, tmp_path: Path) -> None:
    found = picture_codes(picture_of(codes, tmp_path / "a.png"))
    assert found.shape == codes.shape
    assert features.decode(found).max() == pytest.approx(PEAK_DB, abs=0.25)
    assert np.abs(plain_window(found) - plain_window(codes)).max() < 0.02  # half a step of each code


def test_columns_behind_the_end_are_no_frames_but_quiet_ones_within_are(codes: np.ndarray, tmp_path: Path) -> None:
    codes = codes.copy()
    codes[20:30] = 0
    assert len(picture_codes(picture_of(codes, tmp_path / "a.png"))) == len(codes) < features.WINDOW_FRAMES


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (Image.new("RGB", (188, 128), "white"), "mode RGB"),
        (Image.new("L", (188, 64), 255), "188 x 64"),
        (Image.new("L", (188, 128), 0), "nothing but floor"),
    ],
)
def test_another_picture_is_refused(picture: Image.Image, said: str, tmp_path: Path) -> None:
    picture.save(tmp_path / "a.png")
    with pytest.raises(AudioError, match=said):
        picture_codes(tmp_path / "a.png")


@pytest.mark.parametrize("damage", [lambda raw: raw[: len(raw) // 2], lambda raw: b"no picture", lambda raw: b""])
def test_a_damaged_picture_is_refused(damage, codes: np.ndarray, tmp_path: Path) -> None:
    path = picture_of(codes, tmp_path / "a.png")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(AudioError, match="cannot be read as a picture"):
        picture_codes(path)


def test_the_corpus_of_pictures_is_crema_d_without_sound(codes: np.ndarray, tmp_path: Path) -> None:
    folder = tmp_path / "crema-d-logmel"
    folder.mkdir()
    (tmp_path / "crema-d").mkdir()
    (tmp_path / "crema-d" / "VideoDemographics.csv").write_text(
        "ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Caucasian,Not Hispanic\n"
    )
    for name in ("1001_DFA_ANG_XX", "1002_IEO_HAP_HI", "1002_IEO_JOY_HI", ".hidden"):
        picture_of(codes, folder / f"{name}.png")
    manifest = load_corpus("crema-d-logmel", tmp_path)
    assert [(clip.speaker_key, clip.label, clip.sex, clip.age) for clip in manifest] == [
        ("crema-d:1001", "ANG", "male", 51),
        ("crema-d:1002", "HAP", None, None),
    ]
    assert manifest.summary_of_excluded() == {"name is not ACTOR_SENTENCE_EMOTION_LEVEL": 1}
    assert [path.name for path in find_pictures(tmp_path, depth=0)] == []
    store = build_store(manifest.clips, tmp_path / "cache")
    for clip in manifest:
        assert np.array_equal(store.codes(clip), picture_codes(clip.path))
        assert clip_codes(clip.path).shape == (features.WINDOW_FRAMES, features.N_MELS)
        assert np.array_equal(clip_codes(clip.path)[: len(codes)], picture_codes(clip.path))
