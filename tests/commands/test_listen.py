"""``exclaim listen`` as the shell calls it: episodes on standard output, what went wrong on standard error."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

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
