"""What a model hears of clips under noise: the mixture that the definition says, through the byte code."""

import hashlib

import numpy as np
import pytest
import soundfile

from exclaim import features
from exclaim.audio import read_audio
from exclaim.evaluate.clips import clip_logits
from exclaim.evaluate.noise.bank import noise_bank
from exclaim.evaluate.noise.hearing import Condition, conditions, noisy_logits
from exclaim.evaluate.noise.mixing import active_level, mean_square
from exclaim.evaluate.noise.recordings import noise_in_folder

HEADS = ("scream-detection", "scream-type")


def sound(seconds: float, seed: int = 0, level: float = 0.2) -> np.ndarray:
    return (level * np.random.default_rng(seed).normal(size=int(seconds * 16_000))).astype(np.float32)


def written(path, samples):
    soundfile.write(path, samples, 16_000, subtype="FLOAT")
    return path


@pytest.fixture
def noise(write_noise):
    return noise_in_folder(write_noise({"bus/a.wav": sound(5, 7), "cafe/b.wav": sound(2, 8, 0.01)}))


def test_the_network_gets_the_mixture_through_the_byte_code(tmp_path, tiny, noise):
    clip = sound(1.2, 1)
    path = written(tmp_path / "clip.wav", clip)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    with noise_bank(noise) as bank:
        (found,) = noisy_logits(tiny, [path], bank, (-5.0, 20.0), seed=3)
        assert conditions(bank, (-5.0, 20.0)) == (
            Condition("bus", -5.0),
            Condition("bus", 20.0),
            Condition("cafe", -5.0),
            Condition("cafe", 20.0),
        )
        for (kind, snr), means in zip(conditions(bank, (-5.0, 20.0)), found.noisy, strict=True):
            under = bank.excerpt(kind, f"3:{sha256}:{kind}", 48_000).astype(np.float64)  # the whole window of 3 s
            under *= np.sqrt(active_level(clip) / mean_square(under)) * 10 ** (-snr / 20)
            under[: len(clip)] += clip
            under /= max(1, abs(under).max())
            codes = features.encode(features.log_mel_db(under.astype(np.float32)))
            window = features.decode(codes)
            expected = tiny.logits(features.normalise(window[np.newaxis]))
            assert means.level_db == window.max()
            for head in HEADS:
                np.testing.assert_allclose(means.logits[head], expected[head][0], atol=2e-3)


def test_the_clean_answer_is_that_of_a_plain_evaluation(tmp_path, tiny, noise):
    paths = [written(tmp_path / f"{i}.wav", sound(seconds, i)) for i, seconds in enumerate((0.3, 3.0, 7.5))]
    with noise_bank(noise) as bank:
        found = [one.clean for one in noisy_logits(tiny, paths, bank, (0.0,), threads=2)]
    for one, other in zip(found, clip_logits(tiny, paths), strict=True):
        assert (one.path, one.sha256, one.windows, one.level_db) == (
            other.path,
            other.sha256,
            other.windows,
            other.level_db,
        )
        for head in HEADS:
            np.testing.assert_allclose(one.logits[head], other.logits[head], rtol=1e-6)


def test_an_excerpt_depends_on_nothing_but_seed_clip_and_kind(tmp_path, tiny, noise):
    path = written(tmp_path / "a.wav", sound(1, 1))
    others = [written(tmp_path / f"{i}.wav", sound(1, i + 5)) for i in range(3)]

    def heard(paths, snrs, seed=0):
        with noise_bank(noise) as bank:
            asked = conditions(bank, snrs)
            return [
                dict(zip(asked, one.noisy, strict=True)) for one in noisy_logits(tiny, paths, bank, snrs, seed=seed)
            ]

    (alone,) = heard([path], (0.0,))
    among = heard([*others, path], (-10.0, 0.0))[-1]
    (reseeded,) = heard([path], (0.0,), seed=1)
    for condition, means in alone.items():
        np.testing.assert_allclose(means.logits[HEADS[0]], among[condition].logits[HEADS[0]], rtol=1e-5)
        assert abs(means.logits[HEADS[0]] - reseeded[condition].logits[HEADS[0]]).max() > 1e-5


def test_at_a_high_ratio_little_is_changed_and_at_a_low_one_the_noise_is_heard(tmp_path, tiny, noise):
    clip = sound(3, 1)
    path = written(tmp_path / "a.wav", clip)
    with noise_bank(noise) as bank:
        (found,) = noisy_logits(tiny, [path], bank, (-60.0, 60.0))
        low, high = found.noisy[0], found.noisy[1]
        key = f"0:{hashlib.sha256(path.read_bytes()).hexdigest()}:bus"
        alone = written(tmp_path / "noise.wav", bank.excerpt("bus", key, 48_000))
        (noise_alone,) = clip_logits(tiny, [alone])
    np.testing.assert_allclose(high.logits[HEADS[0]], found.clean.logits[HEADS[0]], atol=0.1)
    np.testing.assert_allclose(low.logits[HEADS[1]], noise_alone.logits[HEADS[1]], atol=0.1)
    assert low.level_db < 30  # scaled to full scale, where white noise is spread over the bands


def test_clips_come_in_order_with_those_that_cannot_be_mixed_among_them(tmp_path, tiny, noise):
    paths = [written(tmp_path / f"{i}.wav", sound(0.2, i)) for i in range(9)]
    paths[2].write_text("no sound")
    written(paths[4], np.zeros(4_000, np.float32))
    written(paths[6], sound(61, 6))
    paths[8].unlink()
    steps = []
    with noise_bank(noise) as bank:
        found = list(noisy_logits(tiny, paths, bank, (0.0,), threads=2, progress=lambda *step: steps.append(step)))
    assert [one.clean.path for one in found] == paths
    assert [bool(one.noisy) for one in found] == [True, True, False, True, False, True, False, True, False]
    assert [bool(one.clean.error) for one in found] == [i in (2, 8) for i in range(9)]
    assert found[4].reason == "is digital silence, which has no level"
    assert found[6].reason == "is longer than 60 s"
    assert found[6].clean.windows > 100
    assert steps[-1] == (9, 9)


def test_a_clip_is_decoded_once(tmp_path, tiny, noise, monkeypatch):
    path, asked = written(tmp_path / "a.wav", sound(1)), []
    monkeypatch.setattr(
        "exclaim.evaluate.noise.hearing.read_audio", lambda path: asked.append(path) or read_audio(path)
    )
    with noise_bank(noise) as bank:
        (found,) = noisy_logits(tiny, [path], bank, (-5.0, 0.0, 5.0))
    assert len(found.noisy) == 6
    assert asked == [path]
