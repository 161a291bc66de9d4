"""How sets were learnt: the loss of matching over its iterations, as the runs wrote it down."""

from collections.abc import Sequence

from exclaim.evaluate.report.figure import SERIES, draw, finish_axes, panel_columns
from exclaim.evaluate.report.section import Drawing, Section
from exclaim.evaluate.report.sets import ReadSet

__all__ = ["learning_section"]

_FIGURES = {"loss": "loss, mean of 50 iterations", "learning_rate": "learning rate of the set"}
_MANY = 5.0  # times the least value: then the axis is logarithmic, or the end of the curve is a line on the floor


def learning_section(sets: Sequence[ReadSet]) -> Section | None:
    """Return the curve of every set that was learnt; None where none was, or none left its numbers."""
    panels = [
        (found, figure)
        for found in sets
        for figure in _FIGURES
        if len(found.history) > 1 and all(figure in line for line in found.history)
    ]
    if not panels:
        return None

    def paint(_, axes) -> None:
        for own, (found, figure) in zip(axes, panels, strict=True):
            iterations = [line["iteration"] for line in found.history]
            colour = SERIES[list(_FIGURES).index(figure)]
            values = [line[figure] for line in found.history]
            own.plot(iterations, values, color=colour)
            if min(values) > 0 and max(values) > _MANY * min(values):
                own.set_yscale("log")
            finish_axes(own, found.name, "iteration", _FIGURES[figure])

    names = dict.fromkeys(found.name for found, _ in panels)
    alternative = f"The loss of matching over the iterations of {', '.join(names)}, a panel for each."
    missing = [found.name for found in sets if found.name not in names]
    svg = draw("learning", alternative, len(panels), paint, columns=panel_columns(len(panels)), height=2.9)
    return Section(
        id="learning",
        title="How they were learnt" if len(names) > 1 else "How it was learnt",
        lead=(
            "What a method makes alike, and how far it got. Losses of different methods are not of one scale: look at "
            "their shape. A curve that still falls at its end asks for more iterations."
        ),
        drawings=(Drawing("learning", "Loss of matching, from metrics.jsonl beside the set", alternative, svg),),
        notes=(f"{', '.join(missing)}: nothing was learnt, or no metrics.jsonl lies beside it.",) if missing else (),
    )
