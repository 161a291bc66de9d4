"""Table IV: parameters and bytes of every model, beside what the paper prints."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

from exclaim.errors import ModelError
from exclaim.evaluate.cost import Cost, multiply_accumulates, parameters
from exclaim.evaluate.report.paper import PAPER, SIZES, STUDENT_NOTE
from exclaim.evaluate.report.rows import Row
from exclaim.evaluate.report.section import Block, Cell, Column, Line, Number, Section, Table, thousands

__all__ = ["cost_of", "size_section", "trained_parameters"]

_ID = "table-4"
_MB, _MIB = 1e6, 2**20
_COLUMNS = (
    Column("parameters", "that training moves, as the paper counts them: every head, nothing folded"),
    Column("in the file", "floating-point values of the model file: its own heads, batch normalisation folded"),
    Column("file, MB", "10\N{SUPERSCRIPT SIX} bytes"),
    Column(
        "as 32 bits, MB",
        "parameters times four bytes, in units of 2\N{SUPERSCRIPT TWO}\N{SUPERSCRIPT ZERO} as the paper has them",
    ),
    Column("multiply-accumulates", "of convolutions and matrix products for one 3 s window"),
)


def trained_parameters(weights: Path) -> int | None:
    """Return how many values training moved, from the header of a safetensors file; None where there is none.

    Batch normalisation's running means are kept in the file but are no parameters.
    """
    try:
        with weights.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(size, 100_000_000)))
        return sum(
            math.prod(tensor["shape"])
            for name, tensor in header.items()
            if name != "__metadata__" and not name.endswith(("running_mean", "running_var", "num_batches_tracked"))
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def size_section(rows: Sequence[Row]) -> Section:
    """Return Table IV: a line for each network; rows that differ in their training only share one."""
    lines, numbers, seen = [], [], []
    for row in rows:
        if _shape(row) in seen:
            continue
        seen.append(_shape(row))
        trained = trained_parameters(row.runs[0].folder / "best.safetensors")
        cost = cost_of(row)
        alike = [other.name for other in rows if _shape(other) == _shape(row)]
        lines.append(_line(row, alike, trained, cost))
        numbers += _numbers(row, trained, cost)
    networks = {row.recipe.network.name for row in rows}
    theirs = [_paper_line(*size) for size in SIZES]
    numbers += [
        Number(section=_ID, row=model, condition="", figure="parameters", value=count, source="paper")
        for model, _, count, _ in SIZES
    ]
    numbers += [
        Number(section=_ID, row=model, condition="", figure="size", unit="MB", value=size, source="paper")
        for model, _, _, size in SIZES
        if size is not None
    ]
    notes = [f"The paper's lines are from {PAPER}."]
    if "paper-student" in networks:
        notes.insert(0, STUDENT_NOTE)
    table = Table("table-4", "Size of every network", _COLUMNS, (Block("", tuple(lines + theirs)),))
    return Section(
        id=_ID,
        title="Table IV: size",
        lead="What a device has to hold. The file is what is shipped; it may keep its weights in fewer bits.",
        tables=(table,),
        notes=tuple(notes),
        how=("counted from the run's best.safetensors and from its model file",),
        numbers=tuple(numbers),
    )


def _shape(row: Row) -> tuple:
    """Return what decides a network's size; what is dropped in training does not."""
    network = row.recipe.network
    options = {name: value for name, value in network.options.items() if name != "dropout"}
    return network.name, options, row.recipe.precision, tuple(row.recipe.heads)


def cost_of(row: Row) -> Cost:
    """Return what the first model of a row costs to keep and to run."""
    data = row.runs[0].model.read_bytes()
    try:
        macs = multiply_accumulates(data)
    except ModelError:
        macs = None
    return Cost(bytes=len(data), parameters=parameters(data), macs=macs)


def _line(row: Row, alike: Sequence[str], trained: int | None, cost: Cost) -> Line:
    network = row.recipe.network
    options = ", ".join(f"{name} {value}" for name, value in network.options.items() if name != "dropout")
    detail = f"{network.name}{f' ({options})' if options else ''}"
    if len(alike) > 1:
        detail += f"; also {', '.join(name for name in alike if name != row.name)}"
    cells = (
        Cell(thousands(trained)),
        Cell(thousands(cost.parameters)),
        Cell(f"{cost.bytes / _MB:.2f}"),
        Cell(f"{trained * 4 / _MIB:.2f}" if trained else ""),
        Cell(thousands(cost.macs)),
    )
    return Line(row.name, cells, detail)


def _numbers(row: Row, trained: int | None, cost: Cost) -> list[Number]:
    told = {"parameters": trained, "parameters in the file": cost.parameters, "multiply-accumulates": cost.macs}
    found = [
        Number(section=_ID, row=row.name, condition="", figure=figure, value=value) for figure, value in told.items()
    ]
    size = Number(section=_ID, row=row.name, condition="", figure="file", unit="MB", value=cost.bytes / _MB)
    return [*found, size]


def _paper_line(model: str, network: str, count: int, megabytes: float | None) -> Line:
    cells = (Cell(thousands(count)), Cell(""), Cell(""), Cell(f"{megabytes:.2f}" if megabytes else ""), Cell(""))
    return Line(f"the paper's {model}", cells, f"as printed; {network} here", "paper")
