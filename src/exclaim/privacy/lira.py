"""Membership inference by likelihood ratio: is a network's confidence in a clip that of networks which learnt from it?

Source: Carlini et al., "Membership inference attacks from first principles", arXiv 2112.03570: the logit-scaled
confidence, the online attack of algorithm 1, the offline one without answers in, and one variance over all clips where
there are few shadows.
"""

import numpy as np

from exclaim.privacy.halves import other_pairs

__all__ = ["deviations", "likelihood_ratios", "logit_confidence", "raised"]

_LEAST_VARIANCE = 1e-12  # answers that never differ tell nothing, and divide by nothing


def logit_confidence(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return log(p / (1 - p)) of each row's true label: (n,) float64, which is about normal over networks.

    Args:
        logits: (n, labels).
        labels: (n,) int.

    From logits it needs no probability, and so no small number is added to one: the label's logit less the logarithm of
    the sum of the exponentials of the others.
    """
    logits = np.asarray(logits, np.float64)
    rows = np.arange(len(logits))
    others = logits.copy()
    others[rows, labels] = -np.inf
    highest = others.max(axis=1)
    rest = highest + np.log(np.exp(others - highest[:, np.newaxis]).sum(axis=1))
    return logits[rows, labels] - rest


def likelihood_ratios(confidence: np.ndarray, inside: np.ndarray, shared_variance: bool = True) -> np.ndarray:
    """Attack every shadow with the others: the online attack.

    Args:
        confidence: (shadows, n) of each shadow's network in each clip's label.
        inside: (shadows, n) bool, drawn in pairs (:mod:`exclaim.privacy.halves`).
        shared_variance: one variance in and one out, over all clips; else each clip's own.

    Returns:
        (shadows, n): log N(c; in) - log N(c; out), where the Gaussians of a clip are those of the other pairs' shadows;
        the higher, the surer that the clip was in.
    """
    scores = np.empty(confidence.shape)
    for target in range(len(confidence)):
        others = other_pairs(len(confidence), target)
        likelihoods = [
            _log_normal(confidence[target], *_gaussians(confidence[others], side[others], shared_variance))
            for side in (inside, ~inside)
        ]
        scores[target] = likelihoods[0] - likelihoods[1]
    return scores


def raised(confidence: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Attack every shadow by how much surer it is of a clip than the other pairs' are: members' confidence is higher.

    With few shadows that prior tells more than a likelihood ratio, which estimates for each clip anew whether learning
    it raises or lowers the confidence in it.

    Args:
        confidence: (shadows, n) of each shadow's network in each clip's label.
        labels: (n,) int; what raises all clips of a label in a shadow is taken away first.

    Returns:
        (shadows, n), the higher, the surer that the clip was in.
    """
    level = np.array(confidence, np.float64)
    for label in np.unique(labels):
        level[:, labels == label] -= level[:, labels == label].mean(axis=1, keepdims=True)
    others = [other_pairs(len(level), target) for target in range(len(level))]
    return np.stack([row - level[rest].mean(axis=0) for row, rest in zip(level, others, strict=True)])


def deviations(confidence: np.ndarray, chosen: np.ndarray, shared_variance: bool = True) -> np.ndarray:
    """Attack every shadow where a clip was chosen by too few for answers in: the attack without them.

    Args:
        confidence: (shadows, n).
        chosen: (shadows, n) bool, which clips each shadow has seen; every clip is unseen by two of the other pairs'
            shadows at least, else it has the mean of all.
        shared_variance: one variance over all clips; else each clip's own.

    Returns:
        (shadows, n): by how many deviations the target's confidence lies above that of shadows which have not seen it.
    """
    scores = np.empty(confidence.shape)
    for target in range(len(confidence)):
        others = other_pairs(len(confidence), target)
        unseen = ~chosen[others]
        unseen[:, unseen.sum(axis=0) < 2] = True
        mean, variance = _gaussians(confidence[others], unseen, shared_variance)
        scores[target] = (confidence[target] - mean) / np.sqrt(variance)
    return scores


def _gaussians(confidence: np.ndarray, used: np.ndarray, shared: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean (n,) and variance, (n,) or one for all, of the answers that are used."""
    counts = used.sum(axis=0)
    mean = np.where(used, confidence, 0).sum(axis=0) / counts
    squares = np.where(used, (confidence - mean) ** 2, 0).sum(axis=0)
    variance = squares.sum() / (counts - 1).sum() if shared else squares / (counts - 1)
    return mean, np.maximum(variance, _LEAST_VARIANCE)


def _log_normal(value: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    return -0.5 * ((value - mean) ** 2 / variance + np.log(2 * np.pi * variance))
