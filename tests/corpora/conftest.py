"""Tiny sound files and manifests for the corpora's tests."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from exclaim.corpora.clip import Clip
from exclaim.corpora.manifest import Manifest


@pytest.fixture
def write_sound() -> Callable[..., Path]:
    """Write a tone of its own for each path, in the format of the path's suffix; its folders are made."""

    def write(path: Path, seconds: float = 0.05, rate: int = 16_000, peak: float = 0.5) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pitch = 200 + sum(map(ord, path.name)) % 1000 + 7 * (sum(i * ord(c) for i, c in enumerate(path.stem)) % 97)
        time = np.arange(round(seconds * rate)) / rate
        soundfile.write(path, peak * np.sin(2 * np.pi * pitch * time), rate)
        return path

    return write


@pytest.fixture
def make_manifest() -> Callable[..., Manifest]:
    """Make a manifest of clips that need no files: one for each (speaker, label)."""

    def make(pairs: Iterable[tuple[str | None, str | None]], corpus: str = "csv") -> Manifest:
        clips = tuple(
            Clip(path=Path(f"/none/{number}.wav"), corpus=corpus, speaker=speaker, label=label)
            for number, (speaker, label) in enumerate(pairs)
        )
        return Manifest(corpus=corpus, clips=clips)

    return make
