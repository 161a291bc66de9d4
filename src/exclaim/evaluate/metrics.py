"""Metrics of classification as pure functions of arrays. A class is its number, 0 to classes - 1.

What cannot be said is NaN: the AUROC of one class, the UAR of nothing. Definitions are scikit-learn's where
it has one (it is the tests' oracle); the sources of the others stand with them.
"""

import math
from collections.abc import Iterable

import numpy as np

__all__ = [
    "accuracy",
    "aurc",
    "auroc",
    "average_precision",
    "brier",
    "confusion",
    "ece",
    "ece_debiased",
    "macro_auroc",
    "macro_average_precision",
    "macro_f1",
    "recalls",
    "risk_coverage",
    "surest",
    "uar",
]


def confusion(truth: np.ndarray, answers: np.ndarray, classes: int) -> np.ndarray:
    """Return the confusion matrix: (classes, classes) int64, a row for each truth, a column for each answer.

    Args:
        truth: (n,) int.
        answers: (n,) int.
        classes: how many there are.
    """
    counts = np.bincount(np.asarray(truth) * classes + np.asarray(answers), minlength=classes * classes)
    return counts.reshape(classes, classes)


def accuracy(truth: np.ndarray, answers: np.ndarray) -> float:
    """Return the share of right answers."""
    return float(np.mean(np.equal(truth, answers))) if len(truth) else math.nan


def recalls(truth: np.ndarray, answers: np.ndarray, classes: int) -> np.ndarray:
    """Return each class's recall: (classes,), NaN for a class that is not there."""
    matrix = confusion(truth, answers, classes)
    totals = matrix.sum(axis=1)
    return np.divide(matrix.diagonal(), totals, out=np.full(classes, np.nan), where=totals > 0)


def uar(truth: np.ndarray, answers: np.ndarray, classes: int) -> float:
    """Return the unweighted average recall (balanced accuracy) over the classes that are there."""
    found = recalls(truth, answers, classes)
    return float(np.nanmean(found)) if len(truth) else math.nan


def macro_f1(truth: np.ndarray, answers: np.ndarray, classes: int) -> float:
    """Return the mean F1 over the classes that are there or were answered."""
    matrix = confusion(truth, answers, classes)
    whole = matrix.sum(axis=0) + matrix.sum(axis=1)
    met = whole > 0
    return float(np.mean(2 * matrix.diagonal()[met] / whole[met])) if met.any() else math.nan


def auroc(positive: np.ndarray, scores: np.ndarray) -> float:
    """Return the area under the ROC curve: how often a positive scores above a negative, ties counted half.

    Args:
        positive: (n,) bool.
        scores: (n,), higher is more positive.
    """
    positive, scores = np.asarray(positive, bool), np.asarray(scores)
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return math.nan
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]  # 1 is the lowest; ties share their mean
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def macro_auroc(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the AUROC of two classes, or the mean of each against the rest over the classes that are there.

    Args:
        truth: (n,) int.
        probabilities: (n, classes).
    """
    if probabilities.shape[1] == 2:
        return auroc(truth == 1, probabilities[:, 1])
    return _mean_there(auroc(truth == k, column) for k, column in enumerate(probabilities.T))


def average_precision(positive: np.ndarray, scores: np.ndarray) -> float:
    """Return the area under the precision-recall curve, as steps: the mean precision over the positives.

    Args:
        positive: (n,) bool.
        scores: (n,), higher is more positive; equal ones are taken together.

    Source: scikit-learn's ``average_precision_score``: the sum of (R_k - R_(k-1)) P_k over thresholds.
    """
    positive, scores = np.asarray(positive, bool), np.asarray(scores)
    positives = int(positive.sum())
    if not positives:
        return math.nan
    order = np.argsort(-scores, kind="stable")
    last = _last_of_equals(scores[order])
    hits = np.cumsum(positive[order])[last]
    return float(np.sum(np.diff(hits, prepend=0) * (hits / (last + 1))) / positives)


def macro_average_precision(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the average precision of the second of two classes, or the mean of each against the rest.

    Args:
        truth: (n,) int.
        probabilities: (n, classes); of more than two, classes that are not there are left out.
    """
    if probabilities.shape[1] == 2:
        return average_precision(truth == 1, probabilities[:, 1])
    return _mean_there(average_precision(truth == k, column) for k, column in enumerate(probabilities.T))


def _mean_there(values: Iterable[float]) -> float:
    there = [value for value in values if not math.isnan(value)]
    return float(np.mean(there)) if there else math.nan


def _last_of_equals(ordered: np.ndarray) -> np.ndarray:
    """Return the last place of each run of equal values: int, rising."""
    return np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) if len(ordered) else np.empty(0, int)


def _bins(truth: np.ndarray, probabilities: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, for each bin of confidence that is met, its count, mean confidence and share of right
    answers.
    """
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == truth).astype(np.float64)
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # (k / bins, (k + 1) / bins]
    counts = np.bincount(place, minlength=bins)
    met = counts > 0
    means = [np.bincount(place, values, bins)[met] / counts[met] for values in (confidence, right)]
    return counts[met], means[0], means[1]


def ece(truth: np.ndarray, probabilities: np.ndarray, bins: int = 15) -> float:
    """Return the expected calibration error of the most probable class, over bins of equal width.

    Args:
        truth: (n,) int.
        probabilities: (n, classes).
        bins: of confidence in [0, 1].

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.
    """
    if not len(truth):
        return math.nan
    counts, confidence, right = _bins(truth, probabilities, bins)
    return float(np.sum(counts * np.abs(confidence - right)) / len(truth))


def ece_debiased(truth: np.ndarray, probabilities: np.ndarray, bins: int = 15) -> float:
    """Return :func:`ece` less an estimate of what chance adds to it in a sample of this size; not below 0.

    Within a bin of n clips the share of right answers scatters by about sqrt(a (1 - a) / n), so that even
    perfect calibration measures above 0. The bias is E|N(d, s^2)| - |d| for each bin's gap d and scatter s.

    Source: Kumar, Liang and Ma 2019, "Verified Uncertainty Calibration", section 5 and appendix: their
    resampled estimate for p = 1, here in closed form (mean of the folded normal distribution). A bin of one
    clip has no scatter of its own to estimate; it is given that of its confidence.
    """
    if not len(truth):
        return math.nan
    counts, confidence, right = _bins(truth, probabilities, bins)
    share = np.where(counts > 1, right, confidence)
    scatter = np.maximum(np.sqrt(share * (1 - share) / counts), 1e-12)
    gap = np.abs(confidence - right)
    erf = np.array([math.erf(value) for value in gap / (scatter * math.sqrt(2))])
    folded = scatter * math.sqrt(2 / math.pi) * np.exp(-0.5 * (gap / scatter) ** 2) + gap * erf
    return max(0.0, float(np.sum(counts * (2 * gap - folded)) / len(truth)))


def brier(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the Brier score, halved so that it lies in [0, 1]: for two classes the mean of (p - y)^2."""
    if not len(truth):
        return math.nan
    wanted = np.eye(probabilities.shape[1])[truth]
    return float(np.mean(np.sum((probabilities - wanted) ** 2, axis=1)) / 2)


def risk_coverage(right: np.ndarray, confidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the risk-coverage curve: the share of wrong answers as ever less certain ones are let stand.

    Args:
        right: (n,) bool.
        confidence: (n,), higher is surer; equal ones are let stand together.

    Returns:
        coverage and risk, each in [0, 1], by rising coverage; the last point is (1, share of wrong answers).

    Source: El-Yaniv and Wiener 2010, "On the Foundations of Noise-free Selective Classification".
    """
    order = np.argsort(-np.asarray(confidence), kind="stable")
    last = _last_of_equals(np.asarray(confidence)[order])
    wrong = np.cumsum(~np.asarray(right, bool)[order])[last]
    return (last + 1) / max(1, len(order)), wrong / (last + 1)


def aurc(right: np.ndarray, confidence: np.ndarray) -> float:
    """Return the area under the risk-coverage curve: the mean risk over coverages, lower is better."""
    coverage, risk = risk_coverage(right, confidence)
    return float(np.sum(np.diff(coverage, prepend=0.0) * risk)) if len(coverage) else math.nan


def surest(confidence: np.ndarray, coverage: float) -> np.ndarray:
    """Return which answers stand when only the surest are given: (n,) bool.

    Args:
        confidence: (n,), higher is surer.
        coverage: share in (0, 1] that stands at least; answers as sure as the last of them stand too.
    """
    confidence = np.asarray(confidence)
    if not len(confidence):
        return np.zeros(0, bool)
    count = max(1, math.ceil(coverage * len(confidence) - 1e-9))
    return confidence >= np.partition(confidence, -count)[-count]
