"""What a network answers for people and recordings that it was not trained on."""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from torch import nn

from exclaim.corpora.clip import Clip
from exclaim.evaluate.metrics import auroc, uar
from exclaim.learn.examples import Example
from exclaim.learn.loop import answer
from exclaim.learn.recipe import Recipe
from exclaim.learn.store import FeatureStore
from exclaim.learn.views import Batch, Views, plain_batches

__all__ = ["Answers", "Validation"]

_LOG = logging.getLogger(__name__)
_BATCH = 64
_MOST_COMPOSED = 800
_SEED = 7_919  # of the composed windows: the same ones for every network


class Answers(NamedTuple):
    """A head's answers where its label is known."""

    logits: np.ndarray  # (n, labels)
    labels: np.ndarray  # (n,) int: the likelier label


class Validation:
    """The held-out windows of a recipe: clips as they are, and for a detection windows as a stream meets them too."""

    def __init__(
        self, recipe: Recipe, store: FeatureStore, examples: Sequence[Example], ambience: Sequence[Clip]
    ) -> None:
        """Take the validation part's examples and ambience."""
        self._recipe = recipe
        self._batches: list[Batch] = list(plain_batches(recipe, store, examples, _BATCH))
        if recipe.draw and examples:
            augment = msgspec.structs.replace(recipe.augment, mixup=0.0)
            draw = msgspec.structs.replace(recipe.draw, windows=min(_MOST_COMPOSED, recipe.draw.windows))
            unmixed = msgspec.structs.replace(recipe, augment=augment, draw=draw)
            composed = Views(unmixed, store, examples, ambience, _SEED)
            self._batches += composed.batches(0, _BATCH)
        self.speakers = sorted({e.clip.speaker_key for e in examples if e.clip.speaker_key})

    def answers(self, network: nn.Module, device: torch.device) -> dict[str, Answers]:
        """Return a network's answers by head; heads of which nothing is known here are left out."""
        logits: dict[str, list[np.ndarray]] = {name: [] for name in self._recipe.heads}
        labels: dict[str, list[np.ndarray]] = {name: [] for name in self._recipe.heads}
        for batch in self._batches:
            outputs = answer(network, batch.windows, device)
            for name in self._recipe.heads:
                known = batch.weights[name] > 0
                logits[name].append(outputs[name][known])
                labels[name].append(batch.targets[name][known].argmax(axis=1))
        return {
            name: Answers(np.concatenate(logits[name]), np.concatenate(labels[name]))
            for name in self._recipe.heads
            if sum(map(len, labels[name]))
        }

    def score_with(self, device: torch.device) -> Callable[[nn.Module], dict[str, float]]:
        """Return a function that measures a network; ``score`` is AUROC for a detection, UAR for the rest.

        ``one_answer`` is there, and 1, when the task's head gives one label only, whatever it hears.
        """

        def score(network: nn.Module) -> dict[str, float]:
            numbers: dict[str, float] = {}
            for name, found in self.answers(network, device).items():
                count = len(self._recipe.heads[name].labels)
                numbers[f"{name}.uar"] = round(float(uar(found.labels, found.logits.argmax(axis=1), count)), 4)
                if count == 2:
                    margin = found.logits[:, 1] - found.logits[:, 0]
                    numbers[f"{name}.auroc"] = round(float(auroc(found.labels == 1, margin)), 4)
                if name == self._recipe.task and len(np.unique(found.logits.argmax(axis=1))) == 1:
                    numbers["one_answer"] = 1.0
                    _LOG.warning(
                        "all %d validation clips are answered %r",
                        len(found.labels),
                        self._recipe.heads[name].labels[int(found.logits[0].argmax())],
                    )
            kind = "auroc" if self._recipe.draw else "uar"
            return {"score": numbers.get(f"{self._recipe.task}.{kind}", 0.0), **numbers}

        return score
