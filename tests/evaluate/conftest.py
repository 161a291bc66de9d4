"""A small corpus that the tests write themselves: loud broad sounds are "screams", soft ones are not."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile


def burst(level: float, seconds: float = 1.5, seed: int = 0, rate: int = 16_000) -> np.ndarray:
    return level * np.random.default_rng(seed).uniform(-1, 1, int(seconds * rate)).astype(np.float32)


@pytest.fixture
def write_clips(tmp_path) -> Callable[..., Path]:
    """Write ``[(label, speaker, samples)]`` as WAV files and a CSV manifest; samples None: a file that is
    not sound.
    """

    def write(rows: list[tuple[str, str, np.ndarray | None]], folder: Path = tmp_path) -> Path:
        folder.mkdir(exist_ok=True)
        with (folder / "clips.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(("path", "label", "speaker"))
            for i, (label, speaker, samples) in enumerate(rows):
                path = folder / f"{i:03}.wav"
                if samples is None:
                    path.write_text("this is not sound")
                else:
                    soundfile.write(path, samples, 16_000)
                table.writerow((path.name, label, speaker))
        return folder / "clips.csv"

    return write


@pytest.fixture(scope="session")
def tiny(tmp_path_factory, make_model):
    """A loaded model with both scream heads (see tests/conftest.py)."""
    from exclaim.model import load_model

    return load_model(make_model(tmp_path_factory.mktemp("models") / "tiny.onnx"))
