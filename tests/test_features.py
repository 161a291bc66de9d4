"""The front-end against librosa, streaming against batch, and what silence looks like."""

import importlib.util
import tracemalloc
import warnings
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from exclaim import features
from exclaim.errors import AudioError

PROJECT = Path(__file__).parents[1]
SECOND = features.SAMPLE_RATE


def librosa_db(waveform: np.ndarray) -> np.ndarray:
    """What librosa says: (128, frames) in dB re 1.0, clipped at -80 dB."""
    power = librosa.feature.melspectrogram(
        y=waveform, sr=16_000, n_fft=1024, hop_length=256, n_mels=128, fmin=0, fmax=8_000, pad_mode="constant"
    )
    return librosa.power_to_db(power, ref=1.0, amin=1e-8, top_db=None)


def noise(seconds: float, rms: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, rms, round(seconds * SECOND)).astype(np.float32)


def tone(seconds: float, hertz: float, amplitude: float = 1.0) -> np.ndarray:
    time = np.arange(round(seconds * SECOND)) / SECOND
    return (amplitude * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def streamed(waveform: np.ndarray, cuts: list[int]) -> np.ndarray:
    """Frames of a waveform fed in the chunks between ``cuts``: (frames, 128)."""
    state = features.start()
    frames = []
    for chunk in np.split(waveform, cuts):
        new, state = features.stream(chunk, state)
        frames.append(new)
    frames.append(features.finish(state))
    return np.concatenate(frames)


SOUNDS = {
    "tone": tone(1.0, 440),
    "tone above noise at the floor": tone(1.0, 3000) + noise(1.0, 1e-6),
    "noise": noise(1.5, 0.1),
    "faint noise": noise(1.0, 1e-5),
    "click": np.eye(1, 9000, 4500, dtype=np.float32)[0],
    "silence": np.zeros(8000, np.float32),
    "sweep": np.sin(np.cumsum(np.linspace(0, np.pi, 30_001))).astype(np.float32),
    "clipped": np.clip(tone(0.7, 1234, 4.0), -1, 1),
    "0.1 s": noise(0.1, 0.1),
    "one sample": np.ones(1, np.float32),
    "257 samples": noise(257 / SECOND, 0.1),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_equals_librosa_on_synthetic_sounds(name: str) -> None:
    ours = features.log_mel_db(SOUNDS[name])

    assert ours.dtype == np.float32
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_fft=1024 is too large")  # librosa's remark on the shortest
        np.testing.assert_allclose(ours, librosa_db(SOUNDS[name]), rtol=0, atol=1e-3)


@pytest.mark.data
@pytest.mark.parametrize(
    "folder", ["emogator/data/opus", "deeply/dataset", "esc-10", "librispeech", "noise", "ravdess"]
)
def test_equals_librosa_on_real_clips(data_root: Path, folder: str) -> None:
    clips = sorted(path for path in (data_root / folder).rglob("*") if path.suffix in {".opus", ".wav"})
    assert clips

    for path in clips[:: max(1, len(clips) // 5)]:
        waveform = soundfile.read(path, frames=10 * SECOND, dtype="float32", always_2d=True)[0].mean(axis=1)
        np.testing.assert_allclose(
            features.log_mel_db(waveform), librosa_db(waveform), rtol=0, atol=1e-3, err_msg=path.name
        )


WAVEFORM = np.concatenate([noise(1.2, 0.1), np.zeros(1500, np.float32), tone(0.5, 900) + noise(0.5, 1e-6)])


@given(cuts=st.lists(st.integers(0, WAVEFORM.size), max_size=30), length=st.integers(1, WAVEFORM.size))
@settings(deadline=None, max_examples=60)
def test_streaming_equals_batch_for_any_chunking(cuts: list[int], length: int) -> None:
    waveform = WAVEFORM[:length]
    batch = features.log_mel_db(waveform).T

    frames = streamed(waveform, sorted(min(cut, length) for cut in cuts))

    # 1e-5 dB is what is promised; the fixed grid of groups gives the very same bits, and so the same bytes.
    np.testing.assert_array_equal(frames, batch)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 1024, 1600])
def test_streaming_equals_batch_for_chunks_of_one_size(size: int) -> None:
    waveform = WAVEFORM[:4000] if size == 1 else WAVEFORM
    np.testing.assert_array_equal(
        streamed(waveform, list(range(size, waveform.size, size))), features.log_mel_db(waveform).T
    )


def test_streaming_gives_a_frame_as_soon_as_its_last_sample_is_there() -> None:
    frames, state = features.stream(np.zeros(511), features.start())
    assert frames.shape == (0, 128)
    frames, state = features.stream(np.zeros(1), state)
    assert frames.shape == (1, 128)
    frames, state = features.stream(np.zeros(256), state)
    assert (frames.shape, state.frames, state.samples) == ((1, 128), 2, 768)


def test_streaming_is_pure() -> None:
    _, state = features.stream(WAVEFORM[:5000], features.start())
    first, _ = features.stream(WAVEFORM[5000:9000], state)
    features.stream(-WAVEFORM[:3000], state)
    again, _ = features.stream(WAVEFORM[5000:9000], state)

    np.testing.assert_array_equal(first, again)
    first[:] = 0
    np.testing.assert_array_equal(again, features.log_mel_db(WAVEFORM[:9000]).T[18 : 18 + len(again)])


def test_nothing_streamed_is_nothing() -> None:
    assert streamed(np.empty(0, np.float32), []).shape == (0, 128)


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (1, 1), (255, 1), (256, 2), (1600, 7), (48_000, 188)])
def test_frame_count(samples: int, frames: int) -> None:
    assert features.frame_count(samples) == frames
    if samples:
        assert features.log_mel_db(np.zeros(samples)).shape == (128, frames)


@given(st.lists(st.floats(-80, 47.5, width=32), min_size=1, max_size=300))
def test_a_coded_frame_is_off_by_half_a_step_at_most(decibels: list[float]) -> None:
    frames = np.array(decibels, np.float32)
    half_a_step = 0.5 / features.CODE_STEPS_PER_DB

    error = np.abs(features.decode(features.encode(frames)) - frames)

    assert error.max() <= half_a_step + 1e-5  # float32 beside -80


def test_the_byte_code_saturates_and_its_floor_is_zero() -> None:
    np.testing.assert_array_equal(
        features.encode(np.array([-200.0, -80.0, -79.5, 0.0, 34.0, 99.0])), [0, 0, 1, 160, 228, 255]
    )
    np.testing.assert_array_equal(features.decode(np.arange(256, dtype=np.uint8)), np.arange(256) / 2 - 80)


def test_every_byte_survives_the_round_trip() -> None:
    codes = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(features.encode(features.decode(codes)), codes)


def test_full_scale_tone_is_near_34_db_and_one_bit_of_noise_near_minus_79() -> None:
    """The two levels that DESIGN names; the widest band narrows a tone, so the loudest band is asked for."""
    assert features.log_mel_db(tone(3, 1000)).max() == pytest.approx(34, abs=1.5)
    one_bit = np.random.default_rng(0).integers(0, 2, 48_000) / 32_768
    one_bit -= one_bit.mean()
    assert np.median(features.log_mel_db(one_bit)) == pytest.approx(-79, abs=1.5)


def test_digital_silence_is_dark() -> None:
    """Dark: flat at the floor's grey, -0.5, which is 60 dB below the least reference; nothing stands out."""
    window = features.log_mel(np.zeros(features.CLIP_SAMPLES, np.float32))

    assert (window == np.float32(-0.5)).all()


def test_a_quiet_room_is_dark() -> None:
    """Dark: its maximum keeps the distance to white that its level has to -20 dB (24 dB here: below 0.4)."""
    room_db = features.log_mel_db(noise(3, 10 ** (-70 / 20)))
    window = features.normalise(room_db)

    level = room_db.max()
    assert level < -44
    assert window.max() == pytest.approx(1 - (features.REFERENCE_DB - level) / 40, abs=1e-5)
    assert window.max() < 0.4
    assert features.normalise(room_db + 60).max() == 1  # the same noise, loud


def test_gain_does_not_change_a_loud_window() -> None:
    loud = features.log_mel_db(noise(3, 0.05))
    np.testing.assert_allclose(features.normalise(loud), features.normalise(loud + np.float32(6)), atol=1e-5)


def test_normalise_takes_each_window_by_itself_and_spans_80_db() -> None:
    windows = np.stack([np.linspace(-80, 30, 128 * 188), np.linspace(-80, -30, 128 * 188)]).reshape(2, 128, 188)
    normalised = features.normalise(windows.astype(np.float32))

    assert normalised.dtype == np.float32
    np.testing.assert_array_equal(normalised[1], features.normalise(windows[1].astype(np.float32)))
    assert (normalised[0].min(), normalised[0].max()) == (-1, 1)
    assert (normalised[1].min(), normalised[1].max()) == (-0.5, 0.75)


def test_normalise_leaves_its_argument_alone() -> None:
    window = np.full((128, 188), -30, np.float32)
    features.normalise(window)
    assert (window == -30).all()


@pytest.mark.parametrize("seconds", [0.1, 2.9, 3.0, 4.0])
def test_log_mel_cuts_or_pads_to_three_seconds(seconds: float) -> None:
    clip = noise(seconds, 0.1)
    padded = np.concatenate([clip, np.zeros(3 * SECOND, np.float32)])[: 3 * SECOND]

    window = features.log_mel(clip)

    assert window.shape == (128, 188)
    assert window.dtype == np.float32
    np.testing.assert_array_equal(window, features.normalise(features.log_mel_db(padded)))


BAD_WAVEFORMS = {
    "NaN": (np.array([0.0, np.nan]), "NaN or infinity"),
    "infinity": (np.array([0.0, -np.inf]), "NaN or infinity"),
    "stereo": (np.zeros((2, 100)), r"shape \(2, 100\)"),
    "integers": (np.zeros(100, np.int16), "int16"),
}


@pytest.mark.parametrize("name", BAD_WAVEFORMS)
def test_refuses_a_bad_waveform(name: str) -> None:
    waveform, sentence = BAD_WAVEFORMS[name]
    for call in (
        features.log_mel_db,
        features.log_mel,
        lambda chunk: features.stream(chunk, features.start()),
    ):
        with pytest.raises(AudioError, match=sentence):
            call(waveform)


def test_refuses_an_empty_waveform() -> None:
    for call in (features.log_mel_db, features.log_mel):
        with pytest.raises(AudioError, match="empty"):
            call(np.empty(0))


def test_the_frozen_filterbank_is_made_again() -> None:
    spec = importlib.util.spec_from_file_location("make_filterbank", PROJECT / "scripts/make_filterbank.py")
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)

    frozen = np.load(PROJECT / "src/exclaim/assets/mel_filterbank.npy", allow_pickle=False)

    assert frozen.shape == (128, 513)
    np.testing.assert_array_equal(frozen, recipe.filterbank())


def test_an_hour_takes_no_more_work_memory_than_a_second() -> None:
    """Blocks: the transform's own arrays stay below a megabyte however long the sound is."""
    state = features.start()
    chunk = np.zeros(10 * SECOND, np.float32)
    features.stream(chunk, state)
    tracemalloc.start()
    features.stream(chunk, state)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    tail_and_frames = (chunk.size + 512) * 8 + 625 * 128 * 4
    assert peak < tail_and_frames + chunk.size + 2**20  # and a byte for each sample's check
