"""The speech embedding: how its two files are strung together."""

import numpy as np
import onnxruntime
import pytest

from exclaim.learn.embeddings import load_embedding


def test_windows_of_76_frames_every_8(stand_ins, tone):
    mel, network = (
        onnxruntime.InferenceSession(stand_ins / name)
        for name in ("speech-embedding-mel.onnx", "speech-embedding.onnx")
    )
    frames = mel.run(None, {"input": tone[None] * np.float32(32_768)})[0][0, 0] / 10 + 2
    windows = [frames[begin : begin + 76] for begin in range(0, len(frames) - 75, 8)]
    expected = [
        network.run(None, {"input_1": window[None, :, :, None].astype(np.float32)})[0].ravel() for window in windows
    ]
    found = load_embedding("speech-embedding", stand_ins).frames(tone)
    assert found == pytest.approx(np.stack(expected), rel=1e-4, abs=1e-3)


@pytest.mark.data
def test_the_real_one_hears_speech_rates_not_levels_alone(pretrained):
    if not (pretrained / "speech-embedding.onnx").is_file():
        pytest.skip(f"no speech-embedding.onnx at {pretrained}")
    embedding = load_embedding("speech-embedding", pretrained)
    times = np.arange(32_000) / 16_000
    voice = sum(np.sin(2 * np.pi * 140 * k * times) / k for k in range(1, 20)) * 0.1
    syllables = (voice * (0.5 + 0.5 * np.sin(2 * np.pi * 4 * times))).astype(np.float32)
    steady, quiet = voice.astype(np.float32), (0.5 * syllables).astype(np.float32)
    vectors = [embedding(sound)[0] for sound in (syllables, quiet, steady)]
    assert np.linalg.norm(vectors[0] - vectors[1]) < np.linalg.norm(vectors[0] - vectors[2])
