"""Tiny runs, as training would leave them: a linear model in the file, test clips that the test writes."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile

from exclaim.card import Card, CorpusUse, Head, Parent, Thresholds
from exclaim.evaluate.report.runs import RunFolder, find_runs
from exclaim.learn.recipe import Distillation, HeadOptions, NetworkOptions, Recipe, SplitOptions
from exclaim.model import pin, pin_of, seal

LABELS = {"scream-detection": ("other", "scream"), "scream-type": ("negative", "positive")}


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> tuple[Path, ...]:
    """Thirty short tones, each in more noise than the one before: the mean of the window rises from -.96 to -.81."""
    folder = tmp_path_factory.mktemp("clips")
    paths = []
    for i in range(30):
        rng = np.random.default_rng(i)
        times = np.arange(6_400) / 16_000
        samples = 0.2 * (10 ** (i / 12 - 2.5) * rng.uniform(-1, 1, 6_400) + np.sin(2 * np.pi * 500 * times))
        paths.append(folder / f"{i:02}.wav")
        soundfile.write(paths[-1], samples, 16_000)
    return tuple(paths)


@pytest.fixture
def make_run(tmp_path, clips, make_network) -> Callable[..., Path]:
    """Write a finished run: ``make_run(name, shift=...)``; the larger the shift, the sooner it says the last label.

    The truth is the last label for the noisier half of the clips, some of them turned, so that no model is perfect.
    """

    def write(
        name: str,
        *,
        task: str = "scream-detection",
        shift: float = 0.0,
        seed: int = 0,
        by: str = "speaker",
        teacher: str | None = None,
        parents: tuple[Path, ...] = (),
        turned: tuple[int, ...] = (3, 11, 20, 26),
        chosen: slice = slice(None),
        epochs: int = 3,
        folder: Path | None = None,
        bursts: tuple[str, ...] = ("csv",),
        corpora: tuple[CorpusUse, ...] = (),
        **fields: Any,
    ) -> Path:
        run = (folder or tmp_path / "runs") / name
        run.mkdir(parents=True)
        labels = LABELS[task]
        recipe = Recipe(
            name=name,
            task=task,
            seed=seed,
            bursts=bursts,
            heads={task: HeadOptions(labels=labels)},
            split=SplitOptions(by=by),
            network=NetworkOptions(name="compact", options={"width": 0.5}),
            distil=Distillation(teacher=teacher) if teacher else None,
            **fields,
        )
        (run / "recipe.json").write_bytes(msgspec.json.encode(recipe))
        (run / "run.json").write_text(json.dumps({"recipe": "0" * 64, "device": "cpu", "threads": 1, "later": "field"}))
        (run / "split.json").write_text(
            json.dumps({part: {"ambience": []} for part in ("train", "validation", "test")})
        )
        history = [{"epoch": i + 1, "loss": 1 / (i + 1), "score": 0.5 + 0.1 * i, "seconds": 1.0} for i in range(epochs)]
        (run / "metrics.jsonl").write_text("".join(json.dumps(epoch) + "\n" for epoch in history))
        with (run / "test.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(("path", "label", "speaker"))
            for i in range(30)[chosen]:
                table.writerow((clips[i], labels[(i >= 15) != (i in turned)], f"speaker-{i % 6}"))
        weights = np.array([[0.0], [40.0]]) * np.full((1, 128), 1 / 128)
        model = make_network(run / f"{name}.onnx", {task: weights}, {task: np.array([0.0, 35.56 + shift])})
        thresholds = Thresholds(on=0.5, off=0.4) if task.endswith("-detection") else None
        seal(
            model,
            Card(
                name=name,
                version="1",
                heads=(Head(task=task, output=task, labels=labels, thresholds=thresholds),),
                corpora=corpora,
                parents=tuple(
                    Parent(name=parent.name, sha256=pin_of(parent / f"{parent.name}.onnx")) for parent in parents
                ),
            ),
        )
        pin(model)
        return run

    return write


@pytest.fixture
def make_runs(make_run) -> Callable[..., tuple[RunFolder, ...]]:
    """Write runs and read them: ``make_runs({"name": ..., ...}, ...)``."""

    def write(*runs: dict[str, Any]) -> tuple[RunFolder, ...]:
        return find_runs([make_run(**run) for run in runs]).runs

    return write
