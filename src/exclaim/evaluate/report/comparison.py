"""Quality beside cost: teacher, students with and without it, other networks, in one table a task."""

import math
from collections.abc import Sequence
from pathlib import PurePosixPath

from exclaim.evaluate.cost import Cost
from exclaim.evaluate.paired import Spread
from exclaim.evaluate.report.clean import order_of_tasks
from exclaim.evaluate.report.latency import Timing
from exclaim.evaluate.report.provenance import data_lines
from exclaim.evaluate.report.rows import Judgement, Row
from exclaim.evaluate.report.section import (
    Block,
    Cell,
    Column,
    Line,
    Number,
    Section,
    Table,
    measured,
    share,
    thousands,
)
from exclaim.evaluate.report.size import cost_of
from exclaim.learn.recipe import teachers_of

__all__ = ["comparison_section"]

_ID = "comparison"
_MB = 1e6
_COLUMNS = (
    Column("UAR", "unweighted average recall, with its interval"),
    Column("accuracy", "share of right answers"),
    Column("macro-F1", "mean F1 over the labels"),
    Column("a clip, ms", "front-end and model for a 3 s clip, one core"),
    Column("load, ms", "read, verify and make ready"),
    Column("file, MB", "10\N{SUPERSCRIPT SIX} bytes"),
    Column("memory, MB", "peak of a fresh process that hears with it: Python, NumPy and onnxruntime included"),
    Column("multiply-accumulates", "for one 3 s clip"),
)


def comparison_section(found: Sequence[Judgement], timing: Timing | None) -> Section | None:
    """Return one table for each task that a recipe is for, a line for each row of it; None for a single row.

    Args:
        found: every row's answers to every task.
        timing: of the rows' models; None: what was not timed stays empty.
    """
    if len({one.row.name for one in found}) < 2:
        return None
    blocks, numbers = [], []
    for task in order_of_tasks(found):
        of_task = [one for one in found if one.task == task]
        if not any(one.row.recipe.task == task for one in of_task):
            continue
        blocks.append(Block(task, tuple(_line(one, timing) for one in of_task)))
        numbers += [number for one in of_task for number in _numbers(one, timing)]
    table = Table("comparison", "What every model gives and costs", _COLUMNS, tuple(blocks))
    return Section(
        id=_ID,
        title="Quality and cost",
        lead=(
            "What a model gives beside what it costs: whether a student is worth its teacher is read across a line. "
            "Eight-bit and pruned forms stand at their gate below, where size, speed and quality are measured together."
        ),
        tables=(table,),
        notes=("Several seeds: quality is their mean, cost that of the first.",),
        how=data_lines(found),
        numbers=tuple(numbers),
    )


def _line(one: Judgement, timing: Timing | None) -> Line:
    cost, path = cost_of(one.row), str(one.row.runs[0].model)
    clip = timing and timing.speed.front_end_ms + timing.speed.model_ms[path]
    peak = timing and timing.peak_bytes.get(path)
    uar = one.figures["uar"]
    cells = (
        measured(_whole(uar), uar.interval(), uar.deviation),
        Cell(share(_whole(one.figures["accuracy"]))),
        Cell(share(_whole(one.figures["macro_f1"]))),
        Cell(f"{clip:.2f}" if clip else ""),
        Cell(f"{timing.speed.load_ms[path]:.1f}" if timing else ""),
        Cell(f"{cost.bytes / _MB:.2f}"),
        Cell(f"{peak / _MB:.0f}" if peak else ""),
        Cell(thousands(cost.macs)),
    )
    kind = "ours" if one.row.split == "speaker" else "random"
    return Line(one.row.name, cells, f"{_learnt(one.row)}; {_people(one)}", kind)


def _learnt(row: Row) -> str:
    """Say from whom a network learnt."""
    teachers = [PurePosixPath(teacher).stem for teacher in teachers_of(row.recipe)]
    teachers += [PurePosixPath(soft.source).stem for soft in row.recipe.soft_labels]
    network = f"{row.recipe.network.name}, {thousands(cost_of(row).parameters)} parameters"
    return f"{network}, taught by {' and '.join(teachers)}" if teachers else f"{network}, from labels alone"


def _people(one: Judgement) -> str:
    return f"{len(one.truth):,} clips" + (f" of {one.speakers} speakers" if one.speakers else "")


def _whole(spread: Spread) -> float | None:
    return None if math.isnan(spread.whole) else spread.whole


def _numbers(one: Judgement, timing: Timing | None) -> list[Number]:
    """Return the costs; the quality stands with Table I's numbers."""
    path = str(one.row.runs[0].model)
    cost: Cost = cost_of(one.row)
    told: dict[str, tuple[float | None, str]] = {
        "file": (cost.bytes / _MB, "MB"),
        "multiply-accumulates": (cost.macs, ""),
    }
    if timing:
        peak = timing.peak_bytes.get(path)
        told |= {
            "clip": (timing.speed.front_end_ms + timing.speed.model_ms[path], "ms"),
            "load": (timing.speed.load_ms[path], "ms"),
            "peak memory": (None if peak is None else peak / _MB, "MB"),
        }
    return [
        Number(section=_ID, row=one.row.name, task=one.task, condition="", figure=name, value=value, unit=unit)
        for name, (value, unit) in told.items()
    ]
