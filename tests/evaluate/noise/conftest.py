"""Noise that the tests write themselves."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile


@pytest.fixture
def write_noise(tmp_path) -> Callable[..., Path]:
    """Write ``{"kind/name.wav": samples or None}`` below a folder; None: a file that is not sound."""

    def write(files: dict[str, np.ndarray | None], folder: Path = tmp_path / "noise") -> Path:
        for name, samples in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if samples is None:
                path.write_text("this is not sound")
            else:
                soundfile.write(path, samples, 16_000, subtype="FLOAT")
        return folder

    return write
