"""What stands behind a single figure: risk over coverage, reliability, and how training went."""

from collections.abc import Sequence

import numpy as np

from exclaim.evaluate.metrics import risk_coverage
from exclaim.evaluate.report.clean import order_of_tasks
from exclaim.evaluate.report.figure import (
    DASHES,
    INK,
    SERIES,
    SOFT,
    draw,
    finish_axes,
    legend_below,
    panel_columns,
)
from exclaim.evaluate.report.provenance import data_lines
from exclaim.evaluate.report.rows import Judgement, Row
from exclaim.evaluate.report.section import Drawing, Number, Section

__all__ = ["MOST_LINES", "calibration_section", "colour_of", "coverage_section", "training_section"]

MOST_LINES = 8  # of models in one panel; more cannot be told apart
_COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
_BINS = 10


def colour_of(number: int) -> dict:
    """Return how the line of the n-th row is drawn, the same in every drawing."""
    return {"color": SERIES[number % len(SERIES)], "linestyle": DASHES[number // len(SERIES) % len(DASHES)]}


def _shown(found: Sequence[Judgement], task: str) -> list[Judgement]:
    """Return the speaker-independent rows of a task, as many as a panel holds; else the random ones."""
    of_task = [one for one in found if one.task == task]
    return ([one for one in of_task if one.row.split == "speaker"] or of_task)[:MOST_LINES]


def _left_out(found: Sequence[Judgement]) -> tuple[str, ...]:
    """Say that not all models are drawn, where they are too many."""
    drawn = {one.row.name for task in order_of_tasks(found) for one in _shown(found, task)}
    return (
        ()
        if drawn >= {one.row.name for one in found}
        else (f"Speaker-independent models first, {MOST_LINES} at most.",)
    )


def coverage_section(found: Sequence[Judgement]) -> Section:
    """Return risk over coverage: what is gained when a model may stay silent where it is least sure."""
    tasks = order_of_tasks(found)
    numbers = []

    def paint(figure, panels) -> None:
        for axes, task in zip(panels, tasks, strict=True):
            for one in _shown(found, task):
                coverage, risk = _mean_curve(one)
                axes.plot(coverage, risk, label=one.row.name, **colour_of(one.side))
            axes.set_xlim(0, 1)
            axes.set_ylim(bottom=0)
            finish_axes(axes, task, "coverage: share of clips answered", "risk: share of those wrong")
        legend_below(figure, panels)

    for one in found:
        coverage, risk = _mean_curve(one)
        numbers += [
            Number(
                section="coverage",
                row=one.row.name,
                task=one.task,
                split=one.row.split,
                figure=f"accuracy at {share:.0%} coverage",
                value=float(1 - np.interp(share, coverage, risk)),
                seeds=one.row.seeds,
                clips=len(one.truth),
                data_sha256=one.data_sha256,
            )
            for share in _COVERAGES
        ]
    alternative = f"Risk over coverage at {', '.join(tasks)}, a line for each model; lower is better."
    svg = draw("risk-coverage", alternative, len(tasks), paint, columns=panel_columns(len(tasks)), height=3.2)
    return Section(
        id="coverage",
        title="Risk and coverage",
        lead=(
            "A model may abstain. Answering only the clips it is surest of (to the left), it errs less; the faster a "
            "line falls, the better the model knows itself."
        ),
        drawings=(Drawing("risk-coverage", "Risk over coverage, mean over seeds", alternative, svg),),
        notes=_left_out(found),
        how=data_lines(found),
        numbers=tuple(numbers),
    )


def _mean_curve(one: Judgement) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of the seeds' curves at 200 coverages."""
    grid = np.linspace(0.02, 1, 200)
    curves = [
        np.interp(grid, *risk_coverage(answers == one.truth, confidence))
        for answers, confidence in zip(one.answers, one.confidence, strict=True)
    ]
    return grid, np.mean(curves, axis=0)


def calibration_section(found: Sequence[Judgement]) -> Section:
    """Return reliability diagrams: whether a probability of .8 is right four times in five."""
    tasks = order_of_tasks(found)

    def paint(figure, panels) -> None:
        for axes, task in zip(panels, tasks, strict=True):
            axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.9, linestyle=":")
            shown = _shown(found, task)
            for one in shown:
                confidence, right, counts = reliability(one)
                style = colour_of(one.side)
                axes.plot(confidence, right, label=one.row.name, **style)
                axes.scatter(confidence, right, s=90 * counts / counts.sum() + 6, color=style["color"])
            axes.set_xlim(1 / max(2, len(shown[0].labels)) - 0.08, 1.02)
            axes.set_ylim(0, 1.02)
            finish_axes(axes, task, "probability of the answer", "share that is right")
        legend_below(figure, panels)

    alternative = (
        f"Reliability at {', '.join(tasks)}: share of right answers over the probability given, a line for each model; "
        "on the dotted diagonal a model is as right as it says."
    )
    svg = draw("reliability", alternative, len(tasks), paint, columns=panel_columns(len(tasks)), height=3.4)
    return Section(
        id="calibration",
        title="Calibration",
        lead=(
            "Whether a probability means what it says. On the diagonal, of the answers given with .8 four in five are "
            "right; below it a model is too sure of itself. Larger points hold more clips."
        ),
        drawings=(Drawing("reliability", "Reliability of the most probable label, seeds together", alternative, svg),),
        notes=_left_out(found),
        how=data_lines(found),
    )


def reliability(one: Judgement) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean confidence, share of right answers and count of each bin that is met, seeds together."""
    confidence = one.probabilities.max(axis=2).ravel()
    right = (one.probabilities.argmax(axis=2) == one.truth).ravel()
    place = np.clip(np.ceil(confidence * _BINS).astype(int) - 1, 0, _BINS - 1)
    counts = np.bincount(place, minlength=_BINS)
    met = counts > 0
    means = [np.bincount(place, values, _BINS)[met] / counts[met] for values in (confidence, right)]
    return means[0], means[1], counts[met]


def training_section(rows: Sequence[Row]) -> Section | None:
    """Return how training went: the loss and the validation score of each epoch; None where no run kept any."""
    runs = [(i, run) for i, row in enumerate(rows) for run in row.runs if len(run.history) > 1]
    if not runs:
        return None

    def paint(_, panels) -> None:
        told = set()
        for i, run in runs:
            name = rows[i].name
            label = None if name in told else name
            told.add(name)
            for axes, key in zip(panels, ("loss", "score"), strict=True):
                points = [
                    (epoch.get("epoch", n + 1), epoch[key]) for n, epoch in enumerate(run.history) if key in epoch
                ]
                if points:
                    axes.plot(*zip(*points, strict=True), label=label, **{**colour_of(i), "linewidth": 1.3})
        finish_axes(panels[0], "loss in training", "epoch", "mean of the epoch")
        finish_axes(panels[1], "score on validation speakers", "epoch", "the figure that picks the weights")
        if len(told) <= 12:
            panels[0].legend()
        for axes in panels:
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.title.set_color(INK)

    alternative = "Loss in training and score on validation speakers over the epochs, a line for each run."
    svg = draw("training", alternative, 2, paint, height=3.8)
    return Section(
        id="training",
        title="Training",
        lead=(
            "How each run went, as it wrote it down. Losses of different recipes (soft labels, mixtures) are not of "
            "one scale: look at their shape."
        ),
        drawings=(Drawing("training", "Loss and validation score of each epoch", alternative, svg),),
    )
