"""Corpora in their official layouts, written by the tests, small enough to train on in a second."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 16_000
WHOLE_CATEGORIES = {2: 220, 3: 300, 11: 380, 12: 500, 15: 640, 18: 800, 19: 1000, 24: 1300, 28: 1700, 30: 2200}  # Hz


def _write(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples.astype(np.float32), RATE)


def _tone(frequency: float, seconds: float, rng: np.random.Generator) -> np.ndarray:
    times = np.arange(int(seconds * RATE)) / RATE
    tone = 0.3 * np.sin(2 * np.pi * frequency * rng.uniform(0.97, 1.03) * times) * np.hanning(times.size)
    return tone + 0.001 * rng.standard_normal(times.size)


@pytest.fixture(scope="session")
def small_corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EmoGator with ten tones for ten categories and a tagger's scores, LibriSpeech, ESC-10, noise."""
    root = tmp_path_factory.mktemp("corpora")
    rng = np.random.default_rng(0)
    scores = ["file,screaming,shouting,crying,laughing,groaning,speech"]
    for speaker in range(1, 25):
        for category, frequency in WHOLE_CATEGORIES.items():
            name = f"{speaker:06d}-{category:02d}-1.flac"
            _write(root / "emogator/data/opus" / name, _tone(frequency, 0.8, rng))
            scores.append(f"{name},{0.6 if category == 15 else 0.0},0,0,0,0,0")
    (root / "emogator/tagger.csv").write_text("\n".join(scores))
    for speaker in range(100, 112):
        _write(root / f"librispeech/{speaker}/{speaker}-1-0000.flac", _tone(150, 1.0, rng))
    for number, name in enumerate(("Dog bark", "Rain"), 1):
        for fold in range(1, 6):
            for take in range(2):
                path = root / f"esc-10/{number:03d} - {name}/{fold}-{1000 + fold * 10 + take}-A.flac"
                _write(path, 0.05 * rng.standard_normal(RATE))
    for source in range(12):
        _write(
            root / f"noise/{'bus' if source % 2 else 'cafe'}/maker-{source}.flac", 0.02 * rng.standard_normal(5 * RATE)
        )
    return root
