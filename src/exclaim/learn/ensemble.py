"""Several teachers as one: pure functions of their answers to the same windows."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from exclaim.errors import RecipeError

__all__ = ["EMBEDDING", "Mean", "ensemble"]

Mean = Literal["log-probabilities", "probabilities"]

EMBEDDING = "embedding"  # the output that is no head: penultimate activations


def ensemble(
    answers: Sequence[Mapping[str, np.ndarray]],
    *,
    mean: Mean = "log-probabilities",
    temperature: float = 1.0,
    shares: Sequence[float] | None = None,
    calibration: Sequence[Mapping[str, float]] | None = None,
) -> dict[str, np.ndarray]:
    """Return the answer of several teachers together; a head that only some have is answered by those.

    The mean of log-probabilities (a geometric one) lets a teacher that is sure that something is not so overrule the
    others; it is the mean of the logits, whatever the temperature. The mean of probabilities keeps every teacher's
    guess, and depends on the temperature at which it is taken: give the one of the loss, for
    ``softmax(logits / temperature)`` is then exactly that mean.

    Args:
        answers: one for each teacher: head to logits (n, classes), the classes in the same order; ``embedding`` (n, d)
            may stand among them, of any width.
        mean: of what the mean is taken.
        temperature: T > 0 at which probabilities are formed.
        shares: how much each teacher counts, not negative; None counts all alike. They are divided by their sum over
            the teachers that have the head.
        calibration: each teacher's own temperature by head, as found on validation speakers; a head that is not
            named has 1. So a teacher that is too sure of itself outweighs none.

    Returns:
        Head to logits (n, classes) float32. ``embedding``: the teachers' ones side by side, (n, sum of widths), each
        row of each teacher brought to length sqrt(share), so that the inner product of two clips is the mean of the
        teachers' cosines.

    Raises:
        RecipeError: without teachers, or when two answer a head in other shapes, or when numbers do not fit.
    """
    shares = [1.0] * len(answers) if shares is None else list(shares)
    calibration = [{}] * len(answers) if calibration is None else calibration
    _check(answers, shares, calibration, temperature)
    found: dict[str, np.ndarray] = {}
    for head in dict.fromkeys(name for answer in answers for name in answer):
        members = [i for i, answer in enumerate(answers) if head in answer and shares[i] > 0]
        if not members:
            continue
        weights = np.array([shares[i] for i in members]) / sum(shares[i] for i in members)
        if head == EMBEDDING:
            found[head] = _side_by_side([answers[i][head] for i in members], weights)
        else:
            own = [np.asarray(answers[i][head], np.float64) / calibration[i].get(head, 1.0) for i in members]
            found[head] = _mean(head, own, weights, mean, temperature)
    return found


def _check(
    answers: Sequence[Mapping[str, np.ndarray]],
    shares: Sequence[float],
    calibration: Sequence[Mapping[str, float]],
    temperature: float,
) -> None:
    if not answers:
        raise RecipeError("an ensemble of no teachers was asked for an answer; expected one at least")
    if len(shares) != len(answers) or len(calibration) != len(answers):
        raise RecipeError(
            f"{len(answers)} teachers have {len(shares)} shares and {len(calibration)} calibrations; expected one each"
        )
    if min(shares) < 0 or sum(shares) <= 0:
        raise RecipeError(f"teachers have the shares {list(shares)}; expected none below 0, and one above it")
    if min([temperature, *(value for each in calibration for value in each.values())]) <= 0:
        raise RecipeError("a teacher has a temperature that is not above 0; calibrate it again")


def _mean(head: str, logits: list[np.ndarray], weights: np.ndarray, mean: Mean, temperature: float) -> np.ndarray:
    shapes = {each.shape for each in logits}
    if len(shapes) > 1:
        raise RecipeError(
            f"teachers answer {head} in the shapes {', '.join(map(str, sorted(shapes)))}; expected the same windows "
            "and the same labels: give the head only to teachers that have all its labels"
        )
    answers = np.stack([_log_softmax(each / temperature) for each in logits])
    weights = weights[:, None, None]
    if mean == "probabilities":
        highest = answers.max(axis=0)
        together = highest + np.log((weights * np.exp(answers - highest)).sum(axis=0))
    else:
        together = _log_softmax((weights * answers).sum(axis=0))
    return (temperature * together).astype(np.float32)


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _side_by_side(embeddings: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    lengths = [np.linalg.norm(each, axis=-1, keepdims=True) for each in embeddings]
    scaled = [
        np.sqrt(weight) * each / np.maximum(length, 1e-12)
        for each, length, weight in zip(embeddings, lengths, weights, strict=True)
    ]
    return np.concatenate(scaled, axis=-1).astype(np.float32)
