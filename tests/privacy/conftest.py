"""A tiny corpus of pictures that a test writes itself, and what attacking its sets needs."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from exclaim.learn.places import Places

LABELS = ("ANG", "SAD")
SHORT = {"epochs": 1, "batch": 16, "learning_rate": 0.003}


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory, write_pictures: Callable[..., None]) -> Path:
    """CREMA-D as pictures: 12 actors, 2 emotions, 4 sentences; an emotion is a bright stripe, a speaker another."""
    root = tmp_path_factory.mktemp("corpora")
    write_pictures(root, LABELS, voices=True)
    return root


@pytest.fixture
def places(pictures: Path, tmp_path: Path) -> Places:
    return Places(data=pictures, runs=tmp_path / "runs", cache=tmp_path / "cache")


@pytest.fixture
def make_recipe(tmp_path: Path) -> Callable[..., Path]:
    """Write a privacy recipe of six tiny shadows, and the condense recipe it names; arguments are laid over them."""

    def write(of_set: dict | None = None, **changes) -> Path:
        condensed = {
            "name": "tiny",
            "task": "speech-emotion",
            "labels": list(LABELS),
            "sources": ["crema-d-logmel"],
            "split": {"validation": 0.2, "test": 0.3, "seed": 6},
            "items": 2,
            "view": [16, 24],
            "network": {"name": "cnn6", "options": {"width": 0.125}},
            "method": {"name": "distribution-matching", "iterations": 2, "batch": 4},
        }
        recipe = {
            "name": "tiny-privacy",
            "condense": "tiny.yaml",
            "shadows": 6,
            "on_half": SHORT,
            "on_set": SHORT,
            "encoder": {"network": {"name": "cnn6", "options": {"width": 0.125}}, "schedule": SHORT},
        }
        (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(condensed | (of_set or {})))
        path = tmp_path / "tiny-privacy.yaml"
        path.write_text(yaml.safe_dump(recipe | changes))
        return path

    return write


@pytest.fixture
def soft_teacher(tmp_path: Path) -> str:
    """Write a training recipe that sees what the sets see; returns its name."""
    recipe = {
        "name": "teacher",
        "task": "speech-emotion",
        "bursts": ["crema-d-logmel"],
        "heads": {"speech-emotion": {"labels": list(LABELS)}},
        "split": {"validation": 0.2, "test": 0.3, "seed": 6},
        "network": {"name": "cnn6", "options": {"width": 0.125, "view": [16, 24]}},
        "augment": {"ambience": 0, "stretch": [1, 1], "white_noise": 0, "band_limit": 0},
        "schedule": {"epochs": 1, "batch": 8, "learning_rate": 0.003},
    }
    (tmp_path / "teacher.yaml").write_text(yaml.safe_dump(recipe))
    return "teacher.yaml"
