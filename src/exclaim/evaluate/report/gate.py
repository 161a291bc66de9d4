"""Smaller models at the gate: size, speed and quality of eight-bit and pruned ones, and whether they may be shipped."""

import logging
from collections.abc import Sequence
from pathlib import Path

import msgspec

from exclaim.evaluate.report.runs import RunFolder
from exclaim.evaluate.report.section import Block, Cell, Column, Line, Number, Section, Table

__all__ = ["COMPRESS_FILE", "Compressed", "gate_section", "read_compressed"]

_LOG = logging.getLogger(__name__)
COMPRESS_FILE = "compress.json"
_ID = "compressed"


class Compressed(msgspec.Struct, frozen=True, kw_only=True):
    """A smaller model and what came of it; what else its file says is not read."""

    model: str
    method: str
    bytes: int
    ms: float | None = None  # of a window
    quality: dict[str, float | None] = {}  # by figure
    passed: bool
    reason: str = ""


def read_compressed(folder: Path) -> tuple[Compressed, ...]:
    """Return what a run folder says of smaller models; nothing where it says nothing."""
    path = folder / COMPRESS_FILE
    try:
        data = path.read_bytes()
    except OSError:
        return ()
    try:
        found = msgspec.json.decode(data, type=list[Compressed] | Compressed)
    except msgspec.MsgspecError as error:
        _LOG.warning("%s is not understood and left out: %s", path, error)
        return ()
    return tuple(found) if isinstance(found, list) else (found,)


def gate_section(runs: Sequence[RunFolder]) -> Section | None:
    """Return what was tried to make models smaller; None where nothing was."""
    found = [(run, one) for run in runs for one in read_compressed(run.folder)]
    if not found:
        return None
    figures = tuple(dict.fromkeys(figure for _, one in found for figure in one.quality))
    columns = (
        Column("file, kB"),
        Column("window, ms"),
        *(Column(figure) for figure in figures),
        Column("at the gate", number=False),
    )
    blocks: dict[str, list[Line]] = {}
    numbers = []
    for run, one in found:
        quality = [one.quality.get(figure) for figure in figures]
        cells = (
            Cell(f"{one.bytes / 1e3:,.0f}"),
            Cell("" if one.ms is None else f"{one.ms:.2f}"),
            *(Cell("" if value is None else f"{value:.3f}") for value in quality),
            Cell("passed" if one.passed else "not shipped", one.reason, number=False),
        )
        blocks.setdefault(run.recipe.name, []).append(Line(one.model, cells, one.method))
        told = {"file": (one.bytes, "bytes"), "window": (one.ms, "ms"), "passed": (float(one.passed), "")}
        told |= {figure: (value, "") for figure, value in one.quality.items()}
        numbers += [
            Number(section=_ID, row=one.model, condition=one.method, figure=figure, value=value, unit=unit)
            for figure, (value, unit) in told.items()
        ]
    table = Table(_ID, "Eight-bit and pruned models", columns, tuple(Block(k, tuple(v)) for k, v in blocks.items()))
    return Section(
        id=_ID,
        title="Smaller still",
        lead="A smaller model is shipped only where size, speed and quality all hold, each measured.",
        tables=(table,),
        how=(f"from {COMPRESS_FILE} in the run folders",),
        numbers=tuple(numbers),
    )
