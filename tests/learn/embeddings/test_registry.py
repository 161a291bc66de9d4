"""Pretrained networks by name, and what is said when one is not there."""

import re
from pathlib import Path

import numpy as np
import pytest

from exclaim.errors import AudioError, ModelError, RecipeError
from exclaim.learn.embeddings import load_embedding, names


def test_three_networks_are_known():
    assert names() == ("byol-s", "speech-embedding", "yamnet")


@pytest.mark.parametrize("name", names())
def test_an_absent_network_says_what_to_put_where(name, tmp_path):
    with pytest.raises(ModelError, match=rf"{name} needs .* not found in {re.escape(str(tmp_path))}.*EXCLAIM_MODELS"):
        load_embedding(name, tmp_path)


def test_an_unknown_network_is_refused_with_those_that_are_known(tmp_path):
    with pytest.raises(RecipeError, match="'vggish' is not known; expected one of byol-s"):
        load_embedding("vggish", tmp_path)


@pytest.mark.parametrize("name", ["byol-s", "speech-embedding"])
def test_a_damaged_file_is_refused(name, stand_ins, tmp_path):
    for path in stand_ins.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes()[:100])
    with pytest.raises(ModelError, match="get it again"):
        load_embedding(name, tmp_path)


@pytest.mark.parametrize("name", ["byol-s", "speech-embedding"])
def test_a_sound_becomes_the_mean_and_the_maximum_of_its_frames(name, stand_ins, tone):
    embedding = load_embedding(name, stand_ins)
    frames = embedding.frames(tone)
    assert frames.shape[1] == embedding.width
    assert frames.shape[0] > 5
    assert np.array_equal(embedding(tone), np.stack([frames.mean(0), frames.max(0)]))
    assert embedding(tone).dtype == np.float32


@pytest.mark.parametrize("name", ["byol-s", "speech-embedding"])
@pytest.mark.parametrize("samples", [1, 600, 1279, 1280, 12_639, 12_640])
def test_the_shortest_sound_has_a_frame(name, samples, stand_ins, tone):
    frames = load_embedding(name, stand_ins).frames(tone[:samples])
    assert len(frames) >= 1
    assert np.isfinite(frames).all()


@pytest.mark.parametrize(
    "waveform",
    [np.zeros(0, np.float32), np.zeros((2, 16_000), np.float32), np.array([0.0, np.nan], np.float32)],
    ids=["empty", "stereo", "NaN"],
)
def test_what_is_no_sound_is_refused(waveform, stand_ins):
    with pytest.raises(AudioError, match="byol-s got samples of shape"):
        load_embedding("byol-s", stand_ins)(waveform)


def test_the_hash_is_of_the_files_and_not_of_where_they_lie(stand_ins, tmp_path):
    first = load_embedding("speech-embedding", stand_ins).sha256
    for path in stand_ins.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert load_embedding("speech-embedding", tmp_path).sha256 == first
    altered: Path = tmp_path / "speech-embedding.onnx"
    altered.write_bytes(altered.read_bytes().replace(b"stand-in", b"stand-up"))
    assert load_embedding("speech-embedding", tmp_path).sha256 != first
