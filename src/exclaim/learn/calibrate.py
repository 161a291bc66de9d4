"""Temperature, thresholds and abstention, chosen on validation speakers. Pure functions of logits and labels."""

import numpy as np

from exclaim.errors import RecipeError

__all__ = ["abstain_below", "detection_thresholds", "softmax", "temperature", "threshold_for_false_alarms"]

_OFF_SHARE = 0.6  # the threshold to close, as a share of the one to open


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Return probabilities along the last axis."""
    scaled = logits / temperature
    exponentials = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def _cross_entropy(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    chosen = softmax(logits, temperature)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature between 0.05 and 20 that makes the labels likeliest.

    Args:
        logits: (n, labels).
        labels: (n,) int.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2; golden-section search in log T, in
    which the cross-entropy of one temperature has a single minimum.
    """
    ratio = (np.sqrt(5) - 1) / 2
    low, high = np.log(0.05), np.log(20.0)
    for _ in range(40):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if _cross_entropy(logits, labels, np.exp(left)) <= _cross_entropy(logits, labels, np.exp(right)):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def detection_thresholds(probabilities: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    """Return the thresholds (on, off): ``on`` has the best balanced accuracy, in the middle of the range that has it.

    Args:
        probabilities: (n,) of what is detected.
        positive: (n,) bool; both kinds must be there.
    """
    order = np.argsort(probabilities)
    values, truth = probabilities[order], positive[order]
    missed = np.concatenate([[0], np.cumsum(truth)]) / max(1, truth.sum())
    kept_out = np.concatenate([[0], np.cumsum(~truth)]) / max(1, (~truth).sum())
    balanced = (1 - missed + kept_out) / 2  # with the threshold just above values[k - 1]
    edges = np.concatenate([[0.0], (values[1:] + values[:-1]) / 2, [1.0]])
    best = np.flatnonzero(balanced >= balanced.max() - 1e-9)
    on = float(np.clip(edges[best[len(best) // 2]], 0.02, 0.98))
    return on, on * _OFF_SHARE


def threshold_for_false_alarms(
    thresholds: np.ndarray, false_alarms: np.ndarray, hours: float, budget: float
) -> tuple[float, float]:
    """Return the thresholds (on, off): ``on`` is the lowest from which on false alarms stay within a budget.

    Balanced accuracy on windows weighs a minute of misses like a minute of alarms; hours of background hold thousands
    of windows, and a site counts alarms.

    Args:
        thresholds: (n,) rising, each with the off threshold that this function would give it.
        false_alarms: (n,) int, counted at each over hours of validation sound.
        hours: how many; more than 0.
        budget: false alarms an hour; 0 or more.

    Raises:
        RecipeError: when the highest threshold exceeds the budget too.
    """
    over = np.flatnonzero(np.asarray(false_alarms) / hours > budget)
    first = int(over[-1]) + 1 if len(over) else 0
    if first == len(thresholds):
        raise RecipeError(
            f"no threshold up to {thresholds[-1]:.4g} keeps {budget:g} false alarms an hour ({false_alarms[-1]} in "
            f"{hours:g} h there); train a better detector, or allow more"
        )
    on = float(thresholds[first])
    return on, on * _OFF_SHARE


def abstain_below(probabilities: np.ndarray, coverage: float) -> float:
    """Return the highest probability below which to abstain, so that ``coverage`` of the answers stand.

    Args:
        probabilities: (n, labels).
        coverage: share in [0, 1].
    """
    return float(np.quantile(probabilities.max(axis=1), 1 - coverage))
