"""Smaller models at the gate: size, speed and quality of eight-bit and pruned ones, and whether they may be shipped."""

import logging
from collections.abc import Sequence
from pathlib import Path

from exclaim.errors import ModelError
from exclaim.evaluate.report.runs import RunFolder
from exclaim.evaluate.report.section import Block, Cell, Column, Line, Number, Section, Table, share, signed
from exclaim.learn.admission import Admission, Quality, read_admissions

__all__ = ["COMPRESS_FILE", "gate_section"]

_LOG = logging.getLogger(__name__)
COMPRESS_FILE = "compress.json"
_ID = "compressed"
_WORDS = {"uar": "UAR", "auroc": "AUROC"}


def _read(folder: Path) -> list[Admission]:
    """Return what a run folder says of smaller models; nothing where it says nothing."""
    try:
        return read_admissions(folder / COMPRESS_FILE)
    except ModelError as error:
        _LOG.warning("left out: %s", error)
        return []


def gate_section(runs: Sequence[RunFolder]) -> Section | None:
    """Return what was tried to make models smaller; None where nothing was."""
    found = [(run, one) for run in runs for one in _read(run.folder)]
    if not found:
        return None
    asked = tuple(dict.fromkeys((quality.task, quality.figure) for _, one in found for quality in one.quality))
    columns = (
        Column("file, kB", "and that of the model that it would stand in for"),
        Column("window, ms", "processor time of one core, and the original's"),
        *(Column(f"{_WORDS.get(figure, figure)}, {task}", "and less the original's, paired") for task, figure in asked),
        Column("at the gate", number=False),
    )
    blocks: dict[str, list[Line]] = {}
    for run, one in found:
        told = {(quality.task, quality.figure): quality for quality in one.quality}
        cells = (
            Cell(f"{one.bytes / 1e3:,.0f}", f"of {one.original_bytes / 1e3:,.0f}"),
            Cell(f"{one.ms:.2f}", f"of {one.original_ms:.2f}"),
            *(_quality(told.get(key)) for key in asked),
            Cell("passed" if one.passed else "not shipped", one.reason, number=False),
        )
        blocks.setdefault(run.recipe.name, []).append(Line(one.model, cells, one.method))
    table = Table(_ID, "Eight-bit and pruned models", columns, tuple(Block(k, tuple(v)) for k, v in blocks.items()))
    data = ", ".join(dict.fromkeys(one.data for _, one in found))
    return Section(
        id=_ID,
        title="Smaller still",
        lead="A smaller model is shipped only where size, speed and quality all hold, each measured.",
        tables=(table,),
        how=(f"by `exclaim compress`, from {COMPRESS_FILE} in the run folders; quality on {data}",),
        numbers=tuple(number for _, one in found for number in _numbers(one)),
    )


def _quality(quality: Quality | None) -> Cell:
    if quality is None:
        return Cell("")
    between = f"\n{signed(quality.interval[0])} to {signed(quality.interval[1])}" if quality.interval else ""
    return Cell(share(quality.candidate), f"{signed(quality.difference)}{between}")


def _numbers(one: Admission) -> list[Number]:
    shared = {"section": _ID, "row": one.model, "condition": one.method, "data": one.data}
    found = [
        Number(**shared, figure="file", unit="bytes", value=one.bytes),
        Number(**shared, figure="file of the original", unit="bytes", value=one.original_bytes),
        Number(**shared, figure="window", unit="ms", value=one.ms),
        Number(**shared, figure="window of the original", unit="ms", value=one.original_ms),
        Number(**shared, figure="passed", value=float(one.passed)),
    ]
    for quality in one.quality:
        low, high = quality.interval or (None, None)
        of = {**shared, "task": quality.task}
        found += [
            Number(**of, figure=quality.figure, value=quality.candidate),
            Number(**of, figure=f"gain of {quality.figure}", value=quality.difference, low=low, high=high),
        ]
    return found
