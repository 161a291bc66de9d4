"""Figures on all draws of a bootstrap at once: a draw is how often each clip comes in it, a figure is a sum over clips.

The draws are those of :mod:`exclaim.evaluate.bootstrap` and the figures those of :mod:`exclaim.evaluate.metrics`, to
the last digits. A report of many models needs tens of thousands of figures with intervals; one draw at a time they
would take minutes a model.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from exclaim.evaluate.bootstrap import cluster_members

__all__ = ["FIGURES", "cluster_weights", "resampled", "weighted_figures"]

FIGURES = ("accuracy", "uar", "macro_f1", "auroc", "ece", "ece_debiased", "brier")
_BINS = 15  # of confidence, as metrics.ece has them
_CELLS = 2_000_000  # draws times clips held at a time

_ERF = np.vectorize(math.erf, otypes=[float])


def cluster_weights(clusters: Sequence[str], seed: int = 0, draws: int = 1000) -> Iterator[np.ndarray]:
    """Draw as many clusters as there are, with replacement, many times.

    Args:
        clusters: each clip's cluster, which is its speaker where known.
        seed: of the draws.
        draws: how many.

    Yields:
        (m, n): how often each clip comes in m of the draws, in blocks of bounded size.
    """
    members = cluster_members(clusters)
    owner = np.empty(len(clusters), int)
    for number, clips in enumerate(members):
        owner[clips] = number
    rng = np.random.default_rng(seed)
    block = max(1, _CELLS // max(1, len(clusters)))
    for begin in range(0, draws, block):
        chosen = [rng.integers(len(members), size=len(members)) for _ in range(min(block, draws - begin))]
        counts = np.stack([np.bincount(drawn, minlength=len(members)) for drawn in chosen])
        yield counts[:, owner].astype(np.float64)


def resampled(
    truth: np.ndarray,
    answers: np.ndarray,
    probabilities: np.ndarray,
    clusters: Sequence[str],
    *,
    seed: int = 0,
    draws: int = 1000,
    figures: Sequence[str] = FIGURES,
) -> dict[str, np.ndarray]:
    """Return figures on every draw: (draws,) by name, NaN where one is not defined.

    Args:
        truth: (n,) int.
        answers: (n,) int.
        probabilities: (n, classes).
        clusters: (n) names.
        seed: of the draws.
        draws: how many.
        figures: of :data:`FIGURES`.
    """
    parts = [
        weighted_figures(truth, answers, probabilities, weights, figures)
        for weights in cluster_weights(clusters, seed, draws)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in figures}


def weighted_figures(
    truth: np.ndarray,
    answers: np.ndarray,
    probabilities: np.ndarray,
    weights: np.ndarray | None = None,
    figures: Sequence[str] = FIGURES,
) -> dict[str, np.ndarray]:
    """Return figures of clips that count as often as their weights say: (m,) by name, NaN where one is not defined.

    Args:
        truth: (n,) int.
        answers: (n,) int.
        probabilities: (n, classes).
        weights: (m, n), at least 0; None: every clip once.
        figures: of :data:`FIGURES`.
    """
    weights = np.ones((1, len(truth))) if weights is None else weights
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: _FIGURES[name](truth, answers, probabilities, weights) for name in figures}


def _accuracy(truth: np.ndarray, answers: np.ndarray, _: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return weights @ (truth == answers) / weights.sum(axis=1)


def _recalls(truth: np.ndarray, answers: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return (m, classes), NaN for a class that is not there."""
    wanted = np.eye(probabilities.shape[1])[truth]
    return (weights @ (wanted * (truth == answers)[:, np.newaxis])) / (weights @ wanted)


def _uar(truth: np.ndarray, answers: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return _mean_of_defined(_recalls(truth, answers, probabilities, weights))


def _macro_f1(truth: np.ndarray, answers: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    classes = np.eye(probabilities.shape[1])
    hits = weights @ (classes[truth] * (truth == answers)[:, np.newaxis])
    return _mean_of_defined(2 * hits / (weights @ (classes[truth] + classes[answers])))


def _mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Return the mean over the classes that are not NaN."""
    there = ~np.isnan(values)
    return np.where(there, values, 0).sum(axis=1) / there.sum(axis=1)


def _auroc(truth: np.ndarray, _: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    classes = probabilities.shape[1]
    wanted = [1] if classes == 2 else range(classes)
    return _mean_of_defined(np.stack([_area(truth == k, probabilities[:, k], weights) for k in wanted], axis=1))


def _area(positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))  # of runs of equal scores
    sorted_weights = weights[:, order]
    positives = np.add.reduceat(sorted_weights * positive[order], begins, axis=1)
    negatives = np.add.reduceat(sorted_weights * ~positive[order], begins, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives / 2
    return (positives * below).sum(axis=1) / (positives.sum(axis=1) * negatives.sum(axis=1))


def _bins(
    truth: np.ndarray, probabilities: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, for each bin of confidence, its weight, mean confidence and share of right answers: (m, bins) each."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    place = np.clip(np.ceil(confidence * _BINS).astype(int) - 1, 0, _BINS - 1)
    member = np.eye(_BINS)[place]
    counts = weights @ member
    met = np.where(counts > 0, counts, np.nan)
    return (
        counts,
        (weights @ (member * confidence[:, np.newaxis])) / met,
        (weights @ (member * right[:, np.newaxis])) / met,
    )


def _ece(truth: np.ndarray, _: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    counts, confidence, right = _bins(truth, probabilities, weights)
    return np.nansum(counts * np.abs(confidence - right), axis=1) / counts.sum(axis=1)


def _ece_debiased(truth: np.ndarray, _: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    counts, confidence, right = _bins(truth, probabilities, weights)
    share = np.where(counts > 1, right, confidence)
    scatter = np.maximum(np.sqrt(share * (1 - share) / counts), 1e-12)
    gap = np.abs(confidence - right)
    folded = scatter * math.sqrt(2 / math.pi) * np.exp(-0.5 * (gap / scatter) ** 2)
    folded += gap * _ERF(gap / (scatter * math.sqrt(2)))
    return np.maximum(0, np.nansum(counts * (2 * gap - folded), axis=1) / counts.sum(axis=1))


def _brier(truth: np.ndarray, _: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    wanted = np.eye(probabilities.shape[1])[truth]
    return weights @ (((probabilities - wanted) ** 2).sum(axis=1) / 2) / weights.sum(axis=1)


_FIGURES: dict[str, Callable[..., np.ndarray]] = {
    "accuracy": _accuracy,
    "uar": _uar,
    "macro_f1": _macro_f1,
    "auroc": _auroc,
    "ece": _ece,
    "ece_debiased": _ece_debiased,
    "brier": _brier,
}
