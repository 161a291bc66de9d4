"""Figure 9: what a window and a start cost, all models side by side in one run and in turn, on one core."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from exclaim.evaluate.bench import Machine, machine, peak_memory, timed
from exclaim.evaluate.bench_speed import Speed, SpeedOptions
from exclaim.evaluate.report.figure import INK, SERIES, SOFT, draw, finish_axes
from exclaim.evaluate.report.rows import Row
from exclaim.evaluate.report.runs import RECIPE_FILE
from exclaim.evaluate.report.section import Block, Cell, Column, Drawing, Line, Number, Section, Table

__all__ = ["Timing", "latency_section", "time_rows"]

_ID = "figure-9"
_COLUMNS = (
    Column("window, ms", "the model file in onnxruntime: one 3 s window"),
    Column("with front-end, ms", "and from sound to log-mel before it"),
    Column("eager PyTorch, ms", "the same network as it is trained"),
    Column("load, ms", "read, verify and make ready"),
    Column("against the teacher", "ResNet-18 in eager PyTorch with librosa's front-end, over front-end and model here"),
)


class Timing(NamedTuple):
    """What was measured."""

    speed: Speed
    machine: Machine
    repeats: int
    peak_bytes: dict[str, int | None]  # by the model's path: of a fresh process that hears with it


def time_rows(rows: Sequence[Row], repeats: int) -> Timing:
    """Time the first model of each row, and weigh its memory.

    Args:
        rows: the models.
        repeats: turns.

    Raises:
        ModelError: when the measuring process fails.
    """
    models = {str(row.runs[0].model): str(row.runs[0].folder / RECIPE_FILE) for row in rows}
    speed = timed(SpeedOptions(models=tuple(models), recipes=models, repeats=repeats))
    return Timing(speed, machine(), repeats, {path: peak_memory(Path(path)) for path in models})


def latency_section(rows: Sequence[Row], timing: Timing) -> Section:
    """Return Figure 9 and its table."""
    speed, where = timing.speed, timing.machine
    paths = [str(row.runs[0].model) for row in rows]

    def paint(_, panels) -> None:
        places = range(len(rows))
        front = [speed.front_end_ms] * len(rows)
        window = [speed.model_ms[path] for path in paths]
        panels[0].barh(places, front, color=SOFT, height=0.6, label="front-end")
        panels[0].barh(places, window, left=front, color=SERIES[0], height=0.6, label="model")
        panels[1].barh(places, [speed.load_ms[path] for path in paths], color=SERIES[2], height=0.6)
        for axes, values in zip(panels, ([a + b for a, b in zip(front, window, strict=True)], None), strict=True):
            shown = values or [speed.load_ms[path] for path in paths]
            for place, value in zip(places, shown, strict=True):
                beside = {"xytext": (4, 0), "textcoords": "offset points", "va": "center", "fontsize": 9}
                axes.annotate(f"{value:.1f}", (value, place), color=INK, **beside)
            axes.margins(x=0.14)
            axes.grid(visible=False, axis="y")
            axes.set_yticks(list(places), [row.name for row in rows], color=INK)
            axes.set_ylim(len(rows) - 0.4, -0.6)
        panels[1].set_yticklabels([])
        finish_axes(panels[0], "a 3 s window", "milliseconds of one core")
        finish_axes(panels[1], "load and verify", "milliseconds of one core")
        panels[0].legend(loc="lower right")

    alternative = "Time of a 3 s window (front-end and model) and of loading, a bar for each model."
    svg = draw("figure-9", alternative, 2, paint, height=max(1.6, 0.9 + 0.36 * len(rows)))
    protocol = (
        "processor time of one core, one thread, batch of one; median over turns of five runs on end, all models and "
        f"the front-end in turn in one process ({timing.repeats} runs each)"
    )
    place = f"{where.processor}, {where.system}, onnxruntime {where.versions['onnxruntime']}"
    return Section(
        id=_ID,
        title="Figure 9: latency",
        lead="What a window and a start cost, all models in turn in one run, so that what slows one slows all.",
        tables=(Table("figure-9", "Milliseconds of one core", _COLUMNS, (Block("", tuple(_lines(rows, speed))),)),),
        drawings=(Drawing("figure-9", "Latency and load time side by side", alternative, svg),),
        notes=tuple(speed.notes),
        how=(protocol, place),
        numbers=tuple(_numbers(rows, speed, f"{protocol}; {place}")),
    )


def _against_teacher(speed: Speed, path: str) -> float | None:
    if speed.teacher_ms is None or speed.librosa_ms is None:
        return None
    return (speed.librosa_ms + speed.teacher_ms) / (speed.front_end_ms + speed.model_ms[path])


def _lines(rows: Sequence[Row], speed: Speed) -> list[Line]:
    lines = []
    for row in rows:
        path = str(row.runs[0].model)
        eager, ratio = speed.eager_ms.get(path), _against_teacher(speed, path)
        cells = (
            Cell(f"{speed.model_ms[path]:.2f}"),
            Cell(f"{speed.front_end_ms + speed.model_ms[path]:.2f}"),
            Cell(f"{eager:.2f}" if eager is not None else ""),
            Cell(f"{speed.load_ms[path]:.1f}"),
            Cell(f"{ratio:.1f} \N{MULTIPLICATION SIGN}" if ratio is not None else ""),
        )
        lines.append(Line(row.name, cells, row.recipe.network.name))
    return lines


def _numbers(rows: Sequence[Row], speed: Speed, protocol: str) -> list[Number]:
    found = []
    for row in rows:
        path = str(row.runs[0].model)
        told = {
            "window": (speed.model_ms[path], "ms"),
            "front-end": (speed.front_end_ms, "ms"),
            "eager PyTorch": (speed.eager_ms.get(path), "ms"),
            "load": (speed.load_ms[path], "ms"),
            "speed against the teacher": (_against_teacher(speed, path), "x"),
        }
        found += [
            Number(section=_ID, row=row.name, condition="", figure=name, value=value, unit=unit, data=protocol)
            for name, (value, unit) in told.items()
        ]
    return found
