"""Sound as a device hears it."""

import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from exclaim.audio import read_audio
from exclaim.errors import AudioError
from exclaim.sense.capture import capture, is_microphone


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 40_000), 16_000, subtype="PCM_16")
    return path


@pytest.mark.parametrize("source", ["mic", "mic:USB"])
def test_a_microphone_is_told_from_a_file(source: str) -> None:
    assert is_microphone(source)
    assert not is_microphone(f"{source}.wav".replace("mic", "micro"))


def test_a_file_comes_whole_as_fast_as_it_goes(clip: Path) -> None:
    blocks = list(capture(str(clip), threading.Event(), real_time=False))
    assert (np.concatenate([block.samples for block in blocks]) == read_audio(clip)).all()
    assert not any(block.overran for block in blocks)


def test_at_its_own_speed_nothing_comes_before_it_was_heard(clip: Path) -> None:
    class Patient(threading.Event):
        """Waits at once, and notes for how long it should have."""

        now = 0.0

        def wait(self, timeout: float | None = None) -> bool:
            self.now += timeout or 0.0
            return self.is_set()

    stop, heard = Patient(), 0
    for block in capture(str(clip), stop, clock=lambda: stop.now):
        heard += len(block.samples)
        assert stop.now == pytest.approx(heard / 16_000)
    assert heard == 40_000


@pytest.mark.parametrize("real_time", [True, False])
def test_it_stops_when_told(clip: Path, real_time: bool) -> None:
    stop = threading.Event()
    blocks = capture(str(clip), stop, real_time=real_time)
    next(blocks)
    stop.set()
    assert list(blocks) == []


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"none\.wav"):
        next(capture(str(tmp_path / "none.wav"), threading.Event()))


def test_a_missing_microphone_is_a_sentence() -> None:
    with pytest.raises(AudioError, match="microphone"):
        next(capture("mic:no such microphone", threading.Event()))
