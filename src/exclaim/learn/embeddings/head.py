"""The small head on frozen vectors: multinomial logistic regression, its strength and temperature from other people."""

import logging
import warnings
from typing import NamedTuple

import numpy as np

from exclaim.learn.calibrate import softmax, temperature

__all__ = ["Axes", "Labelled", "LinearHead", "fit_head", "head_logits", "out_of_fold"]

_LOG = logging.getLogger(__name__)
# 1 / penalty on half the squared weights, beside the sum over clips
_STRENGTHS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0)
_AXES = 1024  # principal axes at most; more of them say little, and cost most of the time
_LEAST_SPREAD = 1e-3  # of a number over the training clips: one that never moves is not blown up
_MOST_STEPS = 400
_NEVER = -30.0  # logit of a label that no training clip has


class Labelled(NamedTuple):
    """Vectors of clips with what they are and who made them."""

    vectors: np.ndarray  # (n, d) float32
    labels: np.ndarray  # (n,) int
    speakers: np.ndarray  # (n,) str, or recordings where nobody speaks


class Axes(NamedTuple):
    """Where vectors are looked at from: ``((vectors - centre) / spread) @ directions``."""

    centre: np.ndarray  # (d,)
    spread: np.ndarray  # (d,)
    directions: np.ndarray  # (d, axes)

    def of(self, vectors: np.ndarray) -> np.ndarray:
        """Return (n, axes) for (n, d)."""
        return ((vectors - self.centre) / self.spread) @ self.directions


class LinearHead(NamedTuple):
    """Logits are ``axes.of(vectors) @ weights + bias``."""

    axes: Axes
    weights: np.ndarray  # (axes, labels)
    bias: np.ndarray  # (labels,)
    temperature: float  # of the softmax, on validation speakers
    strength: float  # the one of several that does best on validation speakers


def fit_head(training: Labelled, validation: Labelled, labels: int) -> LinearHead:
    """Fit a head on training speakers; choose its strength, then its temperature, on validation speakers.

    Strengths are tried from the weakest fit on, as long as the cross-entropy of the validation speakers falls.

    Args:
        training: what is fitted.
        validation: what chooses.
        labels: how many there are; one that no training clip has is never answered.
    """
    axes = _axes(training.vectors)
    heard, judged = axes.of(training.vectors), axes.of(validation.vectors)
    best, least = None, np.inf
    for strength in _STRENGTHS:
        weights, bias = _fitted(heard, training.labels, labels, strength)
        logits = judged @ weights + bias
        warmth = temperature(logits, validation.labels)
        chosen = softmax(logits, warmth)[np.arange(len(logits)), validation.labels]
        loss = float(-np.log(np.maximum(chosen, 1e-12)).mean())
        _LOG.info("strength %g: cross-entropy of validation speakers %.4f at temperature %.2f", strength, loss, warmth)
        if loss >= least:
            break
        best, least = LinearHead(axes, weights, bias, warmth, strength), loss
    assert best is not None  # a finite loss is below infinity
    return best


def head_logits(head: LinearHead, vectors: np.ndarray) -> np.ndarray:
    """Return (n, labels) logits, before the temperature, for (n, d) vectors."""
    return head.axes.of(vectors) @ head.weights + head.bias


def out_of_fold(training: Labelled, head: LinearHead, folds: int = 5) -> np.ndarray:
    """Return calibrated probabilities of the training clips, each from weights that no label of its speaker moved.

    The axes, which ask for no labels, are those of all training clips.

    Args:
        training: what ``head`` was fitted on.
        head: gives axes, strength and temperature.
        folds: of the speakers; fewer where there are fewer speakers.

    Returns:
        (n, labels) float32.
    """
    from sklearn.model_selection import GroupKFold

    heard = head.axes.of(training.vectors)
    found = np.zeros((len(training.labels), len(head.bias)), np.float32)
    folds = min(folds, len(set(training.speakers.tolist())))
    for kept, left in GroupKFold(folds).split(heard, groups=training.speakers):
        weights, bias = _fitted(heard[kept], training.labels[kept], len(head.bias), head.strength)
        found[left] = softmax(heard[left] @ weights + bias, head.temperature)
    return found


def _axes(vectors: np.ndarray) -> Axes:
    """Return the principal axes of standardised vectors, each divided by the fourth root of its variance.

    So the penalty on the weights stands between two that fit frozen vectors worse: on the vectors as they are, where
    the few axes of most variance are favoured, and on whitened ones, where noise counts as much as anything.
    """
    centre = vectors.mean(axis=0)
    spread = np.maximum(vectors.std(axis=0), _LEAST_SPREAD)
    standard = (vectors - centre) / spread
    variances, directions = np.linalg.eigh(standard.T @ standard / len(standard))
    kept = np.flatnonzero(variances > 1e-6 * variances[-1])[-_AXES:]
    return Axes(centre, spread, directions[:, kept] / np.sqrt(np.sqrt(variances[kept])))


def _fitted(heard: np.ndarray, given: np.ndarray, labels: int, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (axes, labels) and bias (labels,) of a multinomial logistic regression."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    regression = LogisticRegression(C=strength, max_iter=_MOST_STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopping early is one more penalty, and validation judges
        regression.fit(heard, given)
    weights, bias = np.zeros((heard.shape[1], labels), np.float32), np.full(labels, _NEVER, np.float32)
    if len(regression.classes_) == 2:  # one row of weights, the second label's
        weights[:, regression.classes_[1]] = regression.coef_[0]
        bias[regression.classes_] = 0.0, regression.intercept_[0]
    else:
        weights[:, regression.classes_] = regression.coef_.T
        bias[regression.classes_] = regression.intercept_
    return weights, bias
