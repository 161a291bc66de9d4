"""Training from kept views and kept answers: how long the network waits for them, and how much memory it takes.

Everything is generated: a feature store, a view of it and a teacher's answers to that view, as `exclaim train` keeps
them. ``python -m exclaim.evaluate.bench_training CLIPS FOLDER`` is the process that is measured.
"""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import numpy as np

from exclaim.errors import ModelError
from exclaim.features import N_MELS, WINDOW_FRAMES

__all__ = ["TrainingCost", "main", "training_cost"]

_LABELS = ("negative", "positive")
_HEAD = "scream-type"
_BLOCK = 1000  # clips generated at a time


class TrainingCost(msgspec.Struct, frozen=True, kw_only=True):
    """One epoch of a student of about 70,000 parameters."""

    clips: int
    seconds: float  # of the epoch
    loader_share: float  # of it, spent waiting for windows and answers
    peak_bytes: int  # of the whole process


def training_cost(clips: int, folder: Path, environment: dict[str, str]) -> TrainingCost:
    """Measure in a process of its own.

    Args:
        clips: how many; each takes 48 kB in ``folder`` while it is measured.
        folder: for what is generated; removed afterwards.
        environment: of the process, with the number of threads.

    Raises:
        ModelError: when the process fails.
    """
    with tempfile.TemporaryDirectory(dir=folder) as inside:
        ended = subprocess.run(
            [sys.executable, "-m", "exclaim.evaluate.bench_training", str(clips), inside],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if ended.returncode:
        last = ended.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise ModelError(f"measuring the training of {clips} clips ended with status {ended.returncode}: {last[0]}")
    return msgspec.json.decode(ended.stdout.splitlines()[-1], type=TrainingCost)


def _generate(folder: Path, clips: int) -> None:
    """Write a store, a view and a teacher's answers, in bounded memory."""
    rng = np.random.default_rng(0)
    store = folder / "store"
    store.mkdir()
    view = folder / "views/view-0000.u8"
    view.parent.mkdir()
    with (store / "frames.u8").open("wb") as frames, view.open("wb") as windows:
        for begin in range(0, clips, _BLOCK):
            codes = rng.bytes(min(_BLOCK, clips - begin) * N_MELS * WINDOW_FRAMES)
            frames.write(codes)
            windows.write(codes)
        windows.write(b"\1" * clips)
    index = [
        {"path": f"{i}.wav", "begin": i * WINDOW_FRAMES, "frames": WINDOW_FRAMES, "sha256": f"{i:064d}"}
        for i in range(clips)
    ]
    (store / "index.json").write_bytes(msgspec.json.encode(index))
    (folder / "answers").mkdir()
    np.savez(folder / "answers/view-0000.npz", **{_HEAD: rng.standard_normal((clips, 2), dtype=np.float32)})


def main(clips: int, folder: Path) -> TrainingCost:
    """Train for one epoch on generated clips and tell what it took; to be called in a process of its own."""
    from lightning_fabric import Fabric

    from exclaim.corpora.clip import Clip
    from exclaim.learn.examples import Example
    from exclaim.learn.loop import train_network
    from exclaim.learn.network import network_of
    from exclaim.learn.recipe import Distillation, HeadOptions, NetworkOptions, Recipe, Schedule
    from exclaim.learn.store import FeatureStore
    from exclaim.learn.teacher import Teacher, Teachers
    from exclaim.learn.view_cache import CachedViews

    recipe = Recipe(
        name="throughput",
        task=_HEAD,
        bursts=("generated",),
        heads={_HEAD: HeadOptions(labels=_LABELS)},
        network=NetworkOptions(name="compact", options={"width": 0.5}),
        distil=Distillation(teacher="kept.yaml"),
        schedule=Schedule(epochs=1, views=1, ema=0.999, keep="last"),
    )
    _generate(folder, clips)
    one_hot = np.eye(2, dtype=np.float32)
    examples = [
        Example(Clip(path=Path(f"{i}.wav"), corpus="generated"), {_HEAD: one_hot[i % 2]}, {_HEAD: 1.0}, bool(i % 2))
        for i in range(clips)
    ]
    views = CachedViews(recipe, FeatureStore(folder / "store"), examples, (), folder / "views")
    teachers = Teachers([Teacher(_nobody, [_HEAD], folder / "answers")])
    run = folder / "run"
    run.mkdir()
    train_network(
        recipe,
        network_of(recipe),
        views,
        teachers,
        lambda network: {"score": 0.0},
        run,
        Fabric(accelerator="cpu", devices=1),
        lambda *numbers: None,
    )
    line = json.loads((run / "metrics.jsonl").read_text("utf-8"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return TrainingCost(clips=clips, seconds=line["seconds"], loader_share=line["loader_share"], peak_bytes=peak)


def _nobody(windows: np.ndarray) -> dict[str, np.ndarray]:
    raise AssertionError("a teacher was asked although its answers are kept")


if __name__ == "__main__":
    print(msgspec.json.encode(main(int(sys.argv[1]), Path(sys.argv[2]))).decode())
