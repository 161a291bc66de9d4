"""How fast two model files are, compared turn by turn, so that it holds on a busy machine too.

A median of one model's times and a median of another's differ by a tenth where other programs come and go; the ratio
within each turn does not, for what slows one down slows the other.
"""

import statistics
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from exclaim.features import CLIP_SAMPLES, log_mel
from exclaim.model import Model

__all__ = ["Pace", "paces"]

_WARM_UP = 3  # turns that are not counted
_ON_END = 5  # windows of a model in one turn: alone, it would find its data gone from the caches


class Pace(NamedTuple):
    """A model's time for a window on one core, beside another's."""

    ms: float  # processor time, median over the turns
    original_ms: float
    ratio: float  # median over the turns of one time over the other


def paces(original: Model, models: Sequence[Model], windows: int = 200) -> list[Pace]:
    """Time models in turn with their original, in this thread alone.

    Args:
        original: what they are compared with.
        models: loaded with one thread, as :func:`~exclaim.model.load_model` does.
        windows: that each is timed on, at least.

    Raises:
        ModelError: when a network fails.
    """
    clip = np.random.default_rng(0).uniform(-0.1, 0.1, CLIP_SAMPLES).astype(np.float32)
    window = log_mel(clip)[np.newaxis]
    turns = [
        [_turn(model, window) for model in (original, *models)]
        for _ in range(_WARM_UP + max(1, -(-windows // _ON_END)))
    ]
    first, *rest = zip(*turns[_WARM_UP:], strict=True)
    return [
        Pace(
            statistics.median(times),
            statistics.median(first),
            statistics.median(own / other for own, other in zip(times, first, strict=True)),
        )
        for times in rest
    ]


def _turn(model: Model, window: np.ndarray) -> float:
    """Return the milliseconds of processor time that a model takes for a window."""
    model.logits(window)
    begun = time.thread_time_ns()
    for _ in range(_ON_END):
        model.logits(window)
    return (time.thread_time_ns() - begun) / 1e6 / _ON_END
