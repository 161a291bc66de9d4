"""The small head on frozen vectors: multinomial logistic regression, its strength and temperature from other people."""

import logging
import warnings
from typing import NamedTuple

import numpy as np

from exclaim.learn.calibrate import softmax, temperature

__all__ = ["Labelled", "LinearHead", "fit_head", "head_logits", "out_of_fold"]

_LOG = logging.getLogger(__name__)
# 1 / penalty on half the squared weights, beside the sum over clips
_STRENGTHS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0)
_LEAST_SPREAD = 1e-3  # of a number over the training clips: one that never moves is not blown up
_MOST_STEPS = 400
_NEVER = -30.0  # logit of a label that no training clip has


class Labelled(NamedTuple):
    """Vectors of clips with what they are and who made them."""

    vectors: np.ndarray  # (n, d) float32
    labels: np.ndarray  # (n,) int
    speakers: np.ndarray  # (n,) str, or recordings where nobody speaks


class LinearHead(NamedTuple):
    """Logits are ``((vectors - centre) / spread) @ weights + bias``."""

    centre: np.ndarray  # (d,)
    spread: np.ndarray  # (d,)
    weights: np.ndarray  # (d, labels)
    bias: np.ndarray  # (labels,)
    temperature: float  # of the softmax, on validation speakers
    strength: float  # the one of several that does best on validation speakers


def fit_head(training: Labelled, validation: Labelled, labels: int) -> LinearHead:
    """Fit a head on training speakers; choose its strength, then its temperature, on validation speakers.

    Strengths are tried from the weakest fit on, as long as the cross-entropy of the validation speakers falls.

    Args:
        training: what is fitted; every label is there.
        validation: what chooses.
        labels: how many there are.
    """
    best, least = None, np.inf
    for strength in _STRENGTHS:
        head = _fitted(training, labels, strength)
        logits = head_logits(head, validation.vectors)
        warmth = temperature(logits, validation.labels)
        chosen = softmax(logits, warmth)[np.arange(len(logits)), validation.labels]
        loss = float(-np.log(np.maximum(chosen, 1e-12)).mean())
        _LOG.info("strength %g: cross-entropy of validation speakers %.4f at temperature %.2f", strength, loss, warmth)
        if loss >= least:
            break
        best, least = head._replace(temperature=warmth), loss
    assert best is not None  # a finite loss is below infinity
    return best


def head_logits(head: LinearHead, vectors: np.ndarray) -> np.ndarray:
    """Return (n, labels) logits, before the temperature, for (n, d) vectors."""
    return ((vectors - head.centre) / head.spread) @ head.weights + head.bias


def out_of_fold(training: Labelled, head: LinearHead, folds: int = 5) -> np.ndarray:
    """Return calibrated probabilities of the training clips, each from a head that heard nothing of its speaker.

    Args:
        training: what ``head`` was fitted on.
        head: gives strength and temperature.
        folds: of the speakers; fewer where there are fewer speakers.

    Returns:
        (n, labels) float32.
    """
    from sklearn.model_selection import GroupKFold

    labels = head.weights.shape[1]
    found = np.zeros((len(training.labels), labels), np.float32)
    folds = min(folds, len(set(training.speakers.tolist())))
    for kept, left in GroupKFold(folds).split(training.vectors, groups=training.speakers):
        part = Labelled(training.vectors[kept], training.labels[kept], training.speakers[kept])
        fitted = _fitted(part, labels, head.strength)
        found[left] = softmax(head_logits(fitted, training.vectors[left]), head.temperature)
    return found


def _fitted(training: Labelled, labels: int, strength: float) -> LinearHead:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    centre = training.vectors.mean(axis=0)
    spread = np.maximum(training.vectors.std(axis=0), _LEAST_SPREAD)
    regression = LogisticRegression(C=strength, max_iter=_MOST_STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopping early is one more penalty, and validation judges
        regression.fit((training.vectors - centre) / spread, training.labels)
    # of two labels there is one row of weights, the second's; a label that nobody gave has none, and is never answered
    weights, bias = np.zeros((training.vectors.shape[1], labels)), np.full(labels, _NEVER)
    if len(regression.classes_) == 2:
        weights[:, regression.classes_[1]] = regression.coef_[0]
        bias[regression.classes_] = 0.0, regression.intercept_[0]
    else:
        weights[:, regression.classes_] = regression.coef_.T
        bias[regression.classes_] = regression.intercept_
    return LinearHead(centre, spread, weights.astype(np.float32), bias.astype(np.float32), 1.0, strength)
