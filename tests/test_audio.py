"""Sound files of every kind, good and bad, and the microphone that is not there."""

import contextlib
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from exclaim.audio import microphone, microphones, probe, read_audio, stream_audio
from exclaim.errors import AudioError


def sweep(rate: int, seconds: float = 1.0, top: float = 3000.0) -> np.ndarray:
    """A sweep from 0 Hz to ``top`` at half of full scale, the same sound at every rate."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(np.pi * top * time**2 / seconds)).astype(np.float32)


def write(path: Path, samples: np.ndarray, rate: int = 16_000, **how: str) -> Path:
    soundfile.write(path, samples, rate, **how)
    return path


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    size = min(len(a), len(b))
    return float(np.corrcoef(a[:size], b[:size])[0, 1])


@pytest.fixture
def without_root() -> Iterator[None]:
    """Root reads what it likes; permissions are tested as somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_any_rate_comes_out_at_16_khz(tmp_path: Path, rate: int) -> None:
    samples = read_audio(write(tmp_path / "sweep.wav", sweep(rate), rate, subtype="FLOAT"))

    assert samples.dtype == np.float32
    assert abs(len(samples) - 16_000) <= 1
    inner = slice(400, 15_600)  # the resampler's filter rings at the ends
    np.testing.assert_allclose(samples[inner], sweep(16_000)[inner], atol=2e-3)


def test_what_is_above_8_khz_does_not_fold_back(tmp_path: Path) -> None:
    high = np.sin(2 * np.pi * 11_000 * np.arange(48_000) / 48_000).astype(np.float32)
    samples = read_audio(write(tmp_path / "high.wav", high, 48_000, subtype="FLOAT"))
    assert np.abs(samples[400:-400]).max() < 1e-4


@pytest.mark.parametrize("channels", [2, 3, 8])
def test_channels_are_mixed_down_by_their_mean(tmp_path: Path, channels: int) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (5000, channels)).astype(np.float32)
    path = write(tmp_path / "many.wav", samples, subtype="FLOAT")

    np.testing.assert_allclose(read_audio(path), samples.mean(axis=1), atol=1e-6)
    assert probe(path).channels == channels


FORMATS = [
    ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "PCM_U8"), ("WAV", "DOUBLE"), ("WAV", "ULAW"), ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_16"), ("AU", "PCM_16"),
    ("CAF", "ALAC_16"), ("W64", "PCM_16"), ("RF64", "PCM_16"),
]  # fmt: skip


@pytest.mark.parametrize(("container", "subtype"), FORMATS)
def test_formats(tmp_path: Path, container: str, subtype: str) -> None:
    path = write(tmp_path / "sound.bin", sweep(16_000), format=container, subtype=subtype)

    samples = read_audio(path)
    info = probe(path)

    assert correlation(samples, sweep(16_000)) > (0.7 if container == "MP3" else 0.99)  # its first frames are poor
    assert (info.sample_rate, info.channels, info.format) == (16_000, 1, f"{container} {subtype}")
    assert info.seconds == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("block_seconds", [1e-6, 0.1, 0.37, 100.0])
def test_blocks_join_to_the_whole(tmp_path: Path, rate: int, block_seconds: float) -> None:
    path = write(tmp_path / "sweep.wav", sweep(rate, 1.3), rate)
    blocks = list(stream_audio(path, block_seconds))

    assert all(len(block) for block in blocks)
    np.testing.assert_array_equal(np.concatenate(blocks), read_audio(path))


def test_blocks_are_about_as_long_as_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "long.flac", np.zeros(30 * 16_000), 16_000)
    lengths = [len(block) for block in stream_audio(path, 1.0)]
    assert max(lengths) <= 16_000 + 4096
    assert len(lengths) >= 24


def test_a_tenth_of_a_second_and_a_single_sample(tmp_path: Path) -> None:
    assert len(read_audio(write(tmp_path / "short.wav", sweep(16_000, 0.1)))) == 1600
    assert len(read_audio(write(tmp_path / "one.wav", np.ones(1), 192_000))) == 1


def test_silence_is_sound(tmp_path: Path) -> None:
    samples = read_audio(write(tmp_path / "silence.wav", np.zeros(16_000)))
    assert len(samples) == 16_000
    assert not samples.any()


def test_a_file_handle_is_not_left_open(tmp_path: Path) -> None:
    """Neither by a reader that stops early nor by a file that is refused."""
    good = write(tmp_path / "good.wav", sweep(16_000, 3))
    (tmp_path / "bad.wav").write_text("no sound at all")
    before = len(os.listdir("/dev/fd"))

    blocks = stream_audio(good, 0.1)
    next(blocks)
    blocks.close()
    with pytest.raises(AudioError):
        read_audio(tmp_path / "bad.wav")

    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.data
def test_reading_in_small_blocks_changes_no_sample_of_an_opus_file(
    data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seeking between blocks does, in this file."""
    path = data_root / "noise/bus/moodist-road.opus"
    whole = soundfile.read(path, dtype="float32", always_2d=True)[0].mean(axis=1)
    monkeypatch.setattr("exclaim.audio._READ_FRAMES", 1024)

    np.testing.assert_array_equal(np.concatenate(list(stream_audio(path))), whole)


# ---- bad input


def refused(path: Path, sentence: str) -> str:
    """Both doors refuse the file with a sentence that names it."""
    for door in (probe, read_audio):
        with pytest.raises(AudioError, match=sentence) as caught:
            door(path)
        assert str(path) in str(caught.value)
    return str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere.wav", "does not exist")


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    refused(tmp_path / "empty.wav", r"empty \(0 bytes\)")


def test_folder(tmp_path: Path) -> None:
    refused(tmp_path, "is a folder")


def test_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    refused(tmp_path / "pipe.wav", "is a pipe")


def test_text_named_wav(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("Dear diary, today I did not scream.\n")
    assert "Dear diary, toda" in refused(tmp_path / "text.wav", "not sound that can be decoded")


def test_raw_samples_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "samples.raw").write_bytes(bytes(3200))
    refused(tmp_path / "samples.raw", "not sound that can be decoded")


def test_git_lfs_pointer(tmp_path: Path) -> None:
    (tmp_path / "clip.wav").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")
    refused(tmp_path / "clip.wav", "Git-LFS pointer.*git lfs pull")


def test_header_without_samples(tmp_path: Path) -> None:
    refused(write(tmp_path / "nothing.wav", np.empty(0)), "no sound: 0 samples")


def test_unreadable(tmp_path: Path, without_root: None) -> None:
    path = tmp_path / "secret.wav"
    with contextlib.suppress(PermissionError):  # the folder itself may be root's: unreadable all the same
        path.touch(mode=0)
    refused(path, "cannot be read: Permission denied")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channels", [1, 2])
def test_not_finite(tmp_path: Path, value: float, channels: int) -> None:
    samples = np.zeros((40_000, channels), np.float32)
    samples[33_000] = value
    path = write(tmp_path / "float.wav", samples, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"float\.wav holds NaN or infinity 2\.\d s in"):
        read_audio(path)


def test_integers_written_as_floats(tmp_path: Path) -> None:
    path = write(tmp_path / "scaled.wav", sweep(16_000) * 32_768, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"samples up to 16384; expected \[-1, 1\]"):
        read_audio(path)


def truncated(tmp_path: Path, suffix: str, keep: float | int) -> Path:
    whole = write(tmp_path / f"whole{suffix}", sweep(16_000, 5) + np.random.default_rng(0).normal(0, 0.1, 80_000))
    path = tmp_path / f"cut{suffix}"
    data = whole.read_bytes()
    path.write_bytes(data[: keep if isinstance(keep, int) else int(len(data) * keep)])
    return path


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".flac", ".mp3"])
def test_truncated_is_heard_as_far_as_it_goes_and_said(
    tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = truncated(tmp_path, suffix, 0.5)
    with caplog.at_level(logging.WARNING):
        samples = read_audio(path)

    assert 2.0 <= len(samples) / 16_000 <= 3.0
    assert correlation(samples, read_audio(tmp_path / f"whole{suffix}")) > 0.95
    assert f"{path} is truncated or damaged" in caplog.text


def test_truncated_ogg_is_heard_as_far_as_it_goes(tmp_path: Path) -> None:
    assert 1.0 <= len(read_audio(truncated(tmp_path, ".ogg", 0.5))) / 16_000 <= 3.0


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_truncated_to_nothing(tmp_path: Path, suffix: str) -> None:
    path = truncated(tmp_path, suffix, 44)
    with pytest.raises(AudioError, match=re.escape(f"cut{suffix}")):
        read_audio(path)


def test_a_whole_file_says_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for suffix in (".wav", ".aiff", ".flac", ".ogg", ".mp3"):
        read_audio(write(tmp_path / f"whole{suffix}", sweep(16_000, 2)))
    assert not caplog.records


def test_a_wav_from_a_pipe_with_unknown_length_says_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = bytearray(write(tmp_path / "whole.wav", sweep(16_000, 2)).read_bytes())
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    (tmp_path / "piped.wav").write_bytes(data)

    assert len(read_audio(tmp_path / "piped.wav")) == 32_000
    assert not caplog.records


# ---- the microphone


class PortAudioError(Exception):
    """As sounddevice has it."""


class Stream:
    """An input stream that gives a ramp, and overruns once."""

    def __init__(self, device: str | None, channels: int, samplerate: int, dtype: str) -> None:
        self.reads = 0
        self.closed = False

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *error: object) -> None:
        self.closed = True

    def read(self, size: int) -> tuple[np.ndarray, bool]:
        self.reads += 1
        return np.full((size, 1), self.reads / 10, np.float32), self.reads == 2


def sound_system(
    monkeypatch: pytest.MonkeyPatch, rate: int = 16_000, names: tuple[str, ...] = ("Desk",)
) -> list[Stream]:
    """Stand in for the sound system of a machine that has none: one device, which knows one rate."""
    opened: list[Stream] = []
    devices = [{"name": name, "max_input_channels": 1, "default_samplerate": float(rate)} for name in names]
    devices.append({"name": "Speaker", "max_input_channels": 0, "default_samplerate": 48_000.0})

    def check_input_settings(device: str | None, channels: int, dtype: str, samplerate: int) -> None:
        if not names:
            raise PortAudioError("Error querying device -1")
        if device not in (None, *names):
            raise ValueError(f"No input device matching {device!r}")
        if samplerate != rate:
            raise PortAudioError("Invalid sample rate")

    def open_stream(**how: object) -> Stream:
        opened.append(Stream(**how))
        return opened[-1]

    def query_devices(device: str | None = None, kind: str | None = None) -> object:
        if kind is None:
            return devices
        if not names:
            raise PortAudioError("Error querying device -1")
        return devices[0]

    fake = SimpleNamespace(
        PortAudioError=PortAudioError,
        InputStream=open_stream,
        check_input_settings=check_input_settings,
        query_devices=query_devices,
    )
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return opened


def test_microphone_gives_blocks_and_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = sound_system(monkeypatch)
    overruns: list[int] = []
    blocks = microphone(block_seconds=0.1, on_overrun=lambda: overruns.append(opened[0].reads))

    first, second = next(blocks), next(blocks)
    blocks.close()

    assert (len(first), len(second)) == (1600, 1600)
    np.testing.assert_allclose(second, 0.2)
    assert overruns == [2]
    assert opened[0].closed


def test_microphone_that_knows_only_48_khz_is_resampled(monkeypatch: pytest.MonkeyPatch) -> None:
    sound_system(monkeypatch, rate=48_000)
    blocks = microphone("Desk", 0.1)
    samples = np.concatenate([next(blocks) for _ in range(10)])
    blocks.close()
    assert 14_000 <= len(samples) <= 16_000


def test_microphone_that_is_not_there_names_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    sound_system(monkeypatch, names=("Desk", "Door"))
    with pytest.raises(AudioError, match=r"microphone 'Roof' cannot be opened .*found 'Desk', 'Door'"):
        next(microphone("Roof"))


def test_machine_without_a_microphone(monkeypatch: pytest.MonkeyPatch) -> None:
    sound_system(monkeypatch, names=())
    with pytest.raises(AudioError, match=r"default microphone cannot be opened .*no input device"):
        next(microphone())
    assert microphones() == []


def test_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(AudioError, match=r"pip install exclaim\[device\]"):
        next(microphone())


def test_a_machine_without_a_microphone_says_so() -> None:
    """Nothing stands in here: the real library, or the sentence about it."""
    if shutil.which("arecord") and "card" in subprocess.run(["arecord", "-l"], capture_output=True, text=True).stdout:
        pytest.skip("this machine has a microphone")
    with pytest.raises(AudioError, match=r"install PortAudio|pip install|no input device"):
        next(microphone())
