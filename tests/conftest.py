"""Fixtures that several test modules share."""

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The development corpora (``EXCLAIM_DATA``, by default ``../shared/data``); skips where they are absent."""
    root = Path(os.environ.get("EXCLAIM_DATA", PROJECT / "../shared/data")).resolve()
    if not (root / "emogator").is_dir():
        pytest.skip(f"no corpora at {root}; set EXCLAIM_DATA to run this test")
    return root
