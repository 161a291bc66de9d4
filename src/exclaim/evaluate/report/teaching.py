"""Students beside their teachers, on the same clips: what distillation to a small network costs."""

import math
from collections.abc import Sequence

from exclaim.evaluate.paired import Spread
from exclaim.evaluate.report.rows import Judgement
from exclaim.evaluate.report.section import Block, Cell, Column, Line, Number, Section, Table, signed

__all__ = ["against", "teaching_section"]

_ID = "students"
_FIGURES = {"uar": "UAR", "accuracy": "accuracy", "auroc": "AUROC"}


def against(one: Judgement, other: Judgement, figure: str) -> Spread:
    """Return ``one - other`` of a figure, paired: both are of the same clips and the same draws of speakers."""
    return one.figures[figure] - other.figures[figure]


def teaching_section(found: Sequence[Judgement]) -> Section | None:
    """Return each student less its teacher; None where no student's teacher is among the runs."""
    by_hash = {(run.sha256, one.task): one for one in found for run in one.row.runs}
    lines, numbers = [], []
    for one in found:
        if one.row.recipe.distil is None:
            continue
        parents = {parent for run in one.row.runs for parent in run.parents}
        teachers = {
            by_hash[key].row.name: by_hash[key] for parent in sorted(parents) if (key := (parent, one.task)) in by_hash
        }
        for teacher in teachers.values():
            if teacher.data_sha256 != one.data_sha256 or teacher.row is one.row:
                continue
            cells = []
            for figure in _FIGURES:
                difference = against(one, teacher, figure)
                interval = difference.interval()
                low_high = f"{signed(interval[0])} to {signed(interval[1])}" if interval else ""
                value = None if math.isnan(difference.whole) else difference.whole
                cells.append(Cell(signed(value), low_high))
                low, high = interval or (None, None)
                numbers.append(
                    Number(
                        section=_ID,
                        row=f"{one.row.name} less {teacher.row.name}",
                        task=one.task,
                        split=one.row.split,
                        figure=figure,
                        value=value,
                        low=low,
                        high=high,
                        seeds=one.row.seeds,
                        clips=len(one.truth),
                        data_sha256=one.data_sha256,
                    )
                )
            detail = f"{one.task}; less {teacher.row.name}; {len(one.truth):,} clips"
            lines.append(Line(one.row.name, tuple(cells), detail, "ours" if one.row.split == "speaker" else "random"))
    if not lines:
        return None
    columns = tuple(Column(text) for text in _FIGURES.values())
    return Section(
        id=_ID,
        title="Students beside their teachers",
        lead=(
            "Each student less its teacher on the same test clips. An interval that lies above \N{MINUS SIGN}0.030 "
            "says that the student keeps up."
        ),
        tables=(
            Table(
                "students",
                "Difference, paired by clip; 95 % intervals over speakers and seeds",
                columns,
                (Block("", tuple(lines)),),
            ),
        ),
        numbers=tuple(numbers),
        how=("both models see the same draws of speakers; where there are several seeds, these are drawn as well",),
    )
