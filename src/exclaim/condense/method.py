"""What a method is: it chooses training clips, or it learns items step by step."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from torch import nn

from exclaim.condense.learned import Learned
from exclaim.condense.real import Real

__all__ = ["Choosing", "Embeddings", "Matching"]

Embeddings = np.ndarray  # (n, d) float32, one for each training clip


class Choosing(Protocol):
    """A subset of the corpus."""

    def __call__(self, real: Real, each: int, labels: int, embeddings: Embeddings | None, seed: int) -> np.ndarray:
        """Return which clips are chosen, (labels * each,) int, label by label, every clip once."""


class Matching(Protocol):
    """A set that is learnt. A step is a function of what is learnt, what is kept, and its number."""

    kept: Mapping[str, nn.Module]  # beside the set, by name: a checkpoint holds it

    def step(self, learned: Learned, iteration: int) -> float:
        """Put gradients of the loss into what is learnt, ``.grad``, and return the loss."""
