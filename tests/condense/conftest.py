"""A tiny corpus of pictures that a test writes itself, and what condensing it needs."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from exclaim.learn.places import Places

LABELS = ("ANG", "HAP", "SAD")
SPLIT = {"validation": 0.2, "test": 0.3, "seed": 6}


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory, write_pictures: Callable[..., None]) -> Path:
    """CREMA-D as pictures: 12 actors, 3 emotions, 4 sentences; an emotion is a bright stripe."""
    root = tmp_path_factory.mktemp("corpora")
    write_pictures(root, LABELS)
    return root


@pytest.fixture
def places(pictures: Path, tmp_path: Path) -> Places:
    return Places(data=pictures, runs=tmp_path / "runs", cache=tmp_path / "cache")


@pytest.fixture
def make_recipe(tmp_path: Path) -> Callable[..., Path]:
    """Write a condense recipe of two items a label at 16 x 24 cells; keyword arguments are laid over it."""

    def write(method: dict, **changes) -> Path:
        recipe = {
            "name": "tiny",
            "task": "speech-emotion",
            "labels": list(LABELS),
            "sources": ["crema-d-logmel"],
            "split": SPLIT,
            "items": 2,
            "view": [16, 24],
            "network": {"name": "cnn6", "options": {"width": 0.125}},
            "experts": {"count": 2, "epochs": 3, "batch": 16, "learning_rate": 0.05},
            "method": method,
        }
        path = tmp_path / f"{recipe['name']}.yaml"
        path.write_text(yaml.safe_dump(recipe | changes))
        return path

    return write


@pytest.fixture
def teacher(tmp_path: Path) -> str:
    """Write a training recipe that sees what the sets see; returns its name."""
    recipe = {
        "name": "teacher",
        "task": "speech-emotion",
        "bursts": ["crema-d-logmel"],
        "heads": {"speech-emotion": {"labels": list(LABELS)}},
        "split": SPLIT,
        "network": {"name": "cnn6", "options": {"width": 0.125, "view": [16, 24]}},
        "augment": {"ambience": 0, "stretch": [1, 1], "white_noise": 0, "band_limit": 0},
        "schedule": {"epochs": 4, "batch": 8, "learning_rate": 0.003},
    }
    (tmp_path / "teacher.yaml").write_text(yaml.safe_dump(recipe))
    return "teacher.yaml"
