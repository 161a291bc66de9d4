"""The figures of a head on labelled clips, from the rows of its answers; pure."""

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from exclaim.evaluate import metrics
from exclaim.evaluate.answers import ClipAnswer
from exclaim.evaluate.bootstrap import Interval, intervals

__all__ = [
    "FIGURES",
    "SELECTIVE_COVERAGE",
    "Judged",
    "figure_intervals",
    "figures",
    "judged",
    "rounded",
    "share_interval",
]

FIGURES = (
    "accuracy",
    "balanced_accuracy",
    "uar",
    "macro_f1",
    "auroc",
    "auprc",
    "ece",
    "ece_debiased",
    "brier",
    "coverage",
    "risk",
    "aurc",
    "selective_accuracy",
    "selective_uar",
)
SELECTIVE_COVERAGE = 0.7  # share of the clips, the surest, on which the selective figures are taken


class Judged(NamedTuple):
    """Clips with their truth and the head's answers, as arrays."""

    labels: tuple[str, ...]
    truth: np.ndarray  # (n,) int: number of the label
    answers: np.ndarray  # (n,) int: abstentions answered too
    probabilities: np.ndarray  # (n, labels)
    confidence: np.ndarray  # (n,) in [0, 1], in the answer
    covered: np.ndarray  # (n,) bool: not abstained on
    clusters: tuple[str, ...]  # (n,) what the clips are resampled with


def judged(answers: Sequence[ClipAnswer]) -> Judged:
    """Return answers of one head as arrays, in their order."""
    labels = tuple(answers[0].probabilities)
    number = {label: i for i, label in enumerate(labels)}
    return Judged(
        labels=labels,
        truth=np.array([number[row.label] for row in answers]),
        answers=np.array([number[row.answer] for row in answers]),
        probabilities=np.array([[row.probabilities[label] for label in labels] for row in answers]),
        confidence=np.array([row.confidence for row in answers]),
        covered=np.array([not row.abstained for row in answers]),
        clusters=tuple(row.cluster for row in answers),
    )


def figures(found: Judged, chosen: np.ndarray | None = None) -> dict[str, float]:
    """Return every figure of :data:`FIGURES`; NaN is what the clips cannot tell.

    Args:
        found: the clips.
        chosen: (m,) numbers of those to take, with repetition; None: all.
    """
    parts = (found.truth, found.answers, found.probabilities, found.confidence, found.covered)
    truth, answers, probabilities, confidence, covered = (part if chosen is None else part[chosen] for part in parts)
    classes, right = len(found.labels), truth == answers
    recall = metrics.uar(truth, answers, classes)
    sure = metrics.surest(confidence, SELECTIVE_COVERAGE)
    return {
        "accuracy": metrics.accuracy(truth, answers),
        "balanced_accuracy": recall,
        "uar": recall,
        "macro_f1": metrics.macro_f1(truth, answers, classes),
        "auroc": metrics.macro_auroc(truth, probabilities),
        "auprc": metrics.macro_average_precision(truth, probabilities),
        "ece": metrics.ece(truth, probabilities),
        "ece_debiased": metrics.ece_debiased(truth, probabilities),
        "brier": metrics.brier(truth, probabilities),
        "coverage": float(covered.mean()),
        "risk": float(np.mean(~right[covered])) if covered.any() else math.nan,
        "aurc": metrics.aurc(right, confidence),
        "selective_accuracy": metrics.accuracy(truth[sure], answers[sure]),
        "selective_uar": metrics.uar(truth[sure], answers[sure], classes),
    }


def figure_intervals(found: Judged, seed: int, draws: int) -> dict[str, Interval | None]:
    """Return the 95 % interval of every figure that these clips can tell, clustered, within [0, 1]."""
    spread = intervals(partial(figures, found), found.clusters, seed, draws)
    told = figures(found)
    return {name: share_interval(spread[name]) for name in FIGURES if not math.isnan(told[name])}


def share_interval(interval: Interval | None) -> Interval | None:
    """Keep an interval of a share within what a share can be."""
    return None if interval is None else (round(max(0.0, interval[0]), 6), round(min(1.0, interval[1]), 6))


def rounded(value: float) -> float | None:
    """Return a figure to six digits, None for NaN."""
    return None if math.isnan(value) else round(float(value), 6)
