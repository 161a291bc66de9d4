"""What exclaim costs on this machine: time, memory, size, instructions or energy where the machine can tell.

Each part runs in a process of its own, with one thread, so that nothing that ran before is in the figures.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from exclaim.errors import ModelError
from exclaim.evaluate.bench_board import BoardCost, board_cost
from exclaim.evaluate.bench_listen import ListenCost, listen_cost
from exclaim.evaluate.bench_speed import Speed, SpeedOptions
from exclaim.evaluate.bench_training import TrainingCost, training_cost
from exclaim.evaluate.cost import Cost, model_cost
from exclaim.evaluate.instructions import instructions_each
from exclaim.features import FRAME_SECONDS
from exclaim.model import Model
from exclaim.windows import STEP_FRAMES

__all__ = [
    "ONE_THREAD",
    "Bench",
    "BenchOptions",
    "ImportCost",
    "Machine",
    "ModelBench",
    "bench",
    "find_recipe",
    "machine",
    "peak_memory",
    "timed",
]

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_COUNTED = (2, 12)  # windows of the two runs whose difference in instructions is taken


class BenchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure."""

    repeats: int = 200  # turns of the timed parts
    fresh: int = 5  # processes for what only a fresh process tells
    listen_minutes: float = 60.0  # length of the recording for `listen`; 0: leave that out
    instructions: bool = False  # count with valgrind where perf cannot: minutes
    training_clips: int = 0  # of a generated epoch of training; 0: leave that out
    memory_limit: int = 0  # bytes that `listen` may take when it is measured besides as on a small board; 0: it is not


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where it was measured."""

    processor: str
    cores: int  # that this process may use
    system: str
    versions: dict[str, str]


class ImportCost(msgspec.Struct, frozen=True, kw_only=True):
    """Medians over fresh processes, in milliseconds."""

    exclaim_ms: float  # `import exclaim`
    device_ms: float  # and the audio, features, gate, windows, model and onnxruntime that a device needs
    torch: bool  # whether torch was imported on the way


class ModelBench(msgspec.Struct, frozen=True, kw_only=True):
    """One model file."""

    name: str
    version: str
    sha256: str
    cost: Cost
    model_ms: float  # one window
    load_ms: float  # verified, the runtime imported before
    first_load_ms: float  # in a fresh process
    runtime_import_ms: float  # numpy, onnxruntime and exclaim in a fresh process
    peak_bytes: int | None  # of a fresh process that hears windows
    joules_per_window: float | None
    instructions_per_window: int | None  # front-end and model
    instructions_note: str  # how they were counted, or why not
    eager_ms: float | None
    model_speedup: float | None  # eager PyTorch / ours
    whole_speedup: float | None  # (librosa + eager PyTorch) / (our front-end + model), every window by itself
    stream_speedup: float | None  # the same, where our front-end computes only a window's 0.496 s of new frames
    teacher_speedup: float | None = None  # (librosa + ResNet-18 in eager PyTorch) / (our front-end + model)
    teacher_stream_speedup: float | None = None  # the same in a stream


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """The whole."""

    machine: Machine
    front_end_ms: float  # 3 s window
    stream_100ms_ms: float
    librosa_ms: float | None
    front_end_speedup: float | None  # librosa / ours
    teacher_ms: float | None  # ResNet-18 in eager PyTorch
    imports: ImportCost
    models: tuple[ModelBench, ...]
    listen: ListenCost | None
    training: TrainingCost | None = None
    board: BoardCost | None = None
    notes: tuple[str, ...] = ()


def bench(
    models: Sequence[Model],
    options: BenchOptions = BenchOptions(),
    project: Path | None = None,
    tell: Callable[[str], None] = lambda stage: None,
) -> Bench:
    """Measure the front-end, these models, imports and `listen`.

    Args:
        models: loaded model files.
        options: what to measure.
        project: root of the clone, whose recipes tell the models' networks; None: only the recipes beside the models.
        tell: called with each stage's name as it begins.

    Raises:
        ModelError: when a measuring process fails; the message holds its last words.
    """
    tell("speed")
    recipes = {str(m.path): str(recipe) for m in models if (recipe := find_recipe(m, project)) is not None}
    timing = SpeedOptions(models=tuple(str(m.path) for m in models), recipes=recipes, repeats=options.repeats)
    speed = timed(timing)
    measured = []
    for model in models:
        tell(model.card.name)
        measured.append(_model_bench(model, speed, options))
    tell("imports")
    imports = _imports(options.fresh)
    listen, listen_notes = _listen(models, options, tell)
    board = None
    if listen is not None and options.memory_limit:
        tell("listen on a small board")
        paths = [model.path for model in models]
        board = board_cost(paths, options.listen_minutes, options.memory_limit, ONE_THREAD)
    training = None
    if options.training_clips:
        tell(f"training on {options.training_clips:,} clips")
        training = training_cost(options.training_clips, Path(tempfile.gettempdir()), {**os.environ, **ONE_THREAD})
    return Bench(
        machine=machine(),
        front_end_ms=speed.front_end_ms,
        stream_100ms_ms=speed.stream_100ms_ms,
        librosa_ms=speed.librosa_ms,
        front_end_speedup=_ratio(speed.librosa_ms, speed.front_end_ms),
        teacher_ms=speed.teacher_ms,
        imports=imports,
        models=tuple(measured),
        listen=listen,
        training=training,
        board=board,
        notes=(*speed.notes, *listen_notes),
    )


def timed(options: SpeedOptions) -> Speed:
    """Time models and what stands beside them in a process of its own, on one core, in turn.

    Raises:
        ModelError: when the process fails; the message holds its last words.
    """
    told = _child(["-m", "exclaim.evaluate.bench_speed"], msgspec.json.encode(options))
    return msgspec.json.decode(told, type=Speed)


def _listen(
    models: Sequence[Model], options: BenchOptions, tell: Callable[[str], None]
) -> tuple[ListenCost | None, tuple[str, ...]]:
    """Measure `listen` with these models, or say why not."""
    detecting = sum(head.detects for model in models for head in model.card.heads)
    if options.listen_minutes <= 0:
        return None, ()
    if detecting != 1:
        return None, (f"`listen` needs one head that detects, these models have {detecting}: it is not measured",)
    tell(f"listen, {options.listen_minutes:g} minutes")
    return listen_cost([model.path for model in models], options.listen_minutes, ONE_THREAD), ()


def find_recipe(model: Model, project: Path | None) -> Path | None:
    """Return the recipe that made a model: its run's, else the project's of that name."""
    places = [model.path.parent / "recipe.json"]
    places += [project / "recipes" / f"{model.card.name}.yaml"] if project else []
    return next((path for path in places if path.is_file()), None)


def machine() -> Machine:
    """Return what this machine is."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    packages = ("exclaim", "numpy", "onnxruntime")
    return Machine(
        processor=_processor(),
        cores=cores,
        system=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        versions={package: version(package) for package in packages},
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else platform.machine()


def _child(arguments: Sequence[str], given: bytes = b"", before: Sequence[str] = ()) -> bytes:
    """Run Python in a process of its own, with one thread, and return its output."""
    done = subprocess.run(
        [*before, sys.executable, *arguments],
        input=given,
        capture_output=True,
        env={**os.environ, **ONE_THREAD},
        check=False,
    )
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise ModelError(f"measuring failed ({' '.join(arguments[:2])}): {words[-1] if words else 'it said nothing'}")
    return done.stdout


def _model_bench(model: Model, speed: Speed, options: BenchOptions) -> ModelBench:
    path = str(model.path)
    fresh = [json.loads(_child(["-m", "exclaim.evaluate.bench_windows", path, "100"])) for _ in range(options.fresh)]

    def median(name: str) -> float | None:
        values = [told[name] for told in fresh if told[name] is not None]
        return statistics.median(values) if values else None

    instructions, note = _instructions(path, options.instructions)
    eager, ours, librosa = speed.eager_ms.get(path), speed.model_ms[path], speed.librosa_ms
    peak = median("peak_bytes")
    theirs = None if eager is None or librosa is None else eager + librosa
    teacher = None if speed.teacher_ms is None or librosa is None else speed.teacher_ms + librosa
    step_ms = speed.stream_100ms_ms * STEP_FRAMES * FRAME_SECONDS / 0.1
    return ModelBench(
        name=model.card.name,
        version=model.card.version,
        sha256=model.sha256,
        cost=model_cost(model),
        model_ms=ours,
        load_ms=speed.load_ms[path],
        first_load_ms=median("load_ms") or 0.0,
        runtime_import_ms=median("import_ms") or 0.0,
        peak_bytes=None if peak is None else int(peak),
        joules_per_window=median("joules_per_window"),
        instructions_per_window=instructions,
        instructions_note=note,
        eager_ms=eager,
        model_speedup=_ratio(eager, ours),
        whole_speedup=_ratio(theirs, speed.front_end_ms + ours),
        stream_speedup=_ratio(theirs, step_ms + ours),
        teacher_speedup=_ratio(teacher, speed.front_end_ms + ours),
        teacher_stream_speedup=_ratio(teacher, step_ms + ours),
    )


def peak_memory(model: Path) -> int | None:
    """Return the highest resident memory, in bytes, of a fresh process that hears some windows with a model.

    None where the system does not tell. A process without a model has about 50 MB of it: Python, NumPy, onnxruntime.

    Raises:
        ModelError: when the measuring process fails.
    """
    told = json.loads(_child(["-m", "exclaim.evaluate.bench_windows", str(model), "20"]))
    return told["peak_bytes"]


def _ratio(theirs: float | None, ours: float) -> float | None:
    return None if theirs is None else theirs / ours


def _instructions(path: str, slowly: bool) -> tuple[int | None, str]:
    """Count the instructions of a window, front-end and model."""
    return instructions_each(
        lambda windows: ["-m", "exclaim.evaluate.bench_windows", path, str(windows)],
        _COUNTED,
        slowly,
        {**os.environ, **ONE_THREAD, "PYTHONHASHSEED": "0"},
    )


def _imports(processes: int) -> ImportCost:
    device = "exclaim.audio, exclaim.features, exclaim.windows, exclaim.model, onnxruntime"
    code = (
        "import json, sys, time\n"
        "a = time.perf_counter()\nimport exclaim\nb = time.perf_counter()\n"
        f"import {device}\nc = time.perf_counter()\n"
        "print(json.dumps([1e3 * (b - a), 1e3 * (c - a), 'torch' in sys.modules]))"
    )
    told = [json.loads(_child(["-c", code])) for _ in range(processes)]
    return ImportCost(
        exclaim_ms=statistics.median(t[0] for t in told),
        device_ms=statistics.median(t[1] for t in told),
        torch=any(t[2] for t in told),
    )
