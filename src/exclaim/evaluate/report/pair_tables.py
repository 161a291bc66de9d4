"""The tables and the drawing of two models on the same clips."""

from collections.abc import Sequence

import numpy as np

from exclaim.evaluate import metrics
from exclaim.evaluate.answers import ClipAnswer
from exclaim.evaluate.figures import Judged
from exclaim.evaluate.paired import Difference, Flip
from exclaim.evaluate.report.figure import INK, SERIES, SOFT, draw, finish_axes
from exclaim.evaluate.report.section import Block, Cell, Column, Drawing, Line, Table, share, signed

__all__ = ["PAIR_FIGURES", "difference_drawing", "figure_table", "flip_table", "recall_table"]

PAIR_FIGURES = {
    "uar": "UAR",
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "auroc": "AUROC",
    "ece": "ECE",
    "ece_debiased": "ECE, debiased",
    "brier": "Brier",
}
_LOWER_IS_BETTER = {"ece", "ece_debiased", "brier"}
_SHOWN = 15  # flips each way; all of them stand in the CSV


def figure_table(task: str, names: tuple[str, str], found: dict[str, Difference]) -> Table:
    """Return every figure of both, and the difference."""
    columns = (Column(names[0]), Column(names[1]), Column("difference"), Column("95 %"))
    lines = []
    for name, words in PAIR_FIGURES.items():
        one = found[name]
        between = f"{signed(one.interval[0])} to {signed(one.interval[1])}" if one.interval else "\N{EN DASH}"
        cells = (Cell(share(one.first)), Cell(share(one.second)), Cell(signed(one.difference)), Cell(between))
        lines.append(Line(words, cells, "lower is better" if name in _LOWER_IS_BETTER else ""))
    return Table(f"pair-{task}", "Figures of both, and the difference", columns, (Block("", tuple(lines)),))


def recall_table(task: str, names: tuple[str, str], own: Judged, theirs: Judged) -> Table:
    """Return the recall of each label that is there."""
    count = len(own.labels)
    one, other = (metrics.recalls(side.truth, side.answers, count) for side in (own, theirs))
    support = np.bincount(own.truth, minlength=count)
    lines = [
        Line(label, (Cell(share(a)), Cell(share(b)), Cell(signed(a - b))), f"{clips:,} clips")
        for label, a, b, clips in zip(own.labels, one.tolist(), other.tolist(), support.tolist(), strict=True)
        if clips
    ]
    columns = (Column(names[0]), Column(names[1]), Column("difference"))
    return Table(f"recall-{task}", "Recall of each label", columns, (Block("", tuple(lines)),))


def flip_table(
    task: str,
    names: tuple[str, str],
    own: Judged,
    theirs: Judged,
    clips: Sequence[ClipAnswer],
    gained: Sequence[Flip],
    lost: Sequence[Flip],
) -> Table:
    """Return the clips that one model alone answers rightly, the surest first."""

    def line(flip: Flip) -> Line:
        i = flip.clip
        cells = (
            Cell(own.labels[own.truth[i]], number=False),
            *(
                Cell(own.labels[side.answers[i]], f"{side.probabilities[i, side.answers[i]]:.2f}", number=False)
                for side in (own, theirs)
            ),
            Cell(f"{flip.sureness:.2f}"),
        )
        return Line(clips[i].path, cells, (clips[i].speaker or "").removeprefix("csv:"))

    columns = (
        Column("truth", number=False),
        *(Column(name, "its answer, and its probability for it", number=False) for name in names),
        Column("sureness", "the lower of both probabilities"),
    )
    blocks = tuple(
        Block(
            f"{name} alone is right: {len(found):,} clips, the surest {min(len(found), _SHOWN)}",
            tuple(map(line, found)),
        )
        for name, found in zip(names, (gained, lost), strict=True)
    )
    return Table(f"flips-{task}", "Clips that turned", columns, blocks, shown=_SHOWN)


def difference_drawing(task: str, names: tuple[str, str], found: dict[str, Difference]) -> Drawing:
    """Return the differences with their intervals."""

    def paint(_, panels) -> None:
        axes = panels[0]
        axes.axvline(0, color=SOFT, linewidth=0.9, linestyle=":")
        for place, name in enumerate(PAIR_FIGURES):
            one = found[name]
            if one.difference is None:
                continue
            colour = SOFT if name in _LOWER_IS_BETTER else SERIES[0]
            if one.interval is not None:
                axes.plot(one.interval, (place, place), color=colour, linewidth=2.4, alpha=0.55)
            axes.plot(one.difference, place, "o", markersize=7, color=colour)
        words = [
            text + (" (lower is better)" if name in _LOWER_IS_BETTER else "") for name, text in PAIR_FIGURES.items()
        ]
        axes.set_yticks(range(len(words)), words, color=INK)
        axes.set_ylim(len(words) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        finish_axes(axes, "", f"{names[0]} less {names[1]}")

    told = "; ".join(f"{words} {signed(found[name].difference)}" for name, words in PAIR_FIGURES.items())
    alternative = f"Differences at {task}, with 95 % intervals: {told}."
    svg = draw(f"pair-{task}", alternative, 1, paint, width=7.6, height=3.2)
    return Drawing(f"pair-{task}", "Differences with 95 % intervals over speakers", alternative, svg)
