"""A bench as records for ``docs/results.json``."""

from exclaim.evaluate.bench import Bench, ModelBench
from exclaim.evaluate.bench_sets import LoopCost, SetBench
from exclaim.evaluate.records import identifier
from exclaim.evaluate.results import Record

__all__ = ["bench_records", "set_bench_records"]

_MB = 1e6
_TURNS = "processor time, one thread on one core, median over turns of five runs on end, all parts in turn"
_WINDOW = "a 3 s window of noise"


def bench_records(found: Bench, *, command: str, tree: str, date: str) -> list[Record]:
    """Return a record for each figure.

    Args:
        found: the bench.
        command: that measures it again.
        tree: hash of the sources.
        date: UTC, ISO 8601.
    """
    where = f"{found.machine.processor}, {found.machine.system}, onnxruntime {found.machine.versions['onnxruntime']}"

    def record(name: str, metric: str, value: float | None, unit: str, protocol: str, data: str = _WINDOW) -> Record:
        return Record(
            id=f"bench.{name}",
            metric=metric,
            value=None if value is None else round(value, 6),
            unit=unit,
            protocol=f"{protocol}; {where}",
            data=data,
            command=command,
            source_tree=tree,
            date=date,
        )

    fresh = "median of fresh processes"
    whole = "whole process from start to end, one thread on one core"
    records = [
        record("front-end.window", "front-end, 3 s window", found.front_end_ms, "ms", _TURNS),
        record("front-end.stream", "front-end, streaming, per 100 ms", found.stream_100ms_ms, "ms", _TURNS, "noise"),
        record("front-end.librosa", "librosa's front-end, 3 s window", found.librosa_ms, "ms", _TURNS),
        record("front-end.speedup", "front-end, librosa / exclaim", found.front_end_speedup, "x", _TURNS),
        record("import.exclaim", "import exclaim (torch is not imported)", found.imports.exclaim_ms, "ms", fresh, "-"),
        record("import.device", "import all that a device runs", found.imports.device_ms, "ms", fresh, "-"),
    ]
    for model in found.models:
        records += _model_records(model, record, fresh)
    if found.listen is not None:
        cost, hour = found.listen, f"generated recording of {found.listen.minutes:g} minutes, never silent"
        short = f"generated recording of {cost.short_minutes:g} minutes"
        records += [
            record("listen.speed", "listen, times real time", cost.real_time_factor, "x", whole, hour),
            record("listen.memory", "listen, peak memory", _mega(cost.peak_bytes), "MB", whole, hour),
            record("listen.memory-short", "listen, peak memory", _mega(cost.short_peak_bytes), "MB", whole, short),
        ]
    if found.board is not None:
        limit = f"{whole}, in at most {_mega(found.board.limit_bytes):g} MB of its own (RLIMIT_DATA)"
        heard = f"generated recording of {found.board.minutes:g} minutes, never silent"
        name = "listen on a small board"
        records += [
            record("board.speed", f"{name}, times real time", found.board.real_time_factor, "x", limit, heard),
            record("board.memory", f"{name}, peak memory", _mega(found.board.peak_bytes), "MB", limit, heard),
        ]
    if found.training is not None:
        epoch = f"a generated epoch of {found.training.clips:,} clips, views and answers kept"
        student = "process of its own, one thread; a student of 70,000 parameters"
        records += [
            record(
                "training.loader",
                "training, share of an epoch spent waiting for windows and answers",
                found.training.loader_share,
                "",
                student,
                epoch,
            ),
            record("training.epoch", "training, an epoch", found.training.seconds, "s", student, epoch),
            record("training.memory", "training, peak memory", _mega(found.training.peak_bytes), "MB", student, epoch),
        ]
    return records


def _model_records(model: ModelBench, record, fresh: str) -> list[Record]:
    name, prefix = model.name, identifier(model.name)
    whole = "librosa and eager PyTorch / exclaim's front-end and model"
    counted = f"what ten windows more take more, divided by ten: {model.instructions_note}"
    energy = "processor package over 100 windows, the rest of the machine included (RAPL)"
    if model.joules_per_window is None:
        energy = "this machine has no energy counter that can be read (RAPL)"
    return [
        record(f"{prefix}.speedup", f"{name}: {whole}, each window by itself", model.whole_speedup, "x", _TURNS),
        record(
            f"{prefix}.stream-speedup",
            f"{name}: {whole}, in a stream (31 new frames)",
            model.stream_speedup,
            "x",
            _TURNS,
        ),
        record(
            f"{prefix}.teacher-speedup",
            f"{name}: librosa and ResNet-18 in eager PyTorch / exclaim's front-end and model, each window by itself",
            model.teacher_speedup,
            "x",
            _TURNS,
        ),
        record(
            f"{prefix}.teacher-stream-speedup",
            f"{name}: librosa and ResNet-18 in eager PyTorch / exclaim's front-end and model, in a stream",
            model.teacher_stream_speedup,
            "x",
            _TURNS,
        ),
        record(f"{prefix}.model", f"{name}: model, one window", model.model_ms, "ms", _TURNS),
        record(f"{prefix}.eager", f"{name}: the same network in eager PyTorch", model.eager_ms, "ms", _TURNS),
        record(f"{prefix}.load", f"{name}: load and verify", model.load_ms, "ms", _TURNS, "the model file"),
        record(
            f"{prefix}.first-load", f"{name}: first load of a process", model.first_load_ms, "ms", fresh, "the file"
        ),
        record(f"{prefix}.size", f"{name}: file", model.cost.bytes / _MB, "MB", "size of the file", "the file"),
        record(
            f"{prefix}.parameters", f"{name}: parameters", model.cost.parameters, "", "weights of the file", "the file"
        ),
        record(f"{prefix}.macs", f"{name}: multiply-accumulates", model.cost.macs, "", "convolutions and products"),
        record(
            f"{prefix}.memory", f"{name}: peak memory", _mega(model.peak_bytes), "MB", f"process that hears; {fresh}"
        ),
        record(f"{prefix}.instructions", f"{name}: instructions", model.instructions_per_window, "", counted),
        record(f"{prefix}.energy", f"{name}: energy of a window", model.joules_per_window, "J", energy),
    ]


def set_bench_records(found: SetBench, *, command: str, tree: str, date: str) -> list[Record]:
    """Return a record for each figure of training on a set, and for each ratio to training on the whole corpus.

    Args:
        found: what was measured.
        command: that measures it again.
        tree: hash of the sources.
        date: UTC, ISO 8601.
    """
    where = f"{found.machine.processor}, {found.machine.system}"
    alone = "process of its own, one thread on one core, from the set's file and a recipe alone"
    if found.memory_limit:
        alone += f", in at most {_mega(found.memory_limit):g} MB of its own (RLIMIT_DATA)"
    one = f"an epoch of the same loop from kept features, one thread on one core; what it took times {found.epochs}"
    prefix, name = f"bench.{identifier(found.name)}", f"training {found.network}"

    def record(part: str, metric: str, value: float | None, unit: str, protocol: str, data: str) -> Record:
        return Record(
            id=f"{prefix}.{part}",
            metric=f"{name}{metric}",
            value=None if value is None else round(value, 6),
            unit=unit,
            protocol=f"{protocol}; {where}",
            data=data,
            command=command,
            source_tree=tree,
            date=date,
        )

    def costs(part: str, cost: LoopCost, metric: str, protocol: str, data: str) -> list[Record]:
        counted = f"of a step, times {cost.windows:,} windows: {cost.instructions_note}"
        return [
            record(f"{part}.seconds", f"{metric}, the loop", cost.seconds, "s", protocol, data),
            record(f"{part}.memory", f"{metric}, peak memory", _mega(cost.peak_bytes), "MB", protocol, data),
            record(f"{part}.instructions", f"{metric}, instructions", cost.instructions, "", counted, data),
        ]

    on_set = found.on_set
    data = f"{found.set}, {found.items} items, {_seen(on_set)} over all epochs"
    records = [record("set.wall", " on a set, start to model file", found.wall_seconds, "s", alone, data)]
    records += costs("set", on_set, " on a set", alone, data)
    if (whole := found.on_whole) is None:
        return records
    records += costs("whole", whole, " on the whole corpus", one, f"{found.whole_name}, {_seen(whole)}")
    both = f"{data}; {found.whole_name}, {_seen(whole)}"
    ratio = " on a set / on the whole corpus"
    counts = on_set.instructions, whole.instructions
    more = None if None in counts else counts[0] / counts[1]
    return [
        *records,
        record("ratio.seconds", f"{ratio}, the loop", on_set.seconds / whole.seconds, "", one, both),
        record("ratio.windows", f"{ratio}, windows", on_set.windows / whole.windows, "", "counted", both),
        record("ratio.instructions", f"{ratio}, instructions", more, "", on_set.instructions_note, both),
    ]


def _seen(cost: LoopCost) -> str:
    bands, frames = cost.view
    return f"{cost.windows:,} windows of {bands} x {frames} cells"


def _mega(count: int | None) -> float | None:
    return None if count is None else count / _MB
