"""What is taken for what: a matrix for each model at each task of more than two labels."""

from collections.abc import Sequence

import numpy as np

from exclaim.evaluate.report.clean import order_of_tasks
from exclaim.evaluate.report.figure import INK, SERIES, draw, finish_axes, panel_columns
from exclaim.evaluate.report.provenance import data_lines
from exclaim.evaluate.report.rows import Judgement
from exclaim.evaluate.report.section import Block, Cell, Column, Drawing, Line, Number, Section, Table, share

__all__ = ["confusion", "confusion_section"]

_ID = "confusion"
_LEAST_LABELS = 3  # of two labels, Table I tells all
_DARK = 0.55  # a cell that is fuller has light letters


def confusion(one: Judgement) -> np.ndarray:
    """Return the share of each label's clips that was answered with each label: (labels, labels), a line a true label.

    Over all seeds; a label without clips has NaN.
    """
    count = len(one.labels)
    found = np.zeros((count, count))
    for answers in one.answers:
        np.add.at(found, (one.truth, answers), 1)
    whole = found.sum(axis=1, keepdims=True)
    return np.divide(found, whole, out=np.full_like(found, np.nan), where=whole > 0)


def confusion_section(found: Sequence[Judgement]) -> Section | None:
    """Return the matrices as drawings and the recalls as a table; None where no task has more than two labels."""
    many = [one for one in found if len(one.labels) >= _LEAST_LABELS]
    if not many:
        return None
    drawings, tables, numbers = [], [], []
    for task in order_of_tasks(many):
        of_task = [one for one in many if one.task == task]
        drawings.append(_drawing(task, of_task))
        tables.append(_recalls(task, of_task))
        numbers += [number for one in of_task for number in _numbers(one)]
    return Section(
        id=_ID,
        title="What is taken for what",
        lead="A line holds the clips of one label, and where they went; the diagonal is each label's recall.",
        tables=tuple(tables),
        drawings=tuple(drawings),
        how=data_lines(many),
        numbers=tuple(numbers),
    )


def _drawing(task: str, of_task: Sequence[Judgement]) -> Drawing:
    from matplotlib.colors import LinearSegmentedColormap

    blue = LinearSegmentedColormap.from_list("share", ["#ffffff00", SERIES[0]])
    labels = of_task[0].labels

    def paint(_, panels) -> None:
        for axes, one in zip(panels, of_task, strict=True):
            shares = confusion(one)
            axes.pcolormesh(shares, cmap=blue, vmin=0, vmax=1, edgecolors="none")
            for (line, column), value in np.ndenumerate(shares):
                if not np.isnan(value) and value >= 0.005:
                    colour = "#ffffff" if value > _DARK else INK
                    size = 8.5 if len(labels) <= 6 else 6.5
                    text = f"{100 * value:.0f}"
                    axes.text(column + 0.5, line + 0.5, text, ha="center", va="center", color=colour, fontsize=size)
            places = np.arange(len(labels)) + 0.5
            turned = {"rotation": 45, "ha": "right"} if max(map(len, labels)) > 4 else {}
            axes.set_xticks(places, labels, **turned)
            axes.set_yticks(places, labels)
            axes.invert_yaxis()
            axes.set_aspect("equal")
            axes.grid(visible=False)
            finish_axes(axes, one.row.name, "answered", "true")

    alternative = f"{task}: for each model, the share of each label's clips that was answered with each label."
    columns = panel_columns(len(of_task))
    height = 4.2 if columns == 2 else 3.3
    svg = draw(f"confusion-{task}", alternative, len(of_task), paint, height=height, columns=columns)
    return Drawing(f"confusion-{task}", f"{task}: per cent of each line", alternative, svg)


def _recalls(task: str, of_task: Sequence[Judgement]) -> Table:
    labels = of_task[0].labels
    counts = np.bincount(of_task[0].truth, minlength=len(labels))
    columns = tuple(Column(label, f"{count:,} clips") for label, count in zip(labels, counts.tolist(), strict=True))
    lines = []
    for one in of_task:
        recalls = np.diag(confusion(one))
        cells = tuple(Cell(share(None if np.isnan(value) else float(value))) for value in recalls)
        lines.append(Line(one.row.name, cells, "", "ours" if one.row.split == "speaker" else "random"))
    return Table(f"recall-{task}", f"{task}: recall of each label", columns, (Block("", tuple(lines)),))


def _numbers(one: Judgement) -> list[Number]:
    shares = confusion(one)
    return [
        Number(
            section=_ID,
            row=one.row.name,
            task=one.task,
            split=one.row.split,
            figure=f"{true} answered {said}",
            value=None if np.isnan(shares[i, j]) else float(shares[i, j]),
            seeds=one.row.seeds,
            clips=int((one.truth == i).sum()),
            data_sha256=one.data_sha256,
        )
        for i, true in enumerate(one.labels)
        for j, said in enumerate(one.labels)
    ]
