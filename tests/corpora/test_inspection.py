import hashlib
import struct
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from exclaim.corpora.clip import Clip
from exclaim.corpora.inspection import BROKEN, Finding, inspect_clip, inspect_clips, with_findings
from exclaim.corpora.manifest import Manifest

POINTER = (
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1\nsize 12345\n"
)


def inspect(path: Path) -> Finding:
    return inspect_clip(Clip(path=path, corpus="csv"))


def write_raw_floats(path: Path, samples: list[float]) -> Path:
    """Write a float WAV by hand: soundfile would refuse nothing, but its clipping is its own affair."""
    soundfile.write(path, np.array(samples, np.float32), 16_000, subtype="FLOAT")
    return path


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3", ".aiff"])
def test_a_sound_file_is_measured(tmp_path: Path, write_sound, suffix: str) -> None:
    path = write_sound(tmp_path / f"a{suffix}", seconds=0.5, rate=44_100)
    found = inspect(path)
    assert found.state == "ok"
    assert found.seconds == pytest.approx(0.5, abs=0.06)
    assert found.peak_db == pytest.approx(20 * np.log10(0.5), abs=0.6)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("content", "state", "reason"),
    [
        (b"", "empty", "no bytes"),
        (POINTER.encode(), "git-lfs-pointer", "git lfs pull"),
        (b"I am no sound at all, only text named .wav\n" * 20, "unreadable", "not decoded"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "unreadable", "not decoded"),
    ],
)
def test_what_is_no_sound_is_told_apart(tmp_path: Path, content: bytes, state: str, reason: str) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    found = inspect(tmp_path / "a.wav")
    assert (found.state, found.state in BROKEN) == (state, True)
    assert reason in found.reason
    assert found.audio_sha256 is None


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    assert inspect(tmp_path / "absent.wav").state == "missing"
    (tmp_path / "folder.wav").mkdir()
    assert inspect(tmp_path / "folder.wav").state == "unreadable"


def test_a_header_without_samples_is_empty(tmp_path: Path) -> None:
    assert inspect(write_raw_floats(tmp_path / "a.wav", [])).state == "empty"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_nan_and_infinity_are_found(tmp_path: Path, bad: float) -> None:
    found = inspect(write_raw_floats(tmp_path / "a.wav", [0.1] * 100 + [bad] + [0.1] * 100))
    assert found.state == "not-finite"


def test_integers_written_as_floats_are_no_sound(tmp_path: Path) -> None:
    found = inspect(write_raw_floats(tmp_path / "a.wav", [20_000.0, -20_000.0]))
    assert (found.state, found.reason) == ("unreadable", "not sound: samples up to 20000 at 16000 Hz")


@pytest.mark.parametrize(
    ("peak", "state"), [(0.0, "silent"), (0.0005, "silent"), (0.005, "near-silent"), (0.02, "ok"), (1.0, "ok")]
)
def test_silence_is_told_from_quiet(tmp_path: Path, peak: float, state: str) -> None:
    found = inspect(write_raw_floats(tmp_path / "a.wav", [0.0, peak, -peak] * 50))
    assert found.state == state
    assert found.state not in BROKEN
    assert found.peak_db == pytest.approx(20 * np.log10(peak) if peak else -200, abs=0.06)


@pytest.mark.parametrize(("suffix", "kept"), [(".wav", 0.5), (".flac", 0.5)])
def test_a_file_that_was_cut_off_is_found(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 32_000), 16_000)
    assert inspect(path).state == "ok"
    path.write_bytes(path.read_bytes()[: round(path.stat().st_size * kept)])
    found = inspect(path)
    assert found.state in {"truncated", "unreadable"}
    assert found.state in BROKEN


def test_a_stream_of_unknown_length_is_not_cut_off(tmp_path: Path, write_sound) -> None:
    path = write_sound(tmp_path / "a.wav")
    data = bytearray(path.read_bytes())
    data[4:8] = struct.pack("<I", 0xFFFFFFFF)
    path.write_bytes(data)
    assert inspect(path).state == "ok"


def test_the_same_sound_in_two_containers_is_the_same_sound(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-9999, 9999, 4000).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 16_000)
    soundfile.write(tmp_path / "a.flac", samples, 16_000)
    one, two = inspect(tmp_path / "a.wav"), inspect(tmp_path / "a.flac")
    assert one.audio_sha256 == two.audio_sha256
    assert one.sha256 != two.sha256


def test_the_loudest_of_many_blocks_counts(tmp_path: Path) -> None:
    samples = np.zeros(8_000 * 25, np.float32)
    samples[8_000 * 15] = 0.5
    soundfile.write(tmp_path / "a.wav", samples, 8_000)
    found = inspect(tmp_path / "a.wav")
    assert (found.seconds, found.peak_db) == (25.0, -6.0)


def test_a_clip_that_is_no_waveform_is_only_hashed(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG and so on")
    found = inspect_clip(Clip(path=tmp_path / "a.png", corpus="csv", kind="relative-log-mel"))
    assert (found.state, found.seconds) == ("ok", None)


def test_findings_come_in_the_clips_order_and_are_counted_as_they_come(tmp_path: Path, write_sound) -> None:
    clips = tuple(Clip(path=write_sound(tmp_path / f"{n}.wav"), corpus="csv") for n in range(9))
    ticks = []
    findings = inspect_clips(clips, workers=4, progress=lambda: ticks.append(1))
    assert [finding.path for finding in findings] == [clip.path for clip in clips]
    assert len(ticks) == 9
    filled = with_findings(Manifest(corpus="csv", clips=clips), findings[:1])
    assert filled.clips[0] == msgspec.structs.replace(clips[0], seconds=0.05, sha256=findings[0].sha256)
    assert filled.clips[1] == clips[1]
