"""A scene that the tests write themselves, and a model that takes its loud noise for screams."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from exclaim.evaluate.stream.events import Event, write_events
from exclaim.model import Model, load_model

RATE = 16_000


@pytest.fixture(scope="session")
def quiet_model(tmp_path_factory, make_model) -> Model:
    """The tiny model with a level floor: a quiet room is nothing."""
    return load_model(make_model(tmp_path_factory.mktemp("model") / "tiny.onnx", level_floor_db=-40.0))


@pytest.fixture
def write_scene(tmp_path) -> Callable[..., Path]:
    """Write NAME.wav, a quiet room in which loud noise of 1.5 s breaks out at the seconds ``loud``, and NAME.csv."""

    def write(name: str, loud: tuple[int, ...], events: list[Event], seconds: int = 60) -> Path:
        random = np.random.default_rng(7)
        sound = random.normal(0, 1e-4, seconds * RATE)
        for at in loud:
            burst = random.uniform(-0.9, 0.9, 3 * RATE // 2)[: len(sound) - at * RATE]
            sound[at * RATE : at * RATE + len(burst)] += burst
        soundfile.write(tmp_path / f"{name}.wav", sound.astype(np.float32), RATE, subtype="FLOAT")
        write_events(tmp_path / f"{name}.csv", events)
        return tmp_path / f"{name}.wav"

    return write
