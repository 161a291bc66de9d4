"""Processor time on one core, of ours and of librosa and eager PyTorch beside it, in one process and in turn.

``python -m exclaim.evaluate.bench_speed`` reads :class:`SpeedOptions` as JSON and prints :class:`Speed`. Taking turns
makes ratios hold on a busy machine: what slows one down slows the other too.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from exclaim import features
from exclaim.errors import RecipeError
from exclaim.model import EMBEDDING, load_model, pin_of

__all__ = ["Speed", "SpeedOptions", "main", "measure"]

Task = Callable[[], object]

_CHUNK = features.SAMPLE_RATE // 10  # 100 ms
_WARM_UP = 3  # turns that are not counted
_ON_END = 5  # runs of a task in one turn


class SpeedOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to time."""

    models: tuple[str, ...]  # files
    recipes: dict[str, str] = {}  # model file to the recipe whose network eager PyTorch runs
    repeats: int = 200  # of each task, five of them on end in each turn
    teacher: str | None = "resnet18"  # a network that eager PyTorch runs besides


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """Medians over the turns, in milliseconds; absent where the other library is not installed."""

    front_end_ms: float  # 3 s window
    stream_100ms_ms: float
    librosa_ms: float | None
    model_ms: dict[str, float]  # by file: one window, batch of one
    load_ms: dict[str, float]  # by file: load and verify, the runtime imported before
    eager_ms: dict[str, float]  # by file: the same network in eager PyTorch
    teacher_ms: float | None
    notes: tuple[str, ...] = ()


def measure(options: SpeedOptions) -> Speed:
    """Time everything in turn.

    Raises:
        ModelError: when a model does not load.
    """
    clip = np.random.default_rng(0).uniform(-0.1, 0.1, features.CLIP_SAMPLES).astype(np.float32)
    notes: list[str] = []
    tasks: dict[str, Task] = {"front_end": lambda: features.log_mel(clip), "stream": _streaming(clip)}
    tasks |= _librosa(clip, notes)
    for path in options.models:
        tasks |= _models(path, features.log_mel(clip)[np.newaxis])
    tasks |= _eager(options, notes)
    medians = _in_turn(tasks, options.repeats)
    return Speed(
        front_end_ms=medians["front_end"],
        stream_100ms_ms=medians["stream"] * _CHUNK / features.CLIP_SAMPLES,
        librosa_ms=medians.get("librosa"),
        model_ms={path: medians[f"model {path}"] for path in options.models},
        load_ms={path: medians[f"load {path}"] for path in options.models},
        eager_ms={path: medians[f"eager {path}"] for path in options.models if f"eager {path}" in medians},
        teacher_ms=medians.get("teacher"),
        notes=tuple(notes),
    )


def _in_turn(tasks: dict[str, Task], repeats: int) -> dict[str, float]:
    """Return each task's median time in milliseconds, the tasks run in turn, some times on end in each turn.

    On end, since a device does nothing else between two windows: alone in each turn, every task would find its data and
    code gone from the caches.
    """
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for turn in range(_WARM_UP + -(-repeats // _ON_END)):
        for name, task in tasks.items():
            task()
            begun = time.process_time()
            for _ in range(_ON_END):
                task()
            if turn >= _WARM_UP:
                times[name].append(1e3 * (time.process_time() - begun) / _ON_END)
    return {name: statistics.median(values) for name, values in times.items()}


def _streaming(clip: np.ndarray) -> Task:
    """Return the streaming front-end over 3 s in chunks of 100 ms, bytes out, as a device runs it."""
    chunks = [clip[begin : begin + _CHUNK] for begin in range(0, len(clip), _CHUNK)]
    state = features.start()

    def run() -> None:
        nonlocal state
        for chunk in chunks:
            frames, state = features.stream(chunk, state)
            features.encode(frames)

    return run


def _models(path: str, window: np.ndarray) -> dict[str, Task]:
    pin = pin_of(Path(path))
    model = load_model(path, pin=pin)
    return {f"model {path}": lambda: model.predict(window), f"load {path}": lambda: load_model(path, pin=pin)}


def _librosa(clip: np.ndarray, notes: list[str]) -> dict[str, Task]:
    try:
        import librosa
    except ModuleNotFoundError:
        notes.append("librosa is not installed: the front-end has nothing beside it")
        return {}

    def run() -> np.ndarray:
        power = librosa.feature.melspectrogram(
            y=clip,
            sr=features.SAMPLE_RATE,
            n_fft=features.N_FFT,
            hop_length=features.HOP_LENGTH,
            n_mels=features.N_MELS,
            pad_mode="constant",
        )
        return features.normalise(librosa.power_to_db(power, ref=1.0, amin=1e-8, top_db=None))

    return {"librosa": run}


def _eager(options: SpeedOptions, notes: list[str]) -> dict[str, Task]:
    """Return the same networks, and the teacher, in eager PyTorch; weights are drawn, which does not change the
    time.
    """
    try:
        import torch

        from exclaim.learn.networks import build
    except ModuleNotFoundError as error:
        notes.append(f"{error.name} is not installed: models have no eager PyTorch beside them")
        return {}
    torch.set_num_threads(1)
    window = np.zeros((1, features.N_MELS, features.WINDOW_FRAMES), np.float32)

    def forward(network: torch.nn.Module) -> Task:
        network.eval()

        def run() -> None:
            with torch.inference_mode():
                answers = network(torch.from_numpy(window))
                [torch.softmax(logits, 1).numpy() for name, logits in answers.items() if name != EMBEDDING]

        return run

    tasks: dict[str, Task] = {}
    if options.teacher:
        tasks["teacher"] = forward(build(options.teacher, {"scream-type": 2}))
    for path in options.models:
        if path not in options.recipes:
            notes.append(f"{Path(path).name}: no recipe tells its network, so eager PyTorch does not run it")
            continue
        try:
            tasks[f"eager {path}"] = forward(_network(Path(options.recipes[path]), build))
        except RecipeError as error:
            notes.append(str(error))
    return tasks


def _network(recipe: Path, build: Callable):
    """Build the network that a recipe (YAML, or a run's recipe.json, which is YAML too) ships."""
    from exclaim.learn.recipe import load_recipe

    found = load_recipe(recipe)
    heads = {name: len(head.labels) for name, head in found.heads.items() if head.ship}
    return build(found.network.name, heads, **found.network.options)


def main() -> None:
    """Pin this process to one core, measure, print JSON."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    options = msgspec.json.decode(sys.stdin.buffer.read(), type=SpeedOptions)
    sys.stdout.write(msgspec.json.encode(measure(options)).decode() + "\n")


if __name__ == "__main__":
    main()
