"""BYOL-S: its front-end against librosa's, its layers against their definition, and the real weights where they are."""

import librosa
import numpy as np
import pytest
import torch

from exclaim.errors import ModelError
from exclaim.learn.embeddings import load_embedding
from exclaim.learn.embeddings.byol_s import log_mel


def test_the_front_end_is_librosas(tone):
    power = librosa.feature.melspectrogram(
        y=tone,
        sr=16_000,
        n_fft=1024,
        hop_length=160,
        n_mels=64,
        fmin=60,
        fmax=7800,
        htk=True,
        norm=None,
        pad_mode="reflect",
    )
    expected = np.log(power + np.finfo(np.float32).eps)
    expected = (expected - expected.mean()) / expected.std()
    found = log_mel(tone)
    assert found.shape == (64, 1 + len(tone) // 160)
    assert found == pytest.approx(expected, abs=2e-3)


def test_gain_is_not_heard_and_silence_is_not_blown_up(stand_ins, tone):
    embedding = load_embedding("byol-s", stand_ins)
    noisy = tone + np.random.default_rng(0).normal(0, 0.01, tone.size).astype(np.float32)
    assert embedding(0.1 * noisy) == pytest.approx(embedding(noisy), abs=0.02)
    assert np.abs(log_mel(np.zeros(16_000, np.float32))).max() < 0.1


def test_a_frame_is_the_layers_one_after_another(stand_ins, tone):
    state = torch.load(stand_ins / "byol-s-512.pth", weights_only=True)
    maps = torch.from_numpy(log_mel(tone))[None, None]
    for number in (0, 4, 8):
        maps = torch.conv2d(maps, state[f"features.{number}.weight"], padding=1) / np.sqrt(1 + 1e-5)
        maps = torch.max_pool2d(maps.relu(), 2)
    frame = maps[0, :, :, 3]  # (channels, bands) of the fourth
    hidden = (state["fc.0.weight"] @ frame.T.reshape(-1)).relu()
    expected = (state["fc.3.weight"] @ hidden).relu()
    found = load_embedding("byol-s", stand_ins).frames(tone)
    assert found.shape == ((1 + len(tone) // 160) // 8, 512)
    assert found[3] == pytest.approx(expected.numpy(), abs=1e-4)


def test_a_file_with_other_tensors_is_refused(stand_ins, tmp_path):
    state = torch.load(stand_ins / "byol-s-512.pth", weights_only=True)
    torch.save(state | {"fc.3.weight": torch.zeros(256, 512)}, tmp_path / "byol-s-512.pth")
    with pytest.raises(ModelError, match="does not hold BYOL-S's 25 tensors"):
        load_embedding("byol-s", tmp_path)


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("code in a file of weights was run",))


def test_a_file_that_carries_code_is_refused_unrun(tmp_path):
    torch.save({"features.0.weight": Evil()}, tmp_path / "byol-s-512.pth")
    with pytest.raises(ModelError, match="does not hold BYOL-S's 25 tensors"):
        load_embedding("byol-s", tmp_path)


@pytest.mark.data
def test_the_real_one_tells_a_hum_from_a_hiss_whoever_recorded_it(pretrained):
    if not (pretrained / "byol-s-512.pth").is_file():
        pytest.skip(f"no byol-s-512.pth at {pretrained}")
    embedding = load_embedding("byol-s", pretrained)
    rng = np.random.default_rng(0)

    def hum(pitch: float) -> np.ndarray:
        times = np.arange(16_000) / 16_000
        tones = sum(np.sin(2 * np.pi * pitch * k * times) / k for k in range(1, 8))
        return (0.1 * tones + rng.normal(0, 0.002, 16_000)).astype(np.float32)

    hums = [embedding(hum(pitch))[0] for pitch in (120, 150)]
    hisses = [embedding(rng.normal(0, level, 16_000).astype(np.float32))[0] for level in (0.02, 0.3)]

    def cosine(one: np.ndarray, other: np.ndarray) -> float:
        return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))

    alike = min(cosine(*hums), cosine(*hisses))
    assert alike > max(cosine(one, other) for one in hums for other in hisses) + 0.1
