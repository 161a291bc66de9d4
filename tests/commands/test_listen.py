"""``exclaim listen`` as the shell calls it: episodes on standard output, what went wrong on standard error."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from exclaim.card import Head, Thresholds
from exclaim.commands import listen as command
from exclaim.model import shipped_models

RATE = 16_000


@pytest.fixture
def model(tmp_path, make_model) -> Path:
    return make_model(tmp_path / "tiny.onnx", level_floor_db=-40.0)


def scene(seconds: float = 12.0) -> np.ndarray:
    """A quiet room; for two seconds from second 4 on, what the tiny model takes for a scream."""
    random = np.random.default_rng(3)
    sound = random.normal(0, 1e-4, round(seconds * RATE))
    scream = sound[4 * RATE : 6 * RATE]
    scream += random.uniform(-0.9, 0.9, len(scream))
    return sound.astype(np.float32)


@pytest.fixture
def recording(tmp_path) -> Path:
    path = tmp_path / "scene.wav"
    soundfile.write(path, scene(), RATE, subtype="FLOAT")
    return path


def test_a_table_of_episodes(exclaim: Callable, recording: Path, model: Path) -> None:
    done = exclaim("listen", recording, "--model", model)

    assert (done.status, done.err) == (0, "")
    header, _, row = done.out.strip().splitlines()
    assert header.split() == ["onset", "offset", "heard", "type", "confidence", "level"]
    onset, offset, heard, _, confidence, level, _ = row.split()
    assert onset.startswith("00:0")
    assert 4 <= float(onset[3:]) <= 5
    assert 6 <= float(offset[3:]) <= 10
    assert heard == "scream"
    assert 0.5 <= float(confidence) <= 1
    assert -10 < float(level) < 34


def test_json_lines(exclaim: Callable, recording: Path, model: Path) -> None:
    done = exclaim("listen", recording, "--json", "--model", model)
    again = exclaim("listen", recording, "--json", "--model", model)

    assert (done.status, done.err) == (0, "")
    assert done.out == again.out
    (episode,) = map(json.loads, done.out.splitlines())
    assert episode["state"] == "closed"
    assert episode["onset_seconds"] == pytest.approx(episode["onset_frame"] * 0.016, abs=1e-3)
    assert episode["onset_seconds"] < episode["offset_seconds"] <= 12
    assert episode["type"]["task"] == "scream-type"
    assert {reference["task"] for reference in episode["models"]} == {"scream-detection", "scream-type"}


def test_without_the_gate(exclaim: Callable, recording: Path, model: Path) -> None:
    done = exclaim("listen", recording, "--no-gate", "--json", "--model", model)
    assert (done.status, len(done.out.splitlines())) == (0, 1)


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (192_000, 1), (48_000, 8)])
def test_other_rates_and_channel_counts(
    exclaim: Callable, tmp_path: Path, model: Path, rate: int, channels: int
) -> None:
    path = tmp_path / "other.wav"
    sound = soxr.resample(scene(8.0), RATE, rate)
    soundfile.write(path, np.repeat(sound[:, None], channels, axis=1), rate)

    done = exclaim("listen", path, "--json", "--model", model)

    assert (done.status, done.err) == (0, "")
    assert len(done.out.splitlines()) == 1


@pytest.mark.parametrize("seconds", [0.1, 3.0, 10.0])
def test_silence_says_that_there_is_nothing(exclaim: Callable, tmp_path: Path, model: Path, seconds: float) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(round(seconds * RATE)), RATE)

    done = exclaim("listen", path, "--model", model)
    assert (done.status, done.err) == (0, "")
    assert done.out == f"no episodes in silence.wav (00:{seconds:04.1f})\n"
    assert exclaim("listen", path, "--json", "--model", model).out == ""


def test_a_truncated_file_is_heard_as_far_as_it_goes_and_said(
    exclaim: Callable, recording: Path, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recording.write_bytes(recording.read_bytes()[: RATE * 4 * 9])
    done = exclaim("listen", recording, "--json", "--model", model)
    assert (done.status, len(done.out.splitlines())) == (0, 1)
    assert "scene.wav is truncated or damaged after 9.0 s" in caplog.text


def refused(done, *words: str) -> None:
    """One sentence on standard error, nothing on standard output, a status that is not 0."""
    assert done.status != 0
    assert done.out == ""
    assert done.err.startswith("exclaim: ")
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err


def samples_with(value: float) -> np.ndarray:
    samples = np.zeros(RATE, np.float32)
    samples[9_000] = value
    return samples


def bad_files() -> dict[str, tuple[Callable[[Path], object], str]]:
    return {
        "missing": (lambda path: None, "does not exist"),
        "empty": (lambda path: path.touch(), "empty"),
        "folder": (lambda path: path.mkdir(), "folder"),
        "text": (lambda path: path.write_text("no sound"), "not sound"),
        "pointer": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
        "no samples": (lambda path: soundfile.write(path, np.empty(0), RATE), "no sound"),
        "NaN": (lambda path: soundfile.write(path, samples_with(np.nan), RATE, subtype="FLOAT"), "NaN"),
        "infinity": (lambda path: soundfile.write(path, samples_with(np.inf), RATE, subtype="FLOAT"), "infinity"),
    }


@pytest.mark.parametrize("kind", bad_files())
def test_bad_files(exclaim: Callable, tmp_path: Path, model: Path, kind: str) -> None:
    path = tmp_path / "bad.wav"
    make, word = bad_files()[kind]
    make(path)
    refused(exclaim("listen", path, "--model", model), "bad.wav", word)
    refused(exclaim("listen", path, "--json", "--model", model), "bad.wav", word)


def test_a_model_that_is_not_there(exclaim: Callable, recording: Path) -> None:
    refused(exclaim("listen", recording, "--model", "nowhere.onnx"), "nowhere.onnx")


def test_a_missing_microphone(exclaim: Callable, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    refused(exclaim("listen", "mic", "--model", model), "pip install exclaim[device]")


def interrupted_after(blocks: list[np.ndarray]) -> Callable[..., Iterator[np.ndarray]]:
    """A microphone that hears these blocks until somebody presses Ctrl-C."""

    def microphone(device: str | None) -> Iterator[np.ndarray]:
        yield from blocks
        raise KeyboardInterrupt

    return microphone


@pytest.mark.parametrize("seconds", [5.5, 12.0])
def test_a_microphone_is_heard_live_until_interrupted(
    exclaim: Callable, model: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    blocks = np.split(scene(seconds), range(1600, round(seconds * RATE), 1600))
    monkeypatch.setattr("exclaim.commands.listen.microphone", interrupted_after(blocks))

    done = exclaim("listen", "mic", "--json", "--model", model)
    assert (done.status, done.err) == (0, "")
    revisions = [json.loads(line) for line in done.out.splitlines()]
    assert [revision["revision"] for revision in revisions] == list(range(1, len(revisions) + 1))
    assert [revision["state"] for revision in (revisions[0], revisions[-1])] == ["open", "closed"]
    assert revisions[0]["info"]["origin"] == "microphone"

    table = exclaim("listen", "mic", "--model", model).out.splitlines()
    assert table[0].split() == ["onset", "offset", "heard", "type", "confidence", "level"]
    assert len(table) == 1 + len(revisions)


# ---- speech


@pytest.fixture
def speech_model(tmp_path, make_model) -> Path:
    thresholds = Thresholds(on=0.5, off=0.3)
    heads = (
        Head(task="speech-detection", output="detection", labels=("other", "speech"), thresholds=thresholds),
        Head(
            task="speech-emotion",
            output="emotion",
            labels=("ANG", "DIS", "FEA", "HAP", "NEU", "SAD"),
            abstain_below=0.6,
        ),
    )
    return make_model(tmp_path / "speech.onnx", heads=heads, level_floor_db=-40.0)


def spoken(done) -> list[dict]:
    assert (done.status, done.err) == (0, "")
    episodes = [json.loads(line) for line in done.out.splitlines()]
    return [episode for episode in episodes if episode["detection"]["task"] == "speech-detection"]


def room(seconds: float) -> np.ndarray:
    return np.random.default_rng(2).normal(0, 1e-6, round(seconds * RATE)).astype(np.float32)


def test_emotions_of_speech_have_names(exclaim: Callable, tmp_path: Path, model, speech_model, make_talk) -> None:
    path = tmp_path / "talk.wav"
    sound = room(12.0)
    sound[3 * RATE : 8 * RATE] += make_talk(5.0, angry=False)
    soundfile.write(path, sound, RATE, subtype="FLOAT")

    (episode,) = spoken(exclaim("listen", path, "--json", "--model", model, "--model", speech_model))
    assert (episode["type_name"], episode["type"]["label"]) == ("sadness", "SAD")
    table = exclaim("listen", path, "--model", model, "--model", speech_model).out.strip().splitlines()
    assert len(table) == 3
    assert table[2].split()[2:4] == ["speech", "sadness"]


def test_speech_is_heard_by_default_where_its_model_is_shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bursts = ("scream-detection", "scream-type")
    monkeypatch.setattr(command, "shipped_models", lambda: dict.fromkeys(bursts, tmp_path))
    assert command.default_models() == bursts
    monkeypatch.setattr(command, "shipped_models", lambda: dict.fromkeys((*bursts, "speech-emotion"), tmp_path))
    assert command.default_models() == (*bursts, "speech-emotion")


def awkward_speech(talk: Callable[..., np.ndarray]) -> dict[str, tuple[np.ndarray, int]]:
    """Samples, (n,) or (n, channels), and their rate."""
    said = room(9.0)
    said[2 * RATE : 7 * RATE] += talk(5.0)
    pauses = room(24.0)
    for second in range(2, 20, 2):  # a word, and a second of silence
        pauses[second * RATE : (second + 1) * RATE] += talk(1.0)
    time = np.arange(8 * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * hertz * time) for hertz in (220, 277, 330, 440)).astype(np.float32) / 5
    return {
        "stereo": (np.stack([said, 0.5 * said], axis=1), RATE),
        "one channel silent": (np.stack([said, 0 * said], axis=1), RATE),
        "telephone": (soxr.resample(said, RATE, 8_000), 8_000),
        "silence between words": (pauses, RATE),
        "clipped": ((40 * said).clip(-1, 1), RATE),
        "music": (chord * (0.6 + 0.4 * np.sin(2 * np.pi * 2 * time)).astype(np.float32), RATE),
        "one tone": (0.8 * np.sin(2 * np.pi * 440 * time).astype(np.float32), RATE),
    }


AWKWARD = tuple(awkward_speech(lambda seconds: np.zeros(round(seconds * RATE), np.float32)))


@pytest.mark.parametrize("kind", AWKWARD)
def test_awkward_speech_is_heard_or_left(
    exclaim: Callable, tmp_path: Path, model: Path, speech_model: Path, make_talk, kind: str
) -> None:
    path = tmp_path / "awkward.wav"
    samples, rate = awkward_speech(make_talk)[kind]
    soundfile.write(path, samples, rate)

    told = spoken(exclaim("listen", path, "--json", "--model", model, "--model", speech_model))
    for episode in told:
        assert sum(episode["type"]["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    if kind in ("stereo", "one channel silent", "telephone", "silence between words"):
        assert [episode["type_name"] for episode in told] == ["anger"]


@pytest.mark.parametrize("seconds", [0.1, 3.0, 20.0])
@pytest.mark.parametrize("gate", [(), ("--no-gate",)])
def test_there_is_no_emotion_in_silence(
    exclaim: Callable, tmp_path: Path, model: Path, speech_model: Path, seconds: float, gate: tuple[str, ...]
) -> None:
    path = tmp_path / "silence.wav"
    for samples in (np.zeros(round(seconds * RATE)), 100 * room(seconds)):
        soundfile.write(path, samples, RATE)
        done = exclaim("listen", path, "--json", *gate, "--model", model, "--model", speech_model)
        assert (done.status, done.out) == (0, "")


def test_ten_minutes_of_talk_are_told_of_half_minute_by_half_minute(
    exclaim: Callable, tmp_path: Path, model: Path, speech_model: Path, make_talk
) -> None:
    path = tmp_path / "long.flac"
    minute = np.concatenate([make_talk(30.0), make_talk(30.0, angry=False)])
    with soundfile.SoundFile(path, "w", RATE, 1) as out:
        for _ in range(10):
            out.write(minute)

    told = spoken(exclaim("listen", path, "--json", "--model", model, "--model", speech_model))
    assert len(told) == 21
    assert all(e["offset_seconds"] - e["onset_seconds"] <= 31 for e in told)
    assert {e["type_name"] for e in told} >= {"anger", "sadness"}
    assert told[-1]["offset_seconds"] == 600


@pytest.mark.skipif("speech-emotion" not in shipped_models(), reason="this installation ships no speech-emotion model")
@pytest.mark.parametrize("kind", AWKWARD)
def test_the_shipped_models_hear_awkward_speech_without_certainty(
    exclaim: Callable, tmp_path: Path, make_talk, kind: str
) -> None:
    path = tmp_path / "awkward.wav"
    samples, rate = awkward_speech(make_talk)[kind]
    soundfile.write(path, samples, rate)
    for episode in spoken(exclaim("listen", path, "--json")):  # none of it is speech
        assert episode["type"]["label"] is None or max(episode["type"]["probabilities"].values()) < 0.9


@pytest.mark.skipif("speech-emotion" not in shipped_models(), reason="this installation ships no speech-emotion model")
@pytest.mark.parametrize("level", [0.0, 1e-5, 1e-4])
def test_the_shipped_models_hear_nothing_in_silence(exclaim: Callable, tmp_path: Path, level: float) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, level, 20 * RATE), RATE, subtype="FLOAT")
    for gate in ((), ("--no-gate",)):
        assert exclaim("listen", path, "--json", *gate).out == ""
