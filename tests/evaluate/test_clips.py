"""From a clip to windows to one answer."""

import numpy as np
import pytest
import soundfile

from exclaim import features
from exclaim.errors import AudioError
from exclaim.evaluate.clips import clip_codes, clip_logits, clip_windows


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.3, 0.3, int(seconds * 16_000)).astype(np.float32)


def written(path, samples: np.ndarray, rate: int = 16_000):
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return path


@pytest.mark.parametrize("seconds", [0.05, 1.0, 2.999, 3.0])
def test_a_short_clip_is_the_window_that_features_define(tmp_path, seconds):
    samples = noise(seconds)
    ((inputs, levels),) = clip_windows(clip_codes(written(tmp_path / "a.wav", samples)))
    expected = features.log_mel(samples)
    assert inputs.shape == (1, 128, 188)
    np.testing.assert_allclose(inputs[0], expected, atol=2 / 80 * 0.5 + 1e-5)  # two half-decibel roundings
    padded = np.pad(samples, (0, 48_000 - len(samples)))
    np.testing.assert_allclose(levels, features.log_mel_db(padded).max(), atol=0.26)


def test_a_long_clip_is_cut_on_the_grid_from_its_beginning_to_its_end(tmp_path):
    codes = clip_codes(written(tmp_path / "a.wav", noise(60)))
    assert len(codes) == 1 + 60 * 16_000 // 256
    parts = list(clip_windows(codes))
    assert all(len(inputs) <= 64 for inputs, _ in parts)
    inputs = np.concatenate([part for part, _ in parts])
    ends = np.arange(186, len(codes) + 30, 31)
    assert len(inputs) == len(ends)
    padded = np.pad(codes, ((1, 31), (0, 0)))  # window 186 begins a frame before the clip
    for window, end in list(zip(inputs, ends, strict=True))[:: len(ends) // 7]:
        cut = features.decode(padded[end - 186 : end + 2].T)
        np.testing.assert_array_equal(window, features.normalise(cut[np.newaxis])[0])


def test_just_over_three_seconds_is_heard_to_its_end(tmp_path):
    samples = np.concatenate([noise(3.0) * 1e-4, noise(0.1)])
    levels = np.concatenate([x for _, x in clip_windows(clip_codes(written(tmp_path / "a.wav", samples)))])
    assert levels[-1] > levels[0] + 20


def test_logits_are_the_mean_over_the_windows(tmp_path, tiny):
    paths = [written(tmp_path / f"{i}.wav", noise(s, i)) for i, s in enumerate((1.0, 7.0, 0.5))]
    answers = list(clip_logits(tiny, paths, threads=2))
    assert [answer.path for answer in answers] == paths
    for path, answer in zip(paths, answers, strict=True):
        inputs = np.concatenate([x for x, _ in clip_windows(clip_codes(path))])
        assert answer.windows == len(inputs)
        for name, values in tiny.logits(inputs).items():
            found = answer.embedding if name == "embedding" else answer.logits[name]
            np.testing.assert_allclose(found, values.mean(axis=0), atol=1e-4)


def test_many_clips_come_in_order_with_the_bad_ones_among_them(tmp_path, tiny):
    paths = [written(tmp_path / f"{i}.wav", noise(0.2, i)) for i in range(140)]
    paths[70].write_bytes(b"")
    paths[71].unlink()
    steps = []
    answers = list(clip_logits(tiny, paths, threads=2, progress=lambda *step: steps.append(step)))
    assert [answer.path for answer in answers] == paths
    assert [i for i, answer in enumerate(answers) if answer.error] == [70, 71]
    assert str(paths[70]) in answers[70].error
    assert answers[70].logits == {}
    assert steps == [(64, 140), (128, 140), (140, 140)]


def test_no_clips_give_no_answers(tiny):
    assert list(clip_logits(tiny, [])) == []


def test_a_clip_that_is_no_sound_is_refused(tmp_path):
    (tmp_path / "a.wav").write_text("text")
    with pytest.raises(AudioError, match=r"a\.wav"):
        clip_codes(tmp_path / "a.wav")
