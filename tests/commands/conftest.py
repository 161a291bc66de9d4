"""Clips, and a way to call a verb as the shell does."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

from exclaim.cli import main


class Done(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def exclaim(capsys, monkeypatch) -> Callable[..., Done]:
    """Call ``exclaim ARGUMENTS`` in this process; returns status, standard output and standard error."""
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object) -> Done:
        capsys.readouterr()
        status = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as ended:
            status = int(ended.code or 0)
        captured = capsys.readouterr()
        return Done(status, captured.out, captured.err)

    return call


@pytest.fixture
def crowd(tmp_path) -> Path:
    """A CSV manifest of 24 clips of 6 speakers: 3 s of noise are "scream", 0.3 s are "other"."""
    path = tmp_path / "crowd.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("path", "label", "speaker"))
        for i in range(24):
            samples = np.random.default_rng(i).uniform(-0.5, 0.5, 48_000 if i % 2 else 4_800)
            soundfile.write(tmp_path / f"{i:02}.wav", samples, 16_000)
            table.writerow((f"{i:02}.wav", "scream" if i % 2 else "other", f"speaker-{i % 6}"))
    return path


@pytest.fixture
def tiny(tmp_path, make_model) -> Path:
    return make_model(tmp_path / "tiny.onnx")
